#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The attacker who has the public key of seal-only versions and writes to the
database. What he seals there opens, as FORMAT section 13 says. Nothing else may
come of it: no key of his is sealed under, no CMK is asked for another key."""

from __future__ import annotations

import os
import sqlite3
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import envelope_format as ef  # noqa: E402
import pem_format as pf  # noqa: E402
from test_seal_only_format import CONTEXT, ROOT, Fixture  # noqa: E402

SCHEMA = (ROOT / "sql/schema.sql").read_text(encoding="utf-8")
SUBJECTS = (ROOT / "sql/subjects.sql").read_text(encoding="utf-8")
NO_SECRET = bytes(32)
ORIGINS = {ef.LOCAL: "local", ef.IMPORTED: "imported"}


class Attacker(Fixture):
    """He writes tables; the office opens with the private key, and has set
    neither cmks nor seal_only."""

    def setUp(self) -> None:
        super().setUp()
        self.attacker = sqlite3.connect(self.folder / "app.db",
                                        isolation_level=None)
        self.addCleanup(self.attacker.close)
        self.attacker.executescript(SCHEMA)
        self.office = self.connect()
        self.ask("SELECT envelope_config('open_seal_only', ?)",
                 "pii=" + self.uri)
        self.kek = ef.Kek(os.urandom(32), ef.SUITE_AES)
        self.plant(self.kek)
        self.blob = ef.seal(ef.value_of("mine"), self.kek, os.urandom(32),
                            CONTEXT)

    def ask(self, sql: str, *args: Any) -> Any:
        """The office's only value of the only row."""
        return self.office.execute(sql, args).fetchone()[0]

    def denies(self, says: str, sql: str, *args: Any) -> None:
        """The office does."""
        with self.assertRaisesRegex(sqlite3.Error, says):
            self.ask(sql, *args)

    def plant_key(self, kek: ef.Kek, secret: bytes, uri: str,
                  name: bytes = b"pii") -> None:
        """All tables of a key, tagged under a secret of one's own."""
        record = ef.tag_record(
            ef.KeyRecord(name, 1, kek.suite, kek.fingerprint, 1767225600,
                         ef.LOCAL, ef.ACTIVE, 1), kek.key, secret)
        manifest = ef.Manifest(1, 1)
        wrapped = pf.wrap(self.public, kek.key + secret,
                          record.provider_context, os.urandom(32))
        self.attacker.execute(
            "INSERT INTO envelope_key(key_id, name, version, suite, state,"
            " created, origin, fingerprint, generation, tag1, tag2)"
            " VALUES(?, ?, 1, ?, 'active', ?, ?, ?, 1, ?, ?)",
            (record.key_id, name.decode(), kek.suite, record.created,
             ORIGINS[record.origin], record.fingerprint, record.tag1,
             record.tag2))
        self.attacker.execute(
            "INSERT INTO envelope_key_wrap VALUES(?, 0, ?, ?)",
            (record.key_id, uri, wrapped))
        self.attacker.execute(
            "INSERT INTO envelope_key_manifest VALUES(?, 1, 1, ?)",
            (name.decode(), manifest.make_tag(secret, {1: record.tag2})))

    def test_an_open_allows_its_cmk_for_no_key(self) -> None:
        """Nor does one that failed."""
        self.plant_key(ef.Kek(os.urandom(32), ef.SUITE_AES), os.urandom(32),
                       self.uri)
        self.assertEqual(self.ask("SELECT envelope_open(?, 7)", self.blob),
                         "mine")
        self.denies("authentication failed", "SELECT envelope_open(?, 8)",
                    self.blob)
        self.denies("is not allowed in this session",
                    "SELECT envelope_seal('secret', 'pii')")

    def test_a_seal_allows_its_cmk_for_no_key(self) -> None:
        """The same, for a server that drew a version."""
        self.plant_key(ef.Kek(os.urandom(32), ef.SUITE_AES), os.urandom(32),
                       self.uri, b"pay")
        conn = self.connect()
        conn.execute("SELECT envelope_config('seal_only', ?)",
                     ("pii=" + self.uri,)).fetchall()
        conn.execute("SELECT envelope_config('seal_only_time', '0')")\
            .fetchall()
        conn.execute("SELECT envelope_key_open('pii')").fetchall()
        with self.assertRaisesRegex(sqlite3.Error, "is not allowed"):
            conn.execute("SELECT envelope_seal('secret', 'pay')").fetchall()

    def test_a_version_in_the_cache_is_no_key(self) -> None:
        """Its secret is zeros, so he can make every tag."""
        self.assertEqual(self.ask("SELECT envelope_open(?, 7)", self.blob),
                         "mine")
        self.plant_key(self.kek, NO_SECRET, "keyring:app.keyring")
        for _ in range(2):
            self.denies("altered", "SELECT envelope_seal('secret', 'pii')")
        self.denies("altered", "SELECT envelope_seal('secret', 'pii') FROM"
                    " (SELECT envelope_open(?, 7) AS x) WHERE x = 'mine'",
                    self.blob)
        self.denies("altered", "SELECT envelope_blind_index('x', 'pii', 's')")

    def test_a_rewrap_goes_to_no_version(self) -> None:
        """The entry that it is rewrapped from is the target's."""
        self.office.execute("CREATE TABLE t(v)")
        self.office.execute("INSERT INTO t VALUES(?)", (self.blob,))
        self.ask("SELECT envelope_open(v, 7) FROM t")
        self.plant_key(self.kek, NO_SECRET, "keyring:app.keyring", b"pay")
        self.denies("altered", "SELECT envelope_rewrap(v, 'pay') FROM t")
        self.denies("altered", "UPDATE t SET v = envelope_rewrap(v, 'pay')"
                    " RETURNING 1")

    def test_a_version_is_no_parent_of_a_subject(self) -> None:
        """In one statement it is fresh in the cache."""
        self.attacker.executescript(SUBJECTS)
        self.plant_key(ef.Kek(os.urandom(32), ef.SUITE_AES), os.urandom(32),
                       self.uri)
        self.ask("SELECT envelope_config('cmks', ?)", self.uri)
        subject = ef.Kek(os.urandom(32), ef.SUITE_AES)
        record = ef.wrap_subject(b"pii/42", subject, self.kek, os.urandom(24),
                                 1767225600, ef.ACTIVE)
        self.attacker.execute("INSERT INTO envelope_subject(name, record)"
                              " VALUES('pii/42', ?)", (record.encode(),))
        self.denies("altered", "SELECT envelope_seal('secret', 'pii/42') FROM"
                    " (SELECT envelope_open(?, 7) AS x) WHERE x = 'mine'",
                    self.blob)

    def test_a_key_in_the_cache_is_no_version(self) -> None:
        """The mirror: not even for one who has its KEK."""
        kek = ef.Kek(os.urandom(32), ef.SUITE_AES)
        secret = os.urandom(32)
        self.plant_key(kek, secret, self.uri)
        self.ask("SELECT envelope_config('cmks', ?)", self.uri)
        sealed = self.ask("SELECT envelope_seal('x', 'pii', 7)")
        self.attacker.execute("DELETE FROM envelope_key")
        self.attacker.execute("DELETE FROM envelope_key_manifest")
        self.plant(kek)
        self.denies("altered", "SELECT envelope_open(?, 7)", sealed)


if __name__ == "__main__":
    unittest.main()
