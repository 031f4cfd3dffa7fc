# SPDX-License-Identifier: MIT
"""What an attacker who writes the database can have us do: which CMKs are
asked, which key a name means, which key opens."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import unittest
from pathlib import Path

from support import (ALTERED, CANARY, EXTENSION, KEY_ID, REPO, UNAVAILABLE,
                     SqlTest)

sys.path.insert(0, os.path.join(REPO, "tests", "format"))

import envelope_format as ef  # noqa: E402
from keyring_format import payload_of  # noqa: E402

NOT_ALLOWED = "is not allowed in this session"
NOT_OPENED = "does not open in this session"
NOT_PINNED = "is not the one that the setting pin names"
TOO_OLD = "older than the"
TABLES = ("envelope_key", "envelope_key_wrap", "envelope_key_manifest")


class Attack(SqlTest):
    """A database with one key, a value under it, and an attacker who can
    write to the file."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)
        self.keyring = "keyring:" + self.path + ".keyring"

    def attack(self, sql, *args):
        conn = self.plain()
        self.assertLess(0, conn.execute(sql, args).rowcount, sql)

    def plant_cmk(self, uri):
        self.attack("UPDATE envelope_key_wrap SET cmk = ?", uri)

    def config(self, conn, name, value):
        return self.one(conn, "SELECT envelope_config(?, ?)", name, value)

    def pin(self, conn, name="pii"):
        return self.one(conn, "SELECT envelope_key_pin(?)", name)

    def pinned(self, text):
        """A new connection with this pin."""
        conn = self.connect()
        self.config(conn, "pin", text)
        return conn

    def contents(self, path=None):
        conn = self.plain(path)
        return {table: conn.execute("SELECT * FROM " + table).fetchall()
                for table in TABLES}

    def put_tables(self, contents):
        """Puts all of the key tables in the place of what is there."""
        conn = self.plain()
        conn.execute("BEGIN")
        for table, rows in contents.items():
            conn.execute("DELETE FROM " + table)
            for row in rows:
                marks = ", ".join("?" * len(row))
                conn.execute("INSERT INTO %s VALUES(%s)" % (table, marks), row)
        conn.execute("COMMIT")

    def works(self, conn):
        self.assertEqual(CANARY, self.open(conn, self.blob))
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))


    def audited(self):
        """The events of the audit log that a refusal leaves."""
        with open(self.file("audit.log"), encoding="utf-8") as stream:
            lines = [json.loads(line) for line in stream]
        return [(x["event"], x.get("operation"), x.get("key"), x.get("cmk"),
                 x["result"]) for x in lines if x["result"] != "ok"]


class PlantedCmk(Attack):
    def refused(self, conn=None):
        """Both ways, and in a connection that has not loaded the key."""
        conn = conn or self.connect()
        self.refuses_seal(NOT_ALLOWED, conn)
        text = self.refuses_open(NOT_ALLOWED, conn, self.blob)
        self.assertIn("key pii version 1", text)
        self.assertIn("envelope_config('cmks'", text)
        return text

    def test_a_planted_server_is_not_contacted(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0.2)
            uri = "nokms://127.0.0.1:%d/transit/keys/k" % (
                server.getsockname()[1])
            self.plant_cmk(uri)
            self.assertIn(uri, self.refused())
            with self.assertRaises(socket.timeout):
                server.accept()

    def test_a_planted_file_is_not_touched(self):
        """No system call names it."""
        planted = self.write("planted.pem", b"x")
        self.plant_cmk("pem:" + planted)
        log = self.file("strace.log")
        script = ('.load "%s"\nSELECT envelope_open(x\'%s\');\n'
                  % (EXTENSION, self.blob.hex()))
        try:
            done = subprocess.run(
                ["strace", "-f", "-o", log, "sqlite3", "-batch", self.path],
                input=script, capture_output=True, text=True, timeout=120)
        except FileNotFoundError:
            self.skipTest("strace is not here")
        if "ptrace" in done.stderr:
            self.skipTest("strace may not trace here")
        self.assertIn(NOT_ALLOWED, done.stderr)
        with open(log, encoding="utf-8", errors="replace") as stream:
            calls = stream.read()
        self.assertIn(self.path, calls)
        self.assertNotIn("planted.pem", calls)

    def test_every_other_scheme_is_refused(self):
        for uri in ("pem:public.pem", "pkcs11:token=t;object=k",
                    "aws-kms://arn:aws:kms:eu-west-1:1:key/k",
                    "kmip://host:5696/1", "keyrin:k", "keyringg:k"):
            with self.subTest(uri):
                self.plant_cmk(uri)
                self.assertIn(uri, self.refused())

    def test_options_are_refused(self):
        for option in ("module-path=/tmp/evil.so", "module-name=evil",
                       "pin-source=/etc/passwd", "a=b"):
            for uri in (self.keyring + "?" + option, "pkcs11:token=t?"
                        + option):
                with self.subTest(uri):
                    self.plant_cmk(uri)
                    conn = self.connect()
                    self.config(conn, "cmks", self.keyring + " pkcs11:token=t")
                    self.refuses_seal("no options", conn)

    def test_a_long_uri_is_cut_in_the_message(self):
        self.plant_cmk("pem:" + "x" * 900)
        text = self.refuses_seal(NOT_ALLOWED, self.connect())
        self.assertIn("xxx... ", text)

    def test_the_other_cmk_of_the_key_still_opens_it(self):
        self.attack("UPDATE envelope_key_wrap SET position = 2")
        self.attack("INSERT INTO envelope_key_wrap SELECT key_id, 1,"
                    " 'pem:evil.pem', wrapped FROM envelope_key_wrap")
        self.works(self.connect())

    def test_a_new_version_is_not_wrapped_under_it(self):
        """Or the attacker's public key would get every new KEK."""
        self.attack("INSERT INTO envelope_key_wrap SELECT key_id, 2,"
                    " 'pem:evil.pem', wrapped FROM envelope_key_wrap")
        before = self.contents()
        for conn in (self.conn, self.connect()):
            text = self.refuses(NOT_ALLOWED, conn,
                                "SELECT envelope_key_rotate('pii')")
            self.assertIn("pem:evil.pem", text)
        self.assertEqual(before, self.contents())
        self.works(self.conn)

    def test_nor_are_the_present_ones(self):
        self.attack("INSERT INTO envelope_key_wrap SELECT key_id, 2,"
                    " 'pem:evil.pem', wrapped FROM envelope_key_wrap")
        before = self.contents()
        self.refuses(NOT_ALLOWED, self.conn,
                     "SELECT envelope_key_rewrap('pii')")
        self.assertEqual(before, self.contents())

    def test_allow_partial_makes_no_wrap_for_it(self):
        self.attack("INSERT INTO envelope_key_wrap SELECT key_id, 2,"
                    " 'pem:evil.pem', wrapped FROM envelope_key_wrap")
        self.config(self.conn, "allow_partial", "on")
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.assertEqual(
            [("pem:evil.pem", 0)],
            self.plain().execute(
                "SELECT cmk, length(wrapped) FROM envelope_key_wrap"
                " JOIN envelope_key USING(key_id) WHERE version = 2"
                " AND position = 2").fetchall())

    def test_the_audit_log_tells(self):
        self.plant_cmk("nokms://h/k")
        conn = self.connect()
        self.config(conn, "audit", self.file("audit.log"))
        self.refuses_seal(NOT_ALLOWED, conn)
        self.assertEqual(
            [("unwrap", None, "pii", "nokms://h/k", "denied")],
            self.audited())

    def test_a_planted_keyring_cannot_be_unlocked(self):
        """It is tried with this session's secret, which is not its own."""
        os.mkdir(self.file("evil"), 0o700)
        evil = self.file("evil/evil.db")
        mine = os.environ["ENVELOPE_KEYFILE"]
        self.use_keyfile("evil.key")
        self.with_key(path=evil)
        os.environ["ENVELOPE_KEYFILE"] = mine
        tables = self.contents(evil)
        self.put_tables(tables)
        self.plant_cmk("keyring:" + evil + ".keyring")
        self.refuses_seal("not available", self.connect())


class AllowedCmks(Attack):
    """The setting cmks, and what else allows a CMK."""

    def strict(self, value):
        conn = self.connect()
        self.config(conn, "cmks", value)
        return conn

    def unprovided(self, conn):
        """Allowed, so the error is that this build has no such provider."""
        self.refuses_seal("no provider for nokms:", conn)

    def test_a_keyring_needs_no_setting(self):
        self.works(self.connect())

    def test_with_the_setting_another_keyring_is_refused(self):
        conn = self.strict("keyring:other.keyring")
        self.refuses_seal(NOT_ALLOWED, conn)
        self.refuses_open(NOT_ALLOWED, conn, self.blob)

    def test_another_cmk_of_the_keyring_is_refused(self):
        self.refuses_seal(NOT_ALLOWED, self.strict(self.keyring + "#other"))

    def test_it_is_named_with_its_whole_path(self):
        self.works(self.strict(self.keyring))

    def test_it_is_named_from_the_folder_of_the_database(self):
        self.works(self.strict("keyring:app.db.keyring"))

    def test_the_stored_path_may_be_the_whole_one(self):
        self.plant_cmk(self.keyring)
        self.works(self.strict("keyring:app.db.keyring#default"))

    def test_escapes_do_not_matter(self):
        self.works(self.strict("keyring:app%2Edb.keyring"))

    def test_a_path_that_only_ends_alike_is_another(self):
        for uri in ("keyring:/tmp/app.db.keyring",
                    "keyring:x/app.db.keyring", "keyring:pp.db.keyring",
                    "keyring:" + self.dir + "x/app.db.keyring"):
            with self.subTest(uri):
                self.refuses_seal(NOT_ALLOWED, self.strict(uri))

    def test_a_list(self):
        conn = self.strict("  nokms://h/k\n\tkeyring:app.db.keyring ")
        self.works(conn)
        self.assertEqual("nokms://h/k keyring:app.db.keyring",
                         self.one(conn, "SELECT envelope_config('cmks')"))

    def test_an_empty_list_takes_it_back(self):
        conn = self.strict("keyring:other.keyring")
        self.refuses_seal(NOT_ALLOWED, conn)
        self.assertEqual("", self.config(conn, "cmks", " "))
        self.works(conn)

    def test_a_list_with_a_mistake_changes_nothing(self):
        conn = self.strict("keyring:other.keyring")
        for value in ("nonsense", "keyring:app.db.keyring nokms://h?x=y",
                      "keyring:" + "x" * 2000):
            self.refuses("cmks must be CMK URIs", conn,
                         "SELECT envelope_config('cmks', ?)", value)
        self.refuses_seal(NOT_ALLOWED, conn)

    def test_the_setting_allows_another_scheme(self):
        self.plant_cmk("nokms://h/k")
        self.unprovided(self.strict("nokms://h/k"))
        self.refuses_seal(NOT_ALLOWED, self.strict("nokms://h/k2"))

    def test_the_environment_is_the_same(self):
        self.plant_cmk("nokms://h/k")
        os.environ["ENVELOPE_CMKS"] = "keyring:a nokms://h/k"
        self.unprovided(self.connect())

    def test_the_environment_is_strict_too(self):
        os.environ["ENVELOPE_CMKS"] = "keyring:a nokms://h/k"
        self.refuses_seal(NOT_ALLOWED, self.connect())

    def test_an_empty_variable_stops_the_load(self):
        os.environ["ENVELOPE_CMKS"] = ""
        with self.assertRaisesRegex(sqlite3.Error, "ENVELOPE_CMKS is set but"
                                    " empty"):
            self.connect()

    def test_the_usual_cmk_is_allowed(self):
        self.plant_cmk("nokms://h/k")
        os.environ["ENVELOPE_CMK"] = "nokms://h/k"
        self.unprovided(self.connect())

    def test_a_cmk_of_the_sql_is_allowed(self):
        conn = self.connect()
        self.plant_cmk("nokms://h/k")
        self.refuses_seal(NOT_ALLOWED, conn)
        self.refuses("no provider", conn,
                     "SELECT envelope_key_create('x', 'nokms://h/k')")
        self.unprovided(conn)
        self.refuses_seal(NOT_ALLOWED, self.connect())

    def test_a_cmk_that_a_key_is_moved_to_is_allowed(self):
        conn = self.strict(self.keyring)
        far = "keyring:" + self.file("far.keyring")
        self.one(conn, "SELECT envelope_key_rewrap('pii', ?)", far)
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        self.works(conn)
        self.refuses_seal(NOT_ALLOWED, self.strict(self.keyring))

    def test_a_key_is_not_moved_from_a_cmk_that_is_not_allowed(self):
        self.plant_cmk("nokms://h/k")
        self.refuses(NOT_ALLOWED, self.connect(),
                     "SELECT envelope_key_rewrap('pii', ?)", self.keyring)

    def test_a_cmk_that_is_rotated_is_allowed(self):
        conn = self.strict("keyring:other.keyring")
        self.one(conn, "SELECT envelope_cmk_rotate(?)", self.keyring)
        self.works(conn)

    def test_a_cmk_of_the_sql_is_of_its_folder(self):
        """The same relative path beside another database is another file."""
        os.mkdir(self.file("sub"), 0o700)
        conn = self.strict("keyring:other.keyring")
        conn.execute("ATTACH ? AS aux", (self.file("sub/x.db"),))
        self.one(conn, "SELECT envelope_key_create('aux:x',"
                 " 'keyring:app.db.keyring')")
        self.seal(conn, 1, "x")
        self.refuses_seal(NOT_ALLOWED, conn)

    def test_the_usual_keyring_of_a_new_key_is_allowed(self):
        conn = self.strict("keyring:other.keyring")
        self.one(conn, "SELECT envelope_key_create('x')")
        self.one(conn, "SELECT envelope_key_rotate('x')")
        self.works(conn)


class OpenKeys(Attack):
    def setUp(self):
        super().setUp()
        self.one(self.conn, "SELECT envelope_key_create('other')")
        self.foreign = self.seal(self.conn, CANARY, "other")

    def only(self, conn, value="pii"):
        self.config(conn, "open_keys", value)
        return conn

    def test_a_blob_under_another_key_is_refused(self):
        for conn in (self.conn, self.connect()):
            self.only(conn)
            text = self.refuses_open(NOT_OPENED, conn, self.foreign)
            self.assertIn("key other", text)
            self.assertIn("open_keys", text)
            self.works(conn)

    def test_it_is_not_rewrapped(self):
        conn = self.only(self.connect())
        for sql in ("SELECT envelope_rewrap(?)",
                    "SELECT envelope_rewrap(?, 'pii')"):
            self.refuses(NOT_OPENED, conn, sql, self.foreign)

    def test_the_keyring_is_not_asked_for_it(self):
        conn = self.only(self.connect())
        os.unlink(self.path + ".keyring")
        self.refuses_open(NOT_OPENED, conn, self.foreign)

    def test_a_running_statement_sees_the_setting(self):
        rows = self.conn.execute(
            "SELECT envelope_open(?) FROM json_each('[1, 2, 3]')",
            (self.foreign,))
        self.assertEqual((CANARY,), rows.fetchone())
        self.only(self.conn)
        with self.assertRaisesRegex(sqlite3.Error, NOT_OPENED):
            rows.fetchone()

    def test_it_can_be_taken_back(self):
        self.only(self.conn)
        self.refuses_open(NOT_OPENED, self.conn, self.foreign)
        self.assertEqual("", self.config(self.conn, "open_keys", ""))
        self.assertEqual(CANARY, self.open(self.conn, self.foreign))

    def test_other_keys_still_seal(self):
        """Sealing names its key, so nobody else chooses it."""
        conn = self.only(self.connect())
        self.one(conn, "SELECT envelope_key_open('other')")
        blob = self.seal(conn, CANARY, "other")
        self.assertEqual(CANARY, self.open(self.conn, blob))

    def test_a_name_is_of_every_database_and_can_be_bound_to_one(self):
        conn = self.connect()
        conn.execute("ATTACH ? AS aux", (self.file("aux.db"),))
        self.one(conn, "SELECT envelope_key_create('aux:pii')")
        blob = self.seal(conn, CANARY, "aux:pii")
        for value, here, there in (("pii", True, True),
                                   ("main:pii", True, False),
                                   ("AUX:pii other", False, True)):
            self.only(conn, value)
            for each, opens in ((self.blob, here), (blob, there)):
                if opens:
                    self.assertEqual(CANARY, self.open(conn, each))
                else:
                    self.refuses_open(NOT_OPENED, conn, each)

    def test_a_renamed_row_does_not_help(self):
        """The list is of names, and names are authenticated."""
        self.attack("DELETE FROM envelope_key WHERE name = 'pii'")
        self.attack("UPDATE envelope_key SET name = 'pii'")
        self.attack("DELETE FROM envelope_key_manifest WHERE name = 'pii'")
        self.attack("UPDATE envelope_key_manifest SET name = 'pii'")
        self.refuses_open(ALTERED, self.only(self.connect()), self.foreign)

    def test_the_environment_is_the_same(self):
        os.environ["ENVELOPE_OPEN_KEYS"] = "pii"
        self.refuses_open(NOT_OPENED, self.connect(), self.foreign)

    def test_the_audit_log_tells(self):
        conn = self.only(self.connect())
        self.config(conn, "audit", self.file("audit.log"))
        self.refuses_open(NOT_OPENED, conn, self.foreign)
        self.assertEqual([("denied", "open", "other", None, "denied")],
                         self.audited())

    def test_a_wrong_name_is_told(self):
        self.only(self.conn)
        for value in ("pii 'other'", "pii a:", "pii/42", ":pii"):
            self.refuses("open_keys must be key names", self.conn,
                         "SELECT envelope_config('open_keys', ?)", value)
        self.refuses_open(NOT_OPENED, self.conn, self.foreign)


class Pins(Attack):
    def test_a_pin_is_the_identity_and_the_generation(self):
        self.assertRegex(self.pin(self.conn), "^pii=[0-9a-f]{32}:1$")

    def test_the_identity_is_the_one_of_the_format(self):
        with open(os.environ["ENVELOPE_KEYFILE"], "rb") as stream:
            key = stream.read()
        payload = payload_of(self.conn, Path(self.path + ".keyring"), key,
                             "pii")
        identity = ef.kdf(payload[ef.KEY_BYTES:], "name-id")[:16]
        self.assertEqual("pii=%s:1" % identity.hex(), self.pin(self.conn))

    def test_the_right_key_works(self):
        pin = self.pin(self.conn)
        for text in (pin, pin[:-2], pin.upper().replace("PII", "pii"),
                     "main:" + pin, "other=" + "0" * 32 + " " + pin):
            with self.subTest(text):
                self.works(self.pinned(text))

    def test_a_name_with_an_equals_sign_is_not_pinned(self):
        """Or a list with commas would be a pin of no key, in silence."""
        self.one(self.conn, "SELECT envelope_key_create('a=b')")
        self.refuses("holds '='", self.conn, "SELECT envelope_key_pin('a=b')")

    def test_a_rotated_key_keeps_its_identity(self):
        pin = self.pin(self.conn)
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.works(self.pinned(pin))
        self.assertEqual(pin[:-1] + "2", self.pin(self.conn))

    def test_a_wrong_pin_stops_every_use(self):
        conn = self.pinned("pii=" + "0" * 32)
        self.refuses_seal(NOT_PINNED, conn)
        self.refuses_open(NOT_PINNED, conn, self.blob)
        for sql in ("SELECT envelope_rewrap(x'%s')" % self.blob.hex(),
                    "SELECT envelope_key_rotate('pii')",
                    "SELECT envelope_key_set_state('pii', 'disabled')",
                    "SELECT envelope_key_open('pii')",
                    "SELECT envelope_key_pin('pii')",
                    "SELECT envelope_blind_index(1, 'pii', 's')"):
            self.refuses(NOT_PINNED, conn, sql)

    def test_it_holds_for_a_key_that_is_loaded(self):
        self.works(self.conn)
        self.config(self.conn, "pin", "pii=" + "0" * 32)
        self.refuses_seal(NOT_PINNED, self.conn)
        self.refuses_open(NOT_PINNED, self.conn, self.blob)

    def test_a_running_statement_sees_it(self):
        rows = self.conn.execute(
            "SELECT envelope_open(?) FROM json_each('[1, 2, 3]')",
            (self.blob,))
        self.assertEqual((CANARY,), rows.fetchone())
        self.config(self.conn, "pin", "pii=" + "0" * 32)
        with self.assertRaisesRegex(sqlite3.Error, NOT_PINNED):
            rows.fetchone()

    def test_a_removed_key_is_not_made_again(self):
        """As an application does that makes its key when there is none."""
        pin = self.pin(self.conn)
        self.put_tables(dict.fromkeys(TABLES, ()))
        self.refuses("the setting pin names it", self.pinned(pin),
                     "SELECT envelope_key_create('pii')")
        self.assertEqual([], self.contents()["envelope_key"])

    def test_an_attached_database_has_a_pin_of_its_own(self):
        conn = self.connect()
        conn.execute("ATTACH ? AS aux", (self.file("aux.db"),))
        self.one(conn, "SELECT envelope_key_create('aux:pii')")
        main, aux = self.pin(conn, "main:pii"), self.pin(conn, "aux:pii")
        self.assertNotEqual(main[5:], aux[4:])
        for text, works, fails in (
                (aux[4:], "aux:pii", "main:pii"),
                (main[5:], "main:pii", "aux:pii"),
                (main + " aux:pii=" + "0" * 32, "main:pii", "aux:pii"),
                # the one with the schema goes before the one without
                (aux + " pii=" + "0" * 32, "aux:pii", "main:pii"),
                ("pii=" + "0" * 32 + " " + aux, "aux:pii", "main:pii")):
            with self.subTest(text):
                self.config(conn, "pin", text)
                self.seal(conn, 1, works)
                self.refuses_seal(NOT_PINNED, conn, fails)
        self.config(conn, "pin", main + " " + aux)
        self.seal(conn, 1, "main:pii")
        self.seal(conn, 1, "aux:pii")

    def test_the_environment_is_the_same(self):
        os.environ["ENVELOPE_PIN"] = "pii=" + "0" * 32
        self.refuses_seal(NOT_PINNED, self.connect())

    def test_a_wrong_form_is_told_and_changes_nothing(self):
        good = self.pin(self.conn)
        wrong = ["pii", "pii=", "=" + good[4:], good[:-3], good[:-1],
                 good + "x", good + ":1", good.replace("=", ":"),
                 "pii=" + "g" * 32, good[:-1] + "-1", good[:-1] + "9" * 19,
                 good + "," + good, good + " " + good, good + " " + good[:-2],
                 "a b=" + good[4:]]
        self.config(self.conn, "pin", good)
        for value in wrong:
            with self.subTest(value):
                self.refuses("pin must be what envelope_key_pin() returns",
                             self.conn, "SELECT envelope_config('pin', ?)",
                             value)
        self.assertEqual(good, self.one(self.conn,
                                        "SELECT envelope_config('pin')"))


class OlderTables(Attack):
    """All of the key tables as they were, put back."""

    def setUp(self):
        super().setUp()
        self.before = self.contents()
        self.early_pin = self.pin(self.conn)
        self.one(self.conn,
                 "SELECT envelope_key_set_state('pii', 'disabled')")
        self.late_pin = self.pin(self.conn)
        self.refuses_open("disabled", self.conn, self.blob)
        self.put_tables(self.before)

    def test_the_limit_without_a_generation(self):
        """A key that was disabled is active again: they are authentic."""
        for conn in (self.conn, self.connect(), self.pinned(self.early_pin),
                     self.pinned(self.late_pin[:-2])):
            self.works(conn)

    def test_a_pinned_generation_finds_it(self):
        for conn in (self.conn, self.connect()):
            self.config(conn, "pin", self.late_pin)
            text = self.refuses_open(TOO_OLD, conn, self.blob)
            self.assertIn("generation 1, older than the 2", text)
            self.refuses_seal(TOO_OLD, conn)

    def test_it_finds_it_while_it_is_used(self):
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_set_state('pii', 'active')")
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        self.config(conn, "pin", self.pin(conn))
        self.works(conn)
        self.put_tables(self.before)
        self.refuses_open(TOO_OLD, conn, self.blob)


class PlantedKey(Attack):
    """By somebody who may wrap under the same CMK: they have the keyring and
    its secret, or a key service allows them to encrypt."""

    def setUp(self):
        super().setUp()
        self.right_pin = self.pin(self.conn)
        self.evil_path = self.file("evil.db")
        self.evil = self.connect(self.evil_path)
        self.one(self.evil, "SELECT envelope_key_create('pii', ?)",
                 self.keyring)

    def replace_all(self):
        self.put_tables(self.contents(self.evil_path))

    def add_second_version(self):
        """A version 2 of the attacker's beside our version 1."""
        self.one(self.evil, "SELECT envelope_key_rotate('pii')")
        tables = self.contents()
        evil = self.contents(self.evil_path)
        key_id = next(row[0] for row in evil["envelope_key"] if row[2] == 2)
        for table in TABLES[:2]:
            tables[table] += [r for r in evil[table] if r[0] == key_id]
        self.put_tables(tables)
        return evil["envelope_key_manifest"]

    def payload(self):
        with open(os.environ["ENVELOPE_KEYFILE"], "rb") as stream:
            key = stream.read()
        return payload_of(self.evil, Path(self.path + ".keyring"), key, "pii")

    def put_manifest(self, rows):
        tables = self.contents()
        tables["envelope_key_manifest"] = rows
        self.put_tables(tables)

    def refused(self, says):
        for conn in (self.conn, self.connect()):
            self.refuses_seal(says, conn)
            self.refuses_open(says, conn, self.blob)

    def test_a_full_replacement_is_the_limit_without_a_pin(self):
        """New values go under the attacker's key; old ones do not open."""
        self.replace_all()
        for conn in (self.conn, self.connect()):
            theirs = self.seal(conn)
            self.assertEqual(CANARY, self.open(self.evil, theirs))
            self.refuses_open(UNAVAILABLE, conn, self.blob)

    def test_a_pin_finds_a_full_replacement(self):
        self.replace_all()
        for conn in (self.conn, self.connect()):
            self.config(conn, "pin", self.right_pin)
            self.refuses_seal(NOT_PINNED, conn)

    def test_a_pin_finds_it_while_it_is_used(self):
        conn = self.pinned(self.right_pin)
        self.works(conn)
        self.replace_all()
        self.refuses_seal(NOT_PINNED, conn)

    def test_a_version_without_a_manifest_is_refused(self):
        self.add_second_version()
        conn = self.connect()
        self.refuses_seal(ALTERED, conn)
        self.refuses_open(ALTERED, conn, self.blob)
        # who has verified ours, and sees the same manifest, goes on with it
        self.assertEqual(self.blob[KEY_ID], self.seal(self.conn)[KEY_ID])

    def test_a_version_with_their_manifest_is_refused(self):
        self.put_manifest(self.add_second_version())
        self.refused(ALTERED)

    def test_no_manifest_at_all_is_refused(self):
        self.add_second_version()
        self.put_manifest([])
        self.refuses_seal("key", self.connect())
        self.refuses_open("key", self.connect(), self.blob)

    def forge_manifest(self):
        """Over our version and theirs, under their secret."""
        rows = self.add_second_version()
        columns = self.plain().execute(
            "SELECT version, tag2 FROM envelope_key").fetchall()
        name, generation, current, _ = rows[0]
        manifest = ef.Manifest(generation, current)
        tag = manifest.make_tag(self.payload()[ef.KEY_BYTES:], dict(columns))
        self.put_manifest([(name, generation, current, tag)])

    def test_a_forged_manifest_is_the_limit_without_a_pin(self):
        """Their version seals; ours, which they cannot sign, stops."""
        self.forge_manifest()
        conn = self.connect()
        self.assertNotEqual(self.blob[KEY_ID], self.seal(conn)[KEY_ID])
        self.refuses_open(ALTERED, conn, self.blob)

    def test_a_pin_finds_a_forged_manifest(self):
        self.forge_manifest()
        self.refuses_seal(NOT_PINNED, self.pinned(self.right_pin))


class Swapped(Attack):
    """Rows of two keys of one database, exchanged."""

    def setUp(self):
        super().setUp()
        self.one(self.conn, "SELECT envelope_key_create('other')")
        self.foreign = self.seal(self.conn, CANARY, "other")

    def refused(self, *says):
        conn = self.connect()
        for key, blob in (("pii", self.blob), ("other", self.foreign)):
            self.assertRegex(self.refuses_seal(key, conn, key), says[0])
            self.assertRegex(self.refuses_open(key, conn, blob), says[0])

    def test_wraps_of_two_keys(self):
        tables = self.contents()
        first, second = tables["envelope_key_wrap"]
        tables["envelope_key_wrap"] = [first[:3] + second[3:],
                                       second[:3] + first[3:]]
        self.put_tables(tables)
        self.refused("not available.* was altered")

    def test_the_manifest_of_another_name(self):
        rows = dict(self.plain().execute(
            "SELECT name, tag FROM envelope_key_manifest").fetchall())
        for name, tag in (("pii", rows["other"]), ("other", rows["pii"])):
            self.attack("UPDATE envelope_key_manifest SET tag = ?"
                        " WHERE name = ?", tag, name)
        self.refused("the list of its versions .* was altered")

    def test_a_state_edited_back_to_active(self):
        self.one(self.conn,
                 "SELECT envelope_key_set_state('pii', 'disabled')")
        self.attack("UPDATE envelope_key SET state = 'active'"
                    " WHERE name = 'pii'")
        for conn in (self.conn, self.connect()):
            self.refuses_open(ALTERED, conn, self.blob)
            self.refuses_seal(ALTERED, conn)


if __name__ == "__main__":
    unittest.main()
