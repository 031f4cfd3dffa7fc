# SPDX-License-Identifier: MIT
"""kill -9 at every write of a change of keys: it happened, or it did not.

strace delivers SIGKILL at the N-th call of each writing system call, for N =
1, 2, ... until the change gets through. After each kill another process opens
what is left.
"""

import os
import shutil
import signal
import subprocess
import unittest

from support import CANARY, EXTENSION, SCALE, SqlTest
from test_pem import key_hash, make_pair

CALLS = ("pwrite64", "write", "fdatasync", "fsync", "ftruncate", "unlink",
         "openat")
STEP = 1 if SCALE >= 0.5 else 3  # the slow gates try every third
LIMIT = 400


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Killed(SqlTest):
    journal = "delete"

    def setUp(self):
        super().setUp()
        conn = self.with_key()
        conn.execute("PRAGMA journal_mode = %s" % self.journal)
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        conn.execute("CREATE TABLE t AS SELECT 0 AS i, envelope_seal(?, 'pii')"
                     " AS v", (CANARY,))
        conn.close()
        self.master = self.file("master")
        os.mkdir(self.master)
        for name in ("app.db", "app.db.keyring"):
            shutil.copy(self.file(name), self.master)

    def fresh(self):
        for name in os.listdir(self.dir):
            if name.startswith("app.db"):
                os.unlink(self.file(name))
        for name in os.listdir(self.master):
            shutil.copy(os.path.join(self.master, name), self.dir)

    def run_killed(self, sql, call, n):
        """Was it killed?"""
        trace = ["strace", "-f", "-qq", "-o", os.devnull, "-e",
                 "trace=" + call, "-e",
                 "inject=%s:signal=KILL:when=%d" % (call, n)]
        done = subprocess.run(
            trace + ["sqlite3", "-batch", "-init", os.devnull, "-cmd",
                     ".load '%s'" % EXTENSION, self.path, sql],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
        killed = done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        if not killed:
            self.assertEqual(0, done.returncode, done.stderr)
        return killed

    def check_all(self, sql, check, done):
        """check(conn) says whether the change happened, and fails when it
        happened by half. done: how often it must have, at least."""
        outcomes = []
        for call in CALLS:
            for n in range(1, LIMIT, STEP):
                self.fresh()
                killed = self.run_killed(sql, call, n)
                conn = self.connect()
                outcomes.append(check(conn))
                self.assertEqual("ok", self.one(
                    conn, "PRAGMA integrity_check"))
                conn.close()
                if not killed:
                    self.assertTrue(outcomes[-1], sql)
                    break
            else:
                self.fail("%s is called without end" % call)
        self.assertGreaterEqual(outcomes.count(True), done)
        self.assertGreaterEqual(outcomes.count(False), 3)

    def opens(self, conn):
        self.assertEqual(CANARY, self.one(
            conn, "SELECT envelope_open(v) FROM t"))

    def check_rotated(self, conn):
        self.opens(conn)
        version = self.one(conn, "SELECT max(version) FROM envelope_keys")
        blob = self.seal(conn)
        self.assertEqual(CANARY, self.open(conn, blob))
        self.assertEqual(version, self.one(
            conn, "SELECT version FROM envelope_keys"
            " WHERE key_id = envelope_key_id(?)", blob))
        return version == 3

    def check_rewrapped(self, conn):
        self.opens(conn)
        cmks = {row[0] for row in self.keys(conn, "cmks")}
        self.assertEqual(1, len(cmks))
        self.seal(conn)
        return cmks == {"keyring:new.keyring"}

    def check_disabled(self, conn):
        states = {row[0] for row in self.keys(conn, "state")}
        if states == {"disabled"}:
            self.refuses_open("disabled", conn, self.one(
                conn, "SELECT v FROM t"))
            return True
        self.assertEqual({"decrypt-only", "active"}, states)
        self.opens(conn)
        return False

    def check_policy(self, conn):
        """A row whose manifest does not cover it would not open."""
        self.opens(conn)
        table = self.one(conn, "SELECT count(*) FROM sqlite_schema"
                         " WHERE name = 'envelope_key_policy'")
        return table == 1 and self.one(
            conn, "SELECT count(*) FROM envelope_key_policy") == 1

    def check_counted(self, conn):
        """Not one more row than seals that were counted."""
        rows = self.one(conn, "SELECT count(*) FROM t WHERE i > 0")
        count = self.one(conn, "SELECT reserved FROM envelope_key_seals")
        self.assertIn((rows, count), ((0, 0), (2, 3)))  # one and two at a time
        conn.execute("INSERT INTO t VALUES(9, envelope_seal('c', 'pii'))")
        self.assertEqual(count + 1, self.one(
            conn, "SELECT reserved FROM envelope_key_seals"))
        return rows == 2

    def check_seal_only(self, conn):
        """No row without its version; a version without a row harms nobody."""
        with open(self.file("rec.pub"), "rb") as file:
            uri = "pii=pem:rec.pem#sha256-" + key_hash(file.read())
        self.one(conn, "SELECT envelope_config('open_seal_only', ?)", uri)
        rows = conn.execute("SELECT envelope_open(v) FROM t"
                            " WHERE i > 0 ORDER BY i").fetchall()
        self.assertIn(rows, ([], [("a",), ("b",)]))
        return rows != []

    def check_destroyed(self, conn):
        states = {row[0] for row in self.keys(conn, "state")}
        self.assertEqual(1, len(states), states)
        if states == {"destroyed"}:
            self.assertEqual(0, self.one(
                conn, "SELECT count(*) FROM envelope_key_wrap"))
            self.refuses_open("destroyed", conn, self.one(
                conn, "SELECT v FROM t"))
            return True
        self.one(conn, "SELECT envelope_key_set_state('pii', 'active')")
        self.opens(conn)
        return False

    def check_subject_made(self, conn):
        """No row without its key; a key without a row harms nobody."""
        rows = conn.execute("SELECT envelope_open(v) FROM t"
                            " WHERE i > 0 ORDER BY i").fetchall()
        self.assertIn(rows, ([], [("a",), ("b",)]))
        conn.execute("INSERT INTO t VALUES(9, envelope_seal('c', 'pii/8'))")
        self.assertEqual("c", self.one(
            conn, "SELECT envelope_open(v) FROM t WHERE i = 9"))
        return rows != []

    def check_subject_destroyed(self, conn):
        blob = self.one(conn, "SELECT v FROM t WHERE i = 7")
        state = self.one(conn, "SELECT state FROM envelope_keys"
                         " WHERE name = 'pii/7'")
        self.assertIn(state, ("disabled", "destroyed"))
        if state == "destroyed":
            self.refuses_open("destroyed", conn, blob)
        else:
            self.one(conn, "SELECT envelope_key_set_state('pii/7', 'active')")
            self.assertEqual("a", self.open(conn, blob))
        self.assertEqual("b", self.one(
            conn, "SELECT envelope_open(v) FROM t WHERE i = 8"))
        return state == "destroyed"

    def master_do(self, *statements):
        conn = self.connect(os.path.join(self.master, "app.db"))
        for sql in (*statements, "PRAGMA wal_checkpoint(TRUNCATE)"):
            conn.execute(sql).fetchall()
        conn.close()

    def master_subjects(self, *statements):
        self.master_do("SELECT envelope_key_create('pii/*')", *statements)

    def disable_master(self):
        conn = self.connect(os.path.join(self.master, "app.db"))
        self.one(conn, "SELECT envelope_key_set_state('pii', 'disabled')")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        conn.close()

    def test_rotate(self):
        self.check_all("SELECT envelope_key_rotate('pii');",
                       self.check_rotated, 4)

    def test_rewrap(self):
        def fresh_check(conn):
            done = self.check_rewrapped(conn)
            if os.path.exists(self.file("new.keyring")):
                os.unlink(self.file("new.keyring"))
            return done

        self.check_all("SELECT envelope_key_rewrap('pii',"
                       " 'keyring:new.keyring');", fresh_check, 4)

    def test_set_policy(self):
        self.check_all("SELECT envelope_key_set_policy('pii',"
                       " 'rotate_after', '90d');",
                       self.check_policy, 4)

    def test_seals_that_are_counted(self):
        self.master_do("SELECT envelope_key_set_policy('pii', 'rotate_seals',"
                       " 1000)")
        self.check_all("INSERT INTO t VALUES(7, envelope_seal('a', 'pii')),"
                       " (8, envelope_seal('b', 'pii'));",
                       self.check_counted, 4)

    def test_seal_only(self):
        for name, data, mode in zip(("rec.pem", "rec.pub"), make_pair(
                "rec", "-algorithm", "X25519"), (0o600, 0o644)):
            self.write(name, data, mode)
            shutil.copy(self.file(name), self.master)
        with open(self.file("rec.pub"), "rb") as file:
            setting = ("SELECT envelope_config('seal_only',"
                       " 'pii=pem:rec.pub#sha256-%s')" % key_hash(file.read()))
        for first in ((), (setting, "SELECT envelope_key_open('pii')")):
            self.master_do(*first)
            self.check_all(setting + "; SELECT envelope_key_open('pii');"
                           "INSERT INTO t VALUES(7, envelope_seal('a', 'pii')),"
                           " (8, envelope_seal('b', 'pii'));",
                           self.check_seal_only, 4)

    def test_set_state(self):
        self.check_all("SELECT envelope_key_set_state('pii', 'disabled');",
                       self.check_disabled, 4)

    INSERT = ("INSERT INTO t VALUES(7, envelope_seal('a', 'pii/7')),"
              " (8, envelope_seal('b', 'pii/8'))")

    def test_subjects_made_at_their_first_seal(self):
        self.master_subjects()
        self.check_all(self.INSERT + ";", self.check_subject_made, 4)

    def test_a_subject_destroyed(self):
        self.master_subjects(
            self.INSERT, "SELECT envelope_key_set_state('pii/7', 'disabled')")
        self.check_all("SELECT envelope_key_destroy('pii/7', 'pii/7');",
                       self.check_subject_destroyed, 4)

    def test_destroy(self):
        self.disable_master()
        self.check_all("SELECT envelope_key_destroy('pii', 'pii');",
                       self.check_destroyed, 4)


class KilledInWalMode(Killed):
    journal = "wal"


if __name__ == "__main__":
    unittest.main()
