# SPDX-License-Identifier: MIT
"""A session with a public key seals, and only the private key opens."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
import unittest

from support import CANARY, EXTENSION, KEY_ID, SqlTest
from test_pem import key_hash, make_pair

OPEN_KEY = "SELECT envelope_key_open('pii')"
VERSIONS = ("SELECT count(*) FROM envelope_keys WHERE origin = 'seal-only'")
TO_OPEN = "setting open_seal_only does not name that key"
INSERT = "INSERT INTO t VALUES(envelope_seal(?, 'pii', 7))"


@unittest.skipUnless(shutil.which("openssl"), "no openssl command")
class SealOnly(SqlTest):
    """rec.pub for the server, rec.pem for the office; the key pii with a
    keyring, which the server does not need."""

    kind = ("-algorithm", "X25519")

    def setUp(self):
        super().setUp()
        self.uri = self.pair("rec", *self.kind)
        self.office = self.with_key()
        self.office.execute("CREATE TABLE t(v)")
        self.config(self.office, "open_seal_only", "pii=" + self.private(
            self.uri))

    def pair(self, name, *kind):
        private, public = make_pair(name, *kind)
        self.write(name + ".pem", private, 0o600)
        self.write(name + ".pub", public, 0o644)
        return "pem:%s.pub#sha256-%s" % (name, key_hash(public))

    @staticmethod
    def private(uri):
        return uri.replace(".pub#", ".pem#")

    def config(self, conn, name, value):
        return self.one(conn, "SELECT envelope_config(?, ?)", name, value)

    def server(self, uri=None, path=None, time="0"):
        conn = self.connect(path)
        self.config(conn, "seal_only_time", time)
        self.config(conn, "seal_only", "pii=" + (uri or self.uri))
        return conn

    def warm(self, **options):
        conn = self.server(**options)
        self.one(conn, OPEN_KEY)
        return conn

    def versions(self, conn=None):
        return self.one(conn or self.office, VERSIONS)

    def last(self, conn=None):
        return self.one(conn or self.office,
                        "SELECT v FROM t ORDER BY rowid DESC LIMIT 1")

    def sealed(self):
        """A row of a server that is gone."""
        conn = self.warm()
        conn.execute(INSERT, (CANARY,))
        conn.close()
        return self.last()


class Life(SealOnly):
    def test_the_server_seals_and_the_office_opens(self):
        os.rename(self.file("app.db.keyring"), self.file("away"))
        first = self.sealed()
        second = self.sealed()
        self.assertNotEqual(first[KEY_ID], second[KEY_ID])
        os.rename(self.file("away"), self.file("app.db.keyring"))
        for blob in (first, second):
            self.assertEqual(CANARY, self.open(self.office, blob, 7))
        self.assertEqual(2, self.versions())

    def test_the_server_opens_its_own_and_no_others(self):
        blob = self.sealed()
        conn = self.warm()
        conn.execute(INSERT, ("mine",))
        self.assertEqual("mine", self.open(conn, self.last(conn), 7))
        self.refuses_open("seals but does not open",
                          conn, blob, 7)
        self.refuses("does not open", conn, "SELECT envelope_rewrap(?)", blob)

    def test_with_the_private_key_at_hand_it_opens_no_others_either(self):
        """Who takes the server over may find it; who writes the database may
        not have it used."""
        blob = self.sealed()
        conn = self.warm(uri=self.private(self.uri))
        self.refuses_open("seals but does not open", conn, blob, 7)

    def test_a_name_has_one_public_key(self):
        conn = self.connect()
        self.refuses("must be", conn, "SELECT envelope_config('seal_only', ?)",
                     "pii=%s main:pii=%s" % (self.uri, self.uri))

    def test_without_the_setting_it_is_refused(self):
        blob = self.sealed()
        conn = self.connect()
        text = self.refuses_open(TO_OPEN, conn, blob, 7)
        self.assertIn("envelope_config('open_seal_only', 'pii=pem:FILE#%s')"
                      % self.uri.split("#")[1], text)
        os.environ["ENVELOPE_CMKS"] = self.private(self.uri)
        self.refuses_open(TO_OPEN, self.connect(), blob, 7)
        self.config(self.office, "open_seal_only", "")
        self.refuses_open(TO_OPEN, self.office, blob, 7)  # over the cache

    def test_rewrap_moves_it_to_the_key(self):
        blob = self.sealed()
        new = self.one(self.office, "SELECT envelope_rewrap(?)", blob)
        self.assertEqual(blob[61:], new[61:])
        conn = self.connect()  # with the keyring alone
        self.assertEqual(CANARY, self.open(conn, new, 7))
        self.assertEqual(self.seal(conn)[KEY_ID], new[KEY_ID])
        self.one(self.office, "SELECT envelope_key_create('pay')")
        other = self.one(self.office, "SELECT envelope_rewrap(?, 'pay')", blob)
        self.assertEqual(CANARY, self.open(conn, other, 7))
        self.assertEqual(CANARY, self.open(conn, self.one(
            self.office, "SELECT envelope_reseal(?, 'pii', 7)", blob), 7))

    def test_a_key_of_another_suite(self):
        conn = self.with_key("x", self.file("x.db"))
        self.config(conn, "suite", "chacha20-poly1305")
        self.one(conn, "SELECT envelope_key_create('pii')")
        self.config(conn, "open_seal_only", "pii=" + self.private(self.uri))
        server = self.warm(path=self.file("x.db"))
        blob = self.seal(server)
        self.assertEqual(2, blob[3])
        self.assertEqual(CANARY, self.open(conn, self.one(
            conn, "SELECT envelope_rewrap(?)", blob)))

    def test_envelope_keys_and_info(self):
        conn = self.warm()
        blob = self.seal(conn)
        for reader in (conn, self.connect()):
            self.assertEqual(
                [("main", "pii", 0, "active", 0, "aes-256-gcm",
                  blob[KEY_ID].hex(), "seal-only", None, self.uri, None, None)],
                reader.execute(
                    "SELECT schema, name, version, state, current, suite,"
                    " key_id, origin, generation, cmks, pending, due FROM"
                    " envelope_keys WHERE key_id = ?",
                    (blob[KEY_ID].hex(),)).fetchall())
            self.assertEqual(1, self.one(
                reader, "SELECT count(*) FROM envelope_keys WHERE name = 'pii'"
                " AND version = 0 AND abs(strftime('%s', created) -"
                " strftime('%s', 'now')) < 100"))
            self.assertEqual("pii 0 active", self.one(
                reader, "SELECT i ->> 'key' || ' ' || (i ->> 'key_version') ||"
                " ' ' || (i ->> 'key_state') FROM (SELECT envelope_info(?) i)",
                blob))

    def test_a_database_without_other_keys(self):
        path = self.file("empty.db")
        conn = self.warm(path=path)
        blob = self.seal(conn)
        self.assertEqual(1, self.one(conn, "SELECT count(*) FROM envelope_keys"))
        conn.close()
        conn = self.connect(path)
        self.config(conn, "open_seal_only", "pii=" + self.private(self.uri))
        self.assertEqual(CANARY, self.open(conn, blob))
        self.assertEqual(1, self.one(conn, "SELECT count(*) FROM envelope_keys"))
        self.refuses("SELECT envelope_key_create('main:pii'), or name another",
                     conn, "SELECT envelope_rewrap(?)", blob)

    def test_an_attached_database(self):
        path = self.file("aux.db")
        conn = self.connect()
        conn.execute("ATTACH ? AS aux", (path,))
        self.config(conn, "seal_only_time", "0")
        self.config(conn, "seal_only", "aux:pii=%s pii=%s" % (
            self.uri, self.uri))
        for name in ("aux:pii", "pii", "main:pii"):
            self.one(conn, "SELECT envelope_key_open(?)", name)
        self.assertEqual([("aux", 1), ("main", 1)], conn.execute(
            "SELECT schema, count(*) FROM envelope_keys WHERE origin ="
            " 'seal-only' GROUP BY 1").fetchall())
        blob = self.seal(conn, CANARY, "aux:pii")
        self.assertNotEqual(blob[KEY_ID], self.seal(conn)[KEY_ID])
        self.assertEqual(self.seal(conn)[KEY_ID],
                         self.seal(conn, "x", "main:pii")[KEY_ID])
        reader = self.connect(path)
        self.config(reader, "open_seal_only", "pii=" + self.private(self.uri))
        self.assertEqual(CANARY, self.open(reader, blob))
        self.config(reader, "open_seal_only", "aux:pii=" + self.private(
            self.uri))
        self.refuses_open(TO_OPEN, reader, blob)

    def test_a_new_key_pair(self):
        old = self.sealed()
        uri = self.pair("new", *self.kind)
        server = self.server(uri=uri)
        server.execute(INSERT, ("new",))
        new = self.last()
        self.refuses_open(TO_OPEN, self.office, new, 7)
        self.config(self.office, "open_seal_only", "pii=%s  pii=%s" % (
            self.private(self.uri), self.private(uri)))
        self.assertEqual(CANARY, self.open(self.office, old, 7))
        self.assertEqual("new", self.open(self.office, new, 7))

    def test_the_private_key_lies_elsewhere(self):
        blob = self.sealed()
        os.mkdir(self.file("safe"), 0o700)
        os.rename(self.file("rec.pem"), self.file("safe/rec.pem"))
        conn = self.connect()
        self.config(conn, "open_seal_only", "pii=" + self.uri)
        self.refuses_open("seals but does not open", conn, blob, 7)
        os.environ["ENVELOPE_PEM_KEYFILE"] = self.file("safe/rec.pem")
        self.assertEqual(CANARY, self.open(conn, blob, 7))

    def test_from_the_environment(self):
        os.environ["ENVELOPE_SEAL_ONLY"] = "pii=" + self.uri
        os.environ["ENVELOPE_SEAL_ONLY_TIME"] = "0"
        server = self.connect()
        self.one(server, OPEN_KEY)
        blob = self.seal(server)
        del os.environ["ENVELOPE_SEAL_ONLY"]
        self.assertEqual(CANARY, self.open(self.office, blob))
        self.assertEqual("seal-only", self.one(
            server, "SELECT origin FROM envelope_keys WHERE key_id = ?",
            blob[KEY_ID].hex()))


class LifeRsa(Life):
    kind = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072")


class Made(SealOnly):
    def test_once_for_a_connection(self):
        conn = self.warm()
        for _ in range(3):
            self.one(conn, OPEN_KEY)
            conn.execute(INSERT, ("x",))
            self.seal(conn)
        conn.execute("INSERT INTO t SELECT envelope_seal(value, 'pii', 7) FROM"
                     " json_each('[1,2,3]')")
        self.assertEqual(1, self.versions())
        self.assertEqual(1, self.one(
            conn, "SELECT count(DISTINCT envelope_key_id(v)) FROM t"))

    def test_by_the_first_insert(self):
        self.warm().close()
        conn = self.server()
        self.refuses("made by a statement that writes to main", conn,
                     "SELECT envelope_seal('x', 'pii')")
        conn.execute("INSERT INTO t SELECT envelope_seal(value, 'pii', 7) FROM"
                     " json_each('[1,2,3,4]')")
        self.assertEqual(2, self.versions())
        self.assertEqual([(1,), (2,), (3,), (4,)], self.office.execute(
            "SELECT envelope_open(v, 7) FROM t").fetchall())
        self.seal(conn)

    def test_with_count_changes(self):
        for first in (OPEN_KEY, None):
            conn = self.server()
            conn.execute("PRAGMA count_changes = ON")
            if first:
                self.one(conn, first)
            conn.execute(INSERT, ("x",)).fetchall()
            self.assertEqual("x", self.open(self.office, self.last(), 7))

    def test_it_says_what_to_type_where_there_is_no_table(self):
        conn = self.server()
        text = self.refuses("SELECT envelope_key_open('pii')", conn, INSERT,
                            "x")
        conn.execute(text[text.index("SELECT"):]).fetchall()
        conn.execute(INSERT, ("x",))

    def test_a_rollback_takes_it_back(self):
        self.warm().close()
        conn = self.server()
        conn.execute("BEGIN")
        conn.execute(INSERT, ("x",))
        conn.execute("ROLLBACK")
        self.assertEqual(1, self.versions())
        conn.execute("BEGIN")
        conn.execute("SAVEPOINT s")
        conn.execute(INSERT, ("x",))
        conn.execute("ROLLBACK TO s")
        conn.execute(INSERT, ("y",))
        conn.execute("COMMIT")
        self.assertEqual(2, self.versions())
        self.assertEqual("y", self.open(self.office, self.last(), 7))

    def test_a_rollback_of_key_open(self):
        conn = self.server()
        conn.execute("BEGIN")
        self.one(conn, OPEN_KEY)
        conn.execute(INSERT, ("x",))
        conn.execute("ROLLBACK")
        self.refuses("SELECT envelope_key_open('pii')", conn, INSERT, "x")
        self.one(conn, OPEN_KEY)
        conn.execute(INSERT, ("x",))
        self.assertEqual("x", self.open(self.office, self.last(), 7))

    def test_a_row_that_is_gone_is_made_anew(self):
        conn = self.warm()
        self.plain().execute("DELETE FROM envelope_seal_only").connection \
            .commit()
        conn.execute(INSERT, ("x",))
        self.assertEqual("x", self.open(self.office, self.last(), 7))

    def test_triggers_and_authorizers(self):
        conn = self.warm()
        conn.execute("CREATE TEMP TRIGGER x AFTER INSERT ON"
                     " main.envelope_seal_only BEGIN SELECT 1; END")
        other = self.server()
        other.set_authorizer(
            lambda a, first, second, schema, trigger: sqlite3.SQLITE_IGNORE
            if (a, first) == (sqlite3.SQLITE_INSERT, "envelope_seal_only")
            else sqlite3.SQLITE_OK)
        self.refuses("suppresses it", other, INSERT, "x")
        other.set_authorizer(None)
        other.execute(INSERT, ("x",))
        self.config(conn, "seal_only", "")
        self.config(conn, "seal_only", "pii=" + self.uri)
        self.refuses("has a trigger", conn, INSERT, "x")
        self.refuses("has a trigger", conn, OPEN_KEY)

    def test_what_it_is_not_for(self):
        conn = self.warm()
        self.refuses("no secret for a blind index", conn,
                     "SELECT envelope_seal_indexed('x', 'pii', 's')")
        self.refuses("exported once it is under the key", conn,
                     "SELECT envelope_export(?)", self.seal(conn))
        indexed = self.one(self.office, "SELECT envelope_seal_indexed('x',"
                           " 'pii', 's')")
        self.refuses("no secret for a blind index", self.warm_loaded(), "SELECT"
                     " envelope_reseal(?, 'pii', 's')", indexed)

    def warm_loaded(self):
        """A server that can load the key, too."""
        conn = self.warm()
        self.one(conn, "SELECT envelope_blind_index('x', 'pii', 's')")
        return conn

    def test_subjects_and_rewrap_are_the_keys(self):
        conn = self.warm_loaded()
        self.one(conn, "SELECT envelope_key_create('pii/1')")
        self.assertEqual(CANARY, self.open(
            self.connect(), self.seal(conn, CANARY, "pii/1")))
        old = self.seal(self.office)
        self.one(self.office, "SELECT envelope_key_rotate('pii')")
        for sql in ("SELECT envelope_rewrap(?)",
                    "SELECT envelope_rewrap(?, 'pii')"):
            self.assertEqual(2, self.one(
                conn, "SELECT version FROM envelope_keys WHERE key_id = ?",
                self.one(conn, sql, old)[KEY_ID].hex()))

    def test_the_audit_log(self):
        conn = self.server()
        self.config(conn, "audit", self.file("audit.log"))
        self.one(conn, OPEN_KEY)
        blob = self.seal(conn)
        self.config(self.office, "audit", self.file("audit.log"))
        self.open(self.office, blob)
        with open(self.file("audit.log"), encoding="utf-8") as log:
            text = log.read()
        for event in ("wrap", "created", "unwrap"):
            self.assertIn('"event":"%s","key":"pii"' % event, text)


class Shared(SealOnly):
    """With seal_only_time, the connections of a process go on with one."""

    def seal_by(self, conn):
        """The key id."""
        conn.execute(INSERT, (CANARY,))
        self.assertEqual(CANARY, self.open(self.office, self.last(conn), 7))
        return self.last(conn)[KEY_ID]

    def test_one_after_the_other(self):
        seen = set()
        for _ in range(4):
            conn = self.warm(time="3600")
            seen.add(self.seal_by(conn))
            conn.close()
        seen.add(self.seal_by(self.server(time="3600")))
        self.assertEqual(1, len(seen))
        self.assertEqual(1, self.versions())

    def test_it_is_the_default(self):
        conn = self.connect()
        self.assertEqual("3600", self.one(
            conn, "SELECT envelope_config('seal_only_time')"))

    def test_another_name_file_or_key_has_its_own(self):
        a = self.seal_by(self.warm(time="3600"))
        uri = self.pair("other", *self.kind)
        self.config(self.office, "open_seal_only", "pii=%s pii=%s pay=%s" % (
            self.private(self.uri), self.private(uri), self.private(self.uri)))
        b = self.seal_by(self.warm(uri=uri, time="3600"))
        conn = self.server(time="3600")
        self.config(conn, "seal_only", "pay=" + self.uri)
        self.one(conn, "SELECT envelope_key_open('pay')")
        c = self.seal(conn, "x", "pay")[KEY_ID]
        shutil.copy(self.path, self.file("copy.db"))
        other = self.warm(path=self.file("copy.db"), time="3600")
        d = self.seal(other)[KEY_ID]
        self.assertEqual(4, len({a, b, c, d}))
        self.assertEqual(a, self.seal_by(self.warm(time="3600")))

    def test_zero_shares_nothing(self):
        a = self.seal_by(self.warm(time="0"))
        b = self.seal_by(self.warm(time="3600"))
        c = self.seal_by(self.warm(time="0"))
        self.assertEqual(3, len({a, b, c}))

    def test_its_time_is_over(self):
        conn = self.warm(time="1")
        a = self.seal_by(conn)
        self.assertEqual(a, self.seal_by(self.warm(time="1")))
        time.sleep(1.1)
        b = self.seal_by(conn)
        self.refuses_open("seals but does not open", conn, self.office.execute(
            "SELECT v FROM t ORDER BY rowid").fetchone()[0], 7)
        self.assertNotEqual(a, b)
        self.assertNotEqual(a, self.seal_by(self.warm(time="3600")))

    def test_a_reseal_when_its_time_is_over(self):
        """One statement opens under the old one, and makes another."""
        conn = self.warm(time="1")
        self.one(conn, "SELECT envelope_config('open_seal_only', ?)",
                 "pii=" + self.private(self.uri))
        old = self.seal_by(conn)
        time.sleep(1.1)
        conn.execute("UPDATE t SET v = envelope_reseal(v, 'pii', 7)")
        self.assertNotEqual(old, self.last()[KEY_ID])
        self.assertEqual(CANARY, self.open(self.office, self.last(), 7))

    def test_one_whose_row_is_gone_or_not_committed(self):
        conn = self.warm(time="3600")
        self.plain().execute("DELETE FROM envelope_seal_only").connection \
            .commit()
        self.office.execute("PRAGMA journal_mode = wal")
        writer = self.server(time="3600")
        writer.execute("BEGIN")
        writer.execute(INSERT, ("x",))
        reader = self.server(time="3600")
        self.refuses("made by a statement that writes", reader,
                     "SELECT envelope_seal('x', 'pii')")
        writer.execute("ROLLBACK")
        self.seal_by(reader)
        self.seal_by(conn)

    def test_a_forked_child_makes_its_own(self):
        a = self.seal_by(self.warm(time="3600"))
        done = subprocess.run(
            [sys.executable, "-c", """
import os, sqlite3, sys
def connect():
    conn = sqlite3.connect(sys.argv[1], isolation_level=None)
    conn.enable_load_extension(True)
    conn.load_extension(sys.argv[2])
    conn.execute("SELECT envelope_config('seal_only', ?)",
                 (sys.argv[3],)).fetchall()
    conn.execute("SELECT envelope_key_open('pii')").fetchall()
    return conn.execute("SELECT hex(envelope_seal('x', 'pii'))").fetchone()[0]
print(connect()[10:26], connect()[10:26], flush=True)
pid = os.fork()
if pid == 0:
    print(connect()[10:26], flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print(connect()[10:26], flush=True)
""", self.path, EXTENSION, "pii=" + self.uri], stdout=subprocess.PIPE,
            check=True, encoding="ascii")
        one, two, child, after = done.stdout.split()
        self.assertEqual((one, one), (two, after))
        self.assertEqual(3, len({one, child, a.hex().upper()}))


class State(SealOnly):
    def test_a_key_that_is_disabled_or_destroyed(self):
        conn = self.warm()
        blob = self.seal(conn)
        self.one(self.office, "SELECT envelope_key_set_state('pii',"
                 " 'decrypt-only')")
        self.refuses("is decrypt-only", conn, INSERT, "x")
        self.assertEqual(CANARY, self.open(self.office, blob))
        self.one(self.office, "SELECT envelope_key_set_state('pii', 'disabled')")
        self.refuses("is disabled", conn, INSERT, "x")
        self.refuses_open("is disabled", self.office, blob)
        self.refuses_open("is disabled", conn, blob)
        self.one(self.office, "SELECT envelope_key_set_state('pii', 'active')")
        self.assertEqual(CANARY, self.open(self.office, blob))
        conn.execute(INSERT, ("x",))
        self.one(self.office, "SELECT envelope_key_set_state('pii', 'disabled')")
        self.office.execute("SELECT envelope_key_destroy('pii', 'pii')")
        self.refuses("destroyed", conn, INSERT, "x")
        self.refuses_open("no key", self.office, blob)
        self.refuses_open("no key", conn, blob)
        self.assertEqual(0, self.versions())

    def test_nothing_of_a_destroyed_wrap_is_left(self):
        conn = self.warm()
        blob = self.seal(conn)
        wrapped = self.one(conn, "SELECT wrapped FROM envelope_seal_only"
                           " WHERE hex(key_id) = ?", blob[KEY_ID].hex().upper())
        conn.close()
        with open(self.path, "rb") as file:
            self.assertIn(wrapped, file.read())
        self.one(self.office, "SELECT envelope_key_set_state('pii', 'disabled')")
        self.one(self.office, "SELECT envelope_key_destroy('pii', 'pii')")
        self.office.close()
        with open(self.path, "rb") as file:
            self.assertNotIn(wrapped[-32:], file.read())

    def test_open_keys_and_privileges(self):
        blob = self.sealed()
        self.config(self.office, "open_keys", "pay")
        self.refuses_open("open_keys does not name it", self.office, blob, 7)
        self.config(self.office, "open_keys", "pii")
        self.assertEqual(CANARY, self.open(self.office, blob, 7))
        conn = self.warm()
        own = self.seal(conn)
        self.one(conn, "SELECT envelope_drop('open')")
        self.refuses("dropped", conn, "SELECT envelope_open(?)", own)


class Attacked(SealOnly):
    """The attacker who writes the database."""

    def edit(self, sql, *args):
        conn = self.plain()
        conn.execute("PRAGMA ignore_check_constraints = ON")
        conn.execute(sql, args)
        conn.commit()
        conn.close()

    def test_an_edited_row(self):
        blob = self.sealed()
        for sql in ("SET name = 'pij'", "SET suite = 2",
                    "SET created = created + 1",
                    "SET fingerprint = zeroblob(32)",
                    "SET (key_id, fingerprint) = (zeroblob(8), zeroblob(32))",
                    "SET tag1 = zeroblob(32)",
                    "SET wrapped = substr(wrapped, 1, length(wrapped) - 1)",
                    "SET wrapped = CAST(substr(wrapped, 1, length(wrapped) -"
                    " 1) || CASE substr(wrapped, -1) WHEN x'00' THEN x'01'"
                    " ELSE x'00' END AS BLOB)",
                    "SET wrapped = x''", "SET name = 'a b'",
                    "SET suite = 'x'", "SET suite = 9", "SET state = ''",
                    "SET state = 'destroyed'"):
            with self.subTest(sql):
                kept = self.office.execute(
                    "SELECT * FROM envelope_seal_only").fetchone()
                self.edit("UPDATE envelope_seal_only " + sql)
                conn = self.connect()
                self.config(conn, "open_seal_only", "pii=%s pij=%s" % (
                    self.private(self.uri), self.private(self.uri)))
                self.refuses("altered" if "(key_id" not in sql else "no key",
                             conn, "SELECT envelope_open(?, 7)", blob)
                self.edit("DELETE FROM envelope_seal_only")
                self.edit("INSERT INTO envelope_seal_only VALUES"
                          "(?, ?, ?, ?, ?, ?, ?, ?, ?)", *kept)
        self.assertEqual(CANARY, self.open(self.connect_office(), blob, 7))

    def connect_office(self):
        conn = self.connect()
        self.config(conn, "open_seal_only", "pii=" + self.private(self.uri))
        return conn

    def test_swapped_key_ids(self):
        one, two = self.sealed(), self.sealed()
        a, b = one[KEY_ID], two[KEY_ID]
        for old, new in ((a, b"\0" * 8), (b, a), (b"\0" * 8, b)):
            self.edit("UPDATE envelope_seal_only SET key_id = ? WHERE key_id ="
                      " ?", new, old)
        for blob in (one, two):
            self.refuses_open("altered", self.connect_office(), blob, 7)

    def test_swapped_wraps(self):
        one, two = self.sealed(), self.sealed()
        rows = self.office.execute("SELECT wrapped, key_id FROM"
                                   " envelope_seal_only").fetchall()
        for i in (0, 1):
            self.edit("UPDATE envelope_seal_only SET wrapped = ? WHERE key_id ="
                      " ?", rows[i][0], rows[1 - i][1])
        for blob in (one, two):
            self.refuses_open("altered", self.connect_office(), blob, 7)

    def test_the_row_is_moved_to_another_name(self):
        blob = self.sealed()
        self.edit("UPDATE envelope_seal_only SET name = 'pay'")
        conn = self.connect_office()
        self.refuses_open("was sealed for key pay", conn, blob, 7)

    def test_the_row_says_another_cmk(self):
        blob = self.sealed()
        self.edit("UPDATE envelope_seal_only SET cmk = 'pem:/etc/passwd'")
        self.assertEqual(CANARY, self.open(self.connect_office(), blob, 7))

    def test_another_file_in_the_place_of_the_key(self):
        self.warm().close()
        self.pair("other", *self.kind)
        shutil.copy(self.file("other.pub"), self.file("rec.pub"))
        conn = self.server()
        self.refuses("holds another key than the one that its URI pins", conn,
                     INSERT, "x")
        self.refuses("holds another key than the one that its URI pins", conn,
                     OPEN_KEY)
        self.assertEqual(1, self.versions())

    def test_a_wrong_pin(self):
        conn = self.server(uri="pem:rec.pub#sha256-" + "0" * 64)
        self.refuses("holds another key", conn, OPEN_KEY)

    def test_a_version_by_somebody_elses_key(self):
        uri = self.pair("other", *self.kind)
        conn = self.warm(uri=uri)
        conn.execute(INSERT, ("planted",))
        self.refuses_open(TO_OPEN, self.office, self.last(), 7)

    def test_a_planted_key_is_not_what_the_server_seals_under(self):
        """Not even one that it could load."""
        conn = self.warm()
        self.seal(self.connect(), "x")
        self.assertEqual("seal-only", self.one(
            conn, "SELECT origin FROM envelope_keys WHERE key_id ="
            " envelope_key_id(envelope_seal('x', 'pii'))"))
        self.one(conn, "SELECT envelope_blind_index('x', 'pii', 's')")
        for _ in range(2):
            self.assertEqual("seal-only", self.one(
                conn, "SELECT origin FROM envelope_keys WHERE key_id ="
                " envelope_key_id(envelope_seal('x', 'pii'))"))

    def test_a_planted_view(self):
        self.edit("CREATE VIEW envelope_seal_only AS SELECT 1 AS key_id")
        self.refuses("not ours", self.server(), OPEN_KEY)
        self.assertEqual(1, self.one(self.office,
                                     "SELECT count(*) FROM envelope_keys"))


class Settings(SealOnly):
    def test_what_is_no_setting(self):
        good = "pii=" + self.uri
        for value in ("pii", self.uri, "pii=pem:rec.pub",
                      "pii=pem:rec.pub#sha256-00", "pii=keyring:a#sha256-"
                      + "0" * 64, "a b=" + self.uri, "pii/1=" + self.uri,
                      good + " x", "=" + self.uri, good + "0",
                      good.replace("sha256-", "sha512-")):
            for name in ("seal_only", "open_seal_only"):
                self.refuses("must be words such as", self.office,
                             "SELECT envelope_config(?, ?)", name, value)
        self.refuses("must be words such as", self.office, "SELECT"
                     " envelope_config('seal_only', ?)", good + " " + good)

    def test_what_is_no_time(self):
        for value in ("", "-1", "1.5", "one", "86401", "99999999999999999999",
                      " 1", "1 "):
            self.refuses("must be a number of seconds", self.office,
                         "SELECT envelope_config('seal_only_time', ?)", value)
        self.assertEqual("86400", self.config(self.office, "seal_only_time",
                                              "86400"))

    def test_it_is_shown_and_taken_away(self):
        conn = self.connect()
        good = "pii=%s pay=%s" % (self.uri, self.uri)
        self.assertEqual(good, self.config(conn, "seal_only",
                                           "  " + good.replace(" ", "   ")))
        self.assertEqual(good, self.one(
            conn, "SELECT envelope_config() ->> 'seal_only'"))
        self.one(conn, OPEN_KEY)
        self.one(conn, "SELECT envelope_key_open('pay')")
        self.assertEqual("", self.config(conn, "seal_only", " "))
        self.assertEqual("local", self.one(
            conn, "SELECT origin FROM envelope_keys WHERE key_id ="
            " envelope_key_id(envelope_seal('x', 'pii'))"))


if __name__ == "__main__":
    unittest.main()
