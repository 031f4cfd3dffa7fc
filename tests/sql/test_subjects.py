# SPDX-License-Identifier: MIT
"""One person's key: 'pii/42' (FORMAT section 12)."""

import json
import sqlite3
import subprocess
import time
import unittest

from support import ALTERED, CANARY, KEY_ID, SqlTest, scaled

RECORD = 97
STATE, PARENT, NONCE, WRAPPED = 8, 17, 25, 49
BULK = ("INSERT INTO t SELECT i, envelope_seal(i, 'pii/' || i) FROM n"
        " WHERE i BETWEEN %d AND %d")


class Subjects(SqlTest):
    """A key pii whose subjects may make themselves."""

    implicit = True

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        if self.implicit:
            self.create("pii/*")
        self.conn.execute("CREATE TABLE t(i INTEGER PRIMARY KEY, v)")
        self.conn.execute(
            "CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
            " SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n")

    def create(self, name, conn=None):
        return self.one(conn or self.conn, "SELECT envelope_key_create(?)",
                        name)

    def set_state(self, name, state, conn=None):
        self.one(conn or self.conn, "SELECT envelope_key_set_state(?, ?)",
                 name, state)

    def destroy(self, name, conn=None):
        self.set_state(name, "disabled", conn)
        return self.one(conn or self.conn,
                        "SELECT envelope_key_destroy(?1, ?1)", name)

    def insert(self, i, conn=None):
        (conn or self.conn).execute(BULK % (i, i))

    def names(self, conn=None):
        rows = (conn or self.conn).execute(
            "SELECT name FROM envelope_keys WHERE name LIKE 'pii/%'"
            " AND name <> 'pii/*'")
        return sorted(int(name[4:]) for name, in rows)

    def blob(self, i):
        return self.one(self.conn, "SELECT v FROM t WHERE i = ?", i)

    def record(self, name):
        return self.one(self.conn, "SELECT record FROM envelope_subject"
                        " WHERE name = ?", name)

    def put(self, name, record):
        self.conn.execute("UPDATE envelope_subject SET record = ?"
                          " WHERE name = ?", (bytes(record), name))

    def check_all_open(self, conn=None):
        """Every row opens, in a connection of its own, to what was sealed."""
        wrong = self.one(conn or self.connect(), "SELECT count(*) FROM t"
                         " WHERE envelope_open(v) IS NOT i")
        self.assertEqual(0, wrong)


class Made(Subjects):
    """By envelope_key_create, and at the first seal."""

    implicit = False

    def test_create_seal_open(self):
        key_id = self.create("pii/42")
        blob = self.seal(self.conn, CANARY, "pii/42")
        self.assertEqual(key_id, blob[KEY_ID].hex())
        self.assertNotEqual(blob[KEY_ID], self.seal(self.conn)[KEY_ID])
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_ids_of_many_kinds(self):
        for subject in ("1", "ann@example.org", "a" * 123, "%20", "a.b-c_d",
                        "123e4567-e89b-12d3-a456-426614174000"):
            self.create("pii/" + subject)
            blob = self.seal(self.conn, subject, "pii/" + subject)
            self.assertEqual(subject, self.open(self.connect(), blob))

    def test_names_that_are_refused(self):
        for name in ("pii/", "/42", "/", "pii/a/b", "pii/4 2", "pii/'",
                     "pii/\u00e9", "pii/" + "a" * 124):
            for sql in ("SELECT envelope_key_create(?)",
                        "SELECT envelope_seal(1, ?)"):
                self.refuses("a key", self.conn, sql, name)

    def test_without_leave_nothing_is_made_at_the_first_seal(self):
        text = self.refuses("no key pii/42 here", self.conn, BULK % (42, 42))
        self.assertIn("envelope_key_create('pii/42')", text)
        self.create("pii/1")  # the table is there now
        self.refuses("no key pii/42 here", self.conn, BULK % (42, 42))
        self.assertEqual([1], self.names())

    def test_leave_can_be_taken_away_and_given_back(self):
        self.create("pii/*")
        self.insert(1)
        self.set_state("pii/*", "disabled")
        self.refuses("no key pii/2 here", self.conn, BULK % (2, 2))
        self.insert_again()
        self.set_state("pii/*", "active")
        self.insert(2)
        self.check_all_open()

    def insert_again(self):
        self.conn.execute("INSERT INTO t VALUES(-1, envelope_seal(-1,"
                          " 'pii/1'))")

    def test_all_is_not_a_subject(self):
        self.create("pii/*")
        self.refuses_seal("stands for all subjects", self.conn, "pii/*")

    def test_no_parent_no_subject(self):
        self.refuses("no key of that name here", self.conn,
                     "SELECT envelope_key_create('pay/1')")
        self.refuses_seal("no key of that name here", self.conn, "pay/1")

    def test_twice(self):
        self.create("pii/1")
        self.refuses("key pii/1 exists", self.conn,
                     "SELECT envelope_key_create('pii/1')")

    def test_no_cmk_and_no_rotation_of_their_own(self):
        self.refuses("no CMK of its own", self.conn,
                     "SELECT envelope_key_create('pii/1', 'keyring:x')")
        self.create("pii/1")
        self.refuses("no CMK of its own", self.conn,
                     "SELECT envelope_key_rewrap('pii/1', 'keyring:x')")
        self.refuses("has one version", self.conn,
                     "SELECT envelope_key_rotate('pii/1')")

    def test_the_other_suite(self):
        self.one(self.conn, "SELECT envelope_config('suite',"
                 " 'chacha20-poly1305')")
        self.create("log")
        self.create("log/7")
        blob = self.seal(self.conn, CANARY, "log/7")
        self.assertEqual(2, blob[3])
        self.assertEqual(CANARY, self.open(self.connect(), blob))


class FirstSeal(Subjects):
    """Rules 1 and 2: made inside the statement, taken back with it."""

    def test_a_select_makes_none(self):
        text = self.refuses_seal("writes to main", self.conn, "pii/42")
        self.assertIn("envelope_key_create('pii/42')", text)
        self.conn.execute("BEGIN")
        self.refuses_seal("writes to main", self.conn, "pii/42")
        self.conn.execute("ROLLBACK")
        self.assertEqual([], self.names())

    def test_a_select_in_a_write_transaction_makes_one(self):
        self.conn.execute("BEGIN IMMEDIATE")
        blob = self.seal(self.conn, CANARY, "pii/42")
        self.conn.execute("COMMIT")
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_a_thousand_in_one_statement(self):
        self.conn.execute(BULK % (1, 1000))
        self.assertEqual(list(range(1, 1001)), self.names())
        self.check_all_open()
        ids = "SELECT count(DISTINCT envelope_key_id(v)) FROM t"
        self.assertEqual(1000, self.one(self.conn, ids))

    def test_it_is_one_commit(self):
        """A second connection sees all or nothing (rule 2)."""
        other = self.connect()
        self.conn.execute("BEGIN IMMEDIATE")
        self.conn.execute(BULK % (1, 10))
        self.assertEqual([], self.names(other))
        self.conn.execute("COMMIT")
        self.assertEqual(list(range(1, 11)), self.names(other))

    def test_rollback(self):
        self.conn.execute("BEGIN")
        self.conn.execute(BULK % (1, 1000))
        blob = self.blob(7)
        self.conn.execute("ROLLBACK")
        self.assertEqual([], self.names())
        self.refuses_open("key unavailable", self.conn, blob)
        self.conn.execute(BULK % (1, 1000))
        self.assertNotEqual(blob[KEY_ID], self.blob(7)[KEY_ID])
        self.check_all_open()

    def test_rollback_to(self):
        self.conn.execute("BEGIN")
        self.conn.execute(BULK % (1, 400))
        self.conn.execute("SAVEPOINT s")
        self.conn.execute(BULK % (401, 1000))
        self.conn.execute("ROLLBACK TO s")
        self.conn.execute(BULK % (300 + 101, 700))
        self.conn.execute("COMMIT")
        self.assertEqual(list(range(1, 701)), self.names())
        self.check_all_open()

    def test_a_statement_that_runs_across_rollback_to(self):
        self.conn.execute("BEGIN IMMEDIATE")
        self.conn.execute("SAVEPOINT s")
        rows = self.conn.execute(
            "SELECT envelope_seal(value, 'pii/7') FROM json_each('[1,2,3]')")
        rows.fetchone()
        self.conn.execute("ROLLBACK TO s")
        try:
            blob = rows.fetchall()[-1][0]
        except sqlite3.Error:
            return  # refusing is as good
        self.conn.execute("COMMIT")
        self.assertEqual(3, self.open(self.connect(), blob))

    def test_a_constraint_abort_in_the_middle(self):
        """The statement is taken back, the transaction goes on."""
        self.conn.execute("BEGIN")
        self.conn.execute(BULK % (500, 500))
        self.refuses("UNIQUE constraint failed", self.conn, BULK % (1, 1000))
        self.assertEqual([500], self.names())
        self.conn.execute(BULK % (1, 499))
        self.conn.execute(BULK % (501, 1000))
        self.conn.execute("COMMIT")
        self.assertEqual(list(range(1, 1001)), self.names())
        self.check_all_open()

    def test_a_constraint_abort_without_a_transaction(self):
        self.insert(500)
        self.refuses("UNIQUE constraint failed", self.conn, BULK % (1, 1000))
        self.assertEqual([500], self.names())
        self.check_all_open()

    def test_or_ignore_and_or_fail_leave_rows_that_open(self):
        self.insert(500)
        self.conn.execute((BULK % (1, 1000)).replace(
            "INSERT", "INSERT OR IGNORE", 1))
        self.check_all_open()
        self.conn.execute("DELETE FROM t WHERE i <> 3")
        self.refuses("UNIQUE", self.conn, (BULK % (1, 1000)).replace(
            "INSERT", "INSERT OR FAIL", 1))
        self.check_all_open()

    def test_in_the_transaction_that_made_the_parent(self):
        self.conn.execute("BEGIN")
        self.create("pay")
        self.create("pay/*")
        self.conn.execute((BULK % (1, 50)).replace("'pii/'", "'pay/'"))
        self.conn.execute("COMMIT")
        self.check_all_open()

    def test_last_insert_rowid_and_changes_are_the_application_s(self):
        self.conn.execute("INSERT INTO t VALUES(777, 1), (778, 2)")
        self.conn.execute("UPDATE t SET v = envelope_seal(i, 'pii/' || i)")
        self.assertEqual([(778, 2)], self.conn.execute(
            "SELECT last_insert_rowid(), changes()").fetchall())
        self.insert(9)
        self.assertEqual([(9, 1)], self.conn.execute(
            "SELECT last_insert_rowid(), changes()").fetchall())
        self.create("pii/10")
        self.assertEqual(9, self.one(self.conn,
                                     "SELECT last_insert_rowid()"))

    def test_a_suppressed_row_seals_nothing(self):
        self.conn.set_authorizer(
            lambda action, table, *args: sqlite3.SQLITE_IGNORE
            if (action, table) == (sqlite3.SQLITE_INSERT, "envelope_subject")
            else sqlite3.SQLITE_OK)
        self.refuses("suppresses", self.conn, BULK % (1, 1))
        self.refuses("suppresses", self.conn,
                     "SELECT envelope_key_create('pii/1')")
        self.assertEqual(0, self.one(self.conn, "SELECT count(*) FROM t"))

    def test_a_temp_trigger_is_refused(self):
        self.conn.execute("CREATE TEMP TRIGGER no BEFORE INSERT ON"
                          " main.envelope_subject BEGIN SELECT RAISE(IGNORE);"
                          " END")
        for sql in (BULK % (1, 1), "SELECT envelope_key_create('pii/1')"):
            self.refuses("or a TEMP one", self.conn, sql)

    def test_a_planted_trigger_is_refused(self):
        self.conn.execute("CREATE TABLE loot(r)")
        self.conn.execute("CREATE TRIGGER evil AFTER INSERT ON"
                          " envelope_subject BEGIN INSERT INTO loot"
                          " VALUES(NEW.record); END")
        self.refuses("has a trigger", self.conn, BULK % (1, 1))
        self.assertEqual(0, self.one(self.conn, "SELECT count(*) FROM loot"))

    def test_a_read_only_connection(self):
        conn = self.connect("file:%s?mode=ro" % self.path, uri=True)
        self.refuses_seal("writes to main", conn, "pii/1")
        self.insert(1)
        self.assertEqual(1, self.open(conn, self.blob(1)))

    def test_two_connections_make_the_same_one(self):
        self.conn.execute("PRAGMA journal_mode = wal")
        other = self.connect(timeout=0)
        self.conn.execute("BEGIN IMMEDIATE")
        self.insert(1)
        self.refuses("locked", other, BULK % (1, 1))
        self.conn.execute("COMMIT")
        self.conn.execute("DELETE FROM t")
        self.insert(1, other)
        self.assertEqual([1], self.names())
        self.check_all_open()

    def test_a_running_select_sees_an_insert_that_failed(self):
        """Its subject went with it, so nothing may be sealed under it."""
        self.create("pii/1")
        self.conn.execute("CREATE TABLE u(v, n CHECK(n = 1))")
        rows = self.conn.execute(
            "SELECT envelope_seal('x', 'pii/' || value)"
            " FROM json_each('[1, 1, 2]')")
        rows.fetchone()
        self.refuses("CHECK constraint failed", self.conn,
                     "INSERT INTO u VALUES(envelope_seal(1, 'pii/2'), 2)")
        self.assertEqual([1], self.names())
        with self.assertRaisesRegex(sqlite3.Error, "pii/2"):
            rows.fetchall()


class Used(Subjects):
    """What else takes key names and key ids."""

    def setUp(self):
        super().setUp()
        self.conn.execute(BULK % (1, 100))

    def test_states(self):
        blob = self.blob(42)
        other = self.connect()
        self.assertEqual(42, self.open(other, blob))
        self.set_state("pii/42", "decrypt-only")
        self.assertEqual(42, self.open(other, blob))
        self.refuses_seal("is decrypt-only and does not seal", other,
                          "pii/42")
        self.set_state(blob[KEY_ID].hex(), "disabled")
        self.refuses_open("key pii/42 version 1 is disabled", other, blob)
        self.assertEqual(43, self.open(other, self.blob(43)))
        self.set_state("pii/42", "active")
        self.seal(other, CANARY, "pii/42")
        self.check_all_open()

    def test_the_parent_s_state_binds_them(self):
        other = self.connect()
        self.check_all_open(other)
        self.set_state("pii", "decrypt-only")
        self.check_all_open(other)
        self.refuses_seal("key pii version 1 is decrypt-only", other, "pii/1")
        self.refuses("does not seal", other, BULK % (500, 500))
        self.set_state("pii", "disabled")
        self.refuses_open("key pii version 1 is disabled", other,
                          self.blob(1))
        self.set_state("pii/1", "disabled")  # that can be done all the same
        self.set_state("pii", "active")
        self.refuses_open("key pii/1 version 1 is disabled", other,
                          self.blob(1))

    def test_they_open_after_the_parent_s_rotation(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.check_all_open()
        self.conn.execute(BULK % (101, 110))
        self.seal(self.connect(), CANARY, "pii/1")
        self.assertEqual([("key:pii#1", 101), ("key:pii#2", 10)],
                         self.by_parent())
        self.assertEqual(1, self.one(self.conn,
                                     "SELECT envelope_key_rewrap('pii/5')"))
        self.assertEqual([("key:pii#1", 100), ("key:pii#2", 11)],
                         self.by_parent())
        self.check_all_open()

    def by_parent(self):
        return self.conn.execute(
            "SELECT cmks, count(*) FROM envelope_keys WHERE name LIKE"
            " 'pii/%' GROUP BY 1 ORDER BY 1").fetchall()

    def test_an_old_version_goes_when_they_have_moved(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        old = self.one(self.conn, "SELECT key_id FROM envelope_keys"
                       " WHERE name = 'pii' AND version = 1")
        self.set_state(old, "disabled")
        destroy = "SELECT envelope_key_destroy(?1, ?1)"
        self.refuses("wraps the keys of 101 subjects", self.conn, destroy,
                     old)
        self.set_state(old, "decrypt-only")
        moved = self.one(self.conn, "SELECT sum(envelope_key_rewrap(name))"
                         " FROM envelope_keys WHERE cmks = 'key:pii#1'")
        self.assertEqual(101, moved)
        self.set_state(old, "disabled")
        self.assertEqual("destroyed", self.one(self.conn, destroy, old))
        self.check_all_open()

    def test_the_parent_s_destruction_takes_all_along(self):
        other = self.connect()
        self.check_all_open(other)
        self.destroy("pii")
        for conn in (self.conn, other, self.connect()):
            self.refuses_open("key pii version 1 was destroyed", conn,
                              self.blob(1))
            self.refuses_seal("destroyed", conn, "pii/1")

    def test_info_and_keys(self):
        row = self.conn.execute(
            "SELECT k.schema, k.name, k.version, k.state, k.current, k.suite,"
            " length(k.created), k.origin, k.generation, k.cmks, k.pending"
            " FROM t JOIN envelope_keys k ON k.key_id = envelope_key_id(v)"
            " WHERE i = 42").fetchall()
        self.assertEqual([("main", "pii/42", 1, "active", 1, "aes-256-gcm",
                           19, "local", None, "key:pii#1", None)], row)
        self.assertEqual("pii/42", self.one(
            self.conn, "SELECT json_extract(envelope_info(v), '$.key')"
            " FROM t WHERE i = 42"))
        self.assertEqual(102, self.one(
            self.conn, "SELECT count(*) FROM envelope_keys"))

    def test_keys_are_looked_up_as_they_are_compared(self):
        where = "SELECT count(*) FROM envelope_keys WHERE "
        key_id = self.blob(42)[KEY_ID].hex()
        for text, count in (("name = 'pii/42'", 1), ("name = 'PII/42'", 0),
                            ("name = 'PII/42' COLLATE NOCASE", 1),
                            ("name = 'pii'", 1), ("name = NULL", 0),
                            ("name = x'7069692f3432'", 0),
                            ("key_id = '%s'" % key_id, 1),
                            ("key_id = '%s'" % key_id.upper(), 0),
                            ("key_id = 'x'", 0), ("key_id IS NULL", 0),
                            ("key_id = '%s' AND name = 'pii/42'" % key_id, 1),
                            ("key_id = '%s' AND name = 'pii/43'" % key_id, 0),
                            ("name IN ('pii', 'pii/1', 'pii/2')", 3)):
            self.assertEqual(count, self.one(self.conn, where + text), text)

    def test_open_key(self):
        self.assertEqual(self.blob(7)[KEY_ID].hex(), self.one(
            self.connect(), "SELECT envelope_key_open('pii/7')"))
        self.refuses("no key pii/700 here", self.conn,
                     "SELECT envelope_key_open('pii/700')")

    def test_a_blind_index_works_across_subjects(self):
        sql = "SELECT envelope_seal_indexed(?, ?, 's')"
        one = self.one(self.conn, sql, CANARY, "pii/1")
        two = self.one(self.conn, sql, CANARY, "pii/2")
        top = self.one(self.conn, sql, CANARY, "pii")
        self.assertEqual(1, len({blob[13:29] for blob in (one, two, top)}))
        for name in ("pii", "pii/3"):
            self.assertEqual(one[13:29], self.one(
                self.conn, "SELECT envelope_blind_index(?, ?, 's')", CANARY,
                name))
        self.assertEqual(CANARY, self.open(self.connect(), two, "s"))

    def test_open_keys_names_the_parent(self):
        """A blob chooses its key; the session bounds the choice."""
        self.create("pay")
        self.create("pay/1")
        blob = self.seal(self.conn, CANARY, "pay/1")
        conn = self.connect()
        self.assertEqual(CANARY, self.open(conn, blob))
        self.one(conn, "SELECT envelope_config('open_keys', 'pii')")
        self.check_all_open(conn)
        self.refuses_open("open_keys", conn, blob)
        self.refuses_open("open_keys", conn, blob)
        self.one(conn, "SELECT envelope_config('open_keys', 'pay')")
        self.assertEqual(CANARY, self.open(conn, blob))
        self.refuses_open("open_keys", conn, self.blob(1))

    def test_the_audit_log_has_them(self):
        path = self.file("audit.log")
        self.one(self.conn, "SELECT envelope_config('audit', ?)", path)
        self.insert(501)
        self.create("pii/502")
        self.one(self.conn, "SELECT envelope_key_rewrap('pii/502')")
        self.destroy("pii/502")
        with open(path, encoding="ascii") as stream:
            lines = [json.loads(line) for line in stream]
        events = [(line["event"], line.get("key")) for line in lines
                  if str(line.get("key", "")).startswith("pii/")]
        self.assertEqual(
            [("created", "pii/501"), ("created", "pii/502"),
             ("rewrapped", "pii/502"), ("state", "pii/502"),
             ("destroyed", "pii/502")], events)
        rows = self.conn.execute("SELECT problem FROM envelope_audit_verify(?)",
                                 (path,)).fetchall()
        self.assertEqual([(None,)], rows)

    def test_rewrap_to_a_subject_and_back(self):
        """FORMAT R57: pii and pii/1 are one name to a blind index."""
        rewrap = "SELECT envelope_rewrap(?, ?)"
        self.create("pay")
        for blob, context in (
                (self.seal(self.conn), ()),
                (self.one(self.conn, "SELECT envelope_seal_indexed(?, 'pii',"
                          " 's')", CANARY), ("s",))):
            for name in ("pii/1", "pii/2", "pii"):
                blob = self.one(self.conn, rewrap, blob, name)
                self.assertEqual(CANARY, self.open(self.connect(), blob,
                                                   *context))
        self.refuses("blind index", self.conn, rewrap, blob, "pay")
        self.assertEqual(self.blob(9), self.one(
            self.conn, "SELECT envelope_rewrap(?)", self.blob(9)))

    def test_dump_and_restore(self):
        self.conn.close()
        dump = subprocess.run(["sqlite3", self.path, ".dump"], check=True,
                              capture_output=True).stdout
        copy = self.file("copy.db")
        subprocess.run(["sqlite3", copy], input=dump, check=True)
        conn = self.connect(copy)
        self.check_all_open(conn)
        self.insert(500, conn)
        self.check_all_open(conn)

    def test_in_an_attached_database(self):
        conn = self.connect(self.file("main.db"))
        conn.execute("ATTACH ? AS aux", (self.path,))
        self.check_all_open(conn)
        self.seal(conn, 1, "pii/1")
        self.seal(conn, 1, "aux:pii/1")
        conn.execute("INSERT INTO aux.t SELECT 501, envelope_seal(501,"
                     " 'aux:pii/501')")
        self.create("aux:pii/502", conn)
        self.assertIn(501, self.names())
        self.assertIn(502, self.names())
        self.check_all_open(conn)
        # a key of that name in main, with subjects, changes nothing for aux
        self.one(conn, "SELECT envelope_key_create('pii')")
        self.create("main:pii/1", conn)
        self.refuses_seal("ambiguous", conn, "pii/1")
        self.check_all_open(conn)

    def test_more_subjects_than_the_cache_holds(self):
        self.conn.execute(BULK % (101, 1000))
        conn = self.connect()
        for _ in range(2):
            self.check_all_open(conn)
            conn.execute("UPDATE t SET v = envelope_seal(i, 'pii/' || i)")
        cached = self.one(conn, "SELECT json_extract(envelope_debug(),"
                          " '$.keys_cached')")
        self.assertLessEqual(cached, 256)

    def test_interleaved_with_the_parent_and_another_key(self):
        self.create("pay")
        self.conn.execute(
            "UPDATE t SET v = envelope_seal(i, CASE i % 3 WHEN 0 THEN 'pii'"
            " WHEN 1 THEN 'pay' ELSE 'pii/' || i END)")
        self.check_all_open()


class Destroyed(Subjects):
    """Shredding one person."""

    def setUp(self):
        super().setUp()
        self.conn.execute(BULK % (1, 1000))

    def everything(self):
        data = b""
        for name in ("app.db", "app.db-wal", "app.db-journal"):
            try:
                with open(self.file(name), "rb") as stream:
                    data += stream.read()
            except FileNotFoundError:
                pass
        return data

    def check_shredded(self, i):
        wrapped = self.record("pii/%d" % i)[WRAPPED:]
        blob = self.blob(i)
        other = self.connect()
        self.assertEqual(i, self.open(other, blob))
        self.assertIn(wrapped, self.everything())
        self.assertEqual("destroyed", self.destroy("pii/%d" % i))
        self.assertNotIn(wrapped[-16:], self.everything())
        self.assertNotIn(wrapped[:16], self.everything())
        for conn in (self.conn, other, self.connect()):
            self.refuses_open("key pii/%d version 1 was destroyed" % i, conn,
                              blob)
            self.refuses_seal("was destroyed", conn, "pii/%d" % i)
            self.refuses("was destroyed", conn, BULK % (i, i))
        self.refuses("was destroyed", self.conn,
                     "SELECT envelope_key_create('pii/%d')" % i)
        self.conn.execute("DELETE FROM t WHERE i = ?", (i,))
        self.check_all_open()

    def test_the_first_the_last_and_one_between(self):
        for i in (1, 42, 1000):
            self.check_shredded(i)

    def test_in_wal_mode(self):
        self.conn.execute("PRAGMA journal_mode = wal")
        self.conn.execute("UPDATE t SET v = envelope_seal(i, 'pii/' || i)")
        self.check_shredded(42)

    def test_a_wrap_lies_in_the_file_once(self):
        """Without secure_delete, too: nothing is moved, nothing is left."""
        conn = self.connect(self.file("other.db"))
        conn.execute("PRAGMA secure_delete = OFF")
        self.one(conn, "SELECT envelope_key_create('pii')")
        self.create("pii/*", conn)
        conn.execute("CREATE TABLE t(v)")
        conn.execute("CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION"
                     " ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i"
                     " FROM n ORDER BY random()")
        conn.execute("INSERT INTO t SELECT envelope_seal(i, 'pii/' || i)"
                     " FROM n")
        conn.execute("PRAGMA secure_delete = OFF")
        states = ("decrypt-only", "active", "disabled")
        for state in states:
            conn.execute("SELECT envelope_key_set_state('pii/' || i, ?)"
                         " FROM n WHERE i < 100", (state,)).fetchall()
        wraps = [row[0][WRAPPED:] for row in conn.execute(
            "SELECT record FROM envelope_subject")]
        conn.close()
        with open(self.file("other.db"), "rb") as stream:
            data = stream.read()
        self.assertEqual([1] * len(wraps), [data.count(w) for w in wraps])

    def test_it_must_be_disabled_and_named_twice(self):
        destroy = "SELECT envelope_key_destroy(?, ?)"
        self.refuses("only a disabled key is destroyed", self.conn, destroy,
                     "pii/42", "pii/42")
        self.refuses("twice", self.conn, destroy, "pii/42", "pii/43")
        self.check_all_open()

    def test_by_its_key_id(self):
        key_id = self.blob(42)[KEY_ID].hex()
        self.assertEqual("destroyed", self.destroy(key_id))
        self.refuses_open("destroyed", self.conn, self.blob(42))

    def test_rolled_back_it_is_alive(self):
        self.conn.execute("BEGIN")
        self.assertIn("in this transaction", self.destroy("pii/42"))
        self.refuses_open("destroyed", self.conn, self.blob(42))
        self.conn.execute("ROLLBACK")
        self.check_all_open(self.conn)
        self.check_all_open()

    def test_many_at_once(self):
        self.conn.execute("BEGIN")
        for sql in ("envelope_key_set_state(name, 'disabled')",
                    "envelope_key_destroy(name, name)"):
            self.conn.execute("SELECT %s FROM envelope_keys WHERE name LIKE"
                              " 'pii/1%%'" % sql).fetchall()
        self.conn.execute("COMMIT")
        self.conn.execute("DELETE FROM t WHERE i LIKE '1%'")
        self.assertEqual(1000 - 112, self.one(self.conn,
                                              "SELECT count(*) FROM t"))
        self.check_all_open()

    def test_changes_of_a_destroyed_one_are_refused(self):
        self.destroy("pii/42")
        for sql in ("envelope_key_set_state('pii/42', 'active')",
                    "envelope_key_destroy('pii/42', 'pii/42')",
                    "envelope_key_rewrap('pii/42')"):
            self.refuses("was destroyed", self.conn, "SELECT " + sql)

    def test_a_locked_database_changes_nothing(self):
        self.set_state("pii/42", "disabled")
        conn = self.connect(timeout=0)
        self.conn.execute("BEGIN IMMEDIATE")
        self.refuses("locked", conn,
                     "SELECT envelope_key_destroy('pii/42', 'pii/42')")
        self.conn.execute("ROLLBACK")
        self.set_state("pii/42", "active")
        self.check_all_open()


class Attacked(Subjects):
    """Somebody writes to the file."""

    implicit = False

    def setUp(self):
        super().setUp()
        for name in ("pii/1", "pii/2", "pay", "pay/1"):
            self.create(name)
        self.conn.execute(BULK % (1, 2))

    def check_refused(self, i=1, says=ALTERED):
        for conn in (self.conn, self.connect()):
            self.refuses_open(says, conn, self.blob(i))
            self.refuses_seal(says, conn, "pii/%d" % i)
        self.assertEqual(3 - i, self.open(self.conn, self.blob(3 - i)))

    def test_each_changed_byte(self):
        record = self.record("pii/1")
        self.assertEqual(RECORD, len(record))
        for at in range(8, RECORD):
            changed = bytearray(record)
            changed[at] ^= 0x80
            self.put("pii/1", changed)
            self.refuses_seal(ALTERED, self.conn, "pii/1")
            self.refuses_open(ALTERED, self.conn, self.blob(1))
        self.put("pii/1", record)
        self.check_all_open()

    def test_a_state_edited(self):
        self.set_state("pii/1", "disabled")
        record = bytearray(self.record("pii/1"))
        for state in (1, 2, 0, 5):
            record[STATE] = state
            self.put("pii/1", record)
            self.check_refused()

    def test_a_wrap_of_another_subject(self):
        one, two = self.record("pii/1"), self.record("pii/2")
        self.put("pii/1", one[:NONCE] + two[NONCE:])
        self.check_refused()

    def test_the_record_of_another_subject(self):
        """A row moved to another name, key id and all."""
        two = self.record("pii/2")
        self.conn.execute("DELETE FROM envelope_subject WHERE name = 'pii/2'")
        self.put("pii/1", two)
        self.refuses_seal(ALTERED, self.connect(), "pii/1")
        self.refuses_open("key unavailable", self.connect(), self.blob(1))
        self.refuses_open(ALTERED, self.connect(), self.blob(2))

    def test_names_swapped(self):
        self.conn.executescript(
            "UPDATE envelope_subject SET name = 'x' WHERE name = 'pii/1';"
            "UPDATE envelope_subject SET name = 'pii/1' WHERE name = 'pii/2';"
            "UPDATE envelope_subject SET name = 'pii/2' WHERE name = 'x';")
        for conn in (self.conn, self.connect()):
            for i in (1, 2):
                self.refuses_seal(ALTERED, conn, "pii/%d" % i)
                self.refuses_open(ALTERED, conn, self.blob(i))

    def test_a_row_of_another_parent(self):
        """pay/1's authentic record under a name of pii, and the reverse."""
        pay = self.record("pay/1")
        self.conn.execute("DELETE FROM envelope_subject WHERE name IN"
                          " ('pay/1', 'pii/1')")
        self.conn.execute("INSERT INTO envelope_subject(name, record)"
                          " VALUES('pii/1', ?)", (pay,))
        self.refuses_seal(ALTERED, self.conn, "pii/1")
        one = bytearray(self.record("pii/2"))
        one[PARENT:NONCE] = pay[PARENT:NONCE]
        self.put("pii/2", one)
        self.refuses_seal(ALTERED, self.conn, "pii/2")
        one[PARENT:NONCE] = bytes(8)
        self.put("pii/2", one)
        self.refuses_seal(ALTERED, self.conn, "pii/2")

    def test_a_planted_subject(self):
        """Leave to make subjects, too, is a record that cannot be forged."""
        record = self.record("pii/1")
        for i, name in enumerate(("pii/9", "pii/*")):
            planted = bytes([i]) * 8 + record[8:]
            self.conn.execute("INSERT INTO envelope_subject(name, record)"
                              " VALUES(?, ?)", (name, planted))
        self.refuses_seal(ALTERED, self.conn, "pii/9")
        self.refuses(ALTERED, self.conn, BULK % (77, 77))

    def test_a_copy_from_before_the_destruction(self):
        """The documented limit: who kept the row can put it back, while its
        parent's version is there; rotating and destroying that ends it."""
        record = self.record("pii/1")
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        old = self.one(self.conn, "SELECT key_id FROM envelope_keys"
                       " WHERE name = 'pii' AND version = 1")
        self.destroy("pii/1")
        self.put("pii/1", record)
        self.assertEqual(1, self.open(self.connect(), self.blob(1)))
        self.destroy("pii/1")
        self.one(self.conn, "SELECT envelope_key_rewrap('pii/2')")
        self.destroy(old)
        self.put("pii/1", record)
        self.check_refused(says="key pii version 1 was destroyed")

    def test_a_row_deleted(self):
        self.conn.execute("DELETE FROM envelope_subject WHERE name = 'pii/1'")
        self.refuses_open("key unavailable", self.conn, self.blob(1))
        self.refuses_seal("no key pii/1", self.conn, "pii/1")

    def test_wrong_types_and_lengths(self):
        self.conn.execute("PRAGMA ignore_check_constraints = ON")
        for value in ("x''", "x'00'", "'text'", "zeroblob(98)", "5"):
            self.conn.execute("UPDATE envelope_subject SET record = %s"
                              " WHERE name = 'pii/1'" % value)
            self.refuses_seal(ALTERED, self.conn, "pii/1")

    def test_a_view_or_a_table_of_that_name(self):
        conn = self.with_key(path=self.file("other.db"))
        for sql in ("CREATE VIEW envelope_subject AS SELECT 'pii/1' AS name,"
                    " zeroblob(97) AS record",
                    "CREATE TABLE envelope_subject(x)"):
            conn.execute(sql)
            self.refuses("subjects", conn,
                         "SELECT envelope_key_create('pii/1')")
            self.refuses_seal("", conn, "pii/1")
            self.seal(conn)
            conn.execute("DROP %s envelope_subject" % sql.split()[1])


class Many(Subjects):
    """What grows with the table, and what must not."""

    def test_one_destroyed_among_many_takes_no_time(self):
        count = scaled(100000, 5000)
        self.conn.execute("PRAGMA synchronous = OFF")
        self.conn.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < ?) INSERT INTO t SELECT i, envelope_seal(i, 'pii/' ||"
            " i) FROM n", (count,))
        self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        start = time.monotonic()
        answer = self.destroy("pii/4242")
        self.assertLess(time.monotonic() - start, 2)
        self.assertTrue(answer.startswith("destroyed"), answer)
        if count == 100000:
            self.assertIn("not searched", answer)
        self.refuses_open("destroyed", self.conn, self.blob(4242))
        self.assertEqual(4243, self.open(self.connect(), self.blob(4243)))


if __name__ == "__main__":
    unittest.main()
