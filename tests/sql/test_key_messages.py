# SPDX-License-Identifier: MIT
"""Names, ids and databases that can be taken for each other, and what the
messages say then: the right thing to type, and nothing that is secret or that
a terminal obeys."""

import os
import shutil
import sqlite3
import unittest

from support import CANARY, SqlTest

DISABLE = "SELECT envelope_key_set_state(?, 'disabled')"
HEX_NAME = "0123456789abcdef"


class Names(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)

    def test_a_name_that_looks_like_an_id_is_refused(self):
        for name in (HEX_NAME, HEX_NAME.upper(), "main:" + HEX_NAME):
            self.refuses("give the key another name", self.conn,
                         "SELECT envelope_key_create(?)", name)
        self.one(self.conn, "SELECT envelope_key_create(?)", HEX_NAME[1:])

    def test_an_old_name_that_is_an_id_as_well_is_not_guessed(self):
        """Both rows are there as another version of this code wrote them."""
        key_id = self.one(self.conn, "SELECT lower(hex(key_id)) FROM"
                                     " envelope_key")
        self.plain().execute("INSERT INTO envelope_key_manifest SELECT ?,"
                             " generation, current, tag FROM"
                             " envelope_key_manifest", (key_id,))
        self.plain().execute(
            "INSERT INTO envelope_key SELECT ?1, ?2, version, suite, state,"
            " created, origin, ?3, generation, tag1, tag2 FROM envelope_key",
            (b"8" * 8, key_id, b"8" * 32))
        text = self.refuses("and the name of a key", self.conn, DISABLE,
                            key_id)
        self.assertIn("'main:%s'" % key_id, text)

    def test_a_key_table_that_is_gone_is_missed(self):
        for table in ("envelope_key", "envelope_key_wrap",
                      "envelope_key_manifest"):
            conn = self.connect()
            conn.execute("BEGIN")
            conn.execute("DROP TABLE %s" % table)
            for sql in ("SELECT envelope_seal(1, 'pii')",
                        "SELECT envelope_open(x'%s')" % self.blob.hex()):
                self.refuses("main has lost some of its key tables", conn, sql)
            conn.execute("ROLLBACK")
            self.assertEqual(CANARY, self.open(conn, self.blob))

    def test_no_message_tells_a_value_in_the_place_of_a_key(self):
        """SqlTest.error() looks for the canary."""
        forms = ("envelope_seal('pii', ?)", "envelope_seal('main:pii', ?, 'c')",
                 "envelope_seal('nobody', ?)", "envelope_seal(7, ?)",
                 "envelope_seal(x'00', ?)",
                 "envelope_seal_indexed('pii', ?, 's')",
                 "envelope_blind_index('nobody', ?, 's')",
                 "envelope_rewrap({}, ?)", "envelope_reseal({}, ?)",
                 "envelope_import({}, ?)")
        blob = "x'%s'" % self.blob.hex()
        portable = "x'%s'" % self.one(
            self.conn, "SELECT envelope_export(?)", self.blob).hex()
        for sql in forms:
            sql = sql.format(portable if "import" in sql else blob)
            for value in (CANARY, CANARY + ":x", "x:" + CANARY, CANARY + "/7",
                          "main:" + CANARY, "x" * 300):
                self.error(self.conn, "SELECT " + sql, value)
        self.refuses("the value comes first", self.conn,
                     "SELECT envelope_seal('pii', ?)", CANARY)

    def test_a_key_that_is_to_change_is_told(self):
        self.refuses("no key nobody here; to make it: SELECT"
                     " envelope_key_create('main:nobody')", self.conn,
                     "SELECT envelope_key_rotate('main:nobody')")

    def test_an_id_is_no_name(self):
        key_id = self.one(self.conn,
                          "SELECT key_id FROM temp.envelope_keys")
        text = self.refuses("has the form of a key id", self.conn,
                            "SELECT envelope_key_rotate(?)", key_id)
        self.assertEqual([("main", "pii", 1)], self.conn.execute(
            text[text.index("SELECT"):]).fetchall())

    def test_a_cmk_named_twice_is_not_two(self):
        for first, second in (("keyring:x", "keyring:x"),
                              ("keyring:x#a", "keyring:x#a")):
            self.refuses("is named twice", self.conn,
                         "SELECT envelope_key_create('new', ?, ?)", first,
                         second)
            self.refuses("is named twice", self.conn,
                         "SELECT envelope_key_rewrap('pii', ?, ?)", first,
                         second)
        self.assertEqual([("pii", 1, "active", 1)], self.keys(self.conn))
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_folder_such_as_tmp_keeps_its_mode(self):
        os.mkdir(self.file("public"))
        for mode, says in ((0o1777, "use a folder of your own"),
                           (0o777, "run chmod o-w on it")):
            os.chmod(self.file("public"), mode)
            self.refuses(says, self.conn, "SELECT envelope_key_create('new',"
                         " ?)", "keyring:" + self.file("public/x.keyring"))

    def test_a_row_that_is_missing(self):
        """In every one of these there is a backup to be restored."""
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        for table, where in (("envelope_key_manifest", "1"),
                             ("envelope_key", "version = 2")):
            rows = self.plain().execute("SELECT * FROM %s WHERE %s" %
                                        (table, where)).fetchall()
            self.plain().execute("DELETE FROM %s WHERE %s" % (table, where))
            for sql in ("envelope_seal(1, 'pii')", "envelope_key_open('pii')",
                        "envelope_key_create('pii')",
                        "envelope_key_rotate('pii')"):
                self.refuses("a row of key pii is missing, or has a wrong type"
                             " or length; restore them from a backup",
                             self.conn, "SELECT " + sql)
            self.plain().execute("INSERT INTO %s VALUES(%s)" % (
                table, ", ".join("?" * len(rows[0]))), rows[0])
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_a_schema_in_capitals_is_the_same_one(self):
        self.one(self.conn, "SELECT envelope_key_create('MAIN:big')")
        blob = self.seal(self.conn, 1, "Main:big")
        for name in ("big", "MAIN:big"):
            self.one(self.conn, DISABLE, name)
            self.refuses_open("disabled", self.conn, blob)
            self.one(self.conn, "SELECT envelope_key_set_state(?, 'active')",
                     name)
        self.assertEqual([("main",)], self.conn.execute(
            "SELECT DISTINCT schema FROM envelope_keys").fetchall())

    def test_a_destroyed_version_gets_no_other_state(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        key_id = self.one(self.conn, "SELECT lower(hex(key_id)) FROM"
                                     " envelope_key WHERE version = 1")
        self.one(self.conn, DISABLE, key_id)
        self.one(self.conn, "SELECT envelope_key_destroy(?1, ?1)", key_id)
        for state in ("disabled", "decrypt-only"):
            self.refuses("version 1 was destroyed", self.conn,
                         "SELECT envelope_key_set_state(?, ?)", key_id, state)
        self.assertEqual([(1, "destroyed"), (2, "active")],
                         self.keys(self.conn, "version, state"))


class Databases(SqlTest):
    def setUp(self):
        super().setUp()
        conn = self.with_key()
        self.blob = self.seal(conn)
        conn.close()
        shutil.copy(self.path, self.file("copy.db"))
        self.conn = self.connect(timeout=0)

    def attach(self):
        self.conn.execute("ATTACH ? AS copy", (self.file("copy.db"),))

    def test_a_key_destroyed_here_lives_in_the_copy(self):
        self.one(self.conn, DISABLE, "pii")
        self.one(self.conn, "SELECT envelope_key_destroy('pii', 'pii')")
        self.refuses_open("was destroyed", self.conn, self.blob)
        self.attach()
        self.assertEqual(CANARY, self.open(self.conn, self.blob))
        self.conn.execute("DETACH copy")
        self.refuses_open("was destroyed", self.conn, self.blob)

    def test_the_hint_names_the_database(self):
        self.attach()
        self.one(self.conn, DISABLE, "copy:pii")
        text = self.error(self.conn, "SELECT envelope_seal(1, 'copy:pii')")
        hint = "SELECT envelope_key_set_state('copy:pii', 'active')"
        self.assertTrue(text.endswith(hint), text)
        self.one(self.conn, hint)
        self.seal(self.conn, 1, "copy:pii")

    def test_a_locked_database_is_named(self):
        self.attach()
        holder = self.plain(self.file("copy.db"))
        holder.execute("BEGIN EXCLUSIVE")
        self.refuses("copy is locked by another connection", self.conn,
                     "SELECT envelope_seal(1, 'pii')")
        self.seal(self.conn, 1, "main:pii")
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_a_planted_view_named_as_our_table(self):
        """It stands in for the table, but not for temp.envelope_keys."""
        self.plain().execute("CREATE VIEW envelope_keys AS"
                             " SELECT 'lies' AS name")
        self.assertEqual("lies", self.one(self.conn,
                                          "SELECT name FROM envelope_keys"))
        self.assertEqual("pii", self.one(
            self.conn, "SELECT name FROM temp.envelope_keys"))
        self.assertEqual(CANARY, self.open(self.conn, self.blob))
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.conn.close()  # the statements had a keeper, or this fails


class Edited(SqlTest):
    """SqlTest.error() checks that a message is printable."""

    def test_no_message_has_what_a_terminal_obeys(self):
        conn = self.with_key()
        blob = self.seal(conn)
        for text in ("keyring:\x1b[31mred", "keyring:a\x9b31m", "nul:\x7f",
                     "keyring:\u202egnp.txt", "keyring:\u2066x",
                     "keyring:a\u2028b", "keyring:\ufeffx", "\x1b]0;x\x07"):
            self.plain().execute("UPDATE envelope_key_wrap SET cmk = ?",
                                 (text,))
            self.error(self.connect(), "SELECT envelope_open(?)", blob)
        for raw in ("ff", "c0af", "eda080", "f4908080", "e280", "c2"):
            self.plain().execute("UPDATE envelope_key_wrap SET cmk ="
                                 " CAST(x'6b657972696e673a%s' AS TEXT)" % raw)
            self.error(self.connect(), "SELECT envelope_open(?)", blob)

    def test_letters_stay_as_they_are(self):
        conn = self.with_key()
        text = self.error(conn, "SELECT envelope_config('audit',"
                                " '/no/Größe-鍵-🔑/x')")
        self.assertIn("/no/Größe-鍵-🔑", text)

    def test_a_control_character_is_refused_in_a_uri(self):
        conn = self.connect()
        for text in ("keyring:a%C2%9Bb", "keyring:a\x9bb", "keyring:a%1Bb"):
            self.refuses("control character", conn,
                         "SELECT envelope_key_create('pii', ?)", text)


class Ignored(SqlTest):
    """An authorizer that ignores a PRAGMA."""

    def test_the_encoding(self):
        self.with_key().close()
        conn = self.connect()
        conn.set_authorizer(
            lambda action, name, *args: sqlite3.SQLITE_IGNORE
            if (action, name) == (sqlite3.SQLITE_PRAGMA, "encoding")
            else sqlite3.SQLITE_OK)
        self.refuses("hides PRAGMA encoding", conn,
                     "SELECT envelope_seal(1, 'pii')")

    def test_secure_delete(self):
        conn = self.with_key()
        self.one(conn, DISABLE, "pii")
        conn.set_authorizer(
            lambda action, name, *args: sqlite3.SQLITE_IGNORE
            if (action, name) == (sqlite3.SQLITE_PRAGMA, "secure_delete")
            else sqlite3.SQLITE_OK)
        self.refuses("secure_delete of main could not be turned on", conn,
                     "SELECT envelope_key_destroy('pii', 'pii')")
        self.assertEqual([("pii", 1, "disabled", 1)], self.keys(conn))


class Partial(SqlTest):
    """allow_partial lets a CMK wait, and not a typing error."""

    def test_a_typing_error_is_refused(self):
        conn = self.connect()
        self.one(conn, "SELECT envelope_config('allow_partial', 'on')")
        for text in ("keyrign:b.keyring", "b.keyring", "keyring:", "keyring",
                     "pem:a?b"):
            self.error(conn, "SELECT envelope_key_create('pii',"
                             " 'keyring:a.keyring', ?)", text)
        self.assertEqual([], self.keys(conn))
        self.one(conn, "SELECT envelope_key_create('pii',"
                       " 'keyring:a.keyring')")
        self.error(conn, "SELECT envelope_key_rewrap('pii',"
                         " 'keyring:a.keyring', 'keyrign:b.keyring')")
        self.assertEqual([("keyring:a.keyring", None)],
                         self.keys(conn, "cmks, pending"))

    def test_the_last_reason_is_told(self):
        conn = self.connect()
        self.write("a.keyring", b"junk")
        self.write("b.keyring", b"junk")
        self.one(conn, "SELECT envelope_config('allow_partial', 'on')")
        text = self.refuses("none of the CMKs wraps key pii", conn,
                            "SELECT envelope_key_create('pii',"
                            " 'keyring:a.keyring', 'keyring:b.keyring')")
        self.assertIn("the last says: ", text)
        self.assertIn("b.keyring", text)


if __name__ == "__main__":
    unittest.main()
