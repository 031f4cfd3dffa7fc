# SPDX-License-Identifier: MIT
"""envelope_drop(): what is given up stays given up."""

import json
import sqlite3
import unittest

import capi
from support import CANARY, EXTENSION, SqlTest, load

ALL = "open seal rewrap keys config"

# call: the privileges that each forbid it
NEEDS = {
    "envelope_open(?1)": ("open",),
    "envelope_seal('v', 'pii')": ("seal",),
    "envelope_seal_indexed('v', 'pii', 's')": ("seal",),
    "envelope_rewrap(?1)": ("rewrap",),
    "envelope_rewrap(?1, 'pii')": ("rewrap",),
    "envelope_reseal(?1, 'pii')": ("open", "seal"),
    "envelope_export(?1)": ("open",),
    "envelope_import(?2, 'pii')": ("open", "seal"),
    "envelope_key_create('new')": ("keys",),
    "envelope_key_rotate('pii')": ("keys",),
    "envelope_key_set_state('pii', 'active')": ("keys",),
    "envelope_key_set_policy('pii', 'min_version', 1)": ("keys",),
    "envelope_key_rewrap('pii')": ("keys",),
    "envelope_key_destroy('gone', 'gone')": ("keys",),
    "envelope_cmk_rotate('keyring:app.db.keyring')": ("keys",),
    "envelope_cmk_destroy('keyring:app.db.keyring', 99)": ("keys",),
    "envelope_config('padding', 'on')": ("config",),
    "envelope_blind_index('v', 'pii', 's')": (),
    "envelope_key_open('pii')": (),
    "envelope_key_pin('pii')": (),
    "envelope_config('padding')": (),
    "envelope_config()": (),
    "envelope_drop()": (),
    "envelope_info(?1)": (),
    "envelope_key_id(?1)": (),
    "envelope_is_sealed(?1)": (),
    "envelope_debug()": (),
    "envelope_version()": (),
}
# call: the privileges of which one is enough
NEEDS_ONE = {
    "envelope_blind_index('v', 'pii', 's')": ("open", "seal"),
    "envelope_key_open('pii')": ("open", "seal"),
    "envelope_key_pin('pii')": ("open", "seal", "keys"),
}


def dropped(privilege):
    return "privilege '%s' was dropped for this connection" % privilege


class Base(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)
        self.parcel = self.one(self.conn, "SELECT envelope_export(?)",
                               self.blob)
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('gone')")
        self.one(conn, "SELECT envelope_key_set_state('gone', 'disabled')")

    def drop(self, conn, privilege):
        return self.one(conn, "SELECT envelope_drop(?)", privilege)

    def blobs(self, call):
        """An envelope as ?1, a portable one as ?2."""
        if "?2" in call:
            return self.blob, self.parcel
        return (self.blob,) if "?1" in call else ()

    def call(self, conn, call):
        return conn.execute("SELECT " + call, self.blobs(call)).fetchall()

    def refused(self, privilege, conn, call):
        return self.refuses(dropped(privilege), conn, "SELECT " + call,
                            *self.blobs(call))


class Needs(Base):
    def test_each_function_needs_what_it_says(self):
        for privilege in ALL.split():
            for call, needs in NEEDS.items():
                with self.subTest(privilege=privilege, call=call):
                    conn = self.connect()
                    self.drop(conn, privilege)
                    if privilege in needs:
                        text = self.refused(privilege, conn, call)
                        self.assertIn(call.split("(")[0] + ": ", text)
                        continue
                    conn.execute("BEGIN")
                    self.call_or_miss(conn, call)
                    conn.execute("ROLLBACK")

    def call_or_miss(self, conn, call):
        try:
            self.call(conn, call)
        except sqlite3.Error as error:  # from behind the door
            self.assertIn("not destroyed inside a transaction", str(error))

    def test_one_of_two_is_enough_and_none_is_not(self):
        for call, some in NEEDS_ONE.items():
            for kept in some:
                with self.subTest(call=call, kept=kept):
                    conn = self.connect()
                    for privilege in set(ALL.split()) - {kept}:
                        self.drop(conn, privilege)
                    self.call(conn, call)
                    self.drop(conn, kept)
                    self.refused(some[0], conn, call)

    def test_a_null_needs_it_too(self):
        self.drop(self.conn, "open")
        self.refused("open", self.conn, "envelope_open(NULL)")


class Drop(Base):
    def test_it_says_what_is_left(self):
        self.assertEqual(ALL, self.one(self.conn, "SELECT envelope_drop()"))
        left = ALL.split()
        for privilege in ("seal", "config", "open", "keys", "rewrap"):
            left.remove(privilege)
            for _ in range(2):  # twice is no error
                self.assertEqual(" ".join(left),
                                 self.drop(self.conn, privilege))
        self.assertEqual("", self.one(self.conn, "SELECT envelope_drop()"))

    def test_what_is_no_privilege_is_refused(self):
        for word in ("", "Open", "open ", "all", "open seal"):
            self.refuses("a privilege is 'open'", self.conn,
                         "SELECT envelope_drop(?)", word)
        self.assertEqual(ALL, self.one(self.conn, "SELECT envelope_drop()"))

    def test_a_loaded_key_does_not_help(self):
        self.assertEqual(CANARY, self.open(self.conn, self.blob))
        self.drop(self.conn, "open")
        self.refuses_open(dropped("open"), self.conn, self.blob)

    def test_loading_again_brings_nothing_back(self):
        self.drop(self.conn, "open")
        load(self.conn)
        self.refuses_open(dropped("open"), self.conn, self.blob)
        self.assertEqual("seal rewrap keys config",
                         self.one(self.conn, "SELECT envelope_drop()"))

    def test_loading_by_the_other_entry_point_brings_nothing_back(self):
        self.drop(self.conn, "open")
        self.conn.enable_load_extension(True)
        self.refuses("already loaded", self.conn,
                     "SELECT load_extension(?, 'sqlite3_envelope_schema_init')",
                     EXTENSION)
        self.refuses_open(dropped("open"), self.conn, self.blob)

    def test_a_rollback_brings_nothing_back(self):
        self.conn.execute("BEGIN")
        self.drop(self.conn, "open")
        self.conn.execute("ROLLBACK")
        self.refuses_open(dropped("open"), self.conn, self.blob)

    def test_a_running_statement_stops(self):
        rows = self.conn.execute(
            "SELECT envelope_open(?) FROM json_each('[1, 2, 3]')",
            (self.blob,))
        self.assertEqual((CANARY,), rows.fetchone())
        self.drop(self.conn, "open")
        with self.assertRaisesRegex(sqlite3.Error, dropped("open")):
            rows.fetchone()

    def test_another_connection_keeps_its_own(self):
        other = self.connect()
        self.drop(self.conn, "open")
        self.assertEqual(CANARY, self.open(other, self.blob))

    def test_a_new_connection_has_all(self):
        self.drop(self.conn, "open")
        self.conn.close()
        self.assertEqual(CANARY, self.open(self.connect(), self.blob))

    def test_without_open_seal_and_rewrap_no_key_stays(self):
        cached = "SELECT json_extract(envelope_debug(), '$.keys_cached')"
        self.assertEqual(1, self.one(self.conn, cached))
        for privilege, left in (("open", 1), ("seal", 1), ("rewrap", 0)):
            self.drop(self.conn, privilege)
            self.assertEqual(left, self.one(self.conn, cached))
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")

    def test_a_setting_cannot_be_changed_by_a_dropped_session(self):
        self.one(self.conn, "SELECT envelope_config('open_keys', 'other')")
        self.drop(self.conn, "config")
        self.refused("config", self.conn, "envelope_config('open_keys', '')")
        self.refuses_open("does not open", self.conn, self.blob)

    def test_a_planted_view_drops_nothing(self):
        self.plain().execute("CREATE VIEW v AS SELECT envelope_drop('open')")
        conn = self.connect()
        self.refuses("unsafe use of envelope_drop()", conn, "SELECT * FROM v")
        self.assertEqual(CANARY, self.open(conn, self.blob))

    def test_the_audit_log_tells(self):
        log = self.file("audit.log")
        self.one(self.conn, "SELECT envelope_config('audit', ?)", log)
        self.drop(self.conn, "open")
        self.refuses_open(dropped("open"), self.conn, self.blob)
        with open(log, encoding="utf-8") as stream:
            last = json.loads(stream.readlines()[-1])
        self.assertEqual(("denied", "open", "denied"),
                         (last["event"], last["operation"], last["result"]))

    def test_the_result_code_is_auth(self):
        db = capi.Database(self.path)
        self.assertIsNone(db.load())
        db.run("SELECT envelope_drop('seal')")
        stmt = db.prepare("SELECT envelope_seal('v', 'pii')")
        self.assertEqual(23, db.lib.sqlite3_step(stmt))  # SQLITE_AUTH
        db.lib.sqlite3_finalize(stmt)
        self.assertEqual(capi.OK, db.close())


if __name__ == "__main__":
    unittest.main()
