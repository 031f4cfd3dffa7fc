# SPDX-License-Identifier: MIT
"""A change of keys is written whole and for good, or it fails and says so.

What stands in its way here: triggers, authorizers, an interrupt, a lock, a
read-only database, tables and views with names that SQLite or we use.
"""

import shutil
import sqlite3
import threading
import time
import unittest

from support import CANARY, KEY_ID, SqlTest, scaled

CREATE = "SELECT envelope_key_create('pii')"
ROTATE = "SELECT envelope_key_rotate('pii')"
DISABLE = "SELECT envelope_key_set_state('pii', 'disabled')"
ACTIVE_1 = [("pii", 1, "active", 1)]
KEY_TABLES = ("envelope_key", "envelope_key_wrap", "envelope_key_manifest")


class Suppressed(SqlTest):
    """Success is reported only for what can be read back."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)

    def check_refused(self, says, sql):
        self.refuses(says, self.conn, sql)
        self.assertFalse(self.conn.in_transaction)
        self.assertEqual(ACTIVE_1, self.keys(self.conn))
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def check_works_again(self):
        self.one(self.conn, ROTATE)
        self.one(self.conn, DISABLE)
        self.refuses_open("disabled", self.connect(), self.blob)

    def test_a_trigger_in_the_file_is_refused(self):
        for table in KEY_TABLES:
            self.plain().execute("CREATE TRIGGER evil BEFORE DELETE ON %s"
                                 " BEGIN SELECT 1; END" % table)
            for sql in (ROTATE, DISABLE, CREATE.replace("pii", "new")):
                self.check_refused("main has a trigger on a key table", sql)
            self.plain().execute("DROP TRIGGER evil")
        self.check_works_again()

    def test_an_index_that_is_not_ours_is_refused(self):
        for table, column in zip(KEY_TABLES, ("key_id", "key_id", "name")):
            self.plain().execute("CREATE INDEX evil ON %s(%s) WHERE 0"
                                 % (table, column))
            for sql in (ROTATE, DISABLE, CREATE.replace("pii", "new")):
                self.check_refused("or an index that the extension has not",
                                   sql)
            self.plain().execute("DROP INDEX evil")
        self.check_works_again()

    def test_a_temp_trigger_is_refused(self):
        for table in KEY_TABLES:
            self.conn.execute("CREATE TEMP TRIGGER no BEFORE INSERT ON main.%s"
                              " BEGIN SELECT RAISE(IGNORE); END" % table)
            for sql in (ROTATE, DISABLE, CREATE.replace("pii", "new")):
                self.check_refused("or a TEMP one", sql)
            self.conn.execute("DROP TRIGGER no")
        self.check_works_again()

    def test_inside_create_table_it_may_not_be_a_trigger(self):
        """sqlite_schema has a row without a type then."""
        self.check_refused("or this is part of CREATE TABLE ... AS",
                           "CREATE TABLE z AS " + ROTATE)
        self.check_works_again()

    def test_count_changes(self):
        """A PRAGMA that makes each INSERT, UPDATE and DELETE return a row."""
        self.conn.execute("PRAGMA count_changes = 1")
        self.one(self.conn, "SELECT envelope_key_create('new')")
        self.one(self.conn, "SELECT envelope_key_create('new/*')")
        self.one(self.conn, "SELECT envelope_key_create('new/1')")
        self.conn.execute("CREATE TABLE t(c)")
        self.conn.execute("INSERT INTO t SELECT envelope_seal(1, 'new/2')"
                          ).fetchall()
        self.one(self.conn, "SELECT envelope_key_set_policy('pii',"
                            " 'min_version', 1)")
        self.one(self.conn, "SELECT envelope_key_rewrap('pii')")
        for name in ("new/2", "new"):
            self.one(self.conn, "SELECT envelope_key_set_state(?,"
                                " 'disabled')", name)
            self.one(self.conn, "SELECT envelope_key_destroy(?1, ?1)", name)
        self.check_works_again()

    def test_a_trigger_is_seen_by_those_who_cannot_read_of_it(self):
        self.plain().execute("CREATE TRIGGER evil BEFORE DELETE ON"
                             " envelope_key_wrap BEGIN SELECT 1; END")
        for column in ("type", "tbl_name"):
            self.conn.set_authorizer(
                lambda action, first, second, schema, trigger:
                sqlite3.SQLITE_IGNORE if second == column else
                sqlite3.SQLITE_OK)
            self.error(self.conn, DISABLE)
            self.conn.set_authorizer(None)
            self.assertEqual(ACTIVE_1, self.keys(self.conn))
        self.plain().execute("DROP TRIGGER evil")
        self.check_works_again()

    def ignoring(self, *ignored):
        def authorize(action, first, second, schema, trigger):
            if (action, first) in ignored or action in ignored:
                return sqlite3.SQLITE_IGNORE
            return sqlite3.SQLITE_OK

        self.conn.set_authorizer(authorize)

    def test_an_ignored_update_is_an_error(self):
        self.ignoring((sqlite3.SQLITE_UPDATE, "envelope_key"))
        self.check_refused("is not there", DISABLE)
        self.conn.set_authorizer(None)
        self.check_works_again()

    def test_an_ignored_insert_is_an_error(self):
        self.ignoring((sqlite3.SQLITE_INSERT, "envelope_key_wrap"))
        self.check_refused("is not there", ROTATE)
        self.conn.set_authorizer(None)
        self.check_works_again()

    def test_ignored_savepoints_are_an_error(self):
        for ignored in ((sqlite3.SQLITE_SAVEPOINT,),
                        (sqlite3.SQLITE_SAVEPOINT, sqlite3.SQLITE_TRANSACTION),
                        *(((sqlite3.SQLITE_SAVEPOINT, operation),) for
                          operation in ("BEGIN", "ROLLBACK", "RELEASE"))):
            self.ignoring(*ignored)
            self.check_refused("ignores savepoints", ROTATE)
            self.conn.set_authorizer(None)
        self.check_works_again()

    def test_ignored_savepoints_in_a_transaction_are_an_error(self):
        """Else a change that fails half way could not be taken back."""
        for operation in ("BEGIN", "ROLLBACK"):
            self.conn.execute("BEGIN")
            self.ignoring((sqlite3.SQLITE_SAVEPOINT, operation))
            self.refuses("ignores savepoints", self.conn, ROTATE)
            self.conn.set_authorizer(None)
            self.conn.execute("COMMIT")
            self.assertEqual(ACTIVE_1, self.keys(self.conn))
        self.check_works_again()

    def test_an_ignored_rollback_leaves_nothing_behind(self):
        """The manifest cannot be written, and ROLLBACK does nothing."""
        self.conn.set_authorizer(
            lambda action, first, *args:
            sqlite3.SQLITE_IGNORE if action == sqlite3.SQLITE_TRANSACTION else
            sqlite3.SQLITE_DENY if (action, first) == (
                sqlite3.SQLITE_UPDATE, "envelope_key_manifest")
            else sqlite3.SQLITE_OK)
        self.error(self.conn, ROTATE)
        self.conn.set_authorizer(None)
        self.assertFalse(self.conn.in_transaction)
        self.assertEqual(ACTIVE_1, self.keys(self.conn))
        self.check_works_again()

    def test_an_authorizer_that_is_gone_is_forgotten(self):
        """What it ignored is compiled into statements; they are not kept."""
        self.ignoring((sqlite3.SQLITE_READ, "envelope_key"),
                      (sqlite3.SQLITE_READ, "sqlite_master"))
        self.error(self.conn, "SELECT envelope_seal(1, 'pii')")
        self.error(self.conn, "SELECT envelope_open(?)", self.blob)
        self.conn.set_authorizer(None)
        self.assertEqual(CANARY, self.open(self.conn, self.blob))
        self.check_works_again()


class Interrupted(SqlTest):
    """An interrupt while another connection holds the lock."""

    def setUp(self):
        super().setUp()
        self.holder = self.with_key()
        self.blob = self.seal(self.holder)
        self.holder.execute("CREATE TABLE t(x)")
        self.conn = self.connect(timeout=0.6)
        self.one(self.conn, "SELECT envelope_key_open('pii')")

    def interrupt_soon(self):
        def work():
            time.sleep(0.2)
            self.conn.interrupt()

        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join)

    def check_usable(self):
        """Nothing is open behind the application's back: what is written
        now is there for everybody."""
        self.assertFalse(self.conn.in_transaction)
        self.holder.execute("ROLLBACK")
        self.conn.execute("INSERT INTO t VALUES(7)")
        self.assertEqual(7, self.one(self.plain(), "SELECT x FROM t"))
        self.assertEqual(ACTIVE_1, self.keys(self.connect()))
        self.one(self.conn, ROTATE)
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_of_a_rotation(self):
        self.holder.execute("BEGIN IMMEDIATE")
        self.interrupt_soon()
        self.error(self.conn, ROTATE)
        self.check_usable()

    def test_of_a_state_change(self):
        self.holder.execute("BEGIN IMMEDIATE")
        self.interrupt_soon()
        self.error(self.conn, DISABLE)
        self.check_usable()

    def test_of_a_create(self):
        self.holder.execute("BEGIN IMMEDIATE")
        self.interrupt_soon()
        self.error(self.conn, CREATE.replace("pii", "new"))
        self.check_usable()


class ManyDatabases(SqlTest):
    def test_changes_in_four_databases_in_turn(self):
        """More statements than are kept, lent all at once."""
        conn = self.connect()
        names = ["main"]
        for name in ("one", "two", "three"):
            conn.execute("ATTACH ? AS " + name, (self.file(name + ".db"),))
            names.append(name)
        blobs = []
        for name in names:
            self.one(conn, "SELECT envelope_key_create(?,"
                           " 'keyring:app.keyring')", name + ":k" + name)
        for i in range(scaled(12, 3)):
            for name in names:
                key = name + ":k" + name
                self.one(conn, "SELECT envelope_key_rotate(?)", key)
                blobs.append((i, self.seal(conn, i, key)))
                for state in ("disabled", "active"):
                    self.one(conn, "SELECT envelope_key_set_state(?, ?)",
                             key, state)
        for value, blob in blobs:
            self.assertEqual(value, self.open(conn, blob))
        conn.close()  # every statement was finalized, or this fails

    def test_a_change_in_an_attached_database_leaves_main_alone(self):
        conn = self.connect(timeout=0)
        conn.execute("ATTACH ? AS aux", (self.file("aux.db"),))
        self.one(conn, "SELECT envelope_key_create('aux:pii')")
        self.plain().execute("CREATE TABLE t(x)")
        self.plain().execute("BEGIN IMMEDIATE")
        self.one(conn, "SELECT envelope_key_rotate('aux:pii')")
        self.one(conn, "SELECT envelope_key_set_state('aux:pii', 'disabled')")
        self.assertEqual([(1, "disabled"), (2, "disabled")],
                         self.keys(conn, "version, state"))

    def test_a_read_only_main_database_allows_keys_in_another(self):
        self.plain().execute("CREATE TABLE t(x)")
        conn = self.connect("file:%s?mode=ro" % self.path, uri=True)
        conn.execute("ATTACH ? AS aux",
                     ("file:%s?mode=rwc" % self.file("aux.db"),))
        self.one(conn, "SELECT envelope_key_create('aux:pii')")
        self.one(conn, "SELECT envelope_key_rotate('aux:pii')")
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))


class Rollback(SqlTest):
    """A statement that runs across a rollback, where our table cannot be told
    of it."""

    def check(self, conn, name):
        self.one(conn, "SELECT envelope_key_create(?)", name)
        conn.execute("BEGIN")
        conn.execute("SAVEPOINT s")
        self.one(conn, "SELECT envelope_key_rotate(?)", name)
        rows = conn.execute("SELECT envelope_seal(value, ?)"
                            " FROM json_each('[1, 2, 3, 4, 5]')", (name,))
        gone = rows.fetchone()[0]
        conn.execute("ROLLBACK TO s")
        last = rows.fetchall()[-1][0]
        self.assertEqual(5, self.open(conn, last))
        self.refuses_open("key unavailable", conn, gone)
        conn.execute("COMMIT")
        self.assertEqual(5, self.open(conn, last))

    def test_in_main(self):
        self.check(self.connect(), "pii")

    def test_in_an_attached_database(self):
        conn = self.connect()
        conn.execute("ATTACH ? AS aux", (self.file("aux.db"),))
        self.check(conn, "aux:pii")

    def test_beside_a_user_s_table_named_envelope_keys(self):
        conn = self.connect()
        conn.execute("CREATE TABLE envelope_keys(x)")
        self.check(conn, "pii")

    def test_of_the_whole_transaction_in_the_middle_of_a_statement(self):
        conn = self.with_key()
        conn.execute("BEGIN")
        self.one(conn, ROTATE)
        rows = conn.execute("SELECT envelope_seal(value, 'pii')"
                            " FROM json_each('[1, 2, 3, 4, 5]')")
        rows.fetchone()
        conn.execute("ROLLBACK")
        last = rows.fetchall()[-1][0]
        self.assertEqual(5, self.open(self.connect(), last))


class Shadows(SqlTest):
    """Names in a file that stand in for others."""

    def test_a_view_named_pragma_database_list_hides_no_database(self):
        blob = self.seal(self.with_key())
        self.plain(self.file("evil.db")).execute(
            "CREATE VIEW pragma_database_list AS"
            " SELECT 2 AS seq, 'evil' AS name, '' AS file")
        conn = self.connect()
        conn.execute("ATTACH ? AS evil", (self.file("evil.db"),))
        self.assertEqual(CANARY, self.open(conn, blob))
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_a_table_that_compares_names_loosely_gives_no_other_key(self):
        conn = self.with_key("PII")
        conn.close()
        plain = self.plain()
        plain.execute("PRAGMA writable_schema = on")
        plain.execute("UPDATE sqlite_schema SET sql = replace(sql,"
                      " 'name       TEXT    NOT NULL PRIMARY KEY',"
                      " 'name TEXT NOT NULL COLLATE nocase PRIMARY KEY')"
                      " WHERE name = 'envelope_key_manifest'")
        plain.close()
        plain = self.plain()
        plain.execute("REINDEX")
        self.assertEqual(1, self.one(
            plain, "SELECT count(*) FROM envelope_key_manifest"
            " WHERE name = 'pii'"))
        self.refuses_seal("altered", self.connect())


class Deserialized(SqlTest):
    def test_keys_work_after_the_database_was_replaced(self):
        """SQLite 3.40's eponymous tables do not outlive it; ours is not
        touched by any function."""
        conn = self.with_key()
        blob = self.seal(conn)
        image = conn.serialize()
        memory = self.connect(":memory:")
        self.error(memory, "SELECT envelope_seal(1, 'pii')")
        for _ in range(2):
            memory.deserialize(image)
            self.error(memory, "SELECT envelope_open(?)", blob[:70])
            # its keyring is beside a file that this database has not
            self.error(memory, "SELECT envelope_open(?)", blob)
        memory.close()

    def test_keys_of_a_deserialized_database_are_used_and_changed(self):
        ring = "keyring:" + self.file("app.keyring")
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", ring)
        blob = self.seal(conn)
        image = conn.serialize()
        memory = self.connect(":memory:")
        for _ in range(2):
            memory.deserialize(image)
            self.assertEqual(CANARY, self.open(memory, blob))
            self.one(memory, ROTATE)
            self.assertEqual(CANARY, self.open(memory, self.seal(memory)))
        memory.close()


class SameKeyTwice(SqlTest):
    """A copy of the file is attached: each has its own state of the key."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)
        shutil.copy(self.path, self.file("copy.db"))
        self.conn.execute("ATTACH ? AS copy", (self.file("copy.db"),))

    def set_state(self, name, state):
        self.one(self.conn, "SELECT envelope_key_set_state(?, ?)", name, state)

    def test_main_decides_whether_it_opens(self):
        self.set_state("copy:pii", "disabled")
        for _ in range(2):
            self.assertEqual(CANARY, self.open(self.conn, self.blob))
            self.refuses_seal("disabled", self.conn, "copy:pii")
            self.assertEqual(CANARY, self.open(
                self.conn, self.seal(self.conn, CANARY, "main:pii")))

    def test_main_decides_whether_it_opens_whatever_came_before(self):
        self.set_state("main:pii", "disabled")
        for _ in range(2):
            self.refuses_open("disabled", self.conn, self.blob)
            copy = self.seal(self.conn, CANARY, "copy:pii")
            self.assertEqual(self.blob[KEY_ID], copy[KEY_ID])
            self.refuses_seal("disabled", self.conn, "main:pii")

    def test_within_one_statement(self):
        self.set_state("copy:pii", "disabled")
        sql = ("SELECT envelope_blind_index(1, 'main:pii', 's') IS NOT NULL,"
               " envelope_open(?)")
        self.assertEqual([(1, CANARY)],
                         self.conn.execute(sql, (self.blob,)).fetchall())


class UsedMeanwhile(SqlTest):
    def test_an_index_on_the_key_tables_runs_nothing_meanwhile(self):
        """It would be at the keys that a rotation is at."""
        conn = self.with_key()
        blob = self.seal(conn)
        called = []

        def spy(state):
            called.append(state)
            return state

        conn.create_function("spy", 1, spy, deterministic=True)
        conn.execute("CREATE INDEX i ON envelope_key(spy(state))")
        self.assertEqual(["active"], called)
        self.refuses("or an index that the extension has not", conn, ROTATE)
        self.assertEqual(["active"], called)
        conn.execute("DROP INDEX i")
        self.one(conn, ROTATE)
        self.assertEqual(CANARY, self.open(conn, blob))



if __name__ == "__main__":
    unittest.main()
