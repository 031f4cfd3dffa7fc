# SPDX-License-Identifier: MIT
"""Keys are as transactional as rows (rule 1)."""

import sqlite3
import threading
import unittest

from support import CANARY, KEY_ID, UNAVAILABLE, SqlTest, scaled

CREATE = "SELECT envelope_key_create('pii')"
ROTATE = "SELECT envelope_key_rotate('pii')"
DISABLE = "SELECT envelope_key_set_state('pii', 'disabled')"
ACTIVE_1 = [("pii", 1, "active", 1)]


class RolledBack(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.connect()

    def run_all(self, *statements):
        for sql in statements:
            self.conn.execute(sql).fetchall()

    def check_no_key(self, blob):
        self.refuses_seal("no key of that name here", self.conn)
        self.refuses_open(UNAVAILABLE, self.conn, blob)
        self.assertEqual([], self.keys(self.conn))

    def check_version_1(self, first, blob):
        """Version 2, which sealed blob, is gone."""
        self.assertEqual(first, self.seal(self.conn)[KEY_ID])
        self.refuses_open(UNAVAILABLE, self.conn, blob)
        self.assertEqual(ACTIVE_1, self.keys(self.conn))

    def test_rollback_takes_a_created_key_back(self):
        self.run_all("BEGIN", CREATE)
        blob = self.seal(self.conn)
        self.run_all("ROLLBACK")
        self.check_no_key(blob)

    def test_its_kek_does_not_stay_loaded(self):
        loaded = "SELECT value FROM envelope_stats WHERE name = 'cache_keys'"
        self.run_all("SELECT envelope_key_create('other')", "BEGIN", CREATE)
        self.assertEqual(2, self.one(self.conn, loaded))
        self.run_all("ROLLBACK", "SELECT envelope_seal(1, 'other')")
        self.assertEqual(1, self.one(self.conn, loaded))

    def test_a_committed_one_stays_loaded(self):
        self.run_all("BEGIN", CREATE, "COMMIT")
        self.conn.execute("SELECT envelope_config('cmks', 'keyring:none')")
        self.assertEqual(CANARY, self.open(self.conn, self.seal(self.conn)))

    def test_a_key_created_again_is_another_one(self):
        self.run_all("BEGIN", CREATE)
        blob = self.seal(self.conn)
        self.run_all("ROLLBACK", CREATE)
        self.assertNotEqual(blob[KEY_ID], self.seal(self.conn)[KEY_ID])
        self.refuses_open(UNAVAILABLE, self.conn, blob)

    def test_rollback_to_takes_a_created_key_back(self):
        self.run_all("BEGIN", "SAVEPOINT s", CREATE)
        blob = self.seal(self.conn)
        self.run_all("ROLLBACK TO s")
        self.check_no_key(blob)
        self.run_all("COMMIT")
        self.check_no_key(blob)

    def test_rollback_to_an_outer_savepoint_takes_it_back(self):
        self.run_all("SAVEPOINT a", "SAVEPOINT b", CREATE, "RELEASE b")
        blob = self.seal(self.conn)
        self.run_all("ROLLBACK TO a", "RELEASE a")
        self.check_no_key(blob)

    def test_our_savepoint_name_can_be_the_application_s_too(self):
        self.run_all("SAVEPOINT envelope_key", CREATE)
        blob = self.seal(self.conn)
        self.run_all("ROLLBACK TO envelope_key", "RELEASE envelope_key")
        self.check_no_key(blob)

    def test_a_failed_create_leaves_the_application_s_savepoint(self):
        self.run_all(CREATE, "CREATE TABLE t(x)", "SAVEPOINT s",
                     "INSERT INTO t VALUES(1)")
        self.refuses("exists", self.conn, CREATE)
        self.run_all("INSERT INTO t VALUES(2)", "RELEASE s")
        self.assertEqual(2, self.one(self.conn, "SELECT count(*) FROM t"))

    def test_commit_keeps_a_created_key(self):
        self.run_all("BEGIN", CREATE)
        blob = self.seal(self.conn)
        self.run_all("COMMIT")
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_rollback_takes_a_rotation_back(self):
        self.run_all(CREATE)
        first = self.seal(self.conn)[KEY_ID]
        self.run_all("BEGIN", ROTATE)
        blob = self.seal(self.conn)
        self.assertNotEqual(first, blob[KEY_ID])
        self.run_all("ROLLBACK")
        self.check_version_1(first, blob)

    def test_rollback_to_takes_a_rotation_back(self):
        self.run_all(CREATE)
        first = self.seal(self.conn)[KEY_ID]
        self.run_all("BEGIN", "SAVEPOINT s", ROTATE)
        blob = self.seal(self.conn)
        self.run_all("ROLLBACK TO s")
        self.check_version_1(first, blob)
        self.run_all("COMMIT")
        self.check_version_1(first, blob)

    def test_a_second_rotation_after_rollback(self):
        self.run_all(CREATE, "BEGIN", ROTATE, "ROLLBACK", ROTATE)
        self.assertEqual([("pii", 1, "decrypt-only", 0),
                          ("pii", 2, "active", 1)], self.keys(self.conn))
        blob = self.seal(self.conn)
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_rollback_takes_a_state_back(self):
        self.run_all(CREATE)
        blob = self.seal(self.conn)
        self.run_all("BEGIN", DISABLE)
        self.refuses_open("disabled", self.conn, blob)
        self.run_all("ROLLBACK")
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_rollback_brings_a_disabled_state_back(self):
        self.run_all(CREATE)
        blob = self.seal(self.conn)
        self.run_all(DISABLE, "BEGIN",
                     "SELECT envelope_key_set_state('pii', 'active')")
        self.assertEqual(CANARY, self.open(self.conn, blob))
        self.run_all("ROLLBACK")
        self.refuses_open("disabled", self.conn, blob)

    def test_a_row_sealed_in_a_rolled_back_rotation_is_not_kept(self):
        """The case of rule 1: no row may be left under a key that is gone."""
        self.run_all(CREATE, "CREATE TABLE t(c)", "BEGIN", "SAVEPOINT s",
                     ROTATE, "ROLLBACK TO s",
                     "INSERT INTO t SELECT envelope_seal(1, 'pii')", "COMMIT")
        sql = "SELECT envelope_open(c) FROM t"
        self.assertEqual(1, self.one(self.connect(), sql))

    def test_an_aborted_insert_keeps_neither_rows_nor_confusion(self):
        self.run_all(CREATE, "CREATE TABLE s(i)", "CREATE TABLE t(i UNIQUE,"
                     " c)", "INSERT INTO s VALUES(1), (2), (2)")
        sql = "INSERT INTO t SELECT i, envelope_seal(i, 'pii') FROM s"
        self.refuses("UNIQUE constraint failed", self.conn, sql)
        self.assertEqual(0, self.one(self.conn, "SELECT count(*) FROM t"))
        self.run_all(sql + " WHERE i = 1")
        self.assertEqual(1, self.one(self.conn,
                                     "SELECT envelope_open(c) FROM t"))

    def test_an_aborted_insert_after_a_rotation_in_the_transaction(self):
        self.run_all(CREATE, "CREATE TABLE t(i UNIQUE, c)", "BEGIN", ROTATE)
        sql = ("INSERT INTO t SELECT value, envelope_seal(value, 'pii')"
               " FROM json_each('[1, 2, 2]')")
        self.refuses("UNIQUE constraint failed", self.conn, sql)
        self.run_all(sql.replace(", 2, 2", ""), "COMMIT")
        sql = "SELECT envelope_open(c) FROM t"
        self.assertEqual(1, self.one(self.connect(), sql))

    def test_a_statement_that_runs_across_rollback_to(self):
        """A cursor must not go on under a version that was taken back."""
        self.run_all(CREATE, "BEGIN", "SAVEPOINT s", ROTATE)
        rows = self.conn.execute("SELECT envelope_seal(value, 'pii')"
                                 " FROM json_each('[1, 2, 3, 4, 5]')")
        rows.fetchone()
        self.run_all("ROLLBACK TO s")
        try:
            blob = rows.fetchall()[-1][0]
        except sqlite3.Error:
            return  # refusing is as good
        self.assertEqual(5, self.open(self.conn, blob))

    def test_an_implicit_transaction_takes_a_key_back(self):
        """Python's sqlite3 leaves a transaction open after DML."""
        conn = self.connect(isolation_level="")
        conn.execute("CREATE TABLE t(x)")
        conn.execute("INSERT INTO t VALUES(1)")
        self.assertTrue(conn.in_transaction)
        conn.execute(CREATE).fetchall()
        conn.rollback()
        self.refuses_seal("no key of that name here", conn)


class Replaced(SqlTest):
    """Another database comes into the place of the one that is open."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)
        self.other = self.with_key(path=self.file("other.db"))
        self.foreign = self.seal(self.other, "foreign")

    def check(self):
        """No key of the old database seals or opens, though it is known."""
        self.refuses_open(UNAVAILABLE, self.conn, self.blob)
        self.assertEqual("foreign", self.open(self.other, self.foreign))
        blob = self.seal(self.conn)
        self.assertEqual(CANARY, self.open(self.other, blob))
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_by_a_backup_into_it(self):
        self.other.backup(self.conn)
        self.check()

    def test_by_deserialize(self):
        """The connection has no file then: the keyring is named in full."""
        self.conn = self.connect(":memory:")
        uri = "keyring:" + self.file("own.keyring")
        self.one(self.conn, "SELECT envelope_key_create('pii', ?)", uri)
        self.blob = self.seal(self.conn)
        self.other = self.connect(self.file("third.db"))
        uri = "keyring:" + self.file("third.keyring")
        self.one(self.other, "SELECT envelope_key_create('pii', ?)", uri)
        self.foreign = self.seal(self.other, "foreign")
        self.conn.deserialize(self.other.serialize())
        self.check()


class InsideDml(SqlTest):
    """Keys are not changed inside a statement that writes."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("CREATE TABLE t(x)")
        self.conn.execute("INSERT INTO t VALUES(1), (2)")

    def check(self, call):
        for sql in ("UPDATE t SET x = ", "INSERT INTO t SELECT ",
                    "DELETE FROM t WHERE x = "):
            text = self.refuses("inside an INSERT, UPDATE or DELETE",
                                self.conn, sql + call)
            self.assertIn("SELECT", text)
        rows = self.conn.execute("SELECT x FROM t").fetchall()
        self.assertEqual([(1,), (2,)], rows)
        self.assertEqual(ACTIVE_1, self.keys(self.conn))
        self.assertFalse(self.conn.in_transaction)

    def test_create(self):
        self.check("envelope_key_create('new')")

    def test_rotate(self):
        self.check("envelope_key_rotate('pii')")

    def test_set_state(self):
        self.check("envelope_key_set_state('pii', 'disabled')")

    def test_create_for_each_row_of_a_table(self):
        """In a SELECT over a table (rule 16): whole, or refused."""
        sql = "SELECT envelope_key_create('new' || x) FROM t"
        try:
            self.conn.execute(sql).fetchall()
            expect = ["new1", "new2", "pii"]
        except sqlite3.Error:
            expect = ["pii"]
        self.assertEqual([(n,) for n in expect],
                         self.keys(self.conn, "name"))
        self.assertFalse(self.conn.in_transaction)

    def test_the_first_create_over_a_table(self):
        """As above, and the key tables are made in it."""
        conn = self.connect(self.file("other.db"))
        conn.execute("CREATE TABLE t AS SELECT 1 AS x UNION SELECT 2")
        sql = "SELECT envelope_key_create('new' || x) FROM t"
        try:
            conn.execute(sql).fetchall()
            expect = ["new1", "new2"]
        except sqlite3.Error:
            expect = []
        self.assertEqual([(n,) for n in expect], self.keys(conn, "name"))
        self.assertFalse(conn.in_transaction)


class Counters(SqlTest):
    """last_insert_rowid() and changes() belong to the application."""

    def setUp(self):
        super().setUp()
        self.conn = self.connect()
        self.conn.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, c)")
        self.conn.execute("INSERT INTO t VALUES(70, 1), (71, 2), (72, 3)")

    def counters(self):
        return self.conn.execute(
            "SELECT last_insert_rowid(), changes(), total_changes()"
        ).fetchone()

    def check(self, sql):
        before = self.counters()
        self.conn.execute(sql).fetchall()
        self.assertEqual(before, self.counters())

    def test_create_keeps_last_insert_rowid(self):
        self.conn.execute(CREATE).fetchall()
        self.assertEqual(72, self.counters()[0])

    def test_rotate_keeps_last_insert_rowid(self):
        self.conn.execute(CREATE).fetchall()
        self.conn.execute(ROTATE).fetchall()
        self.assertEqual(72, self.counters()[0])

    def test_warming_up_keeps_all_counters(self):
        self.conn.execute(CREATE).fetchall()
        self.conn = self.connect()
        self.conn.execute("INSERT INTO t VALUES(80, 1), (81, 2)")
        self.check("SELECT envelope_key_open('pii')")

    def test_sealing_and_opening_keep_all_counters(self):
        self.conn.execute(CREATE).fetchall()
        self.conn = self.connect()
        self.conn.execute("INSERT INTO t VALUES(80, 1), (81, 2)")
        self.check("SELECT envelope_open(envelope_seal(id, 'pii')) FROM t")

    def test_a_bulk_seal_counts_its_own_rows(self):
        self.conn.execute(CREATE).fetchall()
        self.conn = self.connect()
        total = self.counters()[2]
        self.conn.execute("UPDATE t SET c = envelope_seal(c, 'pii')")
        self.assertEqual(3, self.counters()[1])
        self.assertEqual(total + 3, self.counters()[2])


class Concurrent(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)

    def rotate_together(self, count=2):
        """Rotates in threads that start together; returns their errors."""
        barrier = threading.Barrier(count)
        errors = []

        def work():
            conn = self.connect(timeout=30)
            try:
                self.open(conn, self.blob)
                barrier.wait()
                conn.execute(ROTATE).fetchall()
                if self.open(conn, self.seal(conn)) != CANARY:
                    errors.append("opened another value")
            except sqlite3.Error as error:
                errors.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    def check_rotations(self):
        rounds = scaled(10, 2)
        for _ in range(rounds):
            self.assertEqual([], self.rotate_together())
        versions = self.keys(self.conn, "version, current")
        last = 2 * rounds + 1
        self.assertEqual([(v, int(v == last)) for v in range(1, last + 1)],
                         versions)
        conn = self.connect()
        self.assertEqual(CANARY, self.open(conn, self.blob))
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_two_rotations_at_once_give_versions_2_and_3(self):
        self.assertEqual([], self.rotate_together())
        self.assertEqual([("pii", 1, "decrypt-only", 0),
                          ("pii", 2, "decrypt-only", 0),
                          ("pii", 3, "active", 1)], self.keys(self.conn))

    def test_many_rotations_at_once(self):
        self.check_rotations()

    def test_many_rotations_at_once_in_wal_mode(self):
        self.conn.execute("PRAGMA journal_mode = wal")
        self.check_rotations()

    def test_two_creates_of_a_name_at_once_make_one_key(self):
        barrier = threading.Barrier(2)
        answers = []

        def work():
            conn = self.connect(timeout=30)
            barrier.wait()
            try:
                sql = "SELECT envelope_key_create('new')"
                answers.append(self.one(conn, sql))
            except sqlite3.Error as error:
                answers.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failed = [a for a in answers if "exists" in a]
        self.assertEqual(1, len(failed), answers)
        self.assertEqual(CANARY, self.open(self.conn, self.seal(
            self.conn, CANARY, "new")))

    def check_locked(self, sql, conn):
        self.refuses("database is locked", conn, sql)
        self.assertFalse(conn.in_transaction)

    def check_nothing_done(self, conn):
        self.assertEqual(ACTIVE_1, self.keys(self.conn))
        for sql in (ROTATE, "SELECT envelope_key_create('new')"):
            conn.execute(sql).fetchall()
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))
        self.assertEqual(3, len(self.keys(self.connect())))

    def check_against(self, sql, hold, free):
        conn = self.connect(timeout=0)
        holder = self.connect()
        rows = holder.execute(hold)
        rows.fetchone()
        self.check_locked(sql, conn)
        rows.close()
        if free:
            holder.execute(free)
        self.check_nothing_done(conn)

    def test_rotate_against_a_write_lock(self):
        self.check_against(ROTATE, "BEGIN IMMEDIATE", "ROLLBACK")

    def test_create_against_a_write_lock(self):
        self.check_against("SELECT envelope_key_create('new')",
                           "BEGIN IMMEDIATE", "ROLLBACK")

    def test_set_state_against_a_write_lock(self):
        self.check_against(DISABLE, "BEGIN IMMEDIATE", "ROLLBACK")

    def test_rotate_against_a_reader(self):
        """In rollback mode a reader keeps the commit itself from passing."""
        self.conn.execute("CREATE TABLE n AS VALUES(1), (2), (3)")
        self.check_against(ROTATE, "SELECT * FROM n", None)

    def test_create_against_a_reader(self):
        self.conn.execute("CREATE TABLE n AS VALUES(1), (2), (3)")
        self.check_against("SELECT envelope_key_create('new')",
                           "SELECT * FROM n", None)

    def test_rotate_on_a_stale_snapshot_fails_and_half_does_nothing(self):
        self.conn.execute("PRAGMA journal_mode = wal")
        self.conn.execute("CREATE TABLE n(x)")
        conn = self.connect(timeout=0)
        conn.execute("BEGIN")
        conn.execute("SELECT * FROM n").fetchall()
        self.conn.execute("INSERT INTO n VALUES(1)")
        self.refuses("locked", conn, ROTATE)
        conn.execute("ROLLBACK")
        self.check_nothing_done(conn)

    def test_sealing_waits_for_nobody_s_write_lock_in_wal_mode(self):
        self.conn.execute("PRAGMA journal_mode = wal")
        conn = self.connect(timeout=0)
        self.conn.execute("BEGIN IMMEDIATE")
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))


if __name__ == "__main__":
    unittest.main()
