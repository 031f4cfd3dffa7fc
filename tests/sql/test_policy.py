# SPDX-License-Identifier: MIT
"""What a key's owner lays down for it: when to rotate, what may not open."""

import os
import sqlite3
import threading
import time
import unittest

from support import CANARY, KEY_ID, SqlTest

SET = "SELECT envelope_key_set_policy('pii', ?, ?)"
ROTATE = "SELECT envelope_key_rotate('pii')"
OPEN_KEY = "SELECT envelope_key_open('pii')"
ALTERED = "was altered"
BELOW = "key pii version 1 is below its min_version 2"


class PolicyTest(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.old = self.seal(self.conn)
        self.one(self.conn, ROTATE)
        self.new = self.seal(self.conn)

    def set(self, policy, value, conn=None):
        return self.one(conn or self.conn, SET, policy, value)

    def versions(self, conn=None):
        return self.one(conn or self.conn,
                        "SELECT count(*) FROM envelope_keys")


class Floor(PolicyTest):
    def test_a_version_below_it_does_not_open(self):
        other = self.connect()
        self.assertEqual(CANARY, self.open(other, self.old))  # in its cache
        self.assertEqual(2, self.set("min_version", 2))
        for conn in (self.conn, other, self.connect()):
            text = self.refuses_open(BELOW, conn, self.old)
            self.assertIn("envelope_key_set_policy('pii', 'min_version',"
                          " 'off')", text)
            for call in ("envelope_rewrap(?)", "envelope_export(?)",
                         "envelope_reseal(?, 'pii')"):
                self.refuses(BELOW, conn, "SELECT " + call, self.old)
            self.assertEqual(CANARY, self.open(conn, self.new))
            self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_it_is_lowered_and_taken_away(self):
        self.set("min_version", "2")
        self.set("min_version", 1)
        self.assertEqual(CANARY, self.open(self.conn, self.old))
        self.set("min_version", 2)
        self.refuses_open(BELOW, self.conn, self.old)
        self.assertEqual("off", self.set("min_version", "off"))
        self.assertEqual(CANARY, self.open(self.connect(), self.old))

    def test_it_is_not_above_the_current_version(self):
        self.refuses("at most its current version, 2", self.conn, SET,
                     "min_version", 3)
        self.assertEqual(CANARY, self.open(self.conn, self.old))

    def test_it_stays_when_the_key_changes(self):
        self.set("min_version", 2)
        for change in ("envelope_key_rotate('pii')",
                       "envelope_key_rewrap('pii')",
                       "envelope_key_set_state('pii', 'disabled')",
                       "envelope_key_set_state('pii', 'active')"):
            self.one(self.conn, "SELECT " + change)
        for conn in (self.conn, self.connect()):
            self.refuses_open(BELOW, conn, self.old)
            self.assertEqual(CANARY, self.open(conn, self.new))

    def test_key_open_loads_the_others(self):
        self.set("min_version", 2)
        conn = self.connect()
        self.assertEqual(self.new[KEY_ID].hex(), self.one(conn, OPEN_KEY))
        self.refuses_open(BELOW, conn, self.old)

    def test_a_rollback_takes_it_back(self):
        self.conn.execute("BEGIN")
        self.set("min_version", 2)
        self.refuses_open(BELOW, self.conn, self.old)
        self.conn.execute("ROLLBACK")
        for conn in (self.conn, self.connect()):
            self.assertEqual(CANARY, self.open(conn, self.old))

    def test_a_subject_is_rewrapped_first(self):
        conn = self.with_key("a", self.file("s.db"))
        self.one(conn, "SELECT envelope_key_create('a/1')")
        blob = self.seal(conn, CANARY, "a/1")
        self.one(conn, "SELECT envelope_key_rotate('a')")
        self.one(conn, "SELECT envelope_key_set_policy('a', 'min_version', 2)")
        self.refuses_open("key a version 1 is below its min_version 2", conn,
                          blob)
        self.one(conn, "SELECT envelope_key_rewrap('a/1')")
        self.assertEqual(CANARY, self.open(conn, blob))


class Due(PolicyTest):
    def due(self, conn=None):
        return (conn or self.conn).execute(
            "SELECT version, due FROM envelope_keys WHERE current").fetchall()

    def age(self):
        self.set("rotate_after", "1s")
        time.sleep(2.1)

    def test_key_open_rotates_when_it_is_due(self):
        self.set("rotate_after", "90d")
        self.assertEqual([(2, None)], self.due())
        before = self.one(self.conn, OPEN_KEY)
        self.assertEqual(2, self.versions())
        self.age()
        self.assertEqual([(2, "rotate_after")], self.due())
        self.assertEqual(before, self.seal(self.conn)[KEY_ID].hex())  # no seal
        after = self.one(self.conn, OPEN_KEY)
        self.assertNotEqual(before, after)
        self.set("rotate_after", "90d")
        self.assertEqual([(3, None)], self.due())
        self.assertEqual(after, self.seal(self.conn)[KEY_ID].hex())
        self.assertEqual(CANARY, self.open(self.connect(), self.old))

    def test_not_where_it_must_not(self):
        self.age()
        self.conn.execute("BEGIN")
        self.one(self.conn, OPEN_KEY)
        self.conn.execute("COMMIT")
        dropped = self.connect()
        self.one(dropped, "SELECT envelope_drop('keys')")
        self.one(dropped, OPEN_KEY)
        self.assertEqual(2, self.versions())
        self.one(self.conn, "SELECT envelope_key_set_state('pii', 'disabled')")
        self.refuses("is disabled", self.conn, OPEN_KEY)
        self.one(self.conn, "SELECT envelope_key_set_state('pii', 'active')")
        self.set("rotate_after", "off")
        self.one(self.conn, OPEN_KEY)
        self.assertEqual(2, self.versions())

    def test_a_cmk_that_is_gone_and_a_lock_stop_no_reader(self):
        reader = self.connect()
        self.one(reader, OPEN_KEY)
        self.age()
        other = self.connect()
        other.execute("BEGIN IMMEDIATE")
        reader.execute("PRAGMA busy_timeout = 10")
        self.one(reader, OPEN_KEY)
        other.execute("ROLLBACK")
        os.rename(self.file("app.db.keyring"), self.file("away"))
        self.one(reader, OPEN_KEY)
        self.assertEqual([(2, "rotate_after")], self.due(reader))


    def test_two_at_once_make_one_version(self):
        self.set("rotate_after", "2s")
        time.sleep(3.1)
        barrier = threading.Barrier(4)
        seen = []

        def run():
            conn = self.connect()
            self.one(conn, "SELECT envelope_blind_index('x', 'pii', 's')")
            barrier.wait()
            seen.append(self.one(conn, OPEN_KEY))
            conn.close()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(4, len(seen))
        self.assertEqual(3, self.versions())

    def test_a_database_that_is_only_read(self):
        self.age()
        conn = self.connect("file:%s?mode=ro" % self.file("app.db"), uri=True)
        self.one(conn, "SELECT envelope_config('audit', ?)",
                 self.file("audit.log"))
        self.one(conn, OPEN_KEY)
        self.assertEqual([(2, "rotate_after")], self.due(conn))
        with open(self.file("audit.log"), encoding="utf-8") as log:
            self.assertNotIn('"wrap"', log.read())  # it was not tried

    def test_each_database_has_its_own(self):
        aux = self.with_key("pay", self.file("aux.db"))
        aux.close()
        self.age()
        self.conn.execute("ATTACH ? AS aux", (self.file("aux.db"),))
        self.assertEqual([(2, "rotate_after"), (1, None)], self.due())
        self.one(self.conn, "SELECT envelope_key_set_policy('aux:pay',"
                 " 'rotate_after', '1s')")
        time.sleep(1.1)
        self.one(self.conn, "SELECT envelope_key_open('aux:pay')")
        blob = self.seal(self.conn, CANARY, "aux:pay")
        self.one(self.conn, "SELECT envelope_key_rotate('aux:pay')")
        self.one(self.conn, "SELECT envelope_key_set_policy('aux:pay',"
                 " 'min_version', 3)")
        self.refuses_open("envelope_key_set_policy('aux:pay', 'min_version',"
                          " 'off')", self.conn, blob)
        self.assertEqual(
            [("pay", 1), ("pay", 2), ("pay", 3), ("pii", 1), ("pii", 2)],
            self.conn.execute("SELECT name, version FROM envelope_keys"
                              " ORDER BY 1, 2").fetchall())


class Refused(PolicyTest):
    def test_what_is_no_policy(self):
        for policy, value, says in (
                ("rotate_after", "90", "days, hours or seconds"),
                ("rotate_after", 90, "days, hours or seconds"),
                ("rotate_after", "0d", "days, hours or seconds"),
                ("rotate_after", "-1d", "days, hours or seconds"),
                ("rotate_after", "d", "days, hours or seconds"),
                ("rotate_after", "", "days, hours or seconds"),
                ("rotate_after", "36501d", "days, hours or seconds"),
                ("rotate_after", "99999999999999999999d", "days, hours"),
                ("min_version", 0, "min_version is a version"),
                ("min_version", -1, "min_version is a version"),
                ("min_version", "two", "min_version is a version"),
                ("min_version", 4294967296, "min_version is a version"),
                ("min_version", 1.0, "must be TEXT"),
                ("min_version", None, "must be TEXT"),
                ("rotate", "90d", "a policy is 'rotate_after'")):
            with self.subTest(policy=policy, value=value):
                self.refuses(says, self.conn, SET, policy, value)
        self.refuses("no policy of its own", self.conn,
                     "SELECT envelope_key_set_policy('pii/1', 'min_version',"
                     " 1)")


class Edited(PolicyTest):
    """The attacker who writes the database."""

    def edit(self, sql):
        conn = self.plain()
        conn.execute(sql)
        conn.commit()
        conn.close()

    def check_refused(self, conn):
        for blob in (self.old, self.new):
            self.refuses_open(ALTERED, conn, blob)
        self.refuses_seal(ALTERED, conn)
        self.refuses(ALTERED, conn, ROTATE)

    def test_an_edited_row(self):
        self.set("min_version", 2)
        self.refuses_open(BELOW, self.conn, self.old)  # loads and verifies
        for sql in ("UPDATE envelope_key_policy SET min_version = 1",
                    "UPDATE envelope_key_policy SET rotate_after = 1",
                    "DELETE FROM envelope_key_policy",
                    "DROP TABLE envelope_key_policy"):
            with self.subTest(sql):
                self.edit(sql)
                self.check_refused(self.connect())
                # where it was loaded, what was verified holds
                self.refuses_open(BELOW, self.conn, self.old)
                self.refuses(ALTERED, self.conn, SET, "min_version", "off")

    def test_a_planted_row(self):
        self.set("min_version", "off")
        self.edit("UPDATE envelope_key_policy SET min_version = 2")
        self.check_refused(self.connect())

    def test_a_row_planted_before_its_key(self):
        self.set("min_version", 1)
        self.edit("INSERT INTO envelope_key_policy VALUES('new', 0, 7, 0)")
        text = self.refuses("has a row of key new, which was never made",
                            self.conn, "SELECT envelope_key_create('new')")
        self.conn.execute(text[text.index("DELETE"):])
        self.one(self.conn, "SELECT envelope_key_create('new')")
        self.seal(self.conn, "x", "new")

    def test_junk(self):
        self.set("min_version", 2)
        for value in ("'x'", "1.5", "x'00'", "4294967296"):
            self.edit("UPDATE envelope_key_policy SET min_version = " + value)
            self.check_refused(self.connect())

    def test_a_write_that_is_suppressed_is_noticed(self):
        self.set("min_version", 1)
        self.conn.set_authorizer(
            lambda action, first, second, schema, trigger:
            sqlite3.SQLITE_IGNORE if (action, first) ==
            (sqlite3.SQLITE_UPDATE, "envelope_key_policy")
            else sqlite3.SQLITE_OK)
        self.refuses("nothing was changed", self.conn, SET, "min_version", 2)
        self.conn.set_authorizer(None)
        self.assertEqual(CANARY, self.open(self.connect(), self.old))

    def test_a_trigger_is_refused(self):
        self.set("min_version", 2)
        self.edit("CREATE TRIGGER x AFTER UPDATE ON envelope_key_policy"
                  " BEGIN SELECT 1; END")
        self.refuses("has a trigger", self.conn, SET, "min_version", 1)


if __name__ == "__main__":
    unittest.main()
