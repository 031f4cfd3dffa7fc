# SPDX-License-Identifier: MIT
"""A CMK version is destroyed only when no key can be lost with it."""

import os
import unittest

from support import CANARY
from test_key_life import LifeTest, REWRAP, ROTATE

URI = "keyring:app.db.keyring"
NEW_VERSION = "SELECT envelope_cmk_rotate('%s')" % URI
DESTROY_FIRST = "SELECT envelope_cmk_destroy('%s', 1)" % URI


class CmkDestroyed(LifeTest):
    def test_the_old_cmk_version_is_not_needed_any_more(self):
        self.run_all(ROTATE, NEW_VERSION, REWRAP, DESTROY_FIRST)
        conn = self.connect()
        self.assertEqual(CANARY, self.open(conn, self.blob))
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_a_cmk_version_that_is_needed_is_not_destroyed(self):
        self.run_all(NEW_VERSION, ROTATE)
        other = self.with_key("hr", self.file("hr.db"))
        other.execute("ATTACH ? AS x", (self.path,))
        for conn, schema in ((self.conn, "main"), (other, "x")):
            text = self.refuses("only this version opens key pii version 1",
                                conn, "SELECT envelope_cmk_destroy(?, 1)",
                                "keyring:./app.db.keyring")
            self.assertIn("envelope_key_rewrap('%s:pii')" % schema, text)
        self.run_all(REWRAP, DESTROY_FIRST)
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_rewrap_that_may_be_rolled_back_frees_no_cmk_version(self):
        self.run_all(NEW_VERSION)
        self.conn.execute("BEGIN")
        self.run_all(REWRAP)
        self.refuses("not destroyed inside a transaction", self.conn,
                     DESTROY_FIRST)
        self.conn.execute("ROLLBACK")
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_cmk_version_beside_another_cmk_is_destroyed(self):
        self.one(self.conn, "SELECT envelope_key_rewrap('pii', ?,"
                            " 'keyring:b.keyring')", URI)
        self.run_all(NEW_VERSION, DESTROY_FIRST)
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_another_cmk_counts_only_while_it_opens_the_key(self):
        self.one(self.conn, "SELECT envelope_key_rewrap('pii', ?,"
                            " 'keyring:b.keyring')", URI)
        self.run_all(NEW_VERSION)
        os.rename(self.file("b.keyring"), self.file("away"))
        self.refuses("only this version opens key pii", self.conn,
                     DESTROY_FIRST)
        os.rename(self.file("away"), self.file("b.keyring"))
        self.run_all(DESTROY_FIRST)
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_forged_wrap_is_no_other_way_to_the_key(self):
        self.run_all(NEW_VERSION)
        self.plain().execute(
            "INSERT INTO envelope_key_wrap SELECT key_id, 2,"
            " 'keyring:app.db.keyring#evil', zeroblob(length(wrapped))"
            " FROM envelope_key_wrap")
        self.refuses("only this version opens key pii", self.conn,
                     DESTROY_FIRST)
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))


class Meanwhile(LifeTest):
    """A key that another connection has not committed, or that this one does
    not see yet, may need the version, too."""

    def setUp(self):
        super().setUp()
        self.conn.execute("PRAGMA busy_timeout = 0")
        self.run_all("SELECT envelope_key_rewrap('pii', 'keyring:b.keyring')")
        self.other = self.connect()

    def create(self, name):
        """Under version 1, which no other key needs."""
        self.one(self.other, "SELECT envelope_key_create(?, ?)", name, URI)
        return self.seal(self.other, 1, name)

    def check_committed(self, name, blob):
        self.refuses("only this version opens key " + name, self.conn,
                     DESTROY_FIRST)
        self.assertEqual(1, self.open(self.connect(), blob))
        self.assertFalse(self.conn.in_transaction)

    def check_not_committed(self, mode):
        self.conn.execute("PRAGMA journal_mode = " + mode)
        self.other.execute("BEGIN")
        blob = self.create("new")
        self.run_all(NEW_VERSION)
        self.refuses("main is being written by another connection",
                     self.conn, DESTROY_FIRST)
        self.assertFalse(self.conn.in_transaction)
        self.other.execute("COMMIT")
        self.check_committed("new", blob)

    def test_a_key_that_is_not_committed_yet(self):
        self.check_not_committed("delete")

    def test_a_key_that_is_not_committed_yet_in_wal_mode(self):
        self.check_not_committed("wal")

    def test_a_key_that_is_newer_than_a_running_select(self):
        self.conn.execute("PRAGMA journal_mode = wal")
        rows = self.conn.execute("SELECT key_id FROM envelope_key_wrap,"
                                 " json_each('[1, 2, 3]')")
        rows.fetchone()
        blob = self.create("new")
        self.run_all(NEW_VERSION)
        self.refuses("a SELECT that still runs here", self.conn,
                     DESTROY_FIRST)
        self.assertEqual(2, len(rows.fetchall()))
        self.check_committed("new", blob)

    def test_a_database_that_only_is_attached(self):
        conn = self.connect(self.file("hr.db"), timeout=0)
        conn.execute("ATTACH ? AS x", (self.path,))
        self.other.execute("BEGIN")
        blob = self.create("new")
        self.run_all(NEW_VERSION)
        self.refuses("x is being written by another connection", conn,
                     DESTROY_FIRST)
        self.other.execute("COMMIT")
        self.check_committed("new", blob)

    def test_the_setting_against_provider_calls_in_a_transaction(self):
        """The lock is not the application's transaction."""
        self.one(self.conn, "SELECT envelope_config("
                            "'provider_in_transaction', 'refuse')")
        self.run_all(NEW_VERSION, DESTROY_FIRST)
        self.assertFalse(self.conn.in_transaction)
        self.conn.execute("BEGIN IMMEDIATE")
        self.refuses("provider_in_transaction", self.conn,
                     "SELECT envelope_key_create('new')")


if __name__ == "__main__":
    unittest.main()
