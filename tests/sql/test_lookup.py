# SPDX-License-Identifier: MIT
"""Where a key is looked for: main, attached databases, temp (rule 14)."""

import os
import shutil
import unittest

from support import ALTERED, CANARY, KEY_ID, UNAVAILABLE, SqlTest


class Lookup(SqlTest):
    def setUp(self):
        super().setUp()
        self.other_path = self.file("other.db")
        self.conn = self.connect()

    def attach(self, conn=None, name="aux", path=None):
        quoted = '"%s"' % name.replace('"', '""')
        (conn or self.conn).execute("ATTACH ? AS " + quoted,
                                    (path or self.other_path,))

    def create(self, name, conn=None):
        return self.one(conn or self.conn, "SELECT envelope_key_create(?)",
                        name)

    def test_a_key_of_a_detached_database_is_unavailable(self):
        self.attach()
        self.create("aux:pii")
        blob = self.seal(self.conn)
        self.conn.execute("DETACH aux")
        text = self.refuses_open(UNAVAILABLE, self.conn, blob)
        self.assertIn(blob[KEY_ID].hex(), text)
        self.assertIn("ATTACH", text)

    def test_it_is_available_again_after_attach(self):
        self.attach()
        self.create("aux:pii")
        blob = self.seal(self.conn)
        self.conn.execute("DETACH aux")
        self.refuses_open(UNAVAILABLE, self.conn, blob)
        self.attach(name="elsewhere")
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_an_unqualified_name_is_made_in_main(self):
        self.attach()
        self.create("pii")
        schema = self.keys(self.conn, "schema, name")
        self.assertEqual([("main", "pii")], schema)

    def test_a_qualified_name_is_made_where_it_says(self):
        self.attach()
        self.create("aux:pii")
        schema = self.keys(self.conn, "schema, name")
        self.assertEqual([("aux", "pii")], schema)

    def test_a_name_is_found_in_an_attached_database(self):
        self.attach()
        key_id = self.create("aux:pii")
        self.assertEqual(key_id, self.seal(self.conn)[KEY_ID].hex())

    def test_a_name_is_found_in_the_second_attached_database(self):
        self.attach()
        self.attach(name="third", path=self.file("third.db"))
        key_id = self.create("third:pii")
        self.create("aux:other")
        self.assertEqual(key_id, self.seal(self.conn)[KEY_ID].hex())

    def test_an_ambiguous_name_offers_both(self):
        self.attach()
        self.create("pii")
        self.create("aux:pii")
        text = self.refuses_seal("ambiguous", self.conn)
        self.assertIn("'main:pii'", text)
        self.assertIn("'aux:pii'", text)

    def test_an_ambiguous_name_is_not_rotated(self):
        self.attach()
        self.create("pii")
        self.create("aux:pii")
        self.refuses("ambiguous", self.conn,
                     "SELECT envelope_key_rotate('pii')")

    def test_a_qualified_name_is_not_ambiguous(self):
        self.attach()
        ids = {"main:pii": self.create("pii"),
               "aux:pii": self.create("aux:pii")}
        for name, key_id in ids.items():
            blob = self.seal(self.conn, CANARY, name)
            self.assertEqual(key_id, blob[KEY_ID].hex())
            self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_a_schema_is_named_in_any_case(self):
        self.attach()
        key_id = self.create("aux:pii")
        blob = self.seal(self.conn, CANARY, "AUX:pii")
        self.assertEqual(key_id, blob[KEY_ID].hex())

    def test_a_qualified_name_is_rotated_where_it_says(self):
        self.attach()
        self.create("pii")
        self.create("aux:pii")
        self.one(self.conn, "SELECT envelope_key_rotate('aux:pii')")
        self.assertEqual([("aux", 1), ("aux", 2), ("main", 1)],
                         self.keys(self.conn, "schema, version"))

    def test_a_key_id_says_which_of_two_names_is_disabled(self):
        self.attach()
        self.create("pii")
        key_id = self.create("aux:pii")
        self.one(self.conn,
                 "SELECT envelope_key_set_state(?, 'disabled')", key_id)
        self.assertEqual([("aux", "disabled"), ("main", "active")],
                         self.keys(self.conn, "schema, state"))

    def test_rewrap_stays_in_the_schema_of_its_key(self):
        self.attach()
        self.create("pii")
        self.create("aux:pii")
        blob = self.seal(self.conn, CANARY, "aux:pii")
        key_id = self.one(self.conn, "SELECT envelope_key_rotate('aux:pii')")
        new = self.one(self.conn, "SELECT envelope_rewrap(?)", blob)
        self.assertEqual(key_id, new[KEY_ID].hex())

    def test_an_unknown_schema_is_named(self):
        self.refuses_seal("no key", self.conn, "nowhere:pii")
        self.refuses("nowhere", self.conn,
                     "SELECT envelope_key_create('nowhere:pii')")

    def test_a_schema_with_quotes_and_spaces(self):
        self.attach(name='o\'d "d')
        key_id = self.create('o\'d "d:pii')
        self.assertEqual(key_id, self.seal(self.conn)[KEY_ID].hex())

    def test_a_schema_with_a_long_name_harms_no_other(self):
        self.create("pii")
        self.attach(name="x" * 300)
        blob = self.seal(self.conn)
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_a_key_in_temp_needs_a_uri(self):
        self.refuses("keyring:PATH", self.conn,
                     "SELECT envelope_key_create('temp:pii')")

    def test_a_key_in_temp(self):
        uri = "keyring:" + self.file("k.keyring")
        key_id = self.one(self.conn,
                          "SELECT envelope_key_create('temp:pii', ?)", uri)
        blob = self.seal(self.conn)
        self.assertEqual(key_id, blob[KEY_ID].hex())
        self.refuses_open(UNAVAILABLE, self.connect(), blob)

    def test_another_file_under_the_same_name_has_other_keys(self):
        self.attach()
        self.create("aux:pii")
        blob = self.seal(self.conn)
        self.conn.execute("DETACH aux")
        self.attach(path=self.file("third.db"))
        self.refuses_seal("no key", self.conn)
        self.create("aux:pii")
        self.refuses_open(UNAVAILABLE, self.conn, blob)

    def test_a_copy_attached_beside_makes_the_name_ambiguous(self):
        self.create("pii")
        blob = self.seal(self.conn)
        shutil.copy(self.path, self.other_path)
        self.attach()
        self.refuses_seal("ambiguous", self.conn)
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_a_damaged_attached_database_is_told(self):
        self.attach()
        self.create("aux:pii")
        blob = self.seal(self.conn)
        self.conn.execute("UPDATE aux.envelope_key SET tag2 = zeroblob(32)")
        self.refuses_open(ALTERED, self.conn, blob)

    def test_a_relative_keyring_starts_at_the_database(self):
        os.mkdir(self.file("sub"), 0o700)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.file("sub"))
        self.one(self.conn, "SELECT envelope_key_create('pii', 'keyring:k')")
        self.assertTrue(os.path.exists(self.file("k")))
        self.assertFalse(os.path.exists(self.file("sub/k")))


class Modes(SqlTest):
    def uri(self, mode):
        return self.connect("file:%s?%s" % (self.path, mode), uri=True)

    def test_an_in_memory_database_needs_a_uri(self):
        conn = self.connect(":memory:")
        self.refuses("keyring:PATH", conn, "SELECT envelope_key_create('p')")
        self.assertEqual([], self.keys(conn))

    def test_an_in_memory_database_takes_a_uri(self):
        conn = self.connect(":memory:")
        self.one(conn, "SELECT envelope_key_create('pii', ?)",
                 "keyring:" + self.file("k.keyring"))
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_a_read_only_database_makes_no_key(self):
        self.plain().execute("CREATE TABLE t(x)")
        self.refuses("readonly", self.uri("mode=ro"),
                     "SELECT envelope_key_create('pii')")

    def test_a_read_only_database_rotates_no_key(self):
        self.with_key()
        conn = self.uri("mode=ro")
        self.refuses("readonly", conn, "SELECT envelope_key_rotate('pii')")
        self.assertEqual(1, len(self.keys(conn)))

    def test_a_read_only_database_seals_and_opens(self):
        self.with_key()
        conn = self.uri("mode=ro")
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_an_immutable_database_seals_and_opens(self):
        self.with_key()
        conn = self.uri("immutable=1")
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_query_only_makes_no_key(self):
        conn = self.connect()
        conn.execute("PRAGMA query_only = 1")
        self.refuses("envelope_key_create", conn,
                     "SELECT envelope_key_create('pii')")
        conn.execute("PRAGMA query_only = 0")
        self.assertEqual([], self.keys(conn))


if __name__ == "__main__":
    unittest.main()
