# SPDX-License-Identifier: MIT
"""Seal-only versions: their states and end, and the state of the name's own
key, which stands above them."""

import json
import os
import shutil
import sqlite3
import unittest

from support import CANARY, KEY_ID
from test_seal_only import INSERT, OPEN_KEY, SealOnly

SET_STATE = "SELECT envelope_key_set_state(?, ?)"
DESTROY = "SELECT envelope_key_destroy(?1, ?1)"


class OneVersion(SealOnly):
    """By its id, as envelope_keys and envelope_key_id() have it."""

    def setUp(self):
        super().setUp()
        self.blob = self.sealed()
        self.key_id = self.blob[KEY_ID].hex()

    def ignoring(self, *what):
        """An authorizer that makes nothing of an action, or NULL of a
        column."""
        self.office.set_authorizer(
            lambda *args: sqlite3.SQLITE_IGNORE
            if args[:len(what)] == what else sqlite3.SQLITE_OK)

    def state(self, key_id=None):
        return self.one(self.office, "SELECT state FROM envelope_keys WHERE"
                        " key_id = ?", key_id or self.key_id)

    def test_disabled_and_active_again(self):
        self.assertEqual(CANARY, self.open(self.office, self.blob, 7))
        self.assertEqual("disabled", self.one(self.office, SET_STATE, self.key_id,
                                              "disabled"))
        self.assertEqual("disabled", self.state())
        for conn in (self.office, self.connect_office()):
            text = self.refuses_open("is disabled", conn, self.blob, 7)
        conn.execute(text[text.index("SELECT"):]).fetchall()
        self.assertEqual("active", self.state())
        self.assertEqual(CANARY, self.open(self.office, self.blob, 7))

    def connect_office(self):
        conn = self.connect()
        self.config(conn, "open_seal_only", "pii=" + self.private(self.uri))
        return conn

    def test_only_active_ones_are_gone_on_with(self):
        conn = self.warm()
        conn.execute(INSERT, ("x",))
        first = self.last()
        for state in ("decrypt-only", "disabled"):
            old = self.last()[KEY_ID].hex()
            self.one(self.office, SET_STATE, old, state)
            if state == "decrypt-only":
                self.assertEqual("x", self.open(conn, first, 7))
            conn.execute(INSERT, ("y",))
            self.assertNotEqual(old, self.last()[KEY_ID].hex())
        self.assertEqual("x", self.open(self.office, first, 7))

    def test_it_ends_for_the_server_that_made_it(self):
        conn = self.warm()
        blob = self.seal(conn)
        self.one(self.office, SET_STATE, blob[KEY_ID].hex(), "disabled")
        self.refuses_open("is disabled", conn, blob)
        self.one(self.office, DESTROY, blob[KEY_ID].hex())
        self.refuses_open("no key", conn, blob)

    def test_only_a_disabled_one_is_destroyed(self):
        for state in ("active", "decrypt-only"):
            self.one(self.office, SET_STATE, self.key_id, state)
            text = self.refuses("only a disabled", self.office, DESTROY,
                                self.key_id)
        self.office.execute(text[text.index("SELECT"):]).fetchall()
        self.assertEqual("destroyed", self.one(self.office, DESTROY, self.key_id))
        self.assertEqual(0, self.versions())
        for conn in (self.office, self.connect_office()):
            self.refuses_open("no key", conn, self.blob, 7)
        self.assertEqual(CANARY, self.open(self.office, self.seal(self.office)))

    def test_the_id_is_typed_twice(self):
        self.one(self.office, SET_STATE, self.key_id, "disabled")
        self.refuses("give its name twice", self.office, "SELECT"
                     " envelope_key_destroy(?, 'pii')", self.key_id)

    def test_nothing_of_its_wrap_is_left(self):
        wrapped = self.one(self.office, "SELECT wrapped FROM"
                           " envelope_seal_only")
        with open(self.path, "rb") as file:
            self.assertIn(wrapped, file.read())
        self.one(self.office, SET_STATE, self.key_id, "disabled")
        self.one(self.office, DESTROY, self.key_id)
        self.office.close()
        with open(self.path, "rb") as file:
            self.assertNotIn(wrapped[-32:], file.read())

    def test_the_others_stay(self):
        other = self.sealed()
        self.one(self.office, SET_STATE, self.key_id, "disabled")
        self.one(self.office, DESTROY, self.key_id)
        self.assertEqual(CANARY, self.open(self.office, other, 7))
        self.assertEqual(1, self.versions())

    def test_those_without_rows(self):
        """As README.md says: after a rewrap."""
        self.office.execute("UPDATE t SET v = envelope_rewrap(v)")
        kept = self.sealed()[KEY_ID].hex()
        unused = self.office.execute(
            "SELECT key_id FROM envelope_keys WHERE origin = 'seal-only' AND"
            " key_id NOT IN (SELECT envelope_key_id(v) FROM t GROUP BY 1)"
        ).fetchall()
        self.assertEqual([(self.key_id,)], unused)
        for key_id, in unused:
            self.one(self.office, SET_STATE, key_id, "disabled")
            self.one(self.office, DESTROY, key_id)
        self.assertEqual("active", self.state(kept))
        self.assertEqual(2, self.one(self.office, "SELECT"
                                     " count(envelope_open(v, 7)) FROM t"))

    def test_in_a_transaction(self):
        self.office.execute("BEGIN")
        self.one(self.office, SET_STATE, self.key_id, "disabled")
        self.refuses_open("is disabled", self.office, self.blob, 7)
        self.office.execute("ROLLBACK")
        self.assertEqual(CANARY, self.open(self.office, self.blob, 7))
        self.one(self.office, SET_STATE, self.key_id, "disabled")
        self.office.execute("BEGIN")
        self.assertIn("in this transaction", self.one(self.office, DESTROY,
                                                      self.key_id))
        self.office.execute("ROLLBACK")
        self.one(self.office, SET_STATE, self.key_id, "active")
        self.assertEqual(CANARY, self.open(self.office, self.blob, 7))

    def test_what_is_no_state_and_no_id(self):
        self.refuses("a key state is", self.office, SET_STATE, self.key_id,
                     "destroyed")
        self.refuses("envelope_keys", self.office, SET_STATE, "0" * 16,
                     "disabled")

    def test_it_is_not_rotated_nor_rewrapped(self):
        for call in ("envelope_key_rotate(?)", "envelope_key_rewrap(?)",
                     "envelope_key_set_policy(?, 'min_version', 1)"):
            self.error(self.office, "SELECT " + call, self.key_id)

    def test_authorizers_and_triggers(self):
        self.one(self.office, SET_STATE, self.key_id, "disabled")
        self.ignoring(sqlite3.SQLITE_UPDATE, "envelope_seal_only")
        self.refuses("suppresses it", self.office, SET_STATE, self.key_id,
                     "active")
        self.one(self.office, SET_STATE, "pii", "disabled")
        self.ignoring(sqlite3.SQLITE_READ, "envelope_seal_only", "name")
        self.refuses("suppresses it", self.office, DESTROY, "pii")
        self.office.set_authorizer(None)
        self.assertEqual("disabled", self.state())
        self.office.execute("CREATE TEMP TRIGGER x AFTER UPDATE ON"
                            " main.envelope_seal_only BEGIN SELECT 1; END")
        self.refuses("trigger", self.office, SET_STATE, self.key_id, "active")

    def test_the_audit_log(self):
        self.config(self.office, "audit", self.file("audit.log"))
        self.one(self.office, SET_STATE, self.key_id, "disabled")
        self.refuses_open("is disabled", self.office, self.blob, 7)
        self.one(self.office, DESTROY, self.key_id)
        with open(self.file("audit.log"), encoding="utf-8") as log:
            text = log.read()
        for line in ('"event":"state"', '"event":"denied","operation":"open"',
                     '"event":"destroyed"'):
            self.assertIn(line + ',"key":"pii"', text)

    def test_an_attached_database(self):
        conn = self.connect(self.file("x.db"))
        conn.execute("ATTACH ? AS app", (self.path,))
        self.one(conn, SET_STATE, self.key_id, "disabled")
        self.assertEqual("disabled", self.state())
        self.one(conn, DESTROY, self.key_id)
        self.assertEqual(0, self.versions())


class WithoutAnOwnKey(SealOnly):
    """The name pay has seal-only versions and nothing else."""

    def setUp(self):
        super().setUp()
        conn = self.server()
        self.config(conn, "seal_only", "pay=" + self.uri)
        self.one(conn, "SELECT envelope_key_open('pay')")
        self.blob = self.seal(conn, CANARY, "pay")
        self.config(self.office, "open_seal_only", "pay=" + self.private(
            self.uri))

    def test_its_versions_have_states(self):
        key_id = self.blob[KEY_ID].hex()
        self.assertEqual(CANARY, self.open(self.office, self.blob))
        self.one(self.office, SET_STATE, key_id, "disabled")
        self.refuses_open("is disabled", self.office, self.blob)
        self.one(self.office, DESTROY, key_id)
        self.refuses_open("seal-only version that was destroyed", self.office,
                          self.blob)

    def test_the_name_says_what_to_type(self):
        for sql, args in ((SET_STATE, ("pay", "disabled")),
                          (DESTROY, ("pay",))):
            text = self.refuses("seal-only versions only", self.office, sql,
                                *args)
        sql = text[text.index("SELECT"):]
        self.office.execute(sql).fetchall()
        self.assertEqual([("disabled",)], self.office.execute(
            "SELECT state FROM envelope_keys WHERE name = 'pay'").fetchall())


class Own(SealOnly):
    """The name's own key, against edited tables."""

    def setUp(self):
        super().setUp()
        self.blob = self.sealed()

    def reader(self, pin=None):
        conn = self.connect()
        if pin:
            self.config(conn, "pin", pin)
        self.config(conn, "open_seal_only", "pii=" + self.private(self.uri))
        return conn

    def pin(self):
        return self.one(self.office, "SELECT envelope_key_pin('pii')")

    def edit(self, *statements):
        conn = self.plain()
        for sql in statements:
            conn.execute(sql)
        conn.close()

    def test_a_state_that_was_edited(self):
        self.one(self.office, SET_STATE, "pii", "disabled")
        self.edit("UPDATE envelope_key SET state = 'active'")
        self.refuses_open("altered", self.reader(), self.blob, 7)
        self.refuses_open("altered", self.office, self.blob, 7)

    def test_an_older_state_against_a_pin(self):
        shutil.copy(self.path, self.file("old.db"))
        self.one(self.office, SET_STATE, "pii", "disabled")
        pin = self.pin()
        self.edit("ATTACH '%s' AS old" % self.file("old.db"),
                  "REPLACE INTO envelope_key SELECT * FROM old.envelope_key",
                  "REPLACE INTO envelope_key_manifest SELECT * FROM"
                  " old.envelope_key_manifest")
        self.refuses_open("is of generation", self.reader(pin), self.blob, 7)
        self.assertEqual(CANARY, self.open(self.reader(), self.blob, 7))

    def test_an_own_key_that_was_removed_against_a_pin(self):
        pin = self.pin()
        self.edit("DELETE FROM envelope_key",
                  "DELETE FROM envelope_key_manifest")
        self.refuses_open("the setting pin names it", self.reader(pin),
                          self.blob, 7)
        self.assertEqual(CANARY, self.open(self.reader(), self.blob, 7))

    def test_a_refused_seal_of_a_pinned_key_that_was_removed_is_audited(self):
        conn = self.server()
        self.config(conn, "pin", self.pin())
        self.config(conn, "audit", self.file("audit.log"))
        self.edit("DELETE FROM envelope_key",
                  "DELETE FROM envelope_key_manifest")
        self.refuses("the setting pin names it", conn, INSERT, "x")
        with open(self.file("audit.log"), encoding="utf-8") as log:
            last = json.loads(log.readlines()[-1])
        self.assertEqual(("denied", "seal", "pii"),
                         (last["event"], last["operation"], last["key"]))

    def test_one_schema_that_cannot_be_loaded_keeps_no_other_from_it(self):
        path = self.file("b.db")
        self.one(self.connect(path),
                 "SELECT envelope_key_create('pii', 'keyring:b.keyring')")
        other = self.seal(self.warm(path=path))
        os.unlink(self.file("b.keyring"))
        conn = self.reader()
        conn.execute("ATTACH ? AS b", (path,))
        self.one(self.office, SET_STATE, "pii", "disabled")
        self.edit("UPDATE envelope_key SET state = 'active'")
        self.assertEqual(CANARY, self.open(conn, other))
        self.refuses_open("altered", conn, self.blob, 7)

    def test_an_own_key_that_cannot_be_loaded(self):
        pin = self.pin()
        os.rename(self.file("app.db.keyring"), self.file("away"))
        for _ in range(2):
            self.assertEqual(CANARY, self.open(self.reader(), self.blob, 7))
        self.refuses_open("no keyring", self.reader(pin), self.blob, 7)
        self.edit("UPDATE envelope_key SET state = 'disabled'")
        self.refuses_open("is disabled", self.reader(), self.blob, 7)

    def test_a_pin_where_the_own_key_is_not_to_be_had(self):
        conn = self.server()
        self.config(conn, "pin", self.pin())
        self.one(conn, OPEN_KEY)
        del os.environ["ENVELOPE_KEYFILE"]
        conn = self.server()
        self.config(conn, "pin", self.pin())
        self.refuses("key pii version 1 is not available", conn, OPEN_KEY)
        self.refuses("key pii version 1 is not available", conn, INSERT, "x")

    def test_it_is_not_asked_of_whom_the_session_does_not_open(self):
        """What the database names is looked at after what the session does."""
        self.config(self.office, "audit", self.file("audit.log"))
        self.config(self.office, "open_seal_only", "")
        self.refuses_open("does not name that key", self.office, self.blob, 7)
        with open(self.file("audit.log"), encoding="utf-8") as log:
            self.assertNotIn('"unwrap"', log.read())


class Planted(SealOnly):
    """What is said to be destroyed is gone, however the file was written."""

    def setUp(self):
        super().setUp()
        self.blob = self.sealed()

    def destroyed(self):
        self.one(self.office, SET_STATE, "pii", "disabled")
        self.one(self.office, DESTROY, "pii")
        self.assertEqual(0, self.one(
            self.plain(), "SELECT count(*) FROM envelope_seal_only"))

    def test_a_name_that_is_a_blob(self):
        self.plain().execute("UPDATE envelope_seal_only SET name ="
                             " CAST(name AS BLOB)").connection.commit()
        self.refuses_open("envelope_seal_only was altered", self.office,
                          self.blob, 7)
        self.destroyed()

    def test_an_index_that_lacks_rows(self):
        self.plain().execute("CREATE INDEX evil ON envelope_seal_only(key_id)"
                             " WHERE 0").connection.commit()
        for sql, args in ((SET_STATE, ("pii", "disabled")),
                          (SET_STATE, (self.blob[KEY_ID].hex(), "disabled"))):
            self.refuses("DROP the trigger or the index", self.office, sql,
                         *args)
        self.plain().execute("DROP INDEX evil").connection.commit()
        self.destroyed()


if __name__ == "__main__":
    unittest.main()
