# SPDX-License-Identifier: MIT
"""Functions that are called while another one of the connection is at work,
by what an application or an attacker hangs on the SQL that we run."""

import sqlite3
import unittest

from support import EXTENSION, SqlTest

ENTRY = "sqlite3_envelope_schema_init"
AT_WORK = "while another envelope function"
SEAL_ROWS = ("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
             " i < 300) INSERT INTO t SELECT i, envelope_seal('v' || i, 'pii',"
             " 't.c', i) FROM n")


class TraceCallback(SqlTest):
    """A Python callback that SQLite calls for each statement, and ours: these
    it tells as comments, because another one is running."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.one(self.conn, "SELECT envelope_key_set_policy('pii',"
                 " 'rotate_seals', 1000000)")
        self.conn.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, c)")
        self.refused = []

    def call_in_callback(self, sql):
        running = []

        def callback(told):
            if running or not told.startswith("--"):
                return
            running.append(True)
            try:
                self.conn.execute(sql).fetchall()
            except sqlite3.Error as error:
                self.refused.append(str(error))
            running.clear()

        self.conn.set_trace_callback(callback)

    def seal_rows(self):
        self.conn.execute(SEAL_ROWS)
        self.conn.set_trace_callback(None)

    def check_rows(self):
        self.assertTrue(any(AT_WORK in text for text in self.refused))
        self.assertEqual(300, self.one(
            self.conn, "SELECT count(*) FROM t WHERE"
            " envelope_open(c, 't.c', id) = 'v' || id"))

    def test_a_seal_in_it_changes_no_context(self):
        self.call_in_callback("SELECT envelope_seal(1, 'pii', 'X.X', 0)")
        self.seal_rows()
        self.check_rows()

    def test_a_long_context_in_it_moves_none(self):
        self.call_in_callback("SELECT envelope_seal(1, 'pii',"
                              " hex(zeroblob(50000)))")
        self.seal_rows()
        self.check_rows()

    def test_a_drop_in_it_takes_no_key_from_a_call_at_work(self):
        for privilege in ("open", "rewrap", "seal"):
            self.call_in_callback("SELECT envelope_drop('%s')" % privilege)
            self.seal_rows()
            self.check_rows()
            self.conn.execute("DELETE FROM t")


class PlantedCheck(SqlTest):
    """Whoever wrote the file put a call of ours into a CHECK of the key
    tables, and the application lets the file's schema call us."""

    def setUp(self):
        super().setUp()
        conn = self.with_key()
        self.one(conn, "SELECT envelope_key_set_policy('pii', 'rotate_seals',"
                 " 1000000)")
        self.one(conn, "SELECT envelope_key_create('pii/*')")
        self.one(conn, "SELECT envelope_key_create('pii/1')")
        conn.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, c)")
        conn.close()

    def plant(self, table, old, new):
        conn = self.plain()
        conn.execute("PRAGMA writable_schema = ON")
        done = conn.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?"
            " AND instr(sql, ?)", (old, new, table, old))
        self.assertEqual(1, done.rowcount)
        conn.close()

    def schema_connect(self):
        conn = self.plain()
        conn.enable_load_extension(True)
        conn.execute("SELECT load_extension(?, ?)", (EXTENSION, ENTRY))
        conn.execute("PRAGMA trusted_schema = ON")
        return conn

    def test_on_the_count_of_seals(self):
        self.plant("envelope_key_seals", "CHECK(reserved >= 0)",
                   "CHECK(envelope_seal(1, 'pii', hex(zeroblob(1000 + reserved"
                   " * 3000))) IS NOT NULL)")
        conn = self.schema_connect()
        self.refuses(AT_WORK, conn, SEAL_ROWS)
        self.assertEqual(0, self.one(conn, "SELECT count(*) FROM t"))

    def test_on_the_keys_of_subjects(self):
        self.plant("envelope_subject", "CHECK(length(record) = 97)",
                   "CHECK(envelope_seal(1, 'pii/' || hex(id)) IS NOT NULL)")
        conn = self.schema_connect()
        self.refuses(AT_WORK, conn, "INSERT INTO t(c) VALUES("
                     "envelope_seal(1, 'pii/7'))")
        self.assertEqual(0, self.one(conn, "SELECT count(*) FROM t"))


if __name__ == "__main__":
    unittest.main()
