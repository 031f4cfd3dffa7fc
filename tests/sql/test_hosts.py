# SPDX-License-Identifier: MIT
"""Loading, closing, and what hosts do to an extension (rules 6 to 9)."""

import ctypes
import os
import shutil
import sqlite3
import subprocess
import sys
import unittest

import capi
from support import CANARY, EXTENSION, SqlTest, connect, load, scaled

USE = """
    CREATE TABLE IF NOT EXISTS t(c);
    INSERT INTO t VALUES(envelope_seal('v', 'pii'));
    SELECT envelope_open(c) FROM t;
    SELECT * FROM envelope_keys;
    SELECT envelope_seal_indexed(1, 'pii', 's');
"""


class Closing(SqlTest):
    def open_database(self):
        db = capi.Database(self.path)
        self.assertIsNone(db.load())
        return db

    def test_close_after_load(self):
        self.assertEqual(capi.OK, self.open_database().close())

    def test_close_after_use(self):
        db = self.open_database()
        db.run("SELECT envelope_key_create('pii')").run(USE)
        db.run("SELECT envelope_key_rotate('pii')").run(USE)
        self.assertEqual(capi.OK, db.close())

    def test_close_after_use_without_the_keys_table(self):
        self.with_key()
        db = self.open_database()
        db.run("SELECT envelope_seal('v', 'pii')")
        self.assertEqual(capi.OK, db.close())

    def test_close_after_a_failed_statement(self):
        db = self.open_database()
        for sql in ("SELECT envelope_seal(1, 'pii')",
                    "SELECT envelope_open(x'00')",
                    "SELECT envelope_key_create('a b')"):
            with self.assertRaises(RuntimeError):
                db.run(sql)
        self.assertEqual(capi.OK, db.close())

    def test_close_with_a_table_named_envelope_keys(self):
        """It takes the place of ours, which would keep statements."""
        db = self.open_database()
        db.run("CREATE TABLE envelope_keys(x)")
        db.run("SELECT envelope_key_create('pii')")
        db.run("SELECT envelope_seal('v', 'pii')")
        self.assertEqual(capi.OK, db.close())

    def test_close_after_the_table_was_made_later(self):
        db = self.open_database()
        db.run("SELECT envelope_key_create('pii')")
        db.run("CREATE TABLE envelope_keys(x)")
        db.run("SELECT envelope_seal('v', 'pii')")
        self.assertEqual(capi.OK, db.close())

    def test_close_with_a_database_attached(self):
        db = self.open_database()
        db.run("ATTACH '%s' AS aux" % self.file("aux.db"))
        db.run("SELECT envelope_key_create('aux:pii')").run(USE)
        self.assertEqual(capi.OK, db.close())

    def test_detach_after_use(self):
        db = self.open_database()
        db.run("ATTACH '%s' AS aux" % self.file("aux.db"))
        db.run("SELECT envelope_key_create('aux:pii')").run(USE)
        db.run("DETACH aux")
        self.assertEqual(capi.OK, db.close())

    def test_schema_can_be_dropped_after_use(self):
        db = self.open_database()
        db.run("SELECT envelope_key_create('pii')").run(USE)
        for table in ("", "_wrap", "_manifest"):
            db.run("DROP TABLE envelope_key" + table)
        db.run("VACUUM")
        self.assertEqual(capi.OK, db.close())


class Loading(SqlTest):
    def test_loading_touches_no_database(self):
        with open(self.path, "wb") as stream:
            stream.write(b"this is no database" * 100)
        self.connect()

    def test_loading_makes_no_file(self):
        self.connect().close()
        self.assertEqual(["secret.key"], [
            f for f in os.listdir(self.dir) if os.path.getsize(self.file(f))])

    def test_loading_twice(self):
        conn = self.with_key()
        conn.execute("SELECT envelope_config('padding', 'on')")
        load(conn)
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))
        sql = "SELECT envelope_config('padding')"
        self.assertEqual("on", self.one(conn, sql))

    def test_loading_again_during_a_running_statement(self):
        conn = self.with_key()
        rows = conn.execute("SELECT envelope_seal(value, 'pii')"
                            " FROM json_each('[1, 2, 3]')")
        blobs = [rows.fetchone()[0]]
        load(conn)
        blobs += [row[0] for row in rows]
        self.assertEqual([1, 2, 3], [self.open(conn, b) for b in blobs])

    def test_loading_first_during_a_running_statement(self):
        conn = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(conn.close)
        rows = conn.execute("SELECT value FROM json_each('[1, 2, 3]')")
        rows.fetchone()
        load(conn)
        self.one(conn, "SELECT envelope_key_create('pii')")
        self.assertEqual([(2,), (3,)], rows.fetchall())

    def test_loading_inside_a_transaction(self):
        conn = self.plain()
        conn.execute("BEGIN IMMEDIATE")
        load(conn)
        self.one(conn, "SELECT envelope_key_create('pii')")
        conn.execute("COMMIT")
        self.assertEqual(CANARY, self.open(self.connect(), self.seal(conn)))

    def test_50_connections_at_once(self):
        self.with_key()
        blob = self.seal(self.connect())
        conns = [self.connect() for _ in range(50)]
        self.assertEqual({CANARY}, {self.open(c, blob) for c in conns})

    def test_many_connections_one_after_another(self):
        blob = self.seal(self.with_key())
        for _ in range(scaled(300, 10)):
            conn = connect(self.path)
            self.assertEqual(CANARY, self.open(conn, blob))
            conn.close()

    def test_closing_gives_the_key_cells_back(self):
        conn = self.with_key()
        sql = ("SELECT json_extract(envelope_debug(),"
               " '$.secret_memory.cells_used')")
        blob = self.seal(conn)
        before = self.one(conn, sql)
        others = [connect(self.path) for _ in range(20)]
        for other in others:
            self.open(other, blob)
        self.assertLess(before, self.one(conn, sql))
        for other in others:
            other.close()
        self.assertEqual(before, self.one(conn, sql))

    def test_a_bad_setting_in_the_environment_stops_the_load(self):
        os.environ["ENVELOPE_SUITE"] = "rot13"
        with self.assertRaisesRegex(sqlite3.Error, "ENVELOPE_SUITE must be"):
            connect(":memory:")

    def test_a_setting_comes_from_the_environment(self):
        os.environ["ENVELOPE_SUITE"] = "chacha20-poly1305"
        self.assertEqual(2, self.seal(self.with_key())[3])


AUTO = """
import ctypes, sqlite3, sys
sys.path.insert(0, sys.argv[1])
import capi
lib = capi.library()
init = ctypes.CDLL(capi.EXTENSION).sqlite3_envelope_init
assert lib.sqlite3_auto_extension(init) == 0
called = []
kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                        ctypes.c_void_p)
second = kind(lambda db, message, api: called.append(db) or 0)
assert lib.sqlite3_auto_extension(second) == 0
for i in (1, 2):
    conn = sqlite3.connect(sys.argv[2])
    if i == 1:
        conn.execute("SELECT envelope_key_create('pii')").fetchall()
    sql = "SELECT envelope_open(envelope_seal(7, 'pii'))"
    assert conn.execute(sql).fetchone() == (7,)
    conn.enable_load_extension(True)
    conn.load_extension(capi.EXTENSION)
    assert len(called) >= i, "the next auto-extension was not called"
    conn.close()
lib.sqlite3_reset_auto_extension()
print("done")
"""

TWO = """
import ctypes, sqlite3, sys
sys.path.insert(0, sys.argv[1])
import capi
from support import connect
conn = connect(sys.argv[2])
blob = conn.execute("SELECT envelope_seal(7, 'pii')").fetchone()[0]
second = capi.library(sys.argv[3])
db = capi.Database(":memory:", second)
message = db.load()
assert message and "another SQLite library" in message, message
assert db.close() == 0
db = capi.Database(sys.argv[2])
assert db.load() is None
assert db.close() == 0
sql = "SELECT envelope_open(?)"
assert conn.execute(sql, (blob,)).fetchone() == (7,)
print("done")
"""


class Hosts(SqlTest):
    def python(self, script, *args):
        here = os.path.dirname(os.path.abspath(__file__))
        done = subprocess.run(
            [sys.executable, "-c", script, here, *args], timeout=240,
            capture_output=True, encoding="utf-8")
        self.assertEqual("done\n", done.stdout, done.stderr)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_as_an_auto_extension(self):
        self.python(AUTO, self.path)

    def test_a_second_sqlite_library_is_refused(self):
        library = capi.host_path()
        if "libsqlite3" not in library:
            self.skipTest("no second SQLite library: Python has its own")
        copy = self.file("libsecond.so")
        shutil.copy(library, copy)
        self.with_key()
        self.python(TWO, self.path, copy)

    def test_no_thread_of_ours_is_started(self):
        before = os.listdir("/proc/self/task")
        conn = self.with_key()
        conn.executescript(USE + "SELECT envelope_key_rotate('pii');" + USE)
        self.assertEqual(before, os.listdir("/proc/self/task"))

    def test_only_the_entry_point_is_exported(self):
        lib = ctypes.CDLL(EXTENSION)
        self.assertTrue(lib.sqlite3_envelope_init)
        for name in ("ee_seal", "ee_open", "ee_kdf", "ee_keys_create"):
            with self.assertRaises(AttributeError, msg=name):
                getattr(lib, name)


if __name__ == "__main__":
    unittest.main()
