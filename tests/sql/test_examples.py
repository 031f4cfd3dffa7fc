# SPDX-License-Identifier: MIT
"""Every sql/examples/*.sql, and every example of README.md, as it stands.

In README.md the ```sql blocks under one `##` heading are one session of the
sqlite3 shell. An ```sh block before them that ends by starting sqlite3 is how
the session starts. An ```sh, ```python or ```c block with lines `# =>` or
`// =>` is a program that must print just them.
"""

import glob
import os
import re
import shutil
import sqlite3
import sys
import unittest

import sqlscript

REPO = os.environ.get("EE_REPO") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)

# by this path valgrind leaves it alone, and what it starts (Makefile)
SH = "/bin/sh"
LOADS_EXTENSIONS = hasattr(sqlite3.Connection, "enable_load_extension")


def read(path):
    with open(os.path.join(REPO, path), encoding="utf-8") as f:
        return f.read()


class Section:
    """What README.md has under one `##` heading."""

    def __init__(self, title):
        self.title = title
        self.sql = []  # lines of README.md, those of other things empty
        self.start = None  # the sh block that starts the session
        self.programs = []  # (language, text), with expectations


def sections(text):
    """The sections of README.md that have something to run."""
    found = [Section("top")]
    language, block = None, []
    for number, line in enumerate(text.split("\n"), 1):
        if language is None and line.startswith("## "):
            found.append(Section(line[3:]))
        if line.startswith("```"):
            if language is not None:
                end_block(found[-1], language, block)
            language = line[3:].strip() if language is None else None
            block = []
        elif language is not None:
            block.append(line)
            if language == "sql":
                sql = found[-1].sql
                sql += [""] * (number - 1 - len(sql)) + [line]
    return [s for s in found if s.sql or s.programs]


def end_block(section, language, block):
    text = "\n".join(block) + "\n"
    if language == "sh" and not section.sql and block[-1].startswith("sqlite3"):
        section.start = text
    elif re.search(r"^(#|//) =>", text, re.MULTILINE):
        section.programs.append((language, text))


def expected_of(text):
    return [m[2] for m in re.finditer(r"^(#|//) => ?(.*)$", text, re.M)]


def run_program(place, language, text):
    if language == "python":
        return place.run([sys.executable, "-"], text)
    if language == "sh":
        return place.run([SH, "-eu"], text)
    # a compiler must not run under a preloaded sanitizer
    env = {k: v for k, v in place.env.items() if k != "LD_PRELOAD"}
    with open(place.file("program.c"), "w", encoding="utf-8") as f:
        f.write(text)
    command = "cc -o program program.c -lsqlite3"
    out, err = place.run([SH, "-c", command], env=env)
    if err:
        return out, err
    return place.run(["./program"])


class Examples(unittest.TestCase):
    """One test a file of sql/examples, added below."""


class Checker(unittest.TestCase):
    """Expectations can fail."""

    def refuse(self, script):
        with sqlscript.Place() as place:
            with self.assertRaises(sqlscript.Mismatch):
                place.shell(script)

    def test_right_output(self):
        with sqlscript.Place() as place:
            place.shell("SELECT 1;\n-- => 1\nSELECT lower(hex(randomblob(8)));\n"
                        "-- => <16 hex digits>\nSELECT nix;\n"
                        "-- => Error: no such column: nix\n")

    def test_other_output(self):
        self.refuse("SELECT 1;\n-- => 2\n")

    def test_missing_output(self):
        self.refuse("SELECT 1 WHERE 0;\n-- => 1\n")

    def test_output_too_many(self):
        self.refuse("SELECT 1;\nSELECT 2;\n-- => 1\n")

    def test_output_after_the_last_expectation(self):
        self.refuse("SELECT 1;\n-- => 1\nSELECT 2;\n")

    def test_output_where_none_is_expected(self):
        self.refuse("SELECT 1;\n")

    def test_output_of_the_next_statement(self):
        self.refuse("SELECT 1 WHERE 0;\n-- => 1\nSELECT 1;\n-- => 1\n")

    def test_a_pattern_is_not_everything(self):
        self.refuse("SELECT 'x';\n-- => <16 hex digits>\n")

    def test_an_error_where_none_is_expected(self):
        self.refuse("SELECT nix;\nSELECT 1;\n-- => 1\n")

    def test_no_error_where_one_is_expected(self):
        self.refuse("SELECT 1 WHERE 0;\n-- => Error: no such column: nix\n")

    def test_the_other_error(self):
        self.refuse("SELECT nix;\n-- => Error: no such column: other\n")

    def test_a_shell_that_stops(self):
        self.refuse("SELECT 1;\n-- => 1\n.exit\nSELECT 2;\n-- => 2\n")

    def test_an_extension_that_is_not_there(self):
        self.refuse(".load build/nix\nSELECT 1;\n-- => 1\n")


class Demo(unittest.TestCase):
    """`make demo`, without the installing and building."""

    def test_demo(self):
        with sqlscript.Place() as place:
            script = os.path.join(REPO, "tests/demo.sh")
            out, err = place.run([SH, script, "build/envelope.so"])
            self.assertRegex(out, "\ndemo: all of [0-9]+ results are as expected\n$", err)
            self.assertEqual(err, "")


class Readme(unittest.TestCase):
    """One test a section of README.md, added below."""

    def test_names_every_function(self):
        """Each SQL function has a heading in the reference."""
        names = set()
        for path in glob.glob(os.path.join(REPO, "ext/sqlite/fn_*.c")):
            names |= set(re.findall(r'^    \{"(envelope_\w+)"', read(path), re.M))
        self.assertGreater(len(names), 10)
        headings = "".join(re.findall(r"^### .*$", read("README.md"), re.M))
        self.assertEqual([n for n in sorted(names) if n + "(" not in headings], [])


def example_test(path):
    def test(self):
        with sqlscript.Place() as place:
            place.shell(read(path))

    return test


def section_test(section):
    def test(self):
        with sqlscript.Place() as place:
            if section.sql:
                start = ["sqlite3", "-batch", "app.db"]
                if section.start:
                    start = [SH, "-euc", section.start]
                place.shell("\n".join(section.sql), start)
            for language, text in section.programs:
                if language == "c" and not shutil.which("cc"):
                    self.skipTest("no C compiler")
                if language == "python" and not LOADS_EXTENSIONS:
                    self.skipTest("this Python cannot load extensions")
                out, err = run_program(place, language, text)
                got = out.split("\n")[:-1]
                if err or not sqlscript.same(expected_of(text), got):
                    self.fail("%s\nprints\n%s%s" % (text, out, err))

    return test


def word(text):
    return re.sub(r"\W+", "_", text.lower()).strip("_")


for example in sorted(glob.glob(os.path.join(REPO, "sql/examples/*.sql"))):
    name = "test_" + word(os.path.basename(example)[:-4])
    setattr(Examples, name, example_test(example))

for one in sections(read("README.md")):
    setattr(Readme, "test_" + word(one.title), section_test(one))


if __name__ == "__main__":
    unittest.main()
