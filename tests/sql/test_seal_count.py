# SPDX-License-Identifier: MIT
"""rotate_seals: seals are counted, never too few, and refused at twice N."""

import os
import sqlite3
import threading
import unittest

from support import CANARY, KEY_ID, SqlTest

SET = "SELECT envelope_key_set_policy('pii', 'rotate_seals', ?)"
COUNT = "SELECT reserved FROM envelope_key_seals"
DUE = "SELECT due FROM envelope_keys WHERE name = 'pii' AND current"
TWICE = ("key pii version 1 has sealed twice its rotate_seals, 2, and does"
         " not seal any more; to go on: SELECT envelope_key_rotate('pii')")
ALTERED = "envelope_key_seals was altered"
ROWS = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        " WHERE i < %d) INSERT INTO t SELECT envelope_seal(i, 'pii', i)"
        " FROM n")
MANY = 100000


class CountTest(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("CREATE TABLE t(v)")

    def set(self, value, conn=None):
        return self.one(conn or self.conn, SET, value)

    def count(self, conn=None):
        return self.one(conn or self.conn, COUNT)

    def insert(self, conn=None):
        (conn or self.conn).execute(
            "INSERT INTO t VALUES(envelope_seal('x', 'pii'))")

    def seal_until_refused(self, conn, insert):
        """How many it sealed."""
        for done in range(1000):
            try:
                if insert:
                    self.insert(conn)
                else:
                    self.seal(conn)
            except sqlite3.OperationalError as e:
                self.assertIn("sealed twice", str(e))
                return done
        self.fail("it is never refused")


class Life(CountTest):
    def test_nothing_is_kept_without_the_policy(self):
        self.seal(self.conn)
        self.assertEqual(0, self.one(
            self.conn, "SELECT count(*) FROM sqlite_schema"
            " WHERE name LIKE 'envelope_key_seals'"))
        self.one(self.conn, "SELECT envelope_key_set_policy('pii',"
                 " 'min_version', 1)")
        self.insert()
        self.assertEqual(0, self.one(
            self.conn, "SELECT count(*) FROM envelope_key_seals"))

    def test_it_is_due_at_n_and_refused_at_twice_n(self):
        self.assertEqual(2, self.set(2))
        self.assertEqual(0, self.count())
        self.insert()
        self.assertEqual((1, None), (self.count(), self.one(self.conn, DUE)))
        self.insert()
        self.assertEqual((2, "rotate_seals"),
                         (self.count(), self.one(self.conn, DUE)))
        blob = self.seal(self.conn)
        self.insert()
        for conn in (self.conn, self.connect()):
            self.refuses_seal(TWICE, conn)
            self.refuses(TWICE, conn, "INSERT INTO t"
                         " VALUES(envelope_seal('x', 'pii'))")
            self.assertEqual(CANARY, self.open(conn, blob))
            self.assertEqual(blob, self.one(
                conn, "SELECT envelope_rewrap(?)", blob))
        self.assertEqual(4, self.count())
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.assertEqual((0, None), (self.count(), self.one(self.conn, DUE)))
        self.insert()
        self.assertEqual(1, self.count())

    def test_key_open_rotates_when_it_is_due(self):
        self.set("2")
        before = self.one(self.conn, "SELECT envelope_key_open('pii')")
        self.insert()
        self.insert()
        after = self.one(self.conn, "SELECT envelope_key_open('pii')")
        self.assertNotEqual(before, after)
        self.assertEqual(after, self.one(
            self.conn, "SELECT envelope_key_open('pii')"))
        self.assertEqual(after, self.seal(self.conn)[KEY_ID].hex())

    def test_off_and_on_again(self):
        other = self.connect()
        self.set(MANY)
        for _ in range(6):
            self.seal(other)  # has one more that was counted
        self.set("off")
        self.assertEqual(0, self.one(
            self.conn, "SELECT count(*) FROM envelope_key_seals"))
        self.insert()
        self.set(MANY)
        self.assertEqual(0, self.count())
        self.seal(other)
        self.assertEqual(1, self.count())

    def test_another_number_keeps_the_count(self):
        self.set(MANY)
        for _ in range(4):
            self.insert()
        self.set(3)
        self.assertEqual((4, "rotate_seals"),
                         (self.count(), self.one(self.conn, DUE)))
        self.set(2)
        self.refuses_seal(TWICE, self.conn)
        self.set(3)
        self.seal(self.conn)

    def test_what_is_no_number(self):
        for value in (0, -1, "", "1.5", "ten", 1.0, None, "1000000000000000001",
                      "99999999999999999999"):
            self.refuses("rotate_seals is a number" if value not in (1.0, None)
                         else "must be TEXT", self.conn, SET, value)
        self.set(10**18)
        self.insert()

    def test_a_key_of_an_attached_database(self):
        aux = self.with_key("pay", self.file("aux.db"))
        aux.close()
        self.conn.execute("ATTACH ? AS aux", (self.file("aux.db"),))
        self.one(self.conn, "SELECT envelope_key_set_policy('aux:pay',"
                 " 'rotate_seals', 1)")
        self.seal(self.conn, "x", "aux:pay")
        self.conn.execute("INSERT INTO t VALUES(envelope_seal(1, 'pay'))")
        self.assertEqual(2, self.one(
            self.conn, "SELECT reserved FROM aux.envelope_key_seals"))
        self.refuses("SELECT envelope_key_rotate('aux:pay')", self.conn,
                     "SELECT envelope_seal(1, 'pay')")


class Counted(CountTest):
    def check(self, sealed, conn=None):
        """Never too few, and at most twice as many."""
        count = self.count(conn)
        self.assertGreaterEqual(count, sealed)
        self.assertLessEqual(count, 2 * sealed)

    def test_every_row_of_a_statement(self):
        self.set(MANY)
        total = 0
        for rows in (1, 2, 3, 1000, 10000):
            before = self.count()
            self.conn.execute(ROWS % rows)
            total += rows
            self.check(total)
            self.assertGreaterEqual(self.count() - before, rows)
        self.conn.execute("UPDATE t SET v = envelope_reseal(v, 'pii', rowid)"
                          " WHERE 0")
        self.check(total)

    def test_whatever_seals(self):
        self.set(MANY)
        blob = self.seal(self.conn)
        out = self.one(self.conn, "SELECT envelope_export(?)", blob)
        for sql, counts in (
                ("envelope_seal_indexed('x', 'pii', 's')", 1),
                ("envelope_reseal(?1, 'pii')", 1),
                ("envelope_import(?2, 'pii')", 1),
                ("envelope_seal(NULL, 'pii')", 0),
                ("envelope_open(?1)", 0),
                ("envelope_rewrap(?1)", 0),
                ("envelope_blind_index('x', 'pii', 's')", 0)):
            before = self.count()
            self.conn.execute("INSERT INTO t SELECT %s WHERE ?1 + ?2 IS NOT 0.5"
                              % sql, (blob, out))
            self.assertEqual(before + counts, self.count(), sql)

    def test_a_rewrap_is_no_seal(self):
        self.set(1)
        old = [self.seal(self.conn), self.seal(self.conn)]
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        for blob in old * 3:
            new = self.one(self.conn, "SELECT envelope_rewrap(?)", blob)
            self.assertEqual(CANARY, self.open(self.conn, new))
        self.assertEqual(0, self.count())

    def test_a_subject_is_not_counted(self):
        self.set(1)
        self.one(self.conn, "SELECT envelope_key_create('pii/1')")
        for _ in range(5):
            self.seal(self.conn, "x", "pii/1")
        self.assertEqual(0, self.count())

    def test_with_count_changes(self):
        self.conn.execute("PRAGMA count_changes = ON")
        self.set(MANY)
        self.conn.execute(
            "INSERT INTO t VALUES(envelope_seal('x', 'pii'))").fetchall()
        self.seal(self.conn)
        self.assertEqual(2, self.count())
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.set("off")

    def test_a_trigger_that_seals_is_refused(self):
        """It would count again for what it counts, for ever."""
        self.set(1000)
        for kind, table in (("TEMP ", "main."), ("", "")):
            self.conn.execute(
                "CREATE %sTRIGGER again AFTER UPDATE ON %senvelope_key_seals"
                " BEGIN SELECT abs(1); END" % (kind, table))
            self.refuses_seal("has a trigger on a key table", self.conn)
            self.conn.execute("DROP TRIGGER again")
        self.conn.execute(
            "CREATE TEMP TRIGGER again AFTER UPDATE ON main.envelope_key_seals"
            " BEGIN SELECT envelope_seal('x', 'pii'); END")
        self.refuses_seal("has a trigger on a key table", self.conn)
        self.conn.execute("DROP TRIGGER again")
        self.seal(self.conn)

    def test_an_authorizer_that_goes_away(self):
        self.set(MANY)
        self.conn.set_authorizer(
            lambda action, first, second, schema, trigger:
            sqlite3.SQLITE_IGNORE if (action, first) ==
            (sqlite3.SQLITE_UPDATE, "envelope_key_seals")
            else sqlite3.SQLITE_OK)
        self.refuses_seal("suppresses it", self.conn)
        self.conn.set_authorizer(None)
        self.seal(self.conn)
        self.assertEqual(1, self.count())

    def test_a_select_commits_before_it_seals(self):
        self.set(MANY)
        other = self.plain()
        for sealed in range(1, 40):
            self.seal(self.conn)
            self.check(sealed, other)
        self.assertFalse(self.conn.in_transaction)
        rows = self.conn.execute("SELECT envelope_seal(value, 'pii')"
                                 " FROM json_each('[1,2,3,4,5,6,7,8,9]')")
        for _ in rows:
            sealed += 1
            self.check(sealed, other)

    def test_a_select_while_a_table_is_read(self):
        self.set(MANY)
        self.conn.execute(ROWS % 50)
        other = self.plain()
        start = self.count()
        for done, _ in enumerate(self.conn.execute(
                "SELECT envelope_seal(v, 'pii') FROM t"), 1):
            self.assertGreaterEqual(self.count(other) - start, done)

    def test_a_transaction_that_has_not_written(self):
        self.set(MANY)
        self.conn.execute("BEGIN")
        self.seal(self.conn)
        self.seal(self.conn)
        self.conn.execute("COMMIT")
        self.assertEqual(2, self.count(self.plain()))

    def test_what_was_counted_before_serves_a_statement_that_writes(self):
        self.set(MANY)
        for _ in range(5):
            self.seal(self.conn)
        self.assertEqual(7, self.count())
        self.insert()
        self.insert()
        self.assertEqual(7, self.count())
        self.insert()
        self.assertEqual(8, self.count())


class TakenBack(CountTest):
    def setUp(self):
        super().setUp()
        self.set(MANY)

    def test_a_rollback_takes_the_count_with_the_rows(self):
        self.conn.execute("BEGIN")
        self.conn.execute(ROWS % 10)
        self.conn.execute("ROLLBACK")
        self.assertEqual(0, self.count())
        for sealed in range(1, 4):
            self.insert()
            self.assertEqual(sealed, self.count())

    def test_a_statement_that_fails(self):
        self.conn.execute("CREATE TABLE u(v CHECK(rowid < 6))")
        self.conn.execute("BEGIN")
        self.insert()
        with self.assertRaises(sqlite3.IntegrityError):
            self.conn.execute(ROWS.replace("INTO t", "INTO u") % 10)
        self.insert()
        self.conn.execute("COMMIT")
        self.assertEqual(2, self.count())

    def test_rollback_to_between_two_rows(self):
        """Those that are sealed after it are counted again."""
        self.conn.execute("BEGIN")
        self.insert()
        self.conn.execute("SAVEPOINT s")
        rows = self.conn.execute(
            "SELECT envelope_seal(value, 'pii') FROM"
            " json_each('[1,2,3,4,5,6,7,8,9,10,11,12]')")
        for _ in range(4):
            next(rows)
        self.conn.execute("ROLLBACK TO s")
        self.assertEqual(1, self.count())
        for done in range(1, 7):
            next(rows)
            self.assertGreaterEqual(self.count(), 1 + done)
        rows.close()
        self.conn.execute("COMMIT")

    def test_a_policy_that_is_rolled_back(self):
        conn = self.with_key("a", self.file("a.db"))
        conn.execute("BEGIN")
        self.one(conn, "SELECT envelope_key_set_policy('a', 'rotate_seals', 1)")
        self.seal(conn, "x", "a")
        self.seal(conn, "x", "a")
        self.refuses("sealed twice", conn, "SELECT envelope_seal('x', 'a')")
        conn.execute("ROLLBACK")
        for _ in range(4):
            self.seal(conn, "x", "a")


class Together(CountTest):
    def seal_all(self, insert):
        limit = 40
        self.set(limit // 2)
        done = []
        barrier = threading.Barrier(4)

        def run():
            conn = self.connect(timeout=60)
            self.one(conn, "SELECT envelope_blind_index('x', 'pii', 's')")
            barrier.wait()
            done.append(self.seal_until_refused(conn, insert))
            conn.close()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(4, len(done))
        self.assertEqual(limit, self.count())
        return sum(done), limit

    def test_connections_that_write_seal_twice_n(self):
        sealed, limit = self.seal_all(True)
        self.assertEqual(limit, sealed)
        self.assertEqual(limit, self.one(self.conn, "SELECT count(*) FROM t"))

    def test_connections_that_select_do_not_exceed_it(self):
        for mode in ("delete", "wal"):
            self.conn.execute("PRAGMA journal_mode = %s" % mode)
            self.set("off")
            sealed, limit = self.seal_all(False)
            self.assertLessEqual(sealed, limit)
            self.assertGreaterEqual(sealed, limit // 2)

    def test_a_forked_child_has_nothing_of_the_parents(self):
        self.set(MANY)
        for _ in range(5):
            self.seal(self.conn)  # two of seven are left
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                self.seal(self.conn)
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        self.assertEqual(8, self.count())
        self.seal(self.conn)
        self.seal(self.conn)
        self.assertEqual(8, self.count())

    def test_a_snapshot_that_is_too_old(self):
        self.conn.execute("PRAGMA journal_mode = wal")
        self.conn.execute(ROWS % 3)
        self.set(MANY)
        self.conn.execute("BEGIN")
        self.conn.execute("SELECT count(*) FROM t").fetchone()
        other = self.connect()
        self.insert(other)
        self.refuses("key pii has rotate_seals, so sealing writes to main: could"
                     " not count a seal: database is locked; begin with BEGIN"
                     " IMMEDIATE", self.conn,
                     "SELECT envelope_seal('x', 'pii')")
        self.conn.execute("ROLLBACK")
        self.seal(self.conn)

    def test_a_database_that_is_only_read(self):
        self.set(MANY)
        conn = self.connect("file:%s?mode=ro" % self.file("app.db"), uri=True)
        self.refuses("key pii has rotate_seals, so sealing writes to main: could"
                     " not count a seal: attempt to write a readonly", conn,
                     "SELECT envelope_seal('x', 'pii')")


class Edited(CountTest):
    """The attacker who writes the database."""

    def setUp(self):
        super().setUp()
        self.set(MANY)
        for _ in range(5):
            self.insert()
        self.blob = self.one(self.conn, "SELECT v FROM t WHERE rowid = 1")

    def edit(self, sql):
        conn = self.plain()
        conn.execute(sql)
        conn.commit()
        conn.close()

    def check_refused(self, conn):
        text = self.refuses_seal("altered", conn)
        self.assertIn("envelope_key_seals", text)
        self.refuses("altered", conn, "SELECT envelope_key_open('pii')")
        self.assertEqual("x", self.open(conn, self.blob))

    def test_an_edited_row(self):
        for sql in ("UPDATE envelope_key_seals SET reserved = 1",
                    "UPDATE envelope_key_seals SET reserved = 5, nonce ="
                    " zeroblob(16)",
                    "UPDATE envelope_key_seals SET tag = zeroblob(32)",
                    "UPDATE envelope_key_seals SET reserved = 'x'",
                    "UPDATE envelope_key_seals SET key_id = zeroblob(8)"):
            with self.subTest(sql):
                kept = self.conn.execute(
                    "SELECT * FROM envelope_key_seals").fetchone()
                self.edit(sql)
                for conn in (self.conn, self.connect()):
                    self.check_refused(conn)
                self.refuses("altered", self.conn, SET, MANY + 1)
                self.edit("DELETE FROM envelope_key_seals")
                self.check_refused(self.conn)
                self.plain().execute("INSERT INTO envelope_key_seals"
                                     " VALUES(?, ?, ?, ?)", kept).connection \
                    .commit()
                self.seal(self.connect())

    def test_another_keys_row(self):
        self.one(self.conn, "SELECT envelope_key_create('pay')")
        self.one(self.conn, "SELECT envelope_key_set_policy('pay',"
                 " 'rotate_seals', 9)")
        self.edit("UPDATE envelope_key_seals SET (reserved, nonce, tag) ="
                  " (SELECT reserved, nonce, tag FROM envelope_key_seals o"
                  " WHERE o.key_id <> envelope_key_seals.key_id)"
                  " WHERE reserved > 0")
        self.check_refused(self.conn)

    def test_counting_anew(self):
        self.edit("DELETE FROM envelope_key_seals")
        self.check_refused(self.conn)
        self.set("off")
        self.set(MANY)
        self.insert()
        self.assertEqual(1, self.count())

    def test_the_number_is_authenticated(self):
        self.edit("UPDATE envelope_key_policy SET rotate_seals = 1000000")
        conn = self.connect()
        self.refuses_seal("was altered", conn)
        self.refuses_open("was altered", conn, self.blob)

    def test_a_write_that_is_suppressed_is_noticed(self):
        for action in (sqlite3.SQLITE_UPDATE,):
            self.conn.set_authorizer(
                lambda a, first, second, schema, trigger:
                sqlite3.SQLITE_IGNORE if (a, first) ==
                (action, "envelope_key_seals") else sqlite3.SQLITE_OK)
            for _ in range(2):
                self.refuses_seal("suppresses it", self.conn)
            self.conn.set_authorizer(None)

    def test_a_trigger_that_undoes_it(self):
        self.conn.execute(
            "CREATE TEMP TRIGGER x AFTER UPDATE ON main.envelope_key_seals"
            " BEGIN UPDATE envelope_key_seals SET reserved = old.reserved,"
            " nonce = old.nonce, tag = old.tag; END")
        self.refuses_seal("has a trigger on a key table", self.conn)
        self.refuses("has a trigger", self.conn,
                     "SELECT envelope_key_rotate('pii')")


if __name__ == "__main__":
    unittest.main()
