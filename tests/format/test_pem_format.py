#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold PEM.md, its reader in Python and the provider against each other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from random import Random

import pem_example
import pem_format as pf

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "ext" / "provider" / "PEM.md"
TOOLS = Path(os.environ.get("EE_TOOLS",
                            ROOT / "build" / "release" / "tests" / "tools"))
SCALE = float(os.environ.get("EE_SCALE", "1"))

ROUNDS = max(2, int(20 * SCALE))
AUTH = "error 4"
KEY_UNKNOWN = "error 5"
NAMES = ("rsa", "x25519")


def either(octets: bytes) -> str:
    """Hexadecimal as pem_eval reads it."""
    return octets.hex() or "-"


class PemFormat(unittest.TestCase):
    """What one side wraps, the other unwraps."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ee-pem-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for path in pem_example.KEYS.iterdir():
            copy = self.folder / path.name
            shutil.copy(path, copy)
            copy.chmod(0o600)  # as no clone has them

    def ask(self, lines: list[str]) -> list[str]:
        """Put lines to pem_eval."""
        done = subprocess.run(
            [TOOLS / "pem_eval"], input="".join(f"{s}\n" for s in lines),
            text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        replies = done.stdout.splitlines()
        self.assertEqual(len(replies), len(lines))
        return replies

    def line(self, verb: str, name: str, context: bytes,
             octets: bytes) -> str:
        """A line for pem_eval."""
        return " ".join((verb, str(self.folder / name), either(context),
                         either(octets)))

    def test_worked_hex(self) -> None:
        """The page has just what pem_example.py prints."""
        text = PAGE.read_text(encoding="utf-8").split("## 7.", 1)[1]
        found = re.findall(r"```\n(.*?)\n```", text, re.DOTALL)
        self.assertEqual(found, pem_example.blocks())

    def test_worked_hex_unwraps(self) -> None:
        """The provider opens the page's wraps."""
        for name in NAMES:
            wrapped = dict(pem_example.made(name + ".pub"))["wrapped"]
            line = self.line("unwrap", name + ".pem", pem_example.CONTEXT,
                             wrapped)
            self.assertEqual(self.ask([line]), [pem_example.PAYLOAD.hex()])

    def test_python_reads(self) -> None:
        """What the provider wraps."""
        rng = Random(1)
        for name in NAMES:
            cases = [(rng.randbytes(64), rng.randbytes(rng.randrange(300)))
                     for _ in range(ROUNDS)]
            wraps = self.ask([self.line("wrap", name + ".pub", context, data)
                              for data, context in cases])
            private = pf.load_private(self.folder / f"{name}.pem")
            for (data, context), text in zip(cases, wraps):
                wrapped = bytes.fromhex(text)
                self.assertEqual(pf.unwrap(private, wrapped, context), data)
                with self.assertRaises(pf.NotAuthentic):
                    pf.unwrap(private, wrapped, context + b"x")

    def test_python_writes(self) -> None:
        """And the provider unwraps, with this context only."""
        rng = Random(2)
        for name in NAMES:
            public = pf.load_public(self.folder / f"{name}.pub")
            lines, expected = [], []
            for _ in range(ROUNDS):
                data = rng.randbytes(64)
                context = rng.randbytes(rng.randrange(300))
                wrapped = pf.wrap(public, data, context, rng.randbytes(32))
                file = name + ".pem"
                lines += [self.line("unwrap", file, context, wrapped),
                          self.line("unwrap", file, context + b"x", wrapped)]
                expected += [data.hex(), AUTH]
            self.assertEqual(self.ask(lines), expected)

    def test_other_lengths(self) -> None:
        """A payload of 63 or 65 bytes is none, however well it is sealed."""
        for name in NAMES:
            public = pf.load_public(self.folder / f"{name}.pub")
            for size in (0, 63, 65):
                wrapped = pf.wrap(public, bytes(size), b"c", bytes(32))
                line = self.line("unwrap", name + ".pem", b"c", wrapped)
                self.assertEqual(self.ask([line]), [AUTH])

    def test_other_key(self) -> None:
        """Told apart by the key id alone."""
        public = pf.load_public(self.folder / "rsa.pub")
        wrapped = pf.wrap(public, bytes(64), b"c", bytes(32))
        line = self.line("unwrap", "x25519.pem", b"c", wrapped)
        self.assertEqual(self.ask([line]), [KEY_UNKNOWN])


if __name__ == "__main__":
    unittest.main()
