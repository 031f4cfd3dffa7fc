# SPDX-License-Identifier: MIT
"""A provider that makes wait: for how long, and how the wait is ended. The
provider is a keyring that another process holds locked."""

import os
import subprocess
import sys
import threading
import time
import unittest

from support import CANARY, SECONDS, SqlTest

LOCKED = "is locked by another process"
HOLD = ("import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN EXCLUSIVE')\nprint('locked', flush=True)\n"
        "sys.stdin.read()")


class ProviderTimeout(SqlTest):
    def setUp(self):
        super().setUp()
        self.blob = self.seal(self.with_key())
        self.conn = self.connect()
        self.addCleanup(self.release)
        self.hold()

    def hold(self):
        self.holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, self.path + ".keyring"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual("locked\n", self.holder.stdout.readline())

    def release(self):
        if self.holder.poll() is None:
            self.holder.communicate("")

    def set(self, value, conn=None):
        return self.one(conn or self.conn,
                        "SELECT envelope_config('provider_timeout', ?)", value)

    def seconds(self, says, sql, *args):
        start = time.monotonic()
        self.refuses(says, self.conn, sql, *args)
        return time.monotonic() - start

    def test_an_open_ends_after_its_time(self):
        self.set("1s")
        took = self.seconds(LOCKED, "SELECT envelope_open(?)", self.blob)
        self.assertGreater(took, 0.9)
        self.assertLess(took, 4.5)  # the default is 5

    def test_a_change_ends_after_its_time(self):
        self.release()
        self.open(self.conn, self.blob)
        self.hold()
        self.set("1s")
        took = self.seconds(LOCKED, "SELECT envelope_key_rotate('pii')")
        self.assertGreater(took, 0.9)
        self.assertLess(took, 4.5)  # the default is 5
        self.assertEqual(1, len(self.keys(self.conn)))

    def test_the_wait_ends_with_the_lock(self):
        self.set("60s")
        timer = threading.Timer(0.5, self.release)
        timer.start()
        self.assertEqual(CANARY, self.open(self.conn, self.blob))
        timer.join()

    def test_an_interrupt_ends_the_wait(self):
        """Within 100 ms; the best of some, because the machine may be busy."""
        self.set("60s")
        for sql in ("SELECT envelope_open(?)",
                    "SELECT envelope_cmk_rotate('keyring:app.db.keyring'), ?"):
            best = min(self.interrupted(sql) for _ in range(5))
            self.assertLess(best, 0.1 * SECONDS)
        self.release()
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def interrupted(self, sql):
        at = []

        def interrupt():
            at.append(time.monotonic())
            self.conn.interrupt()

        timer = threading.Timer(0.2, interrupt)
        timer.start()
        self.refuses("interrupted", self.conn, sql, self.blob)
        done = time.monotonic()
        timer.join()
        return done - at[0]

    def test_an_interrupt_is_no_reason_to_leave_the_cmk_alone(self):
        self.set("60s")
        self.interrupted("SELECT envelope_open(?)")
        self.release()
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_another_cmk_opens_after_the_time_of_the_first(self):
        self.release()
        owner = self.connect()
        self.one(owner, "SELECT envelope_key_create('two',"
                 " 'keyring:app.db.keyring', 'keyring:other.keyring')")
        blob = self.seal(owner, CANARY, "two")
        self.hold()
        self.set("1s")
        start = time.monotonic()
        self.assertEqual(CANARY, self.open(self.conn, blob))
        self.assertGreater(time.monotonic() - start, 0.9)

    def test_what_it_refuses(self):
        self.assertEqual("5s", self.one(
            self.conn, "SELECT envelope_config('provider_timeout')"))
        for value in ("off", "5", "0s", "-1s", "3601s", "2h", ""):
            self.refuses("provider_timeout must be a number of seconds",
                         self.conn,
                         "SELECT envelope_config('provider_timeout', ?)", value)
        self.assertEqual("1h", self.set("1h"))

    def test_from_the_environment(self):
        os.environ["ENVELOPE_PROVIDER_TIMEOUT"] = "1s"
        self.conn = self.connect()
        took = self.seconds(LOCKED, "SELECT envelope_open(?)", self.blob)
        self.assertLess(took, 4.5)  # the default is 5


if __name__ == "__main__":
    unittest.main()
