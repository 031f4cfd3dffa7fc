# SPDX-License-Identifier: MIT
"""Databases in UTF-16, of both byte orders (rule 25)."""

import sqlite3
import unittest

from support import CANARY, SqlTest

TEXTS = ["", "plain", "Ångström", "😀", "a\U0010fffdb", "e\u0301",
         "\ufeffwith a mark", "a\0b", "\ue000\ud7ff", "漢字", "x" * 5000]


class Utf16(SqlTest):
    encoding, order = "UTF-16le", "little"

    def setUp(self):
        super().setUp()
        self.conn = self.connect()
        self.conn.execute("PRAGMA encoding = '%s'" % self.encoding)
        self.one(self.conn, "SELECT envelope_key_create('pii')")

    def units(self, *units):
        """An SQL expression: TEXT of these 16-bit units."""
        data = b"".join(u.to_bytes(2, self.order) for u in units)
        return "CAST(x'%s' AS TEXT)" % data.hex()

    def refuses_units(self, *units):
        text = self.units(*units)
        for call in ("envelope_seal(%s, 'pii')",
                     "envelope_seal(1, 'pii', %s)",
                     "envelope_seal_indexed(%s, 'pii', 's')",
                     "envelope_seal_indexed(1, 'pii', %s)",
                     "envelope_blind_index(%s, 'pii', 's')"):
            self.refuses("UTF-16", self.conn, "SELECT " + call % text)

    def test_the_encoding_is_what_it_should_be(self):
        found = self.one(self.conn, "PRAGMA encoding")
        self.assertEqual(self.encoding, found)

    def test_texts_come_back(self):
        for text in TEXTS:
            blob = self.seal(self.conn, text, "pii", "t.c", text)
            self.assertEqual(text, self.open(self.conn, blob, "t.c", text))

    def test_texts_come_back_through_a_table(self):
        run = self.conn.execute
        run("CREATE TABLE t(v TEXT, c)")
        self.conn.executemany("INSERT INTO t(v) VALUES(?)",
                              [(text,) for text in TEXTS])
        run("UPDATE t SET c = envelope_seal(v, 'pii', v)")
        wrong = run("SELECT v FROM t WHERE typeof(envelope_open(c, v)) <>"
                    " 'text' OR envelope_open(c, v) IS NOT v")
        self.assertEqual([], wrong.fetchall())
        sql = "SELECT count(*) FROM t WHERE hex(envelope_open(c, v)) = hex(v)"
        self.assertEqual(len(TEXTS), self.one(self.conn, sql))

    def test_texts_are_sealed_as_utf_8(self):
        self.assertEqual(110 + 4, len(self.seal(self.conn, "😀")))

    def test_opened_and_indexed_alike_by_a_utf_8_connection(self):
        """The bytes are the same whatever a database is encoded in."""
        run = self.conn.execute
        for i, text in enumerate(TEXTS):
            blob = self.one(self.conn, "SELECT envelope_seal_indexed(?,"
                            " 'pii', 't.ć', ?)", text, text)
            index = blob[13:29]
            run("CREATE TABLE IF NOT EXISTS t(i, blob)")
            run("INSERT INTO t VALUES(?, ?)", (i, blob))
            found = self.one(self.conn, "SELECT envelope_blind_index(?,"
                             " 'pii', 't.ć')", text)
            self.assertEqual(index, found)
        rows = run("SELECT i, blob FROM t").fetchall()
        # the same keys in a database of the other encoding
        other = self.connect(self.file("utf8.db"))
        other.execute("PRAGMA encoding = 'UTF-8'")
        for table in ("envelope_key", "envelope_key_wrap",
                      "envelope_key_manifest"):
            columns = run("SELECT * FROM " + table).fetchall()
            sql = "SELECT sql FROM sqlite_schema WHERE name = ?"
            other.execute(self.one(self.conn, sql, table))
            other.executemany("INSERT INTO %s VALUES(%s)" % (
                table, ", ".join("?" * len(columns[0]))), columns)
        for i, blob in rows:
            text = TEXTS[i]
            self.assertEqual(text, self.open(other, blob, "t.ć", text))
            found = self.one(other, "SELECT envelope_blind_index(?, 'pii',"
                             " 't.ć')", text)
            self.assertEqual(blob[13:29], found)

    def test_other_types_come_back(self):
        for value in (1, -2.5, b"", b"\0\xff", 2**63 - 1):
            blob = self.seal(self.conn, value)
            self.assertEqual(value, self.open(self.conn, blob))

    def test_a_lone_high_surrogate_is_refused(self):
        self.refuses_units(0xD800)

    def test_a_lone_high_surrogate_within_is_refused(self):
        self.refuses_units(0x61, 0xDBFF, 0x62)

    def test_a_lone_low_surrogate_is_refused(self):
        self.refuses_units(0xDC00)

    def test_surrogates_in_the_wrong_order_are_refused(self):
        self.refuses_units(0xDC00, 0xD800)

    def test_a_high_surrogate_at_the_end_is_refused(self):
        self.refuses_units(0xD83D, 0xDE00, 0xD83D)

    def test_a_noncharacter_that_sqlite_replaces_is_refused(self):
        self.refuses_units(0xFFFE)
        self.refuses_units(0xFFFF)

    def test_a_surrogate_pair_is_sealed(self):
        sql = "SELECT envelope_open(envelope_seal(%s, 'pii'))"
        text = self.one(self.conn, sql % self.units(0xD83D, 0xDE00))
        self.assertEqual("😀", text)

    def test_a_key_name_is_text_in_any_encoding(self):
        self.refuses("key name", self.conn,
                     "SELECT envelope_key_create('käse')")
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        conn = self.connect()
        self.read_schema(conn)
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_keys_table_is_text(self):
        self.assertEqual([("pii", 1, "active", 1)], self.keys(self.conn))

    def test_errors_are_text(self):
        self.refuses_seal("no key of that name here", self.conn, "other")


    # SQLite learns the encoding when it first reads the schema, which may be
    # in the middle of a statement that has no table (sqlite/encoding.h).

    def read_schema(self, conn):
        conn.execute("SELECT count(*) FROM sqlite_schema").fetchall()

    def fresh(self):
        """A connection that has not read the schema."""
        return self.connect(cached_statements=10)

    def literals(self, conn, sql):
        """What was sealed by all the times that the statement was run. A
        refusal must name the cause."""
        said, blobs = [], []
        for _ in range(3):
            try:
                blobs += conn.execute(sql).fetchall()
            except sqlite3.Error as error:
                said.append(str(error))
        for text in said:
            self.assertIn("UTF-16", text)
            self.assertIn("sqlite_schema", text)
        self.read_schema(conn)
        blobs += conn.execute(sql).fetchall()
        return {self.open(self.conn, blob) for (blob,) in blobs}

    def test_a_literal_is_never_sealed_as_another_text(self):
        sealed = self.literals(self.fresh(),
                               "SELECT envelope_seal('abcd', 'pii')")
        self.assertEqual({"abcd"}, sealed)

    def test_nor_in_the_rows_that_follow(self):
        sealed = self.literals(
            self.fresh(), "WITH v(x) AS (VALUES('ab'), ('ab'), ('ab'))"
            " SELECT envelope_seal(x || 'cd', 'pii') FROM v")
        self.assertEqual({"abcd"}, sealed)

    def test_nor_beside_a_statement_that_still_runs(self):
        conn = self.fresh()
        other = conn.execute("VALUES('ab'), ('cd')")
        self.assertEqual(("ab",), other.fetchone())
        sealed = self.literals(conn, "SELECT envelope_seal('abcd', 'pii')")
        self.assertEqual({"abcd"}, sealed)

    def test_every_function_works_once_the_schema_was_read(self):
        conn = self.fresh()
        self.read_schema(conn)
        blob = self.one(conn, "SELECT envelope_seal('abcd', 'pii')")
        for sql in ("SELECT envelope_open(?)", "SELECT envelope_open("
                    "envelope_rewrap(?))"):
            self.assertEqual("abcd", self.one(self.fresh_read(), sql, blob))
        self.one(self.fresh_read(), "SELECT envelope_key_rotate('pii')")
        self.one(self.fresh_read(), "SELECT envelope_key_open('pii')")

    def fresh_read(self):
        conn = self.fresh()
        self.read_schema(conn)
        return conn

    def test_what_reads_no_database_needs_no_schema(self):
        conn = self.fresh()
        self.one(conn, "SELECT envelope_config('padding', 'on')")
        self.one(conn, "SELECT envelope_debug()")
        self.one(conn, "SELECT envelope_is_sealed('abcd')")
        # and has not read it: the encoding of a new file is still open
        new = self.connect(self.file("new.db"))
        self.one(new, "SELECT envelope_config('padding', 'on')")
        self.one(new, "SELECT envelope_debug()")
        new.execute("PRAGMA encoding = '%s'" % self.encoding)
        self.assertEqual(self.encoding, self.one(new, "PRAGMA encoding"))

    def test_a_lone_surrogate_is_refused_by_a_fresh_connection_too(self):
        text = self.units(0xD800)
        self.refuses("UTF-16", self.fresh(),
                     "SELECT envelope_seal(%s, 'pii')" % text)


class Utf16BigEndian(Utf16):
    encoding, order = "UTF-16be", "big"


if __name__ == "__main__":
    unittest.main()
