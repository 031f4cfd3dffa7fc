# SPDX-License-Identifier: MIT
"""Seal-only versions: how many are made, how long their KEK is kept, and who
gets it."""

import os
import sqlite3
import time
import unittest

from support import CANARY, KEY_ID, SECONDS, load
from test_seal_only import INSERT, OPEN_KEY, SealOnly

CACHED = "SELECT value FROM envelope_stats WHERE name = 'cache_keys'"
LOST = "seals but does not open"


class Kept(SealOnly):
    """The connection that made one opens it while it has the KEK."""

    def setUp(self):
        super().setUp()
        del os.environ["ENVELOPE_KEYFILE"]

    def test_no_longer_than_its_time(self):
        conn = self.warm(time=str(SECONDS))
        blob = self.seal(conn)
        self.assertEqual(CANARY, self.open(conn, blob))
        time.sleep(SECONDS + 0.1)
        self.refuses_open(LOST, conn, blob)
        self.assertEqual(0, self.one(conn, CACHED))

    def test_nor_than_a_shorter_time_that_is_set(self):
        for value in ("60", "0"):
            conn = self.warm(time="3600")
            blob = self.seal(conn)
            self.config(conn, "seal_only_time", value)
            self.refuses_open(LOST, conn, blob)
            self.assertEqual(0, self.one(conn, CACHED))

    def test_nor_by_those_it_was_shared_with(self):
        conn = self.warm(time="3600")
        first = self.seal(conn)[KEY_ID]
        self.assertEqual(first, self.seal(self.warm(time="3600"))[KEY_ID])
        self.config(conn, "seal_only_time", "60")
        self.assertNotEqual(first, self.seal(self.warm(time="3600"))[KEY_ID])

    def test_the_same_time_set_again_changes_nothing(self):
        conn = self.warm(time="60")
        blob = self.seal(conn)
        self.config(conn, "seal_only_time", "60")
        self.assertEqual(CANARY, self.open(conn, blob))

    def test_nor_than_the_setting_names_the_key(self):
        conn = self.warm()
        blob = self.seal(conn)
        self.config(conn, "seal_only", "pay=" + self.uri)
        self.assertEqual(0, self.one(conn, CACHED))
        self.config(conn, "seal_only", "pii=" + self.uri)
        self.refuses_open(LOST, conn, blob)

    def test_a_statement_goes_on_to_its_end(self):
        conn = self.warm(time=str(SECONDS))
        conn.create_function("sleep", 1, lambda x: time.sleep(x) or 1)
        conn.execute(
            "INSERT INTO t SELECT envelope_seal(value, 'pii', 7) FROM"
            " json_each('[1,2,3]') WHERE sleep(?)", ((SECONDS + 0.3) / 3,))
        self.assertEqual(1, self.one(conn, "SELECT count(DISTINCT"
                                     " envelope_key_id(v)) FROM t"))


class Bounded(SealOnly):
    """By seal_only_time alone: there is no CMK that could be asked again."""

    def test_not_by_limits_of_loaded_keys(self):
        for name, value in (("cache_uses", "1"), ("cache_ttl", "1s")):
            conn = self.server(time="0")
            self.config(conn, name, value)
            before = self.versions()
            self.one(conn, OPEN_KEY)
            for _ in range(4):
                conn.execute(INSERT, (CANARY,))
                self.assertEqual(CANARY, self.open(conn, self.last(conn), 7))
            if name == "cache_ttl":
                time.sleep(1.1)
                conn.execute(INSERT, (CANARY,))
            self.assertEqual(before + 1, self.versions())

    def test_not_by_other_keys_in_the_cache(self):
        conn = self.warm(time="0")
        self.one(conn, "SELECT envelope_key_create('pii/*')")
        self.config(conn, "cache_bytes", "40000")
        for _ in range(3):
            conn.execute("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT"
                         " i + 1 FROM n WHERE i < 40) INSERT INTO t SELECT"
                         " envelope_seal(i, 'pii/' || i) FROM n")
            conn.execute(INSERT, ("x",))
        self.assertEqual(1, self.versions())

    def test_more_of_them_than_the_cache_holds(self):
        """What a rewrap is at is not pushed out by what it goes to."""
        conn = self.connect()
        names = ["k%d" % i for i in range(24)]
        for name in ("a", "b"):
            self.one(conn, "SELECT envelope_key_create(?)", name)
        blobs = [self.seal(conn, i, "a") for i in range(3)]
        conn = self.connect()
        self.config(conn, "cache_bytes", "40000")
        self.config(conn, "seal_only", " ".join(
            "%s=%s" % (name, self.uri) for name in names))
        for name in names:
            self.one(conn, "SELECT envelope_key_open(?)", name)
        for blob in blobs:
            other = self.one(conn, "SELECT envelope_rewrap(?, 'b')", blob)
            self.assertEqual(blob[61:], other[61:])
            self.assertEqual(self.open(conn, blob), self.open(conn, other))
        for name in names:
            self.seal(conn, "x", name)
        self.assertEqual(len(names), self.versions(conn))

    def test_the_limits_hold_for_the_office(self):
        blob = self.sealed()
        self.config(self.office, "cache_uses", "1")
        for _ in range(3):
            self.assertEqual(CANARY, self.open(self.office, blob, 7))


class Garbled(SealOnly):
    def test_a_wrap_that_was_changed_is_not_sealed_under(self):
        for edit in ("wrapped = CAST(substr(wrapped, 1, length(wrapped) - 1) ||"
                     " x'00' AS BLOB)", "wrapped = zeroblob(length(wrapped))",
                     "wrapped = x''"):
            conn = self.warm(time="3600")
            self.plain().execute("UPDATE envelope_seal_only SET " + edit)
            for server in (conn, self.server(time="3600")):
                server.execute(INSERT, (CANARY,))
                self.assertEqual(CANARY, self.open(self.office, self.last(), 7))


class Dropped(SealOnly):
    def test_who_may_not_seal_makes_none(self):
        conn = self.server()
        self.one(conn, "SELECT envelope_drop('seal')")
        self.refuses("privilege 'seal' was dropped", conn, OPEN_KEY)
        self.assertEqual(0, self.versions())
        self.config(conn, "seal_only", "")
        self.one(conn, OPEN_KEY)


class Uncommitted(SealOnly):
    """Connections that share a cache, and one of them reads what the other
    may take back."""

    def join(self):
        conn = load(sqlite3.connect("file:%s?cache=shared" % self.path,
                                    uri=True, isolation_level=None))
        self.addCleanup(conn.close)
        self.config(conn, "seal_only", "pii=" + self.uri)
        return conn

    def test_a_version_that_may_be_rolled_back_is_not_taken(self):
        self.one(self.office, OPEN_KEY)
        self.warm().close()
        writer, reader = self.join(), self.join()
        reader.execute("PRAGMA read_uncommitted = ON")
        writer.execute("BEGIN")
        writer.execute(INSERT, (CANARY,))
        self.assertEqual(2, self.versions(reader))
        self.refuses("made by a statement that writes", reader,
                     "SELECT envelope_seal('x', 'pii')")
        writer.execute("ROLLBACK")
        reader.execute(INSERT, (CANARY,))
        self.assertEqual(CANARY, self.open(self.office, self.last(), 7))


if __name__ == "__main__":
    unittest.main()
