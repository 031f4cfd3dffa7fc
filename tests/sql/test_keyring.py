# SPDX-License-Identifier: MIT
"""The keyring, as SQL meets it."""

import os
import shutil
import sqlite3
import sys
import subprocess
import stat
import unittest

from support import CANARY, PASSPHRASE, SqlTest

CREATE = "SELECT envelope_key_create('pii')"


class Keyring(SqlTest):
    """Under a key file, which is fast."""

    def setUp(self):
        super().setUp()
        conn = self.with_key()
        self.blob = self.seal(conn)
        conn.close()
        self.keyring = self.file("app.db.keyring")

    def refuses_key(self, says):
        """A new connection can neither seal nor open, and says why."""
        conn = self.connect()
        text = self.refuses_seal(says, conn)
        self.refuses_open(says, conn, self.blob)
        self.assertIn("pii", text)
        return text

    def check_works(self, path=None):
        conn = self.connect(path)
        self.assertEqual(CANARY, self.open(conn, self.blob))
        self.seal(conn)

    def test_one_that_is_away_is_not_made_anew_for_another_key(self):
        away = self.file("away")
        os.rename(self.keyring, away)
        conn = self.connect()
        for uri in ("keyring:app.db.keyring", "keyring:" + self.keyring,
                    "keyring:app.db.keyring#other"):
            self.refuses("put it back", conn,
                         "SELECT envelope_key_create('k2', ?)", uri)
            self.refuses("put it back", conn,
                         "SELECT envelope_cmk_create(?)", uri)
            self.assertFalse(os.path.exists(self.keyring))
        self.one(conn, "SELECT envelope_key_create('k2', 'keyring:new.ring')")
        os.rename(away, self.keyring)
        self.check_works()
        self.one(conn, "SELECT envelope_key_create('k3',"
                 " 'keyring:app.db.keyring#other')")

    def test_the_default_lies_beside_the_database(self):
        self.assertTrue(os.path.isfile(self.keyring))

    def test_it_is_for_its_owner_only(self):
        mode = stat.S_IMODE(os.stat(self.keyring).st_mode)
        self.assertEqual(0o600, mode)

    def test_it_is_so_under_any_umask(self):
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.with_key(path=self.file("second.db"))
        mode = os.stat(self.file("second.db.keyring")).st_mode
        self.assertEqual(0o600, stat.S_IMODE(mode))

    def test_it_leaves_no_other_file(self):
        self.assertEqual({"app.db", "app.db.keyring", "secret.key"},
                         set(os.listdir(self.dir)))

    def test_it_is_a_database(self):
        plain = self.plain(self.keyring)
        self.assertEqual("ok", self.one(plain, "PRAGMA integrity_check"))

    def test_without_its_key_file_it_is_locked(self):
        del os.environ["ENVELOPE_KEYFILE"]
        text = self.refuses_key("locked")
        self.assertIn("ENVELOPE_KEYFILE", text)

    def test_a_passphrase_does_not_open_it(self):
        del os.environ["ENVELOPE_KEYFILE"]
        os.environ["ENVELOPE_PASSPHRASE"] = PASSPHRASE
        self.refuses_key("ENVELOPE_KEYFILE")

    def test_another_key_file_is_wrong(self):
        self.use_keyfile("other.key")
        self.refuses_key("key file is wrong")

    def test_the_right_secret_later_works_in_the_same_connection(self):
        conn = self.connect()
        path = os.environ.pop("ENVELOPE_KEYFILE")
        self.refuses_open("locked", conn, self.blob)
        os.environ["ENVELOPE_KEYFILE"] = path
        self.assertEqual(CANARY, self.open(conn, self.blob))

    def test_an_absent_key_file_is_told(self):
        os.environ["ENVELOPE_KEYFILE"] = self.file("absent.key")
        self.refuses_key("No such file")

    def test_a_keyring_that_another_process_locks_is_told(self):
        """After five seconds of waiting; nothing is changed."""
        path = self.path + ".keyring"
        other = subprocess.Popen(
            [sys.executable, "-c", "import sqlite3, sys\n"
             "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
             "c.execute('BEGIN EXCLUSIVE')\nprint('locked', flush=True)\n"
             "sys.stdin.read()", path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual("locked\n", other.stdout.readline())
        conn = self.connect()
        with open(path, "rb") as stream:
            before = stream.read()
        self.refuses("is locked by another process", conn, "SELECT envelope_key_rotate('pii')")
        with open(path, "rb") as stream:
            self.assertEqual(before, stream.read())
        self.assertEqual([("pii", 1, "active", 1)], self.keys(conn))
        other.communicate("")
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_a_key_file_that_others_read_is_refused(self):
        os.chmod(os.environ["ENVELOPE_KEYFILE"], 0o644)
        self.refuses_key("chmod 600")

    def test_a_key_file_of_another_size_is_refused(self):
        os.environ["ENVELOPE_KEYFILE"] = self.write("short", b"x" * 31)
        self.refuses_key("32")

    def test_an_empty_setting_is_told(self):
        os.environ["ENVELOPE_KEYFILE"] = ""
        self.refuses_key("empty")

    def test_a_missing_keyring_is_told_and_not_made(self):
        os.rename(self.keyring, self.file("away"))
        self.refuses_key("app.db.keyring")
        self.assertFalse(os.path.exists(self.keyring))
        os.rename(self.file("away"), self.keyring)
        self.check_works()

    def test_a_missing_keyring_does_not_matter_to_a_loaded_key(self):
        conn = self.connect()
        self.open(conn, self.blob)
        os.unlink(self.keyring)
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_a_truncated_keyring_is_told(self):
        with open(self.keyring, "rb") as stream:
            whole = stream.read()
        for size in (0, 1, 100, 4096, len(whole) // 2, len(whole) - 1):
            with open(self.keyring, "wb") as stream:
                stream.write(whole[:size])
            self.refuses_key("keyring")
        with open(self.keyring, "wb") as stream:
            stream.write(whole)
        self.check_works()

    def test_another_file_in_its_place_is_told(self):
        with open(self.keyring, "wb") as stream:
            stream.write(b"this is no keyring at all\n" * 400)
        self.refuses_key("keyring")

    def test_another_database_in_its_place_is_told(self):
        os.unlink(self.keyring)
        plain = self.plain(self.keyring)
        plain.execute("CREATE TABLE t(x)")
        plain.close()
        os.chmod(self.keyring, 0o600)
        self.refuses_key("keyring")

    def test_the_keyring_of_another_database_is_told(self):
        self.with_key(path=self.file("second.db"))
        shutil.copy(self.file("second.db.keyring"), self.keyring)
        os.chmod(self.keyring, 0o600)
        self.refuses_key("pii")

    def test_a_keyring_that_others_read_is_refused(self):
        for mode in (0o604, 0o640, 0o660, 0o644):
            os.chmod(self.keyring, mode)
            text = self.refuses_key("chmod 600")
            self.assertIn("%03o" % mode, text)
        os.chmod(self.keyring, 0o600)
        self.check_works()

    def test_a_symbolic_link_is_refused(self):
        os.rename(self.keyring, self.file("real"))
        os.symlink(self.file("real"), self.keyring)
        self.refuses_key("symbolic link")

    def test_a_folder_that_others_write_is_refused(self):
        for mode in (0o703, 0o777, 0o1777):
            os.chmod(self.dir, mode)
            self.refuses_key("folder")
        os.chmod(self.dir, 0o700)
        self.check_works()

    def test_a_directory_or_pipe_is_refused(self):
        os.unlink(self.keyring)
        os.mkdir(self.keyring, 0o600)
        self.refuses_key("regular file")
        os.rmdir(self.keyring)
        os.mkfifo(self.keyring, 0o600)
        self.refuses_key("regular file")

    def test_an_edited_keyring_is_refused(self):
        with sqlite3.connect(self.keyring) as plain:
            names = [n for (n,) in plain.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table'")]
        before = self.file("before")
        shutil.copy(self.keyring, before)
        edited = 0
        for name in names:
            plain = self.plain(self.keyring)
            # the column `one` keeps a table to one row and says nothing
            columns = [c for (c,) in plain.execute(
                "SELECT name FROM pragma_table_info(?)"
                " WHERE name <> 'one'", (name,))]
            for column in columns:
                plain = self.plain(self.keyring)
                plain.execute("PRAGMA ignore_check_constraints = 1")
                plain.execute(
                    "UPDATE OR REPLACE %s SET %s = CASE typeof(%s)"
                    " WHEN 'integer' THEN %s + 1"
                    " WHEN 'text' THEN %s || 'x'"
                    " ELSE randomblob(length(%s)) END"
                    % ((name,) + (column,) * 5))
                plain.close()
                with self.subTest(table=name, column=column):
                    self.refuses_key("keyring")
                shutil.copy(before, self.keyring)
                edited += 1
        self.assertGreater(edited, 5)
        self.check_works()

    def test_database_and_keyring_move_together(self):
        os.mkdir(self.file("new"), 0o700)
        for name in ("app.db", "app.db.keyring"):
            os.rename(self.file(name), self.file("new/" + name))
        self.check_works(self.file("new/app.db"))

    def test_a_copied_database_opens_beside_the_keyring(self):
        shutil.copy(self.path, self.file("copy.db"))
        self.check_works(self.file("copy.db"))

    def test_a_backup_opens(self):
        plain = self.plain()
        target = sqlite3.connect(self.file("backup.db"))
        plain.backup(target)
        target.close()
        self.check_works(self.file("backup.db"))

    def test_a_database_moved_alone_does_not_open(self):
        os.mkdir(self.file("new"), 0o700)
        os.rename(self.path, self.file("new/app.db"))
        conn = self.connect(self.file("new/app.db"))
        self.refuses_open("app.db.keyring", conn, self.blob)

    def test_an_absolute_path_is_kept(self):
        conn = self.connect()
        uri = "keyring:" + self.file("else.keyring")
        self.one(conn, "SELECT envelope_key_create('abs', ?)", uri)
        cmk = self.one(conn, "SELECT cmks FROM envelope_keys"
                             " WHERE name = 'abs'")
        self.assertEqual(uri, cmk)

    def test_a_database_name_with_odd_characters(self):
        path = self.file("odd %41 #1 é?.db")
        conn = self.with_key(path=path)
        blob = self.seal(conn)
        self.assertTrue(os.path.isfile(path + ".keyring"))
        self.assertEqual(CANARY, self.open(self.connect(path), blob))

    def test_envelope_cmk_is_the_default(self):
        os.environ["ENVELOPE_CMK"] = "keyring:env.keyring#mine"
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('env')")
        self.assertTrue(os.path.isfile(self.file("env.keyring")))
        cmk = self.one(conn, "SELECT cmks FROM envelope_keys"
                             " WHERE name = 'env'")
        self.assertEqual("keyring:env.keyring#mine", cmk)

    def test_a_bad_envelope_cmk_is_told(self):
        os.environ["ENVELOPE_CMK"] = "nonsense"
        conn = self.connect()
        self.refuses("URI", conn, "SELECT envelope_key_create('env')")

    def test_a_failed_create_makes_no_keyring(self):
        del os.environ["ENVELOPE_KEYFILE"]
        path = self.file("third.db")
        text = self.refuses("needs a secret", self.connect(path), CREATE)
        self.assertIn("ENVELOPE_PASSPHRASE_FILE", text)
        self.assertFalse(os.path.exists(path + ".keyring"))

    def test_a_missing_folder_is_told(self):
        self.refuses("folder", self.connect(), "SELECT"
                     " envelope_key_create('n', 'keyring:no/such/k')")

    def test_cmk_rotate_gives_the_new_version(self):
        conn = self.connect()
        sql = "SELECT envelope_cmk_rotate('keyring:app.db.keyring')"
        self.assertEqual(2, self.one(conn, sql))
        self.assertEqual(3, self.one(conn, sql))

    def test_after_cmk_rotate_old_and_new_keys_open(self):
        conn = self.connect()
        self.one(conn,
                 "SELECT envelope_cmk_rotate('keyring:app.db.keyring')")
        self.one(conn, "SELECT envelope_key_create('new')")
        new = self.seal(conn, CANARY, "new")
        conn = self.connect()
        self.assertEqual(CANARY, self.open(conn, self.blob))
        self.assertEqual(CANARY, self.open(conn, new))
        self.check_works()

    def test_the_current_cmk_version_is_not_destroyed(self):
        conn = self.connect()
        self.error(conn, "SELECT envelope_cmk_destroy("
                         "'keyring:app.db.keyring', 1)")
        self.check_works()

    def test_a_destroyed_cmk_version_takes_its_keys_with_it(self):
        conn = self.connect()
        uri = "keyring:app.db.keyring"
        self.one(conn, "SELECT envelope_cmk_rotate(?)", uri)
        self.one(conn, "SELECT envelope_key_create('new')")
        new = self.seal(conn, CANARY, "new")
        # from a connection that does not have the database
        self.one(self.connect(":memory:"), "SELECT envelope_cmk_destroy(?, 1)",
                 "keyring:" + self.file("app.db.keyring"))
        conn = self.connect()
        self.refuses_open("destroyed", conn, self.blob)
        self.assertEqual(CANARY, self.open(conn, new))

    def test_cmk_rotate_makes_no_keyring(self):
        conn = self.connect()
        self.error(conn, "SELECT envelope_cmk_rotate('keyring:none')")
        self.assertFalse(os.path.exists(self.file("none")))


class Passphrase(SqlTest):
    keyfile = False

    def setUp(self):
        super().setUp()
        os.environ["ENVELOPE_PASSPHRASE"] = PASSPHRASE

    def test_a_passphrase_opens(self):
        blob = self.seal(self.with_key())
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_a_passphrase_file_opens(self):
        blob = self.seal(self.with_key())
        del os.environ["ENVELOPE_PASSPHRASE"]
        path = self.write("phrase", PASSPHRASE.encode() + b"\n")
        os.environ["ENVELOPE_PASSPHRASE_FILE"] = path
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_a_systemd_credential_opens(self):
        blob = self.seal(self.with_key())
        del os.environ["ENVELOPE_PASSPHRASE"]
        self.write("envelope_passphrase", PASSPHRASE.encode())
        os.environ["CREDENTIALS_DIRECTORY"] = self.dir
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_a_wrong_passphrase_is_told(self):
        blob = self.seal(self.with_key())
        os.environ["ENVELOPE_PASSPHRASE"] = "wrong " + PASSPHRASE
        text = self.refuses_open("passphrase is wrong", self.connect(), blob)
        self.assertIn("app.db.keyring", text)

    def test_no_passphrase_is_told_with_what_to_set(self):
        blob = self.seal(self.with_key())
        del os.environ["ENVELOPE_PASSPHRASE"]
        text = self.refuses_open("locked", self.connect(), blob)
        self.assertIn("ENVELOPE_PASSPHRASE_FILE", text)
        self.assertIn("ENVELOPE_PASSPHRASE", text)

    def test_two_secrets_for_a_new_keyring_are_ambiguous(self):
        self.use_keyfile("secret.key")
        self.refuses("both set", self.connect(), CREATE)

    def test_the_passphrase_is_in_no_file(self):
        conn = self.with_key()
        self.seal(conn)
        conn.close()
        for name in os.listdir(self.dir):
            with open(self.file(name), "rb") as stream:
                self.assertNotIn(PASSPHRASE.encode(), stream.read())


if __name__ == "__main__":
    unittest.main()
