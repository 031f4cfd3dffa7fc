# SPDX-License-Identifier: MIT
"""Wrong counts and types of arguments, for every function."""

import json
import unittest

from support import CANARY, SqlTest

# function: the counts of arguments that it must refuse
WRONG_COUNTS = {
    "envelope_seal": (0, 1),
    "envelope_open": (0,),
    "envelope_rewrap": (0, 3),
    "envelope_reseal": (0, 1),
    "envelope_export": (0, 2),
    "envelope_import": (0, 1),
    "envelope_seal_indexed": (0, 1, 2),
    "envelope_blind_index": (0, 1, 2, 4),
    "envelope_is_sealed": (0, 2),
    "envelope_info": (0, 2),
    "envelope_key_id": (0, 2),
    "envelope_version": (1,),
    "envelope_debug": (1,),
    "envelope_key_create": (0, 10),
    "envelope_key_rotate": (0, 2),
    "envelope_key_set_state": (0, 1, 3),
    "envelope_key_set_policy": (0, 2, 4),
    "envelope_key_open": (0, 2),
    "envelope_cmk_rotate": (0, 2),
    "envelope_cmk_destroy": (0, 1, 3),
    "envelope_key_pin": (0, 2),
    "envelope_config": (3,),
    "envelope_drop": (2,),
}

# calls with a key name, or other text, at ?1
NAMED = {
    "seal": "envelope_seal('v', ?1)",
    "seal_indexed": "envelope_seal_indexed('v', ?1, 's')",
    "blind_index": "envelope_blind_index('v', ?1, 's')",
    "rewrap": "envelope_rewrap(envelope_seal('v', 'pii'), ?1)",
    "reseal": "envelope_reseal(envelope_seal('v', 'pii'), ?1)",
    "import": "envelope_import(envelope_export(envelope_seal('v', 'pii')),"
              " ?1)",
    "key_create": "envelope_key_create(?1)",
    "key_rotate": "envelope_key_rotate(?1)",
    "key_open": "envelope_key_open(?1)",
    "key_pin": "envelope_key_pin(?1)",
    "key_set_state": "envelope_key_set_state(?1, 'disabled')",
    "key_set_policy": "envelope_key_set_policy(?1, 'min_version', 1)",
}

TEXTS = dict(
    NAMED,
    cmk_uri="envelope_key_create('new', ?1)",
    cmk_rotate="envelope_cmk_rotate(?1)",
    cmk_destroy="envelope_cmk_destroy(?1, 1)",
    state="envelope_key_set_state('pii', ?1)",
    policy="envelope_key_set_policy('pii', ?1, 1)",
    setting="envelope_config(?1)",
    setting_value="envelope_config('suite', ?1)",
    cmks="envelope_config('cmks', ?1)",
    open_keys="envelope_config('open_keys', ?1)",
    pin="envelope_config('pin', ?1)",
    privilege="envelope_drop(?1)",
)

BAD_NAMES = ["", " ", "a b", "a'b", 'a"b', "a`b", "a\\b", "a/b", ":a", "a:",
             "a:b:c", "käse", "a\tb", "x" * 128, "x\x7f", "pii/4/2", "pii/"]


class Counts(SqlTest):
    def check(self, function, count):
        conn = self.with_key()
        args = ", ".join(["'pii'"] * count)
        text = self.refuses("wrong number of arguments" if count < 10
                            else "at most 8", conn,
                            "SELECT %s(%s)" % (function, args))
        self.assertIn(function, text)
        self.assertEqual(1, len(self.keys(conn)))


class Types(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()

    def check(self, call):
        for value in (1, 1.5, b"pii", None):
            self.refuses("must be TEXT", self.conn, "SELECT " + call, value)
        self.refuses("NUL character", self.conn, "SELECT " + call, "pii\0x")
        self.assertEqual([("pii", 1, "active", 1)], self.keys(self.conn))

    def check_names(self, call):
        for name in BAD_NAMES:
            self.refuses("key", self.conn, "SELECT " + call, name)
        self.assertEqual([("pii", 1, "active", 1)], self.keys(self.conn))

    def test_what_is_not_a_blob_is_not_opened(self):
        for value in (CANARY, "", 7, 1.5, "\ufe45"):
            for function in ("open", "rewrap", "info", "key_id"):
                self.refuses("an envelope is a BLOB", self.conn,
                             "SELECT envelope_%s(?)" % function, value)

    def test_sealed_bytes_as_text_are_not_opened(self):
        self.refuses("an envelope is a BLOB", self.conn,
                     "SELECT envelope_open(CAST(envelope_seal('v', 'pii')"
                     " AS TEXT))")

    def test_is_sealed_answers_0_for_everything_else(self):
        sql = "SELECT envelope_is_sealed(?)"
        for value in (None, 1, 1.5, "", CANARY, b"", b"\xfe\x45\x01\x01\0"):
            self.assertEqual(0, self.one(self.conn, sql, value))

    def test_is_sealed_answers_1_for_an_envelope(self):
        blob = self.seal(self.conn)
        sql = "SELECT envelope_is_sealed(?)"
        self.assertEqual(1, self.one(self.conn, sql, blob))

    def test_is_sealed_needs_no_key(self):
        blob = self.seal(self.conn)
        other = self.connect(":memory:")
        sql = "SELECT envelope_is_sealed(?)"
        self.assertEqual(1, self.one(other, sql, blob))

    def test_key_id_is_what_envelope_keys_shows(self):
        blob = self.seal(self.conn)
        key_id = self.one(self.conn, "SELECT envelope_key_id(?)", blob)
        self.assertEqual([(key_id,)], self.keys(self.conn, "key_id"))
        self.assertEqual(blob[5:13].hex(), key_id)

    def test_key_id_and_info_of_null_are_null(self):
        for function in ("key_id", "info"):
            sql = "SELECT envelope_%s(NULL)" % function
            self.assertIsNone(self.one(self.conn, sql))

    def test_info_describes_the_envelope(self):
        blob = self.seal(self.conn, "four")
        info = json.loads(self.one(self.conn, "SELECT envelope_info(?)", blob))
        expect = {"format": 1, "suite": "aes-256-gcm", "key": "pii",
                  "key_version": 1, "key_state": "active",
                  "key_id": blob[5:13].hex(), "blind_index": False,
                  "embedded_record": False, "padded": False,
                  "bytes": 114, "value_bytes": 4}
        self.assertEqual(expect, info)

    def test_info_does_without_the_key(self):
        blob = self.seal(self.conn)
        other = self.connect(":memory:")
        info = json.loads(self.one(other, "SELECT envelope_info(?)", blob))
        self.assertEqual(blob[5:13].hex(), info["key_id"])
        self.assertNotIn("key", info)

    def test_debug_is_json(self):
        debug = json.loads(self.one(self.conn, "SELECT envelope_debug()"))
        self.assertEqual("passed", debug["self_test"])
        self.assertIn("keyring", debug["providers"])

    def test_a_name_of_127_characters_is_a_key_name(self):
        name = "x" * 127
        self.one(self.conn, "SELECT envelope_key_create(?)", name)
        blob = self.seal(self.conn, CANARY, name)
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_names_differ_by_case(self):
        self.refuses_seal("no key", self.conn, "PII")

    def test_nine_cmks_are_too_many(self):
        marks = ", ".join(["'keyring:k'"] * 9)
        self.refuses("at most 8", self.conn,
                     "SELECT envelope_key_create('new', %s)" % marks)

    def test_a_wrong_cmk_version_is_refused(self):
        for value in ("1", 0, -1, 1.0, None, 2**40):
            self.refuses("version", self.conn,
                         "SELECT envelope_cmk_destroy('keyring:x', ?)", value)

    def test_a_wrong_uri_is_refused(self):
        for uri in ("", "app.keyring", "nothing:x", "keyring:",
                    "keyring:x?mode=rw", "keyring:x%zz", "KEYRING:x"):
            self.error(self.conn, "SELECT envelope_key_create('n', ?)", uri)
        self.assertEqual(1, len(self.keys(self.conn)))

    def test_an_unknown_setting_is_refused(self):
        self.refuses("no such setting", self.conn,
                     "SELECT envelope_config('siute')")

    def test_an_unknown_value_is_refused_and_changes_nothing(self):
        for name in ("suite", "padding", "provider_in_transaction"):
            sql = "SELECT envelope_config(?)"
            before = self.one(self.conn, sql, name)
            self.refuses(name + " must be", self.conn,
                         "SELECT envelope_config(?, 'x')", name)
            self.assertEqual(before, self.one(self.conn, sql, name))

    def test_a_setting_answers_its_new_value(self):
        sql = "SELECT envelope_config('padding', 'on')"
        self.assertEqual("on", self.one(self.conn, sql))
        sql = "SELECT envelope_config('padding')"
        self.assertEqual("on", self.one(self.conn, sql))

    def test_the_settings_are_listed(self):
        self.one(self.conn, "SELECT envelope_config('cmks', ?)",
                 'keyring:a"b\\c keyring:ä')
        listed = json.loads(self.one(self.conn, "SELECT envelope_config()"))
        self.assertEqual("aes-256-gcm", listed["suite"])
        self.assertEqual('keyring:a"b\\c keyring:ä', listed["cmks"])
        for name, value in listed.items():
            sql = "SELECT envelope_config(?)"
            self.assertEqual(value, self.one(self.conn, sql, name))

    def test_envelope_keys_is_read_only(self):
        for sql in ("DELETE FROM envelope_keys",
                    "UPDATE envelope_keys SET state = 'active'",
                    "INSERT INTO envelope_keys(name) VALUES('x')"):
            self.error(self.conn, sql)


def add_tests():
    for function, counts in WRONG_COUNTS.items():
        for count in counts:
            def test(self, function=function, count=count):
                self.check(function, count)
            name = "test_%s_refuses_%d_arguments" % (function, count)
            setattr(Counts, name, test)
    for name, call in TEXTS.items():
        def test(self, call=call):
            self.check(call)
        setattr(Types, "test_%s_must_be_text" % name, test)
    for name, call in NAMED.items():
        def test(self, call=call):
            self.check_names(call)
        setattr(Types, "test_%s_refuses_bad_key_names" % name, test)


add_tests()


if __name__ == "__main__":
    unittest.main()
