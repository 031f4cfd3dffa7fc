#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Seal-only versions: the extension and FORMAT section 13 agree, and what
somebody made who has the public key and writes to the database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import envelope_format as ef  # noqa: E402
import pem_example  # noqa: E402
import pem_format as pf  # noqa: E402

ROOT = Path(os.environ.get("EE_REPO", Path(__file__).parents[2]))
EXTENSION = os.environ.get("EE_EXTENSION", str(ROOT / "build/envelope.so"))
COLUMNS = ("key_id, name, suite, created, fingerprint, tag1, state, cmk,"
           " wrapped")
CONTEXT = [ef.value_of(7)]


class Fixture(unittest.TestCase):
    """A database that sessions seal to under a public key."""

    name = "x25519"

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        path = self.folder / "app.pem"
        shutil.copy(pem_example.KEYS / f"{self.name}.pem", path)
        path.chmod(0o600)
        self.key = pf.load_private(path)
        self.public = self.key.public_key()
        self.uri = f"pem:app.pem#sha256-{pf.key_id(self.public).hex()}"
        self.conn = self.connect()
        self.one("SELECT envelope_config('seal_only', ?)", "pii=" + self.uri)
        self.one("SELECT envelope_config('open_seal_only', ?)",
                 "pii=" + self.uri)
        self.one("SELECT envelope_key_open('pii')")

    def connect(self) -> sqlite3.Connection:
        """A connection with the extension."""
        conn = sqlite3.connect(self.folder / "app.db", isolation_level=None)
        self.addCleanup(conn.close)
        conn.enable_load_extension(True)
        conn.load_extension(EXTENSION)
        return conn

    def one(self, sql: str, *args: Any) -> Any:
        """The only value of the only row."""
        return self.conn.execute(sql, args).fetchone()[0]

    def row(self) -> tuple[ef.KeyRecord, bytes]:
        """The record that the extension has written, and its wrap."""
        key_id, name, suite, created, f, tag1, state, uri, wrapped = (
            self.conn.execute(
                f"SELECT {COLUMNS} FROM envelope_seal_only").fetchone())
        self.assertEqual((state, uri), ("active", self.uri))
        return ef.seal_only_record(name.encode(), suite, created, f, key_id,
                                   tag1), wrapped

    def plant(self, kek: ef.Kek, tail: bytes = bytes(32),
              name: str = "pii") -> None:
        """Write a version of one's own."""
        bare = ef.seal_only_record(name.encode(), kek.suite, 1767225600,
                                   kek.fingerprint)
        record = ef.seal_only_record(
            name.encode(), kek.suite, 1767225600, kek.fingerprint, kek.key_id,
            bare.make_tag1(kek.key))
        wrapped = pf.wrap(self.public, kek.key + tail,
                          record.provider_context, os.urandom(32))
        self.conn.execute(
            f"INSERT INTO envelope_seal_only({COLUMNS})"
            " VALUES(?, ?, ?, ?, ?, ?, 'active', ?, ?)",
            (record.key_id, name, kek.suite, record.created,
             record.fingerprint, record.tag1, self.uri, wrapped))

    def refuses(self, says: str, sql: str, *args: Any) -> None:
        """It does."""
        with self.assertRaisesRegex(sqlite3.Error, says):
            self.one(sql, *args)


class SealOnly(Fixture):
    """With the X25519 and the RSA key of the worked example."""

    def test_python_opens_what_the_extension_sealed(self) -> None:
        """Both suites, with the private key alone."""
        record, wrapped = self.row()
        payload = pf.unwrap(self.key, wrapped, record.provider_context)
        ef.verify_seal_only(record, payload)
        blob = self.one("SELECT envelope_seal('ann', 'pii', 7)")
        value = ef.open_envelope(blob, [ef.Kek(payload[:32], record.suite)],
                                 CONTEXT)
        self.assertEqual(value, ef.value_of("ann"))

    def test_the_extension_opens_what_python_sealed(self) -> None:
        """It was sealed for us; by whom, nobody knows."""
        for suite in ef.SUITES:
            kek = ef.Kek(os.urandom(32), suite)
            self.plant(kek)
            blob = ef.seal(ef.value_of("bob"), kek, os.urandom(32), CONTEXT)
            self.assertEqual(self.one("SELECT envelope_open(?, 7)", blob),
                             "bob")

    def test_an_index_is_refused(self) -> None:
        """There is no secret that it could be authentic under (R44)."""
        kek = ef.Kek(os.urandom(32), ef.SUITE_AES)
        self.plant(kek)
        scope = [ef.value_of("s")]
        index = ef.blind_index(bytes(32), scope[0], ef.value_of("x"))
        blob = ef.seal(ef.value_of("x"), kek, os.urandom(32), scope,
                       index=index)
        for call in ("envelope_open(?, 's')", "envelope_rewrap(?)",
                     "envelope_reseal(?, 'pii', 's')", "envelope_export(?)"):
            self.refuses("authentication failed", f"SELECT {call}", blob)

    def test_a_payload_with_a_secret_is_refused(self) -> None:
        """A version is of no name's secret (R43)."""
        kek = ef.Kek(os.urandom(32), ef.SUITE_AES)
        self.plant(kek, os.urandom(32))
        blob = ef.seal(ef.value_of("x"), kek, os.urandom(32), CONTEXT)
        self.refuses("was altered", "SELECT envelope_open(?, 7)", blob)

    def test_another_name_is_refused(self) -> None:
        """The session says which names a public key stands for (R42)."""
        kek = ef.Kek(os.urandom(32), ef.SUITE_AES)
        self.plant(kek, name="pay")
        blob = ef.seal(ef.value_of("x"), kek, os.urandom(32), CONTEXT)
        self.refuses("was sealed for key pay", "SELECT envelope_open(?, 7)",
                     blob)

    def test_a_planted_version_is_not_sealed_under(self) -> None:
        """Only what this process has drawn is (R45)."""
        kek = ef.Kek(os.urandom(32), ef.SUITE_AES)
        self.plant(kek)
        blob = ef.seal(ef.value_of("x"), kek, os.urandom(32), CONTEXT)
        self.one("SELECT envelope_open(?, 7)", blob)
        for conn in (self.conn, self.connect()):
            conn.execute("SELECT envelope_config('seal_only', ?)",
                         ("pii=" + self.uri,)).fetchall()
            conn.execute("SELECT envelope_key_open('pii')").fetchall()
            ours = conn.execute("SELECT envelope_key_id(envelope_seal('x',"
                                " 'pii'))").fetchone()[0]
            self.assertNotEqual(ours, kek.key_id.hex())


class SealOnlyRsa(SealOnly):
    """The same."""

    name = "rsa"


if __name__ == "__main__":
    unittest.main()
