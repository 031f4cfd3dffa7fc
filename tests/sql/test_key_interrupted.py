# SPDX-License-Identifier: MIT
"""A change of keys that is interrupted, at each point where it can be: it is
there and reported, or it is not there and an error."""

import sqlite3
import unittest

from support import CANARY, SCALE, SqlTest

DISABLE = "SELECT envelope_key_set_state('pii', 'disabled')"
ACTIVE = "SELECT envelope_key_set_state('pii', 'active')"
REWRAP = "SELECT envelope_key_rewrap('pii')"
EVERYTHING = ("SELECT (SELECT group_concat(state || hex(tag2)) FROM envelope_key),"
              " (SELECT group_concat(hex(key_id || wrapped)) FROM"
              " envelope_key_wrap)")


class Interrupted(SqlTest):
    """SQLite may report an interrupt for a statement that is done."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)
        self.conn.execute("PRAGMA synchronous = off")
        self.conn.execute("CREATE TABLE t(x)")
        self.other = self.connect()

    def interrupted_at(self, point, for_ever, sql):
        """Runs sql, interrupted at its point-th step. Returns whether it
        succeeded (None: the function did not fail, but the SELECT around it
        was interrupted), and whether it came so far."""
        steps = [0]

        def step():
            steps[0] += 1
            return steps[0] >= point if for_ever else steps[0] == point

        self.conn.set_progress_handler(step, 1)
        try:
            self.conn.execute(sql).fetchall()
            done = True
        except sqlite3.Error as e:
            self.assertIn("interrupt", str(e), point)
            done = False if "envelope_" in str(e) else None
        finally:
            self.conn.set_progress_handler(None, 0)
        return done, steps[0] >= point

    def check_outside(self, point, for_ever, sql):
        """Whether there are more points."""
        before = self.other.execute(EVERYTHING).fetchall()
        done, reached = self.interrupted_at(point, for_ever, sql)
        self.assertFalse(self.conn.in_transaction, point)
        after = self.other.execute(EVERYTHING).fetchall()
        if done is not None:
            self.assertEqual(done, before != after, point)
        return reached

    def check_inside(self, point, for_ever, sql):
        """The application's own row is there together with the change."""
        before = self.other.execute(EVERYTHING).fetchall()
        self.conn.execute("BEGIN")
        self.conn.execute("INSERT INTO t VALUES(1)")
        done, reached = self.interrupted_at(point, for_ever, sql)
        if self.conn.in_transaction:
            self.conn.execute("COMMIT")
            rows = 1
        else:
            self.assertFalse(done, point)
            rows = 0
        after = self.other.execute(EVERYTHING).fetchall()
        if done is not None:
            self.assertEqual(done, before != after, point)
        self.assertEqual(rows, self.one(self.other, "SELECT count(*) FROM t"))
        self.conn.execute("DELETE FROM t")
        return reached

    def sweep(self, check, sql, again=None):
        """again: what makes the change possible once more."""
        for for_ever in (False, True):
            point = 1
            while check(point, for_ever, sql):
                if again:
                    self.one(self.conn, again)
                point += 7 if SCALE < 1 or for_ever else 1
            self.assertGreater(point, 20)
            if again:
                self.one(self.conn, again)
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_state_change(self):
        self.sweep(self.check_outside, DISABLE, ACTIVE)

    def test_a_state_change_in_a_transaction(self):
        self.sweep(self.check_inside, DISABLE, ACTIVE)

    def test_a_rewrap(self):
        self.sweep(self.check_outside, REWRAP)

    def test_a_rewrap_in_a_transaction(self):
        self.sweep(self.check_inside, REWRAP)


if __name__ == "__main__":
    unittest.main()
