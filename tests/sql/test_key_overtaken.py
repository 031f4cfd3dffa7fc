"""At each point of one connection's change, another one is faster."""

import sqlite3
import unittest

from support import CANARY, SCALE, SqlTest

FIRST = "keyring:app.db.keyring"
OTHER = "keyring:other.keyring"
MOVE = "SELECT envelope_key_rewrap('pii', '%s')"


class Overtaken(SqlTest):
    """In WAL mode nobody waits for a reader, so that the other connection
    gets through until this one takes the write lock."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("PRAGMA journal_mode = wal")
        self.blob = self.seal(self.conn)
        self.other = self.connect(timeout=0)
        self.one(self.other, MOVE % OTHER)
        self.one(self.other, MOVE % FIRST)

    def overtake(self, sql, point):
        """Runs sql; at its point-th step the other connection moves the key.
        Returns whether that was done; None: there are no more steps."""
        steps = [0]
        moved = []

        def step():
            steps[0] += 1
            if steps[0] == point:
                try:
                    self.one(self.other, MOVE % OTHER)
                    moved.append(True)
                except sqlite3.OperationalError:
                    moved.append(False)

        self.conn.set_progress_handler(step, 1)
        try:
            self.one(self.conn, sql)
        finally:
            self.conn.set_progress_handler(None, 0)
        return moved[0] if moved else None

    def check_every_point(self, sql, most):
        moved = 0
        for point in range(1, most, 10 if SCALE < 1 else 1):
            done = self.overtake(sql, point)
            if done is None:
                break
            moved += done
            self.assertEqual(
                {OTHER if done else FIRST},
                {row[0] for row in self.keys(self.conn, "cmks")}, point)
            self.one(self.other, MOVE % FIRST)
        self.assertGreater(moved, 3)
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_rewrap_keeps_the_cmk_that_another_rewrap_gave(self):
        self.check_every_point("SELECT envelope_key_rewrap('pii')", 500)

    def test_a_rotation_keeps_the_cmk_that_a_rewrap_gave(self):
        self.check_every_point("SELECT envelope_key_rotate('pii')", 100)


if __name__ == "__main__":
    unittest.main()
