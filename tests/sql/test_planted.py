# SPDX-License-Identifier: MIT
"""A CHECK in the file calls none of our functions (rule 22), nor does a
generated column or an index.

SQLite does not refuse a CHECK where a function is not deterministic, whatever
SQLITE_DIRECTONLY says, and no call in a schema that it read before the function
was there."""

import json
import os
import sqlite3
import unittest

from support import CANARY, EXTENSION, SqlTest

PLANTED = "in its definition"
INSERT = "INSERT INTO bait VALUES(1)"
BOM = "\ufeff"
ENTRY = "sqlite3_envelope_schema_init"


class Planted(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)
        self.conn.execute("CREATE TABLE bait(x)")
        self.conn.execute("CREATE TABLE t(v)")
        self.oracle = "x <> envelope_open(x'%s')" % self.blob.hex()

    def plant(self, check, path=None, name="bait",
              sql="CREATE TABLE bait(x, CHECK(%s))"):
        """What sqlite_schema has of the table bait."""
        conn = self.plain(path)
        conn.execute("PRAGMA writable_schema = ON")
        conn.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?",
                     (sql % check, name))
        version = conn.execute("PRAGMA schema_version").fetchone()[0]
        conn.execute("PRAGMA schema_version = %d" % (version + 1))
        conn.close()

    def plain(self, path=None):
        return sqlite3.connect(path or self.path, isolation_level=None)

    def test_an_insert_opens_nothing(self):
        self.plant(self.oracle)
        for trusted in ("ON", "OFF"):
            conn = self.connect()
            conn.execute("PRAGMA trusted_schema = " + trusted)
            self.refuses(PLANTED, conn, INSERT)

    def test_nor_does_an_integrity_check(self):
        self.conn.execute(INSERT)
        self.plant(self.oracle)
        for pragma in ("integrity_check", "quick_check"):
            self.refuses(PLANTED, self.connect(), "PRAGMA " + pragma)

    def test_nor_an_update_nor_an_upsert(self):
        self.conn.execute("CREATE UNIQUE INDEX i ON bait(x)")
        self.conn.execute(INSERT)
        self.plant(self.oracle)
        for sql in ("UPDATE bait SET x = 2",
                    INSERT + " ON CONFLICT(x) DO UPDATE SET x = 3"):
            self.refuses(PLANTED, self.connect(), sql)

    def test_no_plaintext_leaves_by_a_setting(self):
        os.mkdir(self.file("out"), 0o700)
        self.plant("envelope_config('audit', '%s/' || envelope_open(x'%s'))"
                   " <> ''" % (self.file("out"), self.blob.hex()))
        self.refuses(PLANTED, self.connect(), INSERT)
        self.assertEqual([], os.listdir(self.file("out")))

    def test_no_setting_is_changed_and_no_privilege_dropped(self):
        for check in ("envelope_config('open_keys', '') = ''",
                      "envelope_drop('open') <> ''",
                      "envelope_cmk_info('vault://h/transit/keys/k') <> ''"):
            self.plant(check)
            conn = self.connect()
            self.one(conn, "SELECT envelope_config('open_keys', 'pii')")
            self.refuses(PLANTED, conn, INSERT)
            self.assertEqual("pii", self.one(
                conn, "SELECT envelope_config('open_keys')"))
            self.assertEqual(CANARY, self.open(conn, self.blob))

    def test_with_a_call_of_the_applications_own(self):
        self.plant(self.oracle)
        conn = self.connect()
        self.refuses(PLANTED, conn,
                     "INSERT INTO bait VALUES(envelope_seal(1, 'pii'))")
        self.refuses(PLANTED, conn, "INSERT INTO bait"
                     " SELECT envelope_is_sealed(value)"
                     " FROM json_each('[1, 2]')")
        self.assertEqual(0, self.one(conn, "SELECT count(*) FROM bait"))

    def test_however_it_is_written(self):
        hexed = self.blob.hex()
        for check in ("ENVELOPE_Open(x'%s') = 1", '"envelope_open"(x\'%s\') = 1',
                      "[envelope_open] (x'%s') = 1",
                      "`envelope_open`/**/(x'%s') = 1",
                      "1=envelope_open\n(x'%s')",
                      "'it''s' = 1 OR -- '\n envelope_open /*/ ( */ (x'%s')",
                      BOM + "envelope_open" + " " + BOM + "(x'%s')"):
            self.plant(check % hexed)
            self.refuses(PLANTED, self.connect(), INSERT)
        self.plant(self.oracle, sql="create table/*\n*/bait(x cHeCk(%s))")
        self.refuses(PLANTED, self.connect(), INSERT)

    def test_where_the_schema_was_read_before_we_were_loaded(self):
        for sql in ("CREATE TABLE bait(x, y AS (envelope_open(x)) STORED)",
                    "CREATE TABLE bait(x, y DEFAULT (envelope_open(x'00')))",
                    "CREATE TABLE bait(x, y AS (envelope_open(x)))"):
            self.plant("", sql=sql + "%.0s")
            self.late(INSERT.replace("bait", "bait(x)"))
        self.plant("", sql="CREATE TABLE bait(x)%.0s")
        self.conn.execute("CREATE INDEX i ON bait(x)")
        for sql in ("CREATE INDEX i ON bait(envelope_open(x))",
                    "CREATE INDEX i ON bait(x) WHERE envelope_open(x) <> 1"):
            self.plant("", name="i", sql=sql + "%.0s")
            self.late(INSERT)

    def test_nor_does_a_virtual_table(self):
        """By a statement of its own, which SQLite takes for a typed one."""
        for option in ("compress=envelope_open,uncompress=hex",
                       "compress='envelope_open',uncompress=hex",
                       "compress=hex,uncompress= \"Envelope_Open\"",
                       "compress=hex,uncompress=envelope_key_rotate"):
            path = self.file("fts.db")
            self.connect(path).close()
            self.plain(path).execute("CREATE VIRTUAL TABLE bait USING fts4"
                                     "(b, compress=hex, uncompress=hex)")
            self.plain(path).execute("INSERT INTO bait VALUES('pii')")
            self.plant("", path, sql="CREATE/**/VIRTUAL TABLE bait USING"
                       " fts4(b, %s)%%.0s" % option)
            conn = self.connect(path)
            with self.assertRaises(sqlite3.Error):
                conn.execute("INSERT INTO bait VALUES('pii')")
                conn.execute("SELECT b FROM bait").fetchall()
            conn.close()
            os.unlink(path)

    def late(self, sql):
        conn = self.plain()
        conn.execute("SELECT count(*) FROM t").fetchone()
        conn.enable_load_extension(True)
        conn.load_extension(EXTENSION)
        with self.assertRaisesRegex(sqlite3.Error, "in its definition|unsafe"):
            conn.execute(sql)

    def test_it_is_planted_while_we_are_connected(self):
        conn = self.connect()
        conn.execute("INSERT INTO t VALUES(envelope_seal(1, 'pii'))")
        self.plant(self.oracle)
        self.refuses(PLANTED, conn, INSERT)
        self.refuses(PLANTED, conn, "INSERT INTO t VALUES("
                     "envelope_seal(1, 'pii'))")
        self.plain().execute("DROP TABLE bait")
        conn.execute("INSERT INTO t VALUES(envelope_seal(1, 'pii'))")

    def test_in_another_file_by_the_same_name(self):
        for name in ("a", "b"):
            self.plain(self.file(name)).execute("CREATE TABLE bait(x)")
        self.plant(self.oracle, self.file("b"))
        conn = self.connect()
        for name in ("a", "b"):
            version = self.plain(self.file(name)).execute(
                "PRAGMA schema_version = 7")
            version.connection.close()
        conn.execute("ATTACH ? AS x", (self.file("a"),))
        conn.execute("INSERT INTO x.bait VALUES(envelope_seal(1, 'pii'))")
        conn.execute("DETACH x")
        conn.execute("ATTACH ? AS x", (self.file("b"),))
        self.refuses("a table or index of x has a call", conn,
                     "INSERT INTO x.bait VALUES(1)")
        conn.execute("DETACH x")
        self.assertEqual(CANARY, self.open(conn, self.blob))

    def test_it_says_how_to_look_at_it(self):
        self.plant(self.oracle)
        conn = self.connect()
        text = self.refuses(PLANTED, conn, INSERT)
        self.assertIn(self.oracle, self.one(
            conn, text[text.index("SELECT"):]))

    def test_in_a_database_of_an_odd_name(self):
        self.plant(self.oracle)
        conn = self.connect(self.file("other.db"))
        for name in ("", "a b", 'q"x', "%w", "sqlite_schema"):
            conn.execute('ATTACH ? AS "%s"' % name.replace('"', '""'),
                         (self.path,))
            quoted = '"%s"' % name.replace('"', '""')
            text = self.refuses(PLANTED, conn, "INSERT INTO %s.bait VALUES(1)"
                                % quoted)
            self.assertIn(self.oracle, self.one(
                conn, text[text.index("SELECT"):]))
            conn.execute("DETACH " + quoted)

    def test_the_audit_log_has_a_line(self):
        self.plant(self.oracle)
        conn = self.connect()
        self.one(conn, "SELECT envelope_config('audit', ?)",
                 self.file("audit.log"))
        self.refuses(PLANTED, conn, INSERT)
        with open(self.file("audit.log"), encoding="utf-8") as log:
            last = json.loads(log.readlines()[-1])
        self.assertEqual(("denied", "verify"),
                         (last["event"], last["operation"]))

    def test_an_authorizer_that_hides_the_schema(self):
        for hidden in (("sql",), ("type",), ("sql", "type")):
            conn = self.connect()
            conn.set_authorizer(
                lambda action, first, second, schema, trigger:
                sqlite3.SQLITE_IGNORE if action == sqlite3.SQLITE_READ
                and first == "sqlite_master" and second in hidden
                else sqlite3.SQLITE_OK)
            self.refuses("an authorizer", conn, "INSERT INTO t VALUES("
                         "envelope_seal(1, 'pii'))")


class Allowed(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.insert = "INSERT INTO t VALUES(envelope_seal(1, 'pii'))"
        self.conn.create_function("my_envelope_open", 1, str)

    def test_what_needs_no_key(self):
        self.conn.execute("CREATE TABLE t(v CHECK(envelope_is_sealed(v)"
                          " AND envelope_key_id(v) IS NOT NULL))")
        self.conn.execute(self.insert)

    def test_a_temp_table(self):
        """It is the session's own."""
        self.conn.execute("CREATE TEMP TABLE mine(v CHECK(envelope_open(v)))")
        self.conn.execute("INSERT INTO mine VALUES(envelope_seal(1, 'pii'))")

    def test_what_is_no_call(self):
        for sql in ("CREATE TABLE a(envelope_open)",
                    "CREATE TABLE b(v CHECK(v <> 'envelope_open()'),"
                    " \"don't\" /* envelope_open(v) */ -- envelope_open(v)\n)",
                    "CREATE TABLE c(v CHECK(v <> my_envelope_open(v)))",
                    "CREATE VIEW w AS SELECT v /* CHECK */, envelope_open(v)"
                    " FROM b",
                    "CREATE TABLE t(v)"):
            self.conn.execute(sql)
        self.conn.execute(self.insert)

    def test_a_table_that_is_being_made(self):
        """SQLite has an empty row for it in the schema."""
        self.conn.execute("CREATE TABLE t AS SELECT envelope_seal(1, 'pii')")

    def test_by_the_other_entry_point(self):
        """There the schema may seal and open, and nothing else."""
        conn = self.plain()
        conn.isolation_level = None
        conn.enable_load_extension(True)
        conn.execute("SELECT load_extension(?, ?)", (EXTENSION, ENTRY))
        conn.execute("PRAGMA trusted_schema = ON")
        conn.execute("CREATE TABLE t(v CHECK(envelope_open(v) = 1))")
        conn.execute(self.insert)
        conn.execute("CREATE TABLE bait(v CHECK(envelope_config('suite')))")
        self.refuses(PLANTED, conn, "INSERT INTO bait VALUES(1)")


if __name__ == "__main__":
    unittest.main()
