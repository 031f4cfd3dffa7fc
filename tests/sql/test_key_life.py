# SPDX-License-Identifier: MIT
"""The end of keys, and their move from CMK to CMK."""

import os
import sqlite3
import threading
import unittest

from support import CANARY, KEY_ID, SqlTest, connect

ROTATE = "SELECT envelope_key_rotate('pii')"
DISABLE = "SELECT envelope_key_set_state('pii', 'disabled')"
DESTROY = "SELECT envelope_key_destroy('pii', 'pii')"
REWRAP = "SELECT envelope_key_rewrap('pii')"


def wraps(conn):
    return [row[0] for row in conn.execute(
        "SELECT wrapped FROM envelope_key_wrap ORDER BY key_id, position")]


class LifeTest(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)

    def run_all(self, *statements):
        for sql in statements:
            self.one(self.conn, sql)

    def ignoring(self, *what):
        """An authorizer that makes nothing of an action, or NULL of a
        column."""
        self.conn.set_authorizer(
            lambda *args: sqlite3.SQLITE_IGNORE
            if args[:len(what)] == what else sqlite3.SQLITE_OK)

    def file_holds(self, needles):
        """Which of the needles stand in a file of the scratch folder."""
        found = []
        for name in os.listdir(self.dir):
            with open(self.file(name), "rb") as stream:
                data = stream.read()
            found += [(name, n.hex()) for n in needles if n in data]
        return found


class Destroyed(LifeTest):
    def test_only_a_disabled_key_is_destroyed(self):
        text = self.refuses("only a disabled key is destroyed", self.conn,
                            DESTROY)
        self.assertIn("envelope_key_set_state('pii', 'disabled')", text)
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_the_name_is_typed_twice(self):
        self.run_all(DISABLE)
        for again in ("PII", "", "pii "):
            self.refuses("give its name twice", self.conn,
                         "SELECT envelope_key_destroy('pii', ?)", again)
        self.assertEqual([("pii", 1, "disabled", 1)], self.keys(self.conn))

    def test_a_wrap_that_is_kept_is_not_called_destroyed(self):
        before = wraps(self.conn)
        self.run_all(DISABLE)
        self.ignoring(sqlite3.SQLITE_READ, "envelope_key_wrap", "key_id")
        self.refuses("is not there", self.conn, DESTROY)
        self.conn.set_authorizer(None)
        self.assertEqual(before, wraps(self.conn))
        self.assertEqual([("pii", 1, "disabled", 1)], self.keys(self.conn))
        self.assertEqual("destroyed", self.one(self.conn, DESTROY))
        self.assertEqual([], wraps(self.conn))

    def test_what_was_sealed_under_it_does_not_open(self):
        self.run_all(DISABLE)
        self.assertEqual("destroyed", self.one(self.conn, DESTROY))
        for conn in (self.conn, self.connect()):
            self.refuses_open("key pii version 1 was destroyed", conn,
                              self.blob)
            self.refuses_seal("was destroyed", conn)
            self.refuses("was destroyed", conn, ROTATE)
            self.refuses("was destroyed", conn, REWRAP)
            self.refuses("was destroyed", conn, "SELECT envelope_rewrap(?)",
                         self.blob)

    def test_all_versions_of_the_name_are_destroyed(self):
        self.run_all(ROTATE, DISABLE, DESTROY)
        self.assertEqual([("pii", 1, "destroyed", 0),
                          ("pii", 2, "destroyed", 1)], self.keys(self.conn))
        self.assertEqual([], wraps(self.conn))

    def test_another_key_is_not(self):
        self.one(self.conn, "SELECT envelope_key_create('pay')")
        other = self.seal(self.conn, "other", "pay")
        self.run_all(DISABLE, DESTROY)
        for conn in (self.conn, self.connect()):
            self.assertEqual("other", self.open(conn, other))

    def test_the_tombstone_keeps_the_name(self):
        self.run_all(DISABLE, DESTROY)
        self.refuses("its name is not used again", self.connect(),
                     "SELECT envelope_key_create('pii')")

    def test_no_state_brings_it_back(self):
        self.run_all(DISABLE, DESTROY)
        for state in ("active", "decrypt-only", "disabled"):
            self.refuses("was destroyed", self.connect(),
                         "SELECT envelope_key_set_state('pii', ?)", state)

    def test_another_connection_s_loaded_key_is_not_used(self):
        other = self.connect()
        self.assertEqual(CANARY, self.open(other, self.blob))
        self.run_all(DISABLE, DESTROY)
        self.refuses_open("was destroyed", other, self.blob)
        self.refuses_seal("was destroyed", other)

    def test_a_rollback_takes_it_back(self):
        self.run_all(DISABLE)
        self.conn.execute("BEGIN")
        text = self.one(self.conn, DESTROY)
        self.assertIn("COMMIT", text)
        self.refuses_open("was destroyed", self.conn, self.blob)
        self.conn.execute("ROLLBACK")
        self.run_all("SELECT envelope_key_set_state('pii', 'active')")
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_an_old_version_is_destroyed_by_its_id(self):
        self.run_all(ROTATE)
        new = self.seal(self.conn)
        first = self.blob[KEY_ID].hex()
        self.one(self.conn, "SELECT envelope_key_set_state(?, 'disabled')",
                 first)
        self.assertEqual("destroyed", self.one(
            self.conn, "SELECT envelope_key_destroy(?1, ?1)", first))
        for conn in (self.conn, self.connect()):
            self.refuses_open("version 1 was destroyed", conn, self.blob)
            self.assertEqual(CANARY, self.open(conn, new))
        self.run_all(ROTATE)
        self.assertEqual(CANARY, self.open(self.connect(), new))

    def test_the_current_version_alone_is_not(self):
        self.run_all(DISABLE)
        self.refuses("is the current one", self.conn,
                     "SELECT envelope_key_destroy(?1, ?1)",
                     self.blob[KEY_ID].hex())

    def test_a_planted_tombstone_with_a_wrap_is_noticed(self):
        self.plain().execute("UPDATE envelope_key SET state = 'destroyed'")
        self.refuses_open("altered", self.connect(), self.blob)

    def test_a_trigger_that_keeps_the_wrap_is_refused(self):
        self.run_all(DISABLE)
        self.plain().execute("CREATE TABLE stash(w)")
        self.plain().execute(
            "CREATE TRIGGER keep BEFORE DELETE ON envelope_key_wrap"
            " BEGIN INSERT INTO stash VALUES(OLD.wrapped); END")
        self.refuses("has a trigger on a key table", self.conn, DESTROY)
        self.assertEqual(1, len(wraps(self.conn)))


class Wiped(LifeTest):
    """Nothing in the files opens the rows any more, whatever the mode."""

    def check(self, *pragmas):
        for pragma in pragmas:
            self.conn.execute(pragma).fetchall()
        for i in range(60):  # pages split and cells move
            self.one(self.conn, "SELECT envelope_key_create(?,"
                                " 'keyring:app.db.keyring')", "k%d" % i)
        self.run_all(ROTATE)
        ids = [row[0] for row in self.conn.execute(
            "SELECT key_id FROM envelope_key WHERE name = 'pii'")]
        needles = [row[0][-32:] for row in self.conn.execute(
            "SELECT wrapped FROM envelope_key_wrap WHERE key_id IN (?, ?)",
            ids)]
        self.assertEqual(2, len(needles))
        self.assertNotEqual([], self.file_holds(needles))
        self.run_all(DISABLE)
        text = self.one(self.conn, DESTROY)
        if "VACUUM" in text:  # what it found is there, and VACUUM removes it
            self.assertNotEqual([], self.file_holds(needles))
            self.conn.execute("VACUUM")
            self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.assertEqual([], self.file_holds(needles))
        return text

    def test_with_secure_delete(self):
        self.assertEqual("destroyed", self.check("PRAGMA secure_delete = ON"))

    def test_without_secure_delete(self):
        self.check("PRAGMA secure_delete = OFF")
        self.assertEqual(0, self.one(self.conn, "PRAGMA secure_delete"))

    def test_in_wal_mode(self):
        self.check("PRAGMA secure_delete = OFF", "PRAGMA journal_mode = wal")

    def test_in_a_journal_that_is_kept(self):
        self.check("PRAGMA journal_mode = persist")

    def test_a_reader_keeps_the_wal_and_is_told_of(self):
        self.conn.execute("PRAGMA journal_mode = wal")
        reader = self.plain()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM envelope_key").fetchall()
        self.conn.execute("PRAGMA busy_timeout = 0")
        self.run_all(DISABLE)
        self.assertIn("wal_checkpoint(TRUNCATE)", self.one(self.conn, DESTROY))
        self.refuses_open("was destroyed", self.conn, self.blob)

    def test_a_copy_in_free_space_is_found(self):
        self.conn.execute("PRAGMA secure_delete = OFF")
        self.conn.execute("CREATE TABLE copy AS SELECT wrapped"
                          " FROM envelope_key_wrap")
        self.conn.execute("DROP TABLE copy")
        self.run_all(DISABLE)
        self.assertIn("VACUUM", self.one(self.conn, DESTROY))

    def test_the_locks_of_the_connection_stay(self):
        """Reading the file must not drop them (POSIX advisory locks)."""
        self.conn.execute("CREATE TABLE t(x)")
        other = self.connect()
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t VALUES(1)")
        aux = self.connect(self.file("aux.db"))
        aux.execute("ATTACH ? AS app", (self.path,))
        self.one(aux, "SELECT envelope_key_create('main:x')")
        self.one(aux, "SELECT envelope_key_set_state('main:x', 'disabled')")
        self.one(aux, "SELECT envelope_key_destroy('main:x', 'main:x')")
        with self.assertRaises(sqlite3.OperationalError):
            third = connect(self.path, timeout=0)
            third.execute("BEGIN IMMEDIATE")
        other.execute("COMMIT")


class Rewrapped(LifeTest):
    def test_every_version_is_wrapped_anew(self):
        self.run_all(ROTATE)
        before = wraps(self.conn)
        self.assertEqual(2, self.one(self.conn, REWRAP))
        after = wraps(self.conn)
        self.assertEqual(2, len(after))
        self.assertFalse(set(before) & set(after))
        self.assertEqual([], self.file_holds([w[-32:] for w in before]))
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_rotation_deletes_nothing_that_refers_to_the_key(self):
        self.conn.execute("PRAGMA foreign_keys = ON")
        self.conn.execute("CREATE TABLE c(k REFERENCES"
                          " envelope_key_manifest(name) ON DELETE CASCADE)")
        self.conn.execute("INSERT INTO c VALUES('pii')")
        self.run_all(ROTATE)
        self.assertEqual(1, self.one(self.conn, "SELECT count(*) FROM c"))

    def test_a_key_moves_to_another_keyring(self):
        self.run_all(ROTATE)
        self.one(self.conn, "SELECT envelope_key_rewrap('pii',"
                            " 'keyring:new.keyring#c')")
        os.unlink(self.file("app.db.keyring"))
        conn = self.connect()
        self.assertEqual(CANARY, self.open(conn, self.blob))
        self.assertEqual([("keyring:new.keyring#c",)] * 2,
                         self.keys(conn, "cmks"))
        self.one(conn, ROTATE)
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_second_cmk_is_added(self):
        self.one(self.conn, "SELECT envelope_key_rewrap('pii',"
                            " 'keyring:app.db.keyring', 'keyring:b.keyring')")
        os.unlink(self.file("app.db.keyring"))
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_disabled_version_is_wrapped_too(self):
        self.run_all(DISABLE)
        self.one(self.conn, "SELECT envelope_key_rewrap('pii',"
                            " 'keyring:new.keyring')")
        self.run_all("SELECT envelope_key_set_state('pii', 'active')")
        os.unlink(self.file("app.db.keyring"))
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_cmk_that_does_not_wrap_changes_nothing(self):
        before = wraps(self.conn)
        self.write("bad.keyring", b"not a keyring", 0o600)
        self.refuses("bad.keyring", self.conn,
                     "SELECT envelope_key_rewrap('pii', 'keyring:bad.keyring')")
        self.refuses("nothing was changed", self.conn,
                     "SELECT envelope_key_rewrap('pii', 'keyring:new.keyring',"
                     " 'keyring:bad.keyring')")
        self.assertEqual(before, wraps(self.conn))

    def test_a_rollback_takes_it_back(self):
        before = wraps(self.conn)
        self.conn.execute("BEGIN")
        self.run_all(REWRAP)
        self.assertNotEqual(before, wraps(self.conn))
        self.conn.execute("ROLLBACK")
        self.assertEqual(before, wraps(self.conn))

    def test_an_unknown_key_is_told(self):
        self.refuses("no key nobody", self.conn,
                     "SELECT envelope_key_rewrap('nobody')")

    def test_a_suppressed_wrap_is_an_error(self):
        before = wraps(self.conn)
        for ignored in ((sqlite3.SQLITE_INSERT, "envelope_key_wrap", None),
                        (sqlite3.SQLITE_READ, "envelope_key_wrap", "key_id")):
            self.ignoring(*ignored)
            self.error(self.conn, REWRAP)
            self.conn.set_authorizer(None)
            self.assertEqual(before, wraps(self.conn))

    def test_two_rewraps_at_once_leave_one_set(self):
        answers = []

        def work():
            conn = connect(self.path, timeout=20)
            answers.append(self.one(conn, REWRAP))
            conn.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([1] * 4, answers)
        self.assertEqual(1, len(wraps(self.conn)))
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))


class SeveralCmks(SqlTest):
    CREATE = ("SELECT envelope_key_create('pii', 'keyring:a.keyring',"
              " 'keyring:b.keyring')")

    def setUp(self):
        super().setUp()
        self.conn = self.connect()

    def lose(self, name):
        """A keyring that nobody can open for now."""
        os.rename(self.file(name), self.file(name + ".away"))

    def find(self, name):
        os.rename(self.file(name + ".away"), self.file(name))

    def test_either_opens_and_seals(self):
        self.one(self.conn, self.CREATE)
        blob = self.seal(self.conn)
        for name in ("a.keyring", "b.keyring"):
            self.lose(name)
            conn = self.connect()
            self.assertEqual(CANARY, self.open(conn, blob))
            self.assertEqual(CANARY, self.open(conn, self.seal(conn)))
            self.find(name)

    def test_the_error_has_a_reason_for_each(self):
        self.one(self.conn, self.CREATE)
        blob = self.seal(self.conn)
        self.lose("a.keyring")
        self.lose("b.keyring")
        text = self.refuses_open("key pii version 1 is not available",
                                 self.connect(), blob)
        self.assertRegex(text, "keyring:a.keyring: .*; keyring:b.keyring: ")

    def test_a_rotation_without_one_is_refused_and_says_which(self):
        self.one(self.conn, self.CREATE)
        self.lose("b.keyring")
        text = self.refuses("CMK keyring:b.keyring does not wrap key pii",
                            self.conn, ROTATE)
        self.assertIn("allow_partial", text)
        self.assertEqual([(1,)], self.keys(self.conn, "version"))

    def test_a_create_without_one_is_refused_and_says_which(self):
        self.write("b.keyring", b"junk")
        text = self.refuses("CMK keyring:b.keyring does not wrap key pii",
                            self.conn, self.CREATE)
        self.assertIn("nothing was changed", text)
        self.assertEqual([], self.keys(self.conn))

    def test_partial_goes_on_and_rewrap_completes_it(self):
        self.one(self.conn, self.CREATE)
        self.lose("b.keyring")
        self.one(self.conn, "SELECT envelope_config('allow_partial', 'on')")
        self.one(self.conn, ROTATE)
        blob = self.seal(self.conn)
        self.assertEqual([(1, None), (2, "keyring:b.keyring")],
                         self.keys(self.conn, "version, pending"))
        self.assertEqual(CANARY, self.open(self.connect(), blob))
        self.find("b.keyring")
        self.lose("a.keyring")
        text = self.refuses_open("it has no wrap of the key yet",
                                 self.connect(), blob)
        self.assertIn("envelope_key_rewrap('pii')", text)
        self.find("a.keyring")
        self.assertEqual(2, self.one(self.conn, REWRAP))
        self.assertEqual([(None,), (None,)], self.keys(self.conn, "pending"))
        self.lose("a.keyring")
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_partial_needs_one_at_least(self):
        self.one(self.conn, self.CREATE)
        self.one(self.conn, "SELECT envelope_config('allow_partial', 'on')")
        self.lose("a.keyring")
        self.lose("b.keyring")
        self.refuses("none of the CMKs wraps key pii", self.conn, ROTATE)
        self.assertEqual([(1,)], self.keys(self.conn, "version"))


if __name__ == "__main__":
    unittest.main()
