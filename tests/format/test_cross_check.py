# SPDX-License-Identifier: MIT
"""The extension and the reader made from the documents agree.

KEYRING.md gives the key, FORMAT.md the envelopes: 10,000 random values each
way, in both suites.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import envelope_format as ef  # noqa: E402
from cross_check import cross_check, seal_under, sql_function  # noqa: E402
from keyring_format import payload_of  # noqa: E402

ROOT = Path(os.environ.get("EE_REPO", Path(__file__).parents[2]))
EXTENSION = os.environ.get("EE_EXTENSION", str(ROOT / "build/envelope.so"))
COUNT = max(int(10_000 * float(os.environ.get("EE_SCALE", "1"))), 50)
SUITES = {"aes-256-gcm": 1, "chacha20-poly1305": 2}


class CrossCheck(unittest.TestCase):
    """One key in each suite, rotated once, read back by Python alone."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.key = os.urandom(32)
        key_file = self.folder / "key"
        key_file.touch(0o600)
        key_file.write_bytes(self.key)
        os.environ["ENVELOPE_KEYFILE"] = str(key_file)
        self.addCleanup(os.environ.pop, "ENVELOPE_KEYFILE")
        self.conn = sqlite3.connect(self.folder / "app.db")
        self.addCleanup(self.conn.close)
        self.conn.enable_load_extension(True)
        self.conn.load_extension(EXTENSION)

    def payload(self, suite: str) -> bytes:
        """A key of two versions; the current one's payload."""
        for sql in (f"SELECT envelope_config('suite', '{suite}')",
                    "SELECT envelope_key_create('pii')",
                    "SELECT envelope_key_rotate('pii')"):
            self.conn.execute(sql).fetchall()
        return payload_of(self.conn, self.folder / "app.db.keyring", self.key,
                          "pii")

    def agrees(self, suite: str) -> None:
        payload = self.payload(suite)
        cross_check(
            seal_under(self.conn, "pii"),
            sql_function(self.conn, "envelope_open({})"),
            ef.Kek(payload[:ef.KEY_BYTES], SUITES[suite]),
            payload[ef.KEY_BYTES:], COUNT)

    def test_suite_01_agrees_both_ways(self) -> None:
        self.agrees("aes-256-gcm")

    def test_suite_02_agrees_both_ways(self) -> None:
        self.agrees("chacha20-poly1305")

    def test_a_blind_index_is_the_same(self) -> None:
        payload = self.payload("aes-256-gcm")
        index = sql_function(self.conn, "envelope_blind_index({})")
        for value in ("ann", 5, 5.0, -0.0, 1.5, b"\xff", ""):
            self.assertEqual(
                ef.blind_index(payload[ef.KEY_BYTES:], ef.value_of("t.c"),
                               ef.value_of(value)),
                index(value, "pii", "t.c"))

    def subject_agrees(self, suite: str) -> None:
        """Python unwraps what the extension wrapped, and the reverse."""
        payload = self.payload(suite)
        parent = ef.Kek(payload[:ef.KEY_BYTES], SUITES[suite])
        self.conn.execute("SELECT envelope_key_create('pii/42')").fetchall()
        (record,), = self.conn.execute("SELECT record FROM envelope_subject")
        kek = ef.unwrap_subject(b"pii/42", record, parent, b"pii", "seal")
        cross_check(seal_under(self.conn, "pii/42"),
                    sql_function(self.conn, "envelope_open({})"), kek,
                    payload[ef.KEY_BYTES:], COUNT // 20)
        kek = ef.Kek(os.urandom(32), parent.suite)
        made = ef.wrap_subject(b"pii/43", kek, parent, os.urandom(24), 7,
                               ef.ACTIVE)
        self.conn.execute("INSERT INTO envelope_subject(name, record)"
                          " VALUES('pii/43', ?)", (made.encode(),))
        cross_check(seal_under(self.conn, "pii/43"),
                    sql_function(self.conn, "envelope_open({})"), kek,
                    payload[ef.KEY_BYTES:], COUNT // 20)

    def test_subjects_of_suite_01(self) -> None:
        self.subject_agrees("aes-256-gcm")

    def test_subjects_of_suite_02(self) -> None:
        self.subject_agrees("chacha20-poly1305")

    def test_a_wrong_key_file_is_noticed(self) -> None:
        self.payload("aes-256-gcm")
        with self.assertRaises(ef.AuthenticationFailed):
            payload_of(self.conn, self.folder / "app.db.keyring",
                       os.urandom(32), "pii")


if __name__ == "__main__":
    unittest.main()
