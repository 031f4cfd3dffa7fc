# SPDX-License-Identifier: MIT
"""Every value comes back as it was, with its storage class."""

import math
import struct
import unittest

import sqlite3
from support import CANARY, SqlTest

MEBI = 1 << 20

NUMBERS = {
    "zero": 0,
    "minus_one": -1,
    "greatest_integer": 2**63 - 1,
    "least_integer": -(2**63),
    "real": 3.25,
    "integral_real": 5.0,
    "real_zero": 0.0,
    "minus_zero": -0.0,
    "infinity": math.inf,
    "minus_infinity": -math.inf,
    "least_subnormal": 5e-324,
    "greatest_subnormal": 2.225073858507201e-308,
    "greatest_real": 1.7976931348623157e308,
}

EXPRESSIONS = {
    "empty_text": "''",
    "empty_blob": "x''",
    "text": "'Ångström 😀'",
    "text_with_nul": "CAST(x'610062' AS TEXT)",
    "text_of_one_nul": "CAST(x'00' AS TEXT)",
    "text_of_invalid_utf8": "CAST(x'ff80c3fe41' AS TEXT)",
    "text_of_an_encoded_surrogate": "CAST(x'eda080' AS TEXT)",
    "text_that_starts_with_a_bom": "CAST(x'efbbbf61' AS TEXT)",
    "text_that_looks_like_a_number": "'007'",
    "blob_with_nul": "x'00ff00'",
    "blob_of_text": "x'616263'",
    "text_of_a_mebibyte": "hex(zeroblob(%d))" % (MEBI // 2),
    "blob_of_a_mebibyte": "randomblob(%d)" % MEBI,
    "zeroblob": "zeroblob(1000)",
}


def bits(value):
    return struct.pack("<d", value) if isinstance(value, float) else value


class RoundTrip(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()

    def check_number(self, value):
        for context in ((), ("t.c", 1)):
            blob = self.seal(self.conn, value, "pii", *context)
            opened = self.open(self.conn, blob, *context)
            self.assertIs(type(value), type(opened))
            self.assertEqual(bits(value), bits(opened))

    def check_expression(self, expression):
        """Through a column, so that storage is in it too."""
        run = self.conn.execute
        run("CREATE TABLE t(v, c)")
        run("INSERT INTO t(v) SELECT " + expression)
        run("UPDATE t SET c = envelope_seal(v, 'pii', 't.c', 1)")
        row = run(
            "SELECT typeof(v), typeof(o), typeof(c), length(c) - 110,"
            " length(CAST(v AS BLOB)), CAST(v AS BLOB) = CAST(o AS BLOB)"
            " FROM (SELECT v, c, envelope_open(c, 't.c', 1) AS o FROM t)"
        ).fetchone()
        before, after, sealed, room, size, same = row
        self.assertEqual(before, after)
        self.assertEqual("blob", sealed)
        self.assertEqual(size, room)
        self.assertEqual(1, same)

    def test_null_is_sealed_to_null(self):
        self.assertIsNone(self.seal(self.conn, None))

    def test_null_is_opened_to_null(self):
        self.assertIsNone(self.open(self.conn, None))

    def test_null_is_rewrapped_to_null(self):
        self.assertIsNone(self.one(self.conn, "SELECT envelope_rewrap(NULL)"))

    def test_null_is_indexed_to_null(self):
        sql = "SELECT envelope_seal_indexed(NULL, 'pii', 's')"
        self.assertIsNone(self.one(self.conn, sql))
        sql = "SELECT envelope_blind_index(NULL, 'pii', 's')"
        self.assertIsNone(self.one(self.conn, sql))

    def test_a_bound_nan_becomes_null(self):
        self.assertIsNone(self.seal(self.conn, math.nan))

    def test_a_computed_nan_becomes_null(self):
        sql = "SELECT envelope_seal(9e999 - 9e999, 'pii')"
        self.assertIsNone(self.one(self.conn, sql))

    def test_a_number_takes_110_bytes_more_than_8(self):
        for value in (0, 2**63 - 1, 1.5):
            self.assertEqual(118, len(self.seal(self.conn, value)))

    def test_90_context_parts(self):
        context = list(range(90))
        blob = self.seal(self.conn, CANARY, "pii", *context)
        self.assertEqual(CANARY, self.open(self.conn, blob, *context))

    def test_a_context_of_a_mebibyte(self):
        context = ("x" * MEBI, b"\0" * MEBI, None, 1.5)
        blob = self.seal(self.conn, CANARY, "pii", *context)
        self.assertEqual(CANARY, self.open(self.conn, blob, *context))

    def test_the_same_value_is_never_sealed_to_the_same_bytes(self):
        blobs = {self.seal(self.conn) for _ in range(50)}
        self.assertEqual(50, len(blobs))

    def test_padding_hides_the_length(self):
        self.conn.execute("SELECT envelope_config('padding', 'on')")
        blobs = [self.seal(self.conn, "x" * n) for n in range(16, 20)]
        self.assertEqual(1, len({len(b) for b in blobs}))
        opened = [self.open(self.conn, b) for b in blobs]
        self.assertEqual(["x" * n for n in range(16, 20)], opened)


def add_tests():
    for name, value in NUMBERS.items():
        def test(self, value=value):
            self.check_number(value)
        setattr(RoundTrip, "test_round_trip_of_" + name, test)
    for name, expression in EXPRESSIONS.items():
        def test(self, expression=expression):
            self.check_expression(expression)
        setattr(RoundTrip, "test_round_trip_of_" + name, test)


add_tests()


class LengthLimit(SqlTest):
    LIMIT = 100_000

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, c)")
        self.conn.execute("INSERT INTO t VALUES(1, 'short'), (3, 'short')")
        self.conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self.LIMIT)

    def test_a_value_that_just_fits_is_sealed_and_opened(self):
        blob = self.seal(self.conn, b"v" * (self.LIMIT - 110))
        self.assertEqual(self.LIMIT, len(blob))
        opened = self.open(self.conn, blob)
        self.assertEqual(b"v" * (self.LIMIT - 110), opened)

    def test_a_value_one_byte_too_long_is_too_big(self):
        self.refuses("string or blob too big", self.conn,
                     "SELECT envelope_seal(?, 'pii')",
                     b"v" * (self.LIMIT - 109))

    def test_an_indexed_value_has_16_bytes_less(self):
        sql = "SELECT length(envelope_seal_indexed(?, 'pii', 's'))"
        fits = b"v" * (self.LIMIT - 126)
        self.assertEqual(self.LIMIT, self.one(self.conn, sql, fits))
        self.refuses("string or blob too big", self.conn, sql, fits + b"v")

    def test_a_bulk_seal_that_is_too_big_changes_nothing(self):
        self.conn.execute("INSERT INTO t VALUES(2, zeroblob(?))",
                          (self.LIMIT - 50,))
        before = self.conn.execute("SELECT * FROM t").fetchall()
        self.refuses("string or blob too big", self.conn,
                     "UPDATE t SET c = envelope_seal(c, 'pii')")
        after = self.conn.execute("SELECT * FROM t").fetchall()
        self.assertEqual(before, after)
        self.assertFalse(self.conn.in_transaction)


if __name__ == "__main__":
    unittest.main()
