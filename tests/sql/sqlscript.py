# SPDX-License-Identifier: MIT
"""Runs SQL with its expected output beside it, through the sqlite3 shell.

    SELECT envelope_open(Email) FROM Customer;
    -- => ann@example.org
    SELECT envelope_key_id(Email) FROM Customer;
    -- => <16 hex digits>
    SELECT envelope_open('x');
    -- => Error: envelope_open: not an envelope: an envelope is a BLOB

A run of `-- =>` lines is all that the statements since the last one print, on
either stream. What differs from run to run is written as one of PATTERNS.
An error stands after "Error: ", without the line number that the shell says.
"""

import os
import re
import subprocess
import tempfile

PATTERNS = {
    "<16 hex digits>": r"[0-9a-f]{16}",
    "<32 hex digits>": r"[0-9A-F]{32}",
    "<64 hex digits>": r"[0-9a-f]{64}",
    "<date and time>": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "<number>": r"\d+",
    "<text>": r"[^|]*",
}

EXPECTED = "-- =>"
MARKER = "@@ expected output ends here @@"
# 3.37 says "Error: near line 1: ...", later ones "Runtime error near line ..."
ERROR = re.compile(r"[A-Za-z ]*[Ee]rror:? near line (\d+): (.*?)(?: \(\d+\))?$")


class Mismatch(AssertionError):
    pass


def pattern(line):
    """The regular expression of one expected line."""
    text = re.escape(line)
    for word, regex in PATTERNS.items():
        text = text.replace(re.escape(word), regex)
    return re.compile(text)


def split(script):
    """Returns what to feed to the shell, line for line as long as script, and
    the expectations: (their first line, the line after them, the texts)."""
    feed, groups, open_group = [], [], None
    for number, line in enumerate(script.split("\n"), 1):
        if line.startswith(EXPECTED):
            if open_group is None:
                open_group = [number, number, []]
                groups.append(open_group)
                feed.append(".print " + MARKER)
            else:
                feed.append("")
            open_group[1] = number + 1
            open_group[2].append(line[len(EXPECTED):].strip())
        else:
            open_group = None
            feed.append(line)
    last = len(feed) + 1
    groups.append([last, last, []])
    feed.append(".print " + MARKER)
    return "\n".join(feed) + "\n", groups


def errors_by_line(text):
    """The shell's errors as (line number, message). Other words on standard
    error are a mismatch, but for the indented context of a syntax error."""
    found = []
    for line in text.split("\n"):
        match = ERROR.match(line)
        if match:
            found.append((int(match[1]), "Error: " + match[2]))
        elif line.strip() and not line.startswith("  "):
            raise Mismatch("the shell says: " + line)
    return found


def same(expected, got):
    return len(expected) == len(got) and all(
        pattern(e).fullmatch(g) for e, g in zip(expected, got)
    )


def check(script, stdout, stderr):
    """Compares what the shell printed with the expectations in script."""
    groups = split(script)[1]
    parts = stdout.split(MARKER + "\n")
    errors = errors_by_line(stderr)
    if len(parts) != len(groups) + 1:
        raise Mismatch("the shell stopped early\n" + stdout + stderr)
    begin = 0
    for (line, end, expected), part in zip(groups, parts):
        got = [text.rstrip() for text in part.split("\n")[:-1]]
        got += [text for at, text in errors if begin < at < line]
        if not same(expected, got):
            raise Mismatch(
                "line %d: expected\n    %s\n  and got\n    %s"
                % (line, "\n    ".join(expected), "\n    ".join(got))
            )
        begin = end - 1


class Place:
    """A private folder that looks like a repository with a built extension,
    and holds a key file, which ENVELOPE_KEYFILE names."""

    def __init__(self):
        self.temp = tempfile.TemporaryDirectory(prefix="ee-sql-")
        self.path = self.temp.name
        extension = os.environ.get("EE_EXTENSION", "build/envelope.so")
        os.mkdir(self.file("build"))
        os.symlink(os.path.abspath(extension), self.file("build/envelope.so"))
        self.secret("app.key")
        self.env = {
            k: v for k, v in os.environ.items() if not k.startswith("ENVELOPE_")
        }
        self.env["ENVELOPE_KEYFILE"] = self.file("app.key")
        self.env["HOME"] = self.path  # nobody's .sqliterc

    def file(self, name):
        return os.path.join(self.path, name)

    def secret(self, name):
        handle = os.open(self.file(name), os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(handle, os.urandom(32))
        os.close(handle)

    def run(self, command, text="", **options):
        """Runs command here; returns (standard output, standard error)."""
        done = subprocess.run(
            command,
            input=text.encode("utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.path,
            env=options.pop("env", self.env),
            **options
        )
        return done.stdout.decode("utf-8"), done.stderr.decode("utf-8")

    def shell(self, script, command=("sqlite3", "-batch", "app.db")):
        """Runs a script with expectations; raises Mismatch."""
        feed, _ = split(script)
        check(script, *self.run(list(command), feed))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.temp.cleanup()
