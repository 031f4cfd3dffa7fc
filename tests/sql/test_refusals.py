# SPDX-License-Identifier: MIT
"""Changed, cut, moved and foreign envelopes are refused, and say little."""

import unittest

from support import (AUTH, CANARY, CANARY_NUMBER, DATA, KEY_ID, UNAVAILABLE,
                     WRAP, SqlTest, flip)


class Context(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()

    def check(self, sealed, opened):
        blob = self.seal(self.conn, CANARY, "pii", *sealed)
        self.assertEqual(CANARY, self.open(self.conn, blob, *sealed))
        self.refuses_open(AUTH, self.conn, blob, *opened)

    def test_a_missing_context_is_refused(self):
        self.check(("t.c", 1), ())

    def test_a_missing_part_is_refused(self):
        self.check(("t.c", 1), ("t.c",))

    def test_an_unexpected_context_is_refused(self):
        self.check((), ("t.c",))

    def test_another_row_is_refused(self):
        self.check(("t.c", 1), ("t.c", 2))

    def test_another_column_is_refused(self):
        self.check(("t.c", 1), ("t.d", 1))

    def test_the_number_1_is_not_the_text_1(self):
        self.check((1,), ("1",))

    def test_the_integer_1_is_not_the_real_1(self):
        self.check((1,), (1.0,))

    def test_text_is_not_the_blob_of_its_bytes(self):
        self.check(("a",), (b"a",))

    def test_a_b_is_not_ab(self):
        self.check(("a", "b"), ("ab",))

    def test_a_b_is_not_b_a(self):
        self.check(("a", "b"), ("b", "a"))

    def test_null_is_not_the_empty_text(self):
        self.check((None,), ("",))

    def test_null_is_not_absent(self):
        self.check((None,), ())

    def test_a_nul_in_the_context_does_not_end_it(self):
        self.check(("a\0b",), ("a\0c",))


class Tampering(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.a = self.seal(self.conn, CANARY, "pii", "t.c", 1)
        self.b = self.seal(self.conn, "z" * len(CANARY), "pii", "t.c", 1)

    def refuses_it(self, says, blob):
        return self.refuses_open(says, self.conn, blob, "t.c", 1)

    def test_every_single_bit_counts(self):
        blob = self.seal(self.conn, CANARY_NUMBER, "pii", "t.c", 1)
        for bit in range(len(blob) * 8):
            self.error(self.conn, "SELECT envelope_open(?, 't.c', 1)",
                       flip(blob, bit))
        self.assertEqual(CANARY_NUMBER, self.open(self.conn, blob, "t.c", 1))

    def test_every_truncation_is_refused(self):
        for n in range(len(self.a)):
            self.error(self.conn, "SELECT envelope_open(?, 't.c', 1)",
                       self.a[:n])

    def test_a_truncated_envelope_is_called_so(self):
        self.refuses_it("truncated envelope", self.a[:109])

    def test_bytes_behind_the_envelope_are_refused(self):
        self.refuses_it(AUTH, self.a + b"\0")

    def test_an_empty_blob_is_no_envelope(self):
        self.refuses_it("not an envelope", b"")

    def test_another_magic_is_no_envelope(self):
        self.refuses_it("not an envelope", b"\xfe\x46" + self.a[2:])

    def test_an_unknown_version_is_named(self):
        self.refuses_it("version 2", flip(flip(self.a, 16), 17))

    def test_an_unknown_suite_is_named(self):
        self.refuses_it("suite 3", flip(self.a, 25))

    def test_unknown_flags_are_named(self):
        self.refuses_it("flags 08", flip(self.a, 35))

    def test_another_known_suite_is_refused(self):
        blob = bytearray(self.a)
        blob[3] = 2
        self.refuses_it(AUTH, bytes(blob))

    def test_a_wrap_of_another_row_is_refused(self):
        blob = bytearray(self.a)
        blob[WRAP] = self.b[WRAP]
        self.refuses_it(AUTH, bytes(blob))

    def test_a_wrap_of_another_row_is_not_rewrapped(self):
        blob = bytearray(self.a)
        blob[WRAP] = self.b[WRAP]
        self.refuses(AUTH, self.conn, "SELECT envelope_rewrap(?)",
                     bytes(blob))

    def test_data_of_another_row_is_refused(self):
        self.refuses_it(AUTH, self.a[:DATA] + self.b[DATA:])

    def test_a_commitment_of_another_row_is_not_rewrapped(self):
        blob = bytearray(self.a)
        blob[DATA + 24:DATA + 32] = self.b[DATA + 24:DATA + 32]
        self.refuses(AUTH, self.conn, "SELECT envelope_rewrap(?)",
                     bytes(blob))

    def test_the_id_of_another_key_is_refused(self):
        self.one(self.conn, "SELECT envelope_key_create('other')")
        blob = bytearray(self.a)
        blob[KEY_ID] = self.seal(self.conn, "v", "other")[KEY_ID]
        self.refuses_it(AUTH, bytes(blob))

    def test_another_rows_blob_is_refused(self):
        run = self.conn.execute
        run("CREATE TABLE t(id INTEGER PRIMARY KEY, c)")
        run("INSERT INTO t VALUES(1, 'a'), (2, 'b')")
        run("UPDATE t SET c = envelope_seal(c, 'pii', 't.c', id)")
        run("UPDATE t SET c = (SELECT c FROM t WHERE id = 1) WHERE id = 2")
        sql = "SELECT envelope_open(c, 't.c', id) FROM t WHERE id = "
        self.assertEqual("a", self.one(self.conn, sql + "1"))
        self.refuses(AUTH, self.conn, sql + "2")

    def test_all_cryptographic_failures_have_one_text(self):
        spliced = bytearray(self.a)
        spliced[WRAP] = self.b[WRAP]
        wrong = [flip(self.a, bit * 8) for bit in (13, 60, 61, 93, 94)]
        wrong += [flip(self.a, len(self.a) * 8 - 1), bytes(spliced)]
        texts = {self.refuses_it(AUTH, blob) for blob in wrong}
        texts.add(self.refuses_open(AUTH, self.conn, self.a))
        texts.add(self.refuses_open(AUTH, self.conn, self.a, "t.c", 2))
        self.assertEqual(1, len(texts), texts)

    def test_the_text_names_key_and_version(self):
        self.refuses_it("key pii version 1", flip(self.a, 100 * 8))

    def test_an_unknown_key_is_unavailable_and_named(self):
        blob = flip(self.a, 5 * 8)
        text = self.refuses_it(UNAVAILABLE, blob)
        self.assertIn(blob[KEY_ID].hex(), text)
        self.assertNotIn(AUTH, text)

    def test_errors_have_the_function_s_name(self):
        for function in ("envelope_open", "envelope_rewrap",
                         "envelope_key_id", "envelope_info"):
            text = self.error(self.conn, "SELECT %s(x'00')" % function)
            self.assertTrue(text.startswith(function + ": "), text)


class Silence(SqlTest):
    """tearDown() looks for the canaries in all that was said."""

    def test_no_error_tells_a_value(self):
        conn = self.with_key()
        calls = [
            "envelope_seal(?1)", "envelope_seal(?1, 'nokey')",
            "envelope_seal(?1, NULL)", "envelope_seal(?1, 'a b')",
            "envelope_open(?1)", "envelope_open(?1, ?1)",
            "envelope_rewrap(?1)", "envelope_rewrap(?1, ?1, ?1)",
            "envelope_key_id(?1)", "envelope_info(?1)",
            "envelope_seal_indexed(?1, 'pii')",
            "envelope_seal_indexed(?1, 'nokey', ?1)",
            "envelope_blind_index(?1, 'nokey', ?1)",
            "envelope_open(envelope_seal(?1, 'pii', ?1), ?1 || 'x')",
            "envelope_rewrap(envelope_seal(?1, 'pii'), 'nokey')",
            "envelope_config('suite', ?1)",
            "envelope_key_set_state('pii', ?1)",
        ]
        for call in calls:
            for value in (CANARY, CANARY_NUMBER, CANARY.encode()):
                self.error(conn, "SELECT " + call, value)
        self.assertEqual(3 * len(calls), len(self.messages))

    def test_debug_tells_no_secret(self):
        conn = self.with_key()
        self.seal(conn)
        text = self.one(conn, "SELECT envelope_debug()")
        for secret in self.secrets:
            self.assertNotIn(secret, text)


if __name__ == "__main__":
    unittest.main()
