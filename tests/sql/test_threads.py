# SPDX-License-Identifier: MIT
"""Threads and forks."""

import os
import signal
import subprocess
import sys
import threading
import time
import unittest

from support import CANARY, KEY_ID, SqlTest, connect, scaled


class Threads(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("PRAGMA journal_mode = wal")
        self.blob = self.seal(self.conn)

    def run_threads(self, count, work):
        """Runs work(i) in threads that start together."""
        barrier = threading.Barrier(count)
        errors = []

        def body(i):
            try:
                barrier.wait()
                work(i)
            except Exception as error:  # told to the test by errors
                errors.append(repr(error))

        threads = [threading.Thread(target=body, args=(i,))
                   for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], errors)

    def test_16_threads_each_with_a_connection(self):
        rounds = scaled(200, 3)

        def work(i):
            conn = connect(self.path, timeout=30)
            for n in range(rounds):
                value = "%d/%d" % (i, n)
                blob = self.seal(conn, value, "pii", i)
                if self.open(conn, blob, i) != value:
                    raise AssertionError("another value was opened")
                if self.open(conn, self.blob) != CANARY:
                    raise AssertionError("another value was opened")
            conn.close()

        self.run_threads(16, work)

    def test_16_threads_never_draw_the_same(self):
        """Wraps hold what a data key wrapped; equal ones are a repeat."""
        rounds = scaled(200, 3)
        seen = [set() for _ in range(16)]

        def work(i):
            conn = connect(self.path, timeout=30)
            for _ in range(rounds):
                seen[i].add(self.seal(conn, 1)[13:61])
            conn.close()

        self.run_threads(16, work)
        self.assertEqual(16 * rounds, len(set.union(*seen)))

    def test_16_threads_in_bulk(self):
        rows = scaled(2000, 20)
        sql = ("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
               " i < %d) SELECT sum(envelope_open(envelope_seal(i, 'pii',"
               " i), i)) FROM n" % rows)

        def work(_):
            conn = connect(self.path, timeout=30)
            if self.one(conn, sql) != rows * (rows + 1) // 2:
                raise AssertionError("another sum")
            conn.close()

        self.run_threads(16, work)

    def test_threads_seal_while_one_rotates(self):
        """A reader never meets a key table that is half changed."""
        done = threading.Event()
        last = self.conn

        def work(i):
            conn = connect(self.path, timeout=30)
            try:
                if i == 0:
                    for _ in range(scaled(30, 3)):
                        self.one(conn, "SELECT envelope_key_rotate('pii')")
                    done.set()
                while i > 0 and not done.is_set():
                    blob = self.seal(conn, i)
                    if self.open(conn, blob) != i:
                        raise AssertionError("another value was opened")
            finally:
                done.set()
                conn.close()

        self.run_threads(4, work)
        self.assertEqual(CANARY, self.open(last, self.blob))

    def test_threads_seal_while_one_rotates_in_rollback_mode(self):
        self.conn.execute("PRAGMA journal_mode = delete")
        self.test_threads_seal_while_one_rotates()

    def test_one_connection_used_by_threads_in_turn(self):
        lock = threading.Lock()

        def work(i):
            for _ in range(scaled(50, 3)):
                with lock:
                    blob = self.seal(self.conn, i)
                    if self.open(self.conn, blob) != i:
                        raise AssertionError("another value was opened")

        self.run_threads(8, work)

    def test_threads_that_open_and_close(self):
        def work(_):
            for _ in range(scaled(30, 3)):
                conn = connect(self.path, timeout=30)
                if self.open(conn, self.blob) != CANARY:
                    raise AssertionError("another value was opened")
                conn.close()

        self.run_threads(8, work)

    def test_threads_that_create_in_one_keyring(self):
        def work(i):
            conn = connect(self.file("db%d" % i), timeout=30)
            uri = "keyring:" + self.file("common.keyring#cmk%d" % i)
            self.one(conn, "SELECT envelope_key_create('k', ?)", uri)
            if self.open(conn, self.seal(conn, i, "k")) != i:
                raise AssertionError("another value was opened")
            conn.close()

        self.run_threads(8, work)


class Fork(SqlTest):
    """The child works, and draws other keys than its parent."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("PRAGMA journal_mode = wal")
        self.blob = self.seal(self.conn)

    def in_child(self, work):
        """Runs work() in a forked child; returns what it printed."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.alarm(120)  # a child that hangs is a failure
                os.close(read)
                os.write(write, work() or b"")
                status = 0
            except BaseException as error:
                os.write(write, repr(error).encode())
            finally:
                os._exit(status)
        os.close(write)
        with open(read, "rb") as stream:
            said = stream.read()
        self.assertEqual(0, os.waitpid(pid, 0)[1], said)
        return said

    def child_works(self):
        conn = connect(self.path, timeout=30)
        assert self.open(conn, self.blob) == CANARY
        blob = self.seal(conn)
        assert self.open(conn, blob) == CANARY
        return blob

    def test_a_child_opens_a_new_connection(self):
        blob = self.in_child(self.child_works)
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_the_parent_works_after_the_fork(self):
        self.in_child(self.child_works)
        self.assertEqual(CANARY, self.open(self.conn, self.seal(self.conn)))

    def test_children_and_parent_never_draw_the_same(self):
        blobs = [self.in_child(self.child_works) for _ in range(8)]
        blobs += [self.seal(self.conn) for _ in range(8)]
        self.assertEqual(16, len({b[13:61] for b in blobs}))

    def fork_beside(self, work):
        """Forks again and again beside a thread that does work(). The fork
        waits for the end of a statement: SQLite's own mutexes, held by a
        thread that the child does not have, would block the child."""
        between = threading.Lock()
        stop = threading.Event()
        failed = []

        def body():
            try:
                while not stop.is_set():
                    with between:
                        work()
                    time.sleep(0)  # let the other take the lock
            except Exception as error:  # told to the test by failed
                failed.append(repr(error))

        thread = threading.Thread(target=body)
        thread.start()
        try:
            for _ in range(scaled(20, 2)):
                with between:
                    blob = self.in_child(self.child_works)
                self.assertEqual(CANARY, self.open(self.conn, blob))
        finally:
            stop.set()
            thread.join()
        self.assertEqual([], failed)

    def test_fork_beside_a_thread_that_seals(self):
        conn = self.connect(timeout=30)
        sql = ("SELECT count(envelope_seal(value, 'pii'))"
               " FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8]')")
        self.fork_beside(lambda: self.one(conn, sql))

    def test_fork_beside_a_thread_that_loads_and_closes(self):
        def work():
            conn = connect(self.path, timeout=30)
            self.open(conn, self.blob)
            conn.close()

        self.fork_beside(work)

    def test_a_grandchild_works(self):
        self.in_child(lambda: self.in_child(self.child_works))

    def test_the_parent_s_cached_key_is_not_used_in_the_child(self):
        """Its pages are zero there: a key of zeros must not seal."""

        def work():
            blob = self.seal(self.conn)
            assert self.open(self.conn, blob) == CANARY
            assert self.open(self.conn, self.blob) == CANARY
            return blob

        blob = self.in_child(work)
        self.assertEqual(self.blob[KEY_ID], blob[KEY_ID])
        self.assertEqual(CANARY, self.open(self.conn, blob))


class Exec(SqlTest):
    """A process that is started at any moment, with threads inside our
    functions: exec() leaves no mutex behind."""

    SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from support import connect
conn = connect(sys.argv[2], timeout=60)
blob = conn.execute("SELECT envelope_seal(7, 'pii')").fetchone()[0]
assert conn.execute("SELECT envelope_open(?)", (blob,)).fetchone() == (7,)
"""

    def test_processes_started_beside_threads_that_seal(self):
        self.with_key().execute("PRAGMA journal_mode = wal")
        stop = threading.Event()
        failed = []

        def body():
            conn = connect(self.path, timeout=30)
            sql = ("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                   " WHERE i < 200) SELECT count(envelope_seal(i, 'pii'))"
                   " FROM n")
            try:
                while not stop.is_set():
                    self.one(conn, sql)
            except Exception as error:  # told to the test by failed
                failed.append(repr(error))
            conn.close()

        threads = [threading.Thread(target=body) for _ in range(4)]
        for thread in threads:
            thread.start()
        here = os.path.dirname(os.path.abspath(__file__))
        try:
            for _ in range(scaled(10, 2)):
                done = subprocess.run(
                    [sys.executable, "-c", self.SCRIPT, here, self.path],
                    capture_output=True, encoding="utf-8", timeout=240)
                self.assertEqual((0, ""), (done.returncode, done.stderr))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual([], failed)


class Processes(SqlTest):
    SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from support import connect
conn = connect(sys.argv[2], timeout=60)
for i in range(int(sys.argv[3])):
    conn.execute("SELECT envelope_key_rotate('pii')").fetchall()
    conn.execute("INSERT INTO t VALUES(envelope_seal(7, 'pii'))")
"""

    def test_processes_that_rotate_and_seal(self):
        conn = self.with_key()
        conn.execute("CREATE TABLE t(c)")
        here = os.path.dirname(os.path.abspath(__file__))
        rounds = scaled(10, 2)
        running = [
            subprocess.Popen([sys.executable, "-c", self.SCRIPT, here,
                              self.path, str(rounds)],
                             stderr=subprocess.PIPE, encoding="utf-8")
            for _ in range(3)
        ]
        said = [process.communicate(timeout=240)[1] for process in running]
        self.assertEqual(["", "", ""], said)
        last = 3 * rounds + 1
        self.assertEqual([(v, int(v == last)) for v in range(1, last + 1)],
                         self.keys(conn, "version, current"))
        self.assertEqual(3 * rounds * 7, self.one(
            self.connect(), "SELECT sum(envelope_open(c)) FROM t"))


if __name__ == "__main__":
    unittest.main()
