# SPDX-License-Identifier: MIT
"""pkcs11: with SoftHSM, which has AES-GCM and AES key wrap."""

import os
import re
import sqlite3
import sys
import threading
import time
import unittest

import pkcs11_format
import pkcs11_shared
import pkcs11_tokens
import servers
from contract import CANARY, Hooks

import sqlscript  # noqa: E402  (contract adds its folder)
import test_terminal  # noqa: E402
from support import SECONDS, run_shell  # noqa: E402

sys.path.insert(0, os.path.join(servers.REPO, "tests", "format"))
import envelope_format  # noqa: E402

token = None
faults = None


def setUpModule():
    global token, faults
    token = pkcs11_tokens.SoftHsm()
    faults = pkcs11_tokens.with_faults(token)


def come_back():
    """Nothing hangs any more, and what hung has come back."""
    faults.hanging = faults.slow_ms = 0
    end = time.monotonic() + 10
    while faults.inside > 0 and time.monotonic() < end:
        time.sleep(0.005)


def tearDownModule():
    if token is not None:
        token.remove()


class Base(Hooks):
    count = 0

    def setUp(self):
        super().setUp()
        self.secrets.append(pkcs11_tokens.PIN)
        os.environ.update(token.settings())

    def label(self, name):
        Base.count += 1
        return "%s-%d" % (name, Base.count)

    def make(self, label, *more):
        """By pkcs11-tool, as an administrator would."""
        token.pkcs11_tool("--keygen", "--key-type", "AES:32", "--label", label,
                          "--sensitive", "--private", *more)
        return token.uri(label)

    def cmk(self, name="one"):
        return self.make(self.label(name))

    def fresh(self):
        return token.uri(self.label("fresh"))


class SoftHsm(Base, pkcs11_shared.Shared):
    absent = {
        "rotate": pkcs11_shared.Shared.versions,
        "sql_rotate": pkcs11_shared.Shared.versions,
    }
    says = {"destroy": "not available"}

    def missing(self):
        return self.fresh()

    def calls(self):
        return faults.encrypts, faults.decrypts

    def usage(self, uri, may):
        pkcs11_tokens.run(pkcs11_tokens.tool("pkcs11_usage"), token.module,
                          token.label, pkcs11_tokens.PIN,
                          uri.split("object=")[1], may, **token.env)

    def disable(self, uri):
        """As a token can: the key may not be used."""
        self.usage(uri, "no")

    def enable(self, uri):
        self.usage(uri, "yes")

    def destroy(self, uri):
        token.pkcs11_tool("--delete-object", "--type", "secrkey", "--label",
                          uri.split("object=")[1])

    def deny(self):
        os.environ["ENVELOPE_PKCS11_PIN_FILE"] = self.write("wrong", b"0000")

    def allow(self):
        os.environ.update(token.settings())

    def cut(self):
        faults.removed = 1
        self.addCleanup(self.restore)

    def stall(self):
        faults.hang, faults.hanging = b"", 1
        self.addCleanup(self.restore)

    def restore(self):
        faults.removed = 0
        come_back()


class Sessions(Base, unittest.TestCase):
    def test_many_keys_take_one_login(self):
        uri = self.cmk()
        conn = self.connect()
        before = faults.logins
        for i in range(5):
            self.one(conn, "SELECT envelope_key_create(?, ?)", "k%d" % i, uri)
        self.assertEqual(1, faults.logins - before)

    def test_rows_call_no_token(self):
        uri = self.cmk()
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)
        conn.execute("CREATE TABLE t(c)")
        conn.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < 1000) INSERT INTO t SELECT envelope_seal(i, 'pii') "
            "FROM n")
        calls = conn.execute("SELECT wraps, unwraps FROM envelope_providers "
                             "WHERE cmk = ?", (uri,)).fetchone()
        self.assertEqual((1, 1), calls)

    def test_a_closed_connection_leaves_no_session(self):
        uri = self.cmk()
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)
        self.assertGreater(faults.sessions, 0)
        conn.close()
        self.assertEqual(0, faults.sessions)

    def test_a_session_that_is_lost_is_opened_again(self):
        uri = self.cmk()
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('a', ?)", uri)
        faults.function, faults.rv, faults.times = b"C_Encrypt", 0xB3, 1
        self.one(conn, "SELECT envelope_key_create('b', ?)", uri)
        self.assertEqual(0, faults.times)

    def test_a_pin_about_to_lock_is_not_sent(self):
        uri = self.cmk()
        conn = self.connect()
        before = faults.logins
        faults.flags = 1 << 17
        try:
            self.refuses("one try left", conn,
                         "SELECT envelope_key_create('pii', ?)", uri)
        finally:
            faults.flags = 0
        self.assertEqual(before, faults.logins)
        self.assertEqual([], self.keys(conn))
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)


class Stuck(Base, unittest.TestCase):
    """A call of the module that takes long, or does not come back at all. Each
    of them is tried in tests/unit/pkcs11_stuck.c."""

    MAKE = "SELECT envelope_key_create('pii', ?)"

    def setUp(self):
        super().setUp()
        self.uri = self.cmk()
        self.conn = self.connect()
        self.addCleanup(come_back)

    def hang(self, function):
        faults.hang, faults.hanging = function, 1

    def timeout(self, conn, value):
        self.one(conn, "SELECT envelope_config('provider_timeout', ?)", value)

    def given_up(self, says, start, seconds):
        self.refuses(says, self.conn, self.MAKE, self.uri)
        self.assertLess(time.monotonic() - start[0], seconds * SECONDS)
        self.assertEqual([], self.keys(self.conn))

    def works(self):
        """Soon: a thread that was given up may have to end first."""
        come_back()
        end = time.monotonic() + 10 * SECONDS
        while True:
            try:
                self.one(self.conn, self.MAKE, self.uri)
                break
            except sqlite3.Error:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.assertEqual(CANARY, self.open(self.conn, self.seal(self.conn)))

    def interrupted(self):
        start = []

        def interrupt():
            start.append(time.monotonic())
            self.conn.interrupt()

        timer = threading.Timer(0.3, interrupt)
        timer.start()
        self.given_up("interrupted", start, 0.1)
        timer.join()

    def test_a_slow_call_is_interrupted(self):
        faults.slow_ms = 900
        self.interrupted()
        self.works()

    def test_a_call_that_hangs_is_interrupted(self):
        for function in (b"C_OpenSession", b"C_Encrypt", b"C_Decrypt"):
            with self.subTest(function=function):
                self.hang(function)
                self.interrupted()
                come_back()
        self.works()

    def test_the_deadline_is_kept(self):
        self.timeout(self.conn, "1s")
        self.hang(b"C_Encrypt")
        self.given_up("provider_timeout", [time.monotonic() + 1], 0.2)
        self.works()

    def test_the_next_call_says_that_it_is_not_back(self):
        """At once, on whichever connection."""
        other = self.connect()
        self.timeout(self.conn, "1s")
        self.hang(b"C_Encrypt")
        self.given_up("provider_timeout", [time.monotonic()], 1.2)
        for conn in (other, self.connect()):
            start = time.monotonic()
            self.refuses("has not come back", conn,
                         "SELECT envelope_cmk_info(?)", self.uri)
            self.assertLess(time.monotonic() - start, 0.1 * SECONDS)
        self.works()

    def test_closing_the_connection_waits_for_nobody(self):
        self.timeout(self.conn, "1s")
        self.hang(b"C_Encrypt")
        self.given_up("provider_timeout", [time.monotonic()], 1.2)
        start = time.monotonic()
        self.conn.close()
        self.assertLess(time.monotonic() - start, 0.1 * SECONDS)
        self.conn = self.connect()
        self.works()

    def test_the_process_ends(self):
        """In a shell whose every call of the token hangs."""
        env = dict(os.environ, EE_FAULTS_HANG="C_Encrypt")
        start = time.monotonic()
        done = run_shell(
            self.path, "SELECT envelope_config('provider_timeout', '1s');\n"
            ".bail off\n.print tried\n"
            "SELECT envelope_key_create('pii', '%s');\n" % self.uri, env=env)
        self.assertIn("tried", done.stdout)
        self.assertIn("provider_timeout", done.stderr)
        self.assertGreaterEqual(done.returncode, 0, done.stderr)
        self.assertLess(time.monotonic() - start, 5 * SECONDS)
        self.works()


class Uris(Base, unittest.TestCase):
    def create(self, says, uri):
        self.refuses(says, self.connect(),
                     "SELECT envelope_key_create('pii', ?)", uri)

    def test_a_pin_is_never_in_a_uri(self):
        self.create("'?'", token.uri("k") + "?pin-value=1234")
        self.create("pin-value", token.uri("k") + ";pin-value=1234")

    def test_a_module_is_never_in_a_uri(self):
        self.create("'?'", token.uri("k") + "?module-path=/tmp/x.so")
        self.create("module-path", token.uri("k") + ";module-path=/tmp/x.so")

    def test_another_spelling_is_the_same_cmk(self):
        uri = self.cmk()
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)
        blob = self.seal(conn)
        other = self.connect()
        label = uri.split("object=")[1]
        self.one(other, "SELECT envelope_config('cmks', ?)",
                 "pkcs11:object=%s;token=%%74ests" % label)
        self.assertEqual(CANARY, self.open(other, blob))

    def test_a_uri_that_only_the_database_has_is_not_asked(self):
        uri = self.cmk()
        blob = self.seal_under(uri)
        stranger = self.connect()
        before = faults.logins
        self.refuses_open(uri, stranger, blob)
        self.assertEqual(before, faults.logins)

    def seal_under(self, uri):
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)
        blob = self.seal(conn)
        conn.close()
        return blob


class Keys(Base, unittest.TestCase):
    def test_a_key_that_can_be_read_out_is_refused(self):
        label = self.label("extractable")
        uri = self.make(label, "--extractable")
        conn = self.connect()
        self.refuses("ALLOW_UNPROTECTED", conn,
                     "SELECT envelope_key_create('pii', ?)", uri)
        self.assertEqual([], self.keys(conn))

    def test_two_keys_of_a_name(self):
        label = self.label("twin")
        self.make(label, "--id", "01")
        uri = self.make(label, "--id", "02")
        conn = self.connect()
        self.refuses("id=", conn, "SELECT envelope_key_create('pii', ?)", uri)
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri + ";id=%02")

    def test_moving_to_a_new_key_is_the_rotation(self):
        old, new = self.cmk("old"), self.cmk("new")
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", old)
        blob = self.seal(conn)
        self.one(conn, "SELECT envelope_key_rewrap('pii', ?)", new)
        other = self.connect()
        self.one(other, "SELECT envelope_config('cmks', ?)", new)
        self.assertEqual(CANARY, self.open(other, blob))


class Format(Base, unittest.TestCase):
    """A reader that has PKCS11.md and the value of the key, and no more."""

    def payload_by(self, mechanism, *usage):
        label, key = self.label("known"), os.urandom(32)
        self.make_known(label, key, *usage)
        os.environ["ENVELOPE_PKCS11_ALLOW_UNPROTECTED"] = "1"
        os.environ["ENVELOPE_PKCS11_MECHANISMS"] = mechanism
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)",
                 token.uri(label))
        wrapped = self.one(conn, "SELECT wrapped FROM envelope_key_wrap")
        context = pkcs11_format.context_of(conn, "pii")
        key_id, payload = pkcs11_format.unwrap(key, wrapped, context)
        self.assertEqual((b"\x4b\x31", 64), (key_id, len(payload)))
        fingerprint = self.one(conn, "SELECT fingerprint FROM envelope_key")
        self.assertEqual(fingerprint, envelope_format.Kek(
            payload[:32], 1).fingerprint)

    def make_known(self, label, key, *usage):
        path = self.write("key", key)
        token.pkcs11_tool("--write-object", path, "--type", "secrkey",
                          "--key-type", "AES:32", "--label", label, "--id",
                          "4b31", "--extractable", *usage)

    def test_aes_gcm(self):
        self.payload_by("aes-gcm", "--usage-decrypt")

    def test_aes_key_wrap(self):
        self.payload_by("aes-key-wrap", "--usage-wrap")


class Configured(Base, unittest.TestCase):
    def test_without_a_module_p11_kit_says_which(self):
        """In a process of its own: this one has loaded another module."""
        uri = self.cmk()
        env = dict(os.environ, ENVELOPE_PKCS11_PIN=pkcs11_tokens.PIN)
        for name in ("ENVELOPE_PKCS11_MODULE", "ENVELOPE_PKCS11_PIN_FILE"):
            del env[name]
        done = run_shell(self.path, "SELECT length(envelope_key_create('pii', "
                         "'%s'));" % uri, env=env)
        self.assertEqual("16\n", done.stdout, done.stderr)


class Prompt(Base, unittest.TestCase):
    """The PIN, typed at a terminal."""

    # its shell on a terminal, and not its tests
    (start, stop, type, read, expect, echo, modes, check_modes) = (
        getattr(test_terminal.Terminal, name) for name in (
            "start", "stop", "type", "read", "expect", "echo", "modes",
            "check_modes"))

    def setUp(self):
        super().setUp()
        if not test_terminal.has_terminals():
            self.skipTest("no pseudo-terminals here")
        self.uri = self.cmk("typed")
        self.gone = []
        del os.environ["ENVELOPE_PKCS11_PIN_FILE"]
        self.start(self.path)

    def ask_for(self, sql):
        self.type(sql)
        self.expect("PIN of token tests: ")

    def test_typed(self):
        self.ask_for("SELECT 'made ' || length(envelope_key_create('pii', "
                     "'%s'));\n" % self.uri)
        self.assertFalse(self.echo())
        self.type(pkcs11_tokens.PIN + "\n")
        self.expect("made 16")
        self.check_modes()

    def test_typed_wrong(self):
        self.ask_for("SELECT envelope_key_create('pii', '%s');\n" % self.uri)
        self.type("0000\n")
        self.expect("refused the PIN")
        self.check_modes()

    def test_not_asked_inside_a_write_transaction(self):
        self.type("BEGIN IMMEDIATE;\n")
        self.expect("sqlite> ")
        self.type("SELECT envelope_key_create('pii', '%s');\n" % self.uri)
        self.expect("is locked with a PIN: set ENVELOPE_PKCS11_PIN_FILE")


class Documentation(unittest.TestCase):
    """PKCS11.md's transcript, as it stands."""

    def test_transcript(self):
        with open(os.path.join(servers.REPO, "ext", "provider", "PKCS11.md"),
                  encoding="utf-8") as f:
            text = f.read()
        section = text[text.index("## 9. A transcript"):]
        shell = re.search(r"```sh\n(.*?)```", section, re.S)[1]
        sql = re.search(r"```sql\n(.*?)```", section, re.S)[1]
        with sqlscript.Place() as place:
            so = os.path.join(os.path.dirname(os.path.realpath(
                os.environ.get("EE_EXTENSION", "build/envelope.so"))),
                "envelope_pkcs11.so")
            os.symlink(so, place.file("build/envelope_pkcs11.so"))
            place.env.pop("SOFTHSM2_CONF", None)
            start = shell.replace("/usr/lib/softhsm/libsofthsm2.so",
                                  token.module)
            feed, _ = sqlscript.split(sql)
            out, err = place.run(["/bin/sh", "-eu", "-c", start], feed)
            marker = out.index(sql.split("-- => ")[1].split("\n")[0])
            sqlscript.check(sql, out[marker:], err)


if __name__ == "__main__":
    unittest.main()
