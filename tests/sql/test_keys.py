# SPDX-License-Identifier: MIT
"""The life of a key: create, rotate, rewrap, states, suites."""

import os
import sqlite3
import unittest

from support import CANARY, DATA, KEY_ID, UNAVAILABLE, WRAP, SqlTest

REWRAP = "SELECT envelope_rewrap(?)"
REWRAP_TO = "SELECT envelope_rewrap(?, ?)"
SET_STATE = "SELECT envelope_key_set_state(?, ?)"


class Life(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()

    def rotate(self, name="pii"):
        return self.one(self.conn, "SELECT envelope_key_rotate(?)", name)

    def test_create_returns_the_key_id(self):
        key_id = self.one(self.conn, "SELECT envelope_key_create('new')")
        blob = self.seal(self.conn, CANARY, "new")
        self.assertEqual(blob[KEY_ID].hex(), key_id)

    def test_a_name_is_created_once(self):
        self.refuses("key pii exists", self.conn,
                     "SELECT envelope_key_create('pii')")
        self.assertEqual(1, len(self.keys(self.conn)))

    def test_two_databases_never_share_a_key(self):
        other = self.with_key(path=self.file("other.db"))
        blob = self.seal(self.conn)
        self.refuses_open(UNAVAILABLE, other, blob)

    def test_rotate_makes_a_version_that_seals(self):
        key_id = self.rotate()
        self.assertEqual(key_id, self.seal(self.conn)[KEY_ID].hex())

    def test_rotate_retires_the_version_before(self):
        self.rotate()
        self.rotate()
        self.assertEqual([("pii", 1, "decrypt-only", 0),
                          ("pii", 2, "decrypt-only", 0),
                          ("pii", 3, "active", 1)], self.keys(self.conn))

    def test_an_old_version_still_opens(self):
        blob = self.seal(self.conn)
        self.rotate()
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_an_old_version_opens_in_a_new_connection(self):
        blob = self.seal(self.conn)
        self.rotate()
        self.assertEqual(CANARY, self.open(self.connect(), blob))

    def test_20_rotations(self):
        blobs = []
        for _ in range(20):
            blobs.append(self.seal(self.conn))
            self.rotate()
        opened = {self.open(self.connect(), blob) for blob in blobs}
        self.assertEqual({CANARY}, opened)

    def test_an_unknown_name_is_not_rotated(self):
        self.refuses("no key other", self.conn,
                     "SELECT envelope_key_rotate('other')")

    def test_an_unknown_name_does_not_seal(self):
        text = self.refuses_seal("no key of that name here", self.conn,
                                 "other")
        self.assertIn("envelope_key_create(", text)

    def test_rewrap_changes_key_id_and_wrap_only(self):
        blob = self.seal(self.conn)
        key_id = self.rotate()
        new = self.one(self.conn, REWRAP, blob)
        self.assertEqual(key_id, new[KEY_ID].hex())
        self.assertNotEqual(blob[WRAP], new[WRAP])
        self.assertEqual(blob[:5], new[:5])
        self.assertEqual(blob[DATA:], new[DATA:])

    def test_a_rewrapped_value_opens(self):
        blob = self.seal(self.conn, CANARY, "pii", "t.c", 1)
        self.rotate()
        new = self.one(self.conn, REWRAP, blob)
        self.assertEqual(CANARY, self.open(self.conn, new, "t.c", 1))

    def test_rewrap_of_a_current_envelope_is_the_same_bytes(self):
        blob = self.seal(self.conn)
        self.assertEqual(blob, self.one(self.conn, REWRAP, blob))

    def test_rewrap_gives_the_same_bytes_each_time(self):
        blob = self.seal(self.conn)
        self.rotate()
        twice = {self.one(self.conn, REWRAP, blob) for _ in range(2)}
        self.assertEqual(1, len(twice))

    def test_rewrap_to_another_name(self):
        blob = self.seal(self.conn)
        self.one(self.conn, "SELECT envelope_key_create('other')")
        new = self.one(self.conn, REWRAP_TO, blob, "other")
        self.one(self.conn, SET_STATE, "pii", "disabled")
        self.assertEqual(CANARY, self.open(self.conn, new))

    def test_rewrap_to_an_unknown_name_is_refused(self):
        self.refuses("no key of that name", self.conn, REWRAP_TO,
                     self.seal(self.conn), "other")

    def test_rewrap_without_a_name_stays_with_the_name(self):
        self.one(self.conn, "SELECT envelope_key_create('other')")
        blob = self.seal(self.conn, CANARY, "other")
        self.rotate("other")
        new = self.one(self.conn, REWRAP, blob)
        self.assertEqual(CANARY, self.open(self.conn, new))
        self.assertEqual(self.seal(self.conn, "v", "other")[KEY_ID],
                         new[KEY_ID])

    def test_keys_table_lists_everything_of_a_key(self):
        columns = ("schema, name, version, state, current, suite, origin,"
                   " generation, cmks")
        self.assertEqual([("main", "pii", 1, "active", 1, "aes-256-gcm",
                           "local", 1, "keyring:app.db.keyring")],
                         self.keys(self.conn, columns))

    def test_each_cmk_opens_the_key_alone(self):
        uris = ("keyring:a.keyring", "keyring:b.keyring#second")
        self.conn.execute("SELECT envelope_key_create('two', ?, ?)", uris)
        blob = self.seal(self.conn, CANARY, "two")
        for gone in ("a.keyring", "b.keyring"):
            kept = self.write("kept", b"")
            os.replace(self.file(gone), kept)
            self.assertEqual(CANARY, self.open(self.connect(), blob))
            os.replace(kept, self.file(gone))

    def test_a_rotation_keeps_all_cmks(self):
        uris = ("keyring:a.keyring", "keyring:b.keyring")
        self.conn.execute("SELECT envelope_key_create('two', ?, ?)", uris)
        self.rotate("two")
        cmks = self.one(self.conn, "SELECT cmks FROM envelope_keys WHERE"
                                   " name = 'two' AND version = 2")
        self.assertEqual(" ".join(uris), cmks)


class Suites(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute(
            "SELECT envelope_config('suite', 'chacha20-poly1305')")
        self.one(self.conn, "SELECT envelope_key_create('chacha')")

    def test_chacha_seals_with_suite_2(self):
        blob = self.seal(self.conn, CANARY, "chacha")
        self.assertEqual(2, blob[3])
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_the_setting_is_for_new_keys(self):
        self.assertEqual(1, self.seal(self.conn)[3])

    def test_the_setting_is_for_one_connection(self):
        other = self.connect()
        sql = "SELECT envelope_config('suite')"
        self.assertEqual("aes-256-gcm", self.one(other, sql))

    def test_a_rotation_keeps_the_suite(self):
        self.conn.execute("SELECT envelope_config('suite', 'aes-256-gcm')")
        self.one(self.conn, "SELECT envelope_key_rotate('chacha')")
        self.assertEqual(2, self.seal(self.conn, CANARY, "chacha")[3])

    def test_chacha_is_rewrapped(self):
        blob = self.seal(self.conn, CANARY, "chacha")
        self.one(self.conn, "SELECT envelope_key_rotate('chacha')")
        new = self.one(self.conn, REWRAP, blob)
        self.assertNotEqual(blob, new)
        self.assertEqual(blob[DATA:], new[DATA:])
        self.assertEqual(CANARY, self.open(self.conn, new))

    def test_rewrap_across_suites_is_refused_both_ways(self):
        for source, target in (("pii", "chacha"), ("chacha", "pii")):
            blob = self.seal(self.conn, CANARY, source)
            text = self.refuses("suite", self.conn, REWRAP_TO, blob, target)
            self.assertIn("aes-256-gcm", text)
            self.assertIn("chacha20-poly1305", text)


class States(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)

    def state(self, state, name="pii", conn=None):
        return self.one(conn or self.conn, SET_STATE, name, state)

    def test_a_disabled_key_does_not_open(self):
        self.state("disabled")
        self.refuses_open("disabled", self.conn, self.blob)

    def test_a_disabled_key_does_not_seal(self):
        self.state("disabled")
        self.refuses_seal("disabled", self.conn)

    def test_a_disabled_key_does_not_rewrap(self):
        self.state("disabled")
        self.refuses("disabled", self.conn, REWRAP, self.blob)

    def test_a_disabled_key_has_no_blind_index(self):
        self.state("disabled")
        self.refuses("disabled", self.conn,
                     "SELECT envelope_blind_index(1, 'pii', 's')")

    def test_a_disabled_key_does_not_warm_up(self):
        self.state("disabled")
        self.refuses("disabled", self.conn, "SELECT envelope_key_open('pii')")

    def test_a_disabled_key_does_not_rotate(self):
        self.state("disabled")
        self.refuses("disabled", self.conn,
                     "SELECT envelope_key_rotate('pii')")

    def test_a_disabled_key_is_no_target_of_rewrap(self):
        self.one(self.conn, "SELECT envelope_key_create('other')")
        self.state("disabled", "other")
        self.refuses("disabled", self.conn, REWRAP_TO, self.blob, "other")

    def test_a_disabled_key_is_enabled_again(self):
        self.state("disabled")
        self.state("active")
        self.assertEqual(CANARY, self.open(self.conn, self.blob))
        self.seal(self.conn)

    def test_a_decrypt_only_key_opens(self):
        self.state("decrypt-only")
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_a_decrypt_only_key_does_not_seal(self):
        self.state("decrypt-only")
        self.refuses_seal("decrypt-only", self.conn)

    def test_a_decrypt_only_key_is_searched(self):
        sql = "SELECT envelope_blind_index(1, 'pii', 's')"
        before = self.one(self.conn, sql)
        self.state("decrypt-only")
        self.assertEqual(before, self.one(self.conn, sql))

    def test_a_decrypt_only_key_warms_up(self):
        self.state("decrypt-only")
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_open('pii')")
        del os.environ["ENVELOPE_KEYFILE"]
        self.assertEqual(CANARY, self.open(conn, self.blob))

    def test_a_decrypt_only_key_rewraps_nothing(self):
        self.state("decrypt-only")
        self.refuses("decrypt-only", self.conn, REWRAP, self.blob)

    def test_disable_is_for_all_versions_of_the_name(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.state("disabled")
        self.refuses_open("disabled", self.conn, self.blob)
        self.assertEqual({"disabled"},
                         {row[2] for row in self.keys(self.conn)})

    def test_activating_makes_one_version_active(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.state("disabled")
        self.state("active")
        self.assertEqual([("pii", 1, "decrypt-only", 0),
                          ("pii", 2, "active", 1)], self.keys(self.conn))

    def test_a_version_that_was_disabled_alone_stays_so(self):
        """Neither activating the name nor disabling and activating it brings
        it back."""
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        first = self.blob[KEY_ID].hex()
        self.state("disabled", first)
        for state in ("active", "decrypt-only", "disabled", "active"):
            self.state(state)
            self.assertEqual("disabled", self.keys(self.conn)[0][2])
        self.assertEqual(["disabled", "decrypt-only", "active"],
                         [row[2] for row in self.keys(self.conn)])
        text = self.refuses_open("disabled", self.conn, self.blob)
        self.assertIn("envelope_key_set_state('%s', 'decrypt-only')" % first,
                      text)
        self.state("decrypt-only", first)
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_a_name_disabled_twice_is_enabled_at_once(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.state("disabled")
        self.state("disabled")
        self.state("active")
        self.assertEqual(["decrypt-only", "active"],
                         [row[2] for row in self.keys(self.conn)])

    def test_one_version_is_disabled_by_its_id(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.state("disabled", self.blob[KEY_ID].hex())
        self.refuses_open("disabled", self.conn, self.blob)
        new = self.seal(self.conn)
        self.assertEqual(CANARY, self.open(self.conn, new))

    def test_an_old_version_is_not_made_active(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.refuses("not the current one", self.conn, SET_STATE,
                     self.blob[KEY_ID].hex(), "active")

    def test_destroyed_is_no_state_to_set(self):
        self.refuses("a key state is", self.conn, SET_STATE, "pii",
                     "destroyed")
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_an_unknown_state_is_refused(self):
        for state in ("", "Active", "ACTIVE", "off"):
            self.refuses("a key state is", self.conn, SET_STATE, "pii", state)

    def test_the_next_statement_of_another_connection_sees_it(self):
        other = self.connect()
        self.assertEqual(CANARY, self.open(other, self.blob))
        self.state("disabled")
        self.refuses_open("disabled", other, self.blob)
        self.refuses_seal("disabled", other)
        self.state("active")
        self.assertEqual(CANARY, self.open(other, self.blob))

    def test_another_connection_seals_under_the_new_version(self):
        other = self.connect()
        self.assertEqual(self.blob[KEY_ID], self.seal(other)[KEY_ID])
        key_id = self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.assertEqual(key_id, self.seal(other)[KEY_ID].hex())

    def test_a_prepared_statement_sees_it_when_run_again(self):
        other = self.connect(cached_statements=10)
        sql = "SELECT envelope_open(?)"
        self.assertEqual(CANARY, self.one(other, sql, self.blob))
        self.state("disabled")
        self.refuses("disabled", other, sql, self.blob)

    def test_a_change_within_a_running_statement_is_seen(self):
        rows = self.conn.execute(
            "WITH n(i) AS (VALUES(1), (2), (3))"
            " SELECT envelope_open(?) FROM n", (self.blob,))
        self.assertEqual(CANARY, rows.fetchone()[0])
        self.state("disabled")
        with self.assertRaisesRegex(sqlite3.Error, "disabled"):
            rows.fetchone()

    def test_a_snapshot_keeps_its_state(self):
        """A reader in WAL mode goes on with what it began with."""
        self.conn.execute("PRAGMA journal_mode = wal")
        other = self.connect()
        other.execute("BEGIN")
        self.assertEqual(CANARY, self.open(other, self.blob))
        self.state("disabled")
        self.assertEqual(CANARY, self.open(other, self.blob))
        other.execute("COMMIT")
        self.refuses_open("disabled", other, self.blob)


if __name__ == "__main__":
    unittest.main()
