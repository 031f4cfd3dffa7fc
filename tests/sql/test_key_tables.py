# SPDX-License-Identifier: MIT
"""Edited key tables: refused while they are, and no longer than that."""

import sqlite3
import unittest

from support import ALTERED, CANARY, UNAVAILABLE, SqlTest

# with another last byte
OTHER_END = ("CAST(substr({0}, 1, length({0}) - 1) || CASE substr({0}, -1)"
             " WHEN x'00' THEN x'01' ELSE x'00' END AS BLOB)")
# how somebody could edit each column; the value is an SQL expression
RECORD_EDITS = {
    "key_id": "zeroblob(8)",
    "name": "'other'",
    "version": "version + 1",
    "suite": "2",
    "state": "'decrypt-only'",
    "created": "created + 1",
    "origin": "'imported'",
    "fingerprint": OTHER_END.format("fingerprint"),
    "generation": "generation + 1",
    "tag1": "zeroblob(32)",
    "tag2": "zeroblob(32)",
}
MANIFEST_EDITS = {
    "name": "'other'",
    "generation": "generation + 1",
    "current": "current + 1",
    "tag": "zeroblob(32)",
}
WRAP_EDITS = {
    "key_id": "zeroblob(8)",
    "cmk": "'keyring:nowhere.keyring'",
    "wrapped": OTHER_END.format("wrapped"),
}
# values of a wrong type or length, for any column
JUNK = ("x''", "''", "'junk'", "-1", "1.5", "1 << 62", "zeroblob(100000)",
        "CAST(x'ff00ff' AS TEXT)")
TABLES = {
    "envelope_key": tuple(RECORD_EDITS),
    "envelope_key_manifest": tuple(MANIFEST_EDITS),
    "envelope_key_wrap": tuple(WRAP_EDITS),
}


class Base(SqlTest):
    """A database with two versions of a key, a blob under each, and a
    connection that has used both."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("PRAGMA synchronous = off")
        self.old = self.seal(self.conn)
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.new = self.seal(self.conn)
        self.check_works(self.conn)

    def check_works(self, conn):
        for blob in (self.old, self.new, self.seal(conn)):
            self.assertEqual(CANARY, self.open(conn, blob))

    def contents(self):
        conn = self.plain()
        conn.text_factory = bytes
        return {
            table: conn.execute("SELECT * FROM " + table).fetchall()
            for table in TABLES
        }

    def restore(self, contents):
        self.conn.execute("BEGIN")
        for table, rows in contents.items():
            self.conn.execute("DELETE FROM " + table)
            for row in rows:
                self.put("INSERT", table, row)
        self.conn.execute("COMMIT")

    def put(self, verb, table, row):
        """A row as contents() gave it back to its place."""
        types = self.conn.execute("SELECT type FROM pragma_table_info(?)",
                                  (table,)).fetchall()
        row = [v.decode() if t == ("TEXT",) else v
               for v, t in zip(row, types)]
        self.conn.execute("%s INTO %s VALUES(%s)" % (
            verb, table, ", ".join("?" * len(row))), row)

    def edit(self, sql):
        conn = self.plain()
        conn.execute("PRAGMA synchronous = off")
        conn.execute("PRAGMA ignore_check_constraints = 1")
        conn.execute(sql)

    def fails(self, conn, call, *args):
        """The call fails clearly: it names the key or the table."""
        text = self.error(conn, "SELECT " + call, *args)
        self.assertRegex(text, "pii|other|key table|" + UNAVAILABLE)
        return text

    def check_refused(self, conn):
        self.fails(conn, "envelope_seal('v', 'pii')")
        self.fails(conn, "envelope_open(?)", self.new)

    def check_edit(self, sql, same=True):
        """Refused in a new connection and (same) in one that has the key in
        its cache, until the tables are as they were."""
        before = self.contents()
        self.edit(sql)
        self.assertNotEqual(before, self.contents(), "nothing was edited")
        self.check_refused(self.connect())
        if same:
            self.check_refused(self.conn)
        self.restore(before)
        self.check_works(self.conn)
        self.check_works(self.connect())


class EditedTables(Base):
    def test_an_edit_by_the_connection_itself_is_refused(self):
        self.conn.execute("UPDATE envelope_key SET state = 'active'")
        self.refuses_open(ALTERED, self.conn, self.old)

    def test_an_edit_is_called_by_its_name(self):
        self.edit("UPDATE envelope_key SET created = created + 1")
        text = self.refuses_seal(ALTERED, self.connect())
        self.assertIn("key pii version 2", text)
        self.assertIn("main.envelope_key", text)

    def test_an_edited_old_version_does_not_open(self):
        self.edit("UPDATE envelope_key SET state = 'active'"
                  " WHERE version = 1")
        for conn in (self.conn, self.connect()):
            self.refuses_open(ALTERED, conn, self.old)

    def test_a_removed_old_version_stops_the_name(self):
        self.check_edit("DELETE FROM envelope_key WHERE version = 1",
                        same=False)

    def test_a_removed_old_version_is_unavailable(self):
        self.edit("DELETE FROM envelope_key WHERE version = 1")
        self.refuses_open(UNAVAILABLE, self.conn, self.old)

    def test_a_removed_current_version_stops_the_name(self):
        self.check_edit("DELETE FROM envelope_key WHERE version = 2")

    def test_a_removed_manifest_stops_the_name(self):
        self.check_edit("DELETE FROM envelope_key_manifest")

    def test_removed_wraps_stop_a_new_connection(self):
        self.check_edit("DELETE FROM envelope_key_wrap", same=False)

    def test_an_added_version_stops_the_name(self):
        self.check_edit(
            "INSERT INTO envelope_key SELECT zeroblob(8), name, 3, suite,"
            " state, created, origin, fingerprint, generation, tag1, tag2"
            " FROM envelope_key WHERE version = 2", same=False)

    def test_the_older_version_is_not_made_current(self):
        self.check_edit("UPDATE envelope_key_manifest SET current = 1")

    def test_swapped_wraps_of_two_versions_are_refused(self):
        before = self.contents()
        first, second = before["envelope_key_wrap"]
        self.conn.execute("DELETE FROM envelope_key_wrap")
        for a, b in ((first, second), (second, first)):
            self.put("INSERT", "envelope_key_wrap", a[:3] + b[3:])
        self.check_refused(self.connect())
        self.fails(self.connect(), "envelope_open(?)", self.old)
        self.check_works(self.conn)
        self.restore(before)
        self.check_works(self.connect())

    def test_an_edited_wrap_does_not_matter_to_a_loaded_key(self):
        self.edit("UPDATE envelope_key_wrap SET wrapped = zeroblob(9)")
        self.check_works(self.conn)
        self.check_refused(self.connect())

    def test_a_row_of_an_old_state_is_refused(self):
        """disabled back to active, by putting the old row back."""
        before = self.contents()["envelope_key"]
        self.one(self.conn,
                 "SELECT envelope_key_set_state('pii', 'disabled')")
        for row in before:
            self.put("REPLACE", "envelope_key", row)
        for conn in (self.conn, self.connect()):
            self.refuses_open(ALTERED, conn, self.old)
            self.refuses_open(ALTERED, conn, self.new)
            self.refuses_seal(ALTERED, conn)

    def test_an_old_manifest_is_refused(self):
        before = self.contents()["envelope_key_manifest"][0]
        self.one(self.conn,
                 "SELECT envelope_key_set_state('pii', 'disabled')")
        self.put("REPLACE", "envelope_key_manifest", before)
        for conn in (self.conn, self.connect()):
            self.refuses_open(ALTERED, conn, self.new)

    def test_an_edited_name_is_not_rotated(self):
        before = self.contents()
        self.edit("UPDATE envelope_key SET state = 'decrypt-only'"
                  " WHERE version = 2")
        edited = self.contents()
        self.assertNotEqual(before, edited)
        for conn in (self.conn, self.connect()):
            self.refuses(ALTERED, conn, "SELECT envelope_key_rotate('pii')")
        self.assertEqual(edited, self.contents())

    def test_an_edited_old_version_is_not_signed_by_set_state(self):
        self.edit("UPDATE envelope_key SET created = 1 WHERE version = 1")
        edited = self.contents()
        for conn in (self.conn, self.connect()):
            self.refuses(ALTERED, conn,
                         "SELECT envelope_key_set_state('pii', 'disabled')")
        self.assertEqual(edited, self.contents())

    def test_junk_in_any_column_is_an_error_and_no_crash(self):
        before = self.contents()
        for table, columns in TABLES.items():
            for column in columns:
                for value in JUNK:
                    with self.subTest(table=table, column=column, to=value):
                        self.edit("UPDATE OR REPLACE %s SET %s = %s"
                                  % (table, column, value))
                        self.check_refused(self.connect())
                        self.restore(before)
        self.check_works(self.conn)


class TwoNames(Base):
    """With the rows of two names exchanged."""

    def setUp(self):
        super().setUp()
        self.one(self.conn, "SELECT envelope_key_create('other')")
        self.one(self.conn, "SELECT envelope_key_rotate('other')")

    def swap(self, table):
        conn = self.plain()
        for a, b in (("pii", "x"), ("other", "pii"), ("x", "other")):
            conn.execute("UPDATE %s SET name = ? WHERE name = ?" % table,
                         (b, a))

    def check_swapped(self, *tables):
        before = self.contents()
        for table in tables:
            self.swap(table)
        for conn in (self.conn, self.connect()):
            self.refuses_seal("pii", conn, "pii")
            self.refuses_seal("other", conn, "other")
            self.fails(conn, "envelope_open(?)", self.new)
        self.restore(before)
        self.check_works(self.conn)
        self.check_works(self.connect())

    def test_swapped_manifests_are_refused(self):
        self.check_swapped("envelope_key_manifest")

    def test_swapped_rows_are_refused(self):
        self.check_swapped("envelope_key")

    def test_swapped_rows_and_manifests_are_refused(self):
        self.check_swapped("envelope_key", "envelope_key_manifest")


class Planted(SqlTest):
    """Tables, views and triggers that we have not made."""

    TRIGGERS = "".join(
        "CREATE TRIGGER t_%s INSTEAD OF INSERT ON %s BEGIN SELECT 1; END;"
        % (table, table)
        for table in TABLES
    )

    def plant(self, script):
        plain = self.plain()
        plain.executescript(script)
        return self.connect()

    def check_create(self, conn):
        """No key is made, and the error says why."""
        before = conn.execute("SELECT sql FROM sqlite_schema").fetchall()
        text = self.error(conn, "SELECT envelope_key_create('pii')")
        self.assertRegex(text, ": .*(envelope_key|key table)")
        self.assertFalse(conn.in_transaction)
        after = conn.execute("SELECT sql FROM sqlite_schema").fetchall()
        self.assertEqual(before, after)

    def test_create_refuses_a_view_of_that_name(self):
        self.check_create(self.plant(
            "CREATE VIEW envelope_key AS SELECT 1 AS key_id"))

    def test_create_refuses_views_that_take_inserts(self):
        views = "".join(
            "CREATE VIEW %s AS SELECT %s;" % (table, ", ".join(
                "NULL AS " + column for column in columns
                + (("position",) if table == "envelope_key_wrap" else ())))
            for table, columns in TABLES.items())
        self.check_create(self.plant(views + self.TRIGGERS))

    def test_create_refuses_tables_of_another_case(self):
        tables = "".join(
            "CREATE TABLE %s(%s);" % (table.upper(), ", ".join(
                columns + (("position",) if table == "envelope_key_wrap"
                           else ())))
            for table, columns in TABLES.items())
        conn = self.plant(tables)
        try:
            self.one(conn, "SELECT envelope_key_create('pii')")
        except sqlite3.Error:  # refused is right too, if it says why
            self.check_create(conn)
            return
        self.assertEqual(CANARY, self.open(self.connect(), self.seal(conn)))

    def test_create_refuses_a_table_of_other_columns(self):
        self.check_create(self.plant("CREATE TABLE envelope_key(x)"))

    def test_a_view_over_the_moved_table_is_not_used(self):
        conn = self.with_key()
        blob = self.seal(conn)
        self.plant("ALTER TABLE envelope_key RENAME TO mine;"
                   "CREATE VIEW envelope_key AS SELECT * FROM mine")
        for each in (conn, self.connect()):
            self.refuses_seal("key", each)
            self.refuses_open("key", each, blob)

    def test_a_temp_table_of_that_name_is_not_used(self):
        conn = self.with_key()
        blob = self.seal(conn)
        for table in TABLES:
            conn.execute("CREATE TEMP TABLE %s AS SELECT * FROM main.%s"
                         % (table, table))
            conn.execute("DELETE FROM temp." + table)
        self.assertEqual(CANARY, self.open(conn, blob))
        self.seal(conn)

    def test_a_table_named_envelope_keys_only_slows(self):
        conn = self.plant("CREATE TABLE envelope_keys(x)")
        self.one(conn, "SELECT envelope_key_create('pii')")
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_a_trigger_that_edits_what_create_writes_is_noticed(self):
        conn = self.with_key()
        self.plant("CREATE TRIGGER evil AFTER INSERT ON envelope_key BEGIN"
                   " UPDATE envelope_key SET origin = 'imported'"
                   " WHERE key_id = NEW.key_id; END")
        try:
            self.one(conn, "SELECT envelope_key_create('new')")
        except sqlite3.Error:
            return
        self.refuses_seal(ALTERED, conn, "new")


def add_tests():
    edits = ((RECORD_EDITS, "envelope_key", True),
             (MANIFEST_EDITS, "envelope_key_manifest", True),
             (WRAP_EDITS, "envelope_key_wrap", False))
    for columns, table, same in edits:
        for column, value in columns.items():
            where = " WHERE version = 2" if table == "envelope_key" else ""
            sql = "UPDATE %s SET %s = %s%s" % (table, column, value, where)
            if table == "envelope_key_wrap" and column == "key_id":
                sql = "UPDATE OR REPLACE" + sql[6:]

            def test(self, sql=sql, same=same):
                self.check_edit(sql, same)
            name = "test_an_edited_%s_in_%s_is_refused" % (column, table)
            setattr(EditedTables, name, test)


add_tests()


if __name__ == "__main__":
    unittest.main()
