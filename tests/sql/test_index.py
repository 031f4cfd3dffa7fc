# SPDX-License-Identifier: MIT
"""The blind index, as plain SQLite sees it."""

import unittest

from support import AUTH, CANARY, SqlTest, flip

SEAL = "SELECT envelope_seal_indexed(?, ?, ?%s)"
INDEX = "SELECT envelope_blind_index(?, ?, ?)"


class BlindIndex(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()

    def seal_indexed(self, value, scope="t.c", *context, key="pii"):
        return self.one(self.conn, SEAL % (", ?" * len(context)),
                        value, key, scope, *context)

    def index(self, value, scope="t.c", key="pii"):
        return self.one(self.conn, INDEX, value, key, scope)

    def table(self, unique=""):
        """Three sealed rows and an index, then a plain connection."""
        run = self.conn.execute
        run("CREATE TABLE t(id INTEGER PRIMARY KEY, c)")
        for i, value in enumerate(["ann", "bob", CANARY], 1):
            run("INSERT INTO t VALUES(?, ?)",
                (i, self.seal_indexed(value, "t.c", i)))
        run("CREATE %s INDEX t_c ON t(substr(c,14,16))" % unique)
        return self.plain()

    def test_the_index_lies_at_byte_14(self):
        blob = self.seal_indexed(CANARY)
        self.assertEqual(blob[13:29], self.index(CANARY))

    def test_it_adds_16_bytes(self):
        self.assertEqual(126 + len(CANARY), len(self.seal_indexed(CANARY)))

    def test_an_indexed_value_opens_with_its_scope_first(self):
        blob = self.seal_indexed(CANARY, "t.c", 7)
        self.assertEqual(CANARY, self.open(self.conn, blob, "t.c", 7))

    def test_an_indexed_value_does_not_open_without_its_scope(self):
        self.refuses_open(AUTH, self.conn, self.seal_indexed(CANARY))

    def test_a_changed_index_is_refused(self):
        blob = flip(self.seal_indexed(CANARY), 13 * 8)
        self.refuses_open(AUTH, self.conn, blob, "t.c")

    def test_a_changed_index_is_not_rewrapped(self):
        blob = flip(self.seal_indexed(CANARY), 13 * 8)
        self.refuses(AUTH, self.conn, "SELECT envelope_rewrap(?)", blob)

    def test_a_flag_of_index_taken_away_is_refused(self):
        blob = bytearray(self.seal_indexed(CANARY))
        blob[4] = 0
        self.refuses_open(AUTH, self.conn, bytes(blob), "t.c")

    def test_an_integral_real_has_the_index_of_its_integer(self):
        self.assertEqual(self.index(5), self.index(5.0))

    def test_a_fraction_has_an_index_of_its_own(self):
        self.assertNotEqual(self.index(5), self.index(5.5))

    def test_types_are_told_apart(self):
        values = [5, "5", b"5"]
        self.assertEqual(3, len({self.index(v) for v in values}))

    def test_scopes_are_told_apart(self):
        scopes = ["t.c", "t.d", b"t.c", 1, "1"]
        self.assertEqual(5, len({self.index(CANARY, s) for s in scopes}))

    def test_key_names_are_told_apart(self):
        self.one(self.conn, "SELECT envelope_key_create('other')")
        self.assertNotEqual(self.index(CANARY),
                            self.index(CANARY, key="other"))

    def test_a_rotation_keeps_the_index(self):
        before = self.index(CANARY)
        self.conn.execute("SELECT envelope_key_rotate('pii')")
        self.assertEqual(before, self.index(CANARY))

    def test_a_search_uses_the_expression_index(self):
        self.table()
        plan = self.conn.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM t"
            " WHERE substr(c,14,16) = envelope_blind_index(?, 'pii', 't.c')",
            ("bob",),
        ).fetchall()
        self.assertIn("INDEX t_c (<expr>=?)", plan[0][3])

    def test_a_search_finds_the_row(self):
        self.table()
        found = self.conn.execute(
            "SELECT id, envelope_open(c, 't.c', id) FROM t"
            " WHERE substr(c,14,16) = envelope_blind_index(?, 'pii', 't.c')",
            (CANARY,),
        ).fetchall()
        self.assertEqual([(3, CANARY)], found)

    def test_without_the_extension_the_index_finds_the_row(self):
        plain = self.table()
        sql = "SELECT id FROM t WHERE substr(c,14,16) = ?"
        self.assertEqual(2, self.one(plain, sql, self.index("bob")))

    def test_without_the_extension_unique_holds(self):
        plain = self.table("UNIQUE")
        self.refuses("UNIQUE constraint failed", plain,
                     "INSERT INTO t(c) VALUES(?)",
                     self.seal_indexed("ann", "t.c", 9))

    def test_unique_takes_5_and_5_0_for_the_same(self):
        plain = self.table("UNIQUE")
        plain.execute("INSERT INTO t(c) VALUES(?)", (self.seal_indexed(5),))
        self.refuses("UNIQUE constraint failed", plain,
                     "INSERT INTO t(c) VALUES(?)", self.seal_indexed(5.0))

    def test_without_the_extension_upsert_meets_its_row(self):
        plain = self.table("UNIQUE")
        blob = self.seal_indexed("ann", "t.c", 1)
        plain.execute(
            "INSERT INTO t(c) VALUES(?) ON CONFLICT(substr(c,14,16))"
            " DO UPDATE SET c = excluded.c", (blob,))
        self.assertEqual(3, self.one(plain, "SELECT count(*) FROM t"))
        sql = "SELECT c FROM t WHERE id = 1"
        self.assertEqual(blob, self.one(plain, sql))

    def test_without_the_extension_integrity_is_checked(self):
        plain = self.table("UNIQUE")
        self.assertEqual("ok", self.one(plain, "PRAGMA integrity_check"))

    def test_a_rewrap_keeps_the_index(self):
        blob = self.seal_indexed(CANARY)
        self.conn.execute("SELECT envelope_key_rotate('pii')")
        new = self.one(self.conn, "SELECT envelope_rewrap(?)", blob)
        self.assertNotEqual(blob, new)
        self.assertEqual(blob[13:29], new[13:29])
        self.assertEqual(CANARY, self.open(self.conn, new, "t.c"))

    def test_a_rewrap_to_another_name_is_refused(self):
        self.one(self.conn, "SELECT envelope_key_create('other')")
        text = self.refuses("blind index", self.conn,
                            "SELECT envelope_rewrap(?, 'other')",
                            self.seal_indexed(CANARY))
        self.assertIn("pii", text)
        self.assertIn("other", text)

    def test_a_rewrap_to_its_own_name_is_allowed(self):
        blob = self.seal_indexed(CANARY)
        self.conn.execute("SELECT envelope_key_rotate('pii')")
        sql = "SELECT envelope_rewrap(?, 'pii')"
        new = self.one(self.conn, sql, blob)
        self.assertEqual(CANARY, self.open(self.conn, new, "t.c"))


if __name__ == "__main__":
    unittest.main()
