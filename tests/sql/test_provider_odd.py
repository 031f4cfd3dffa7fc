# SPDX-License-Identifier: MIT
"""A provider that has everything keeps the contract; one that makes mistakes
does no harm (providers/odd_provider.c)."""

import collections
import json
import os
import sys
import unittest

from support import CANARY, REPO
from test_provider_contract import PROVIDERS

sys.path.insert(0, os.path.join(REPO, "tests", "providers"))

import contract  # noqa: E402  (found by the line above)

URI = "example:one"
REPORT = "report this to its makers"


class OddHooks(contract.Hooks):
    scheme = "example"

    def setUp(self):
        super().setUp()
        os.environ["EXAMPLE_KEYS"] = self.dir
        os.environ["ODD_LOG"] = self.file("calls")
        for name in ("EXAMPLE_KEYS", "ODD_LOG", "ODD", "ODD_SCHEME"):
            self.addCleanup(os.environ.pop, name, None)

    def prepare(self, conn):
        conn.enable_load_extension(True)
        conn.load_extension(os.path.join(PROVIDERS, "odd_provider.so"))
        conn.enable_load_extension(False)

    def odd(self, mistake):
        os.environ["ODD"] = mistake

    def good(self):
        os.environ.pop("ODD", None)

    def cmk(self, name="one"):
        if not os.path.exists(self.file(name)):
            key = os.urandom(32)
            self.write(name, key)
            self.secrets.append(key.hex())
        return "example:" + name

    def count(self):
        try:
            with open(self.file("calls"), encoding="utf-8") as stream:
                return collections.Counter(stream.read().split())
        except FileNotFoundError:
            return collections.Counter()


class Odd(OddHooks, contract.Contract):
    """With everything that a provider may have."""

    says = {"deny": "give it the right", "cut": "is it there?",
            "stall": "is it there?", "disable": "enable it"}
    states = {"enabled"}

    def rotate(self, uri):
        with open(self.file(uri.split(":")[1]), "ab") as stream:
            stream.write(os.urandom(32))

    def destroy(self, uri):
        os.unlink(self.file(uri.split(":")[1]))

    def spelled(self, uri):
        return uri.replace(":", "://")

    def fresh(self):
        return "example:fresh"

    def missing(self):
        return "example:missing"

    def disable(self, uri):
        self.odd("disabled")

    def enable(self, uri):
        self.good()

    def deny(self):
        self.odd("denied")

    def cut(self):
        self.odd("cut")

    def stall(self):
        self.odd("stall")

    allow = restore = OddHooks.good

    def calls(self):
        seen = self.count()
        return seen["wrap"], seen["unwrap"]


class Kept(OddHooks, contract.Tools):
    """A CMK that may stay open."""

    def test_one_open_serves_a_connection(self):
        conn = self.key_under(self.cmk())
        for name in ("b", "c"):
            self.create(conn, name, URI)
        self.one(conn, "SELECT envelope_key_rewrap('b')")
        self.assertEqual(1, self.count()["open"])
        self.assertEqual(0, self.count()["close"])
        conn.close()
        self.assertEqual(1, self.count()["close"])

    def test_one_for_each_cmk(self):
        conn = self.key_under(self.cmk(), self.cmk("two"))
        self.create(conn, "b", "example:two", "example:one")
        self.assertEqual(2, self.count()["open"])

    def test_no_more_than_eight(self):
        conn = self.connect()
        for i in range(9):
            self.create(conn, "k%d" % i, self.cmk("n%d" % i))
        self.assertEqual((9, 1), (self.count()["open"], self.count()["close"]))
        self.create(conn, "again", "example:n8")
        self.assertEqual(9, self.count()["open"])
        self.create(conn, "first", "example:n0")
        self.assertEqual(10, self.count()["open"])
        conn.close()
        self.assertEqual(10, self.count()["close"])

    def test_one_that_failed_is_opened_anew(self):
        conn = self.key_under(self.cmk())
        self.odd("denied")
        self.refuses_key(conn, URI)
        self.good()
        self.create(conn, "b", URI)
        self.assertEqual((2, 1), (self.count()["open"], self.count()["close"]))

    def test_a_wrap_that_is_not_right_closes_nothing(self):
        conn = self.key_under(self.cmk())
        blob = self.seal(conn)
        conn = self.trusting(URI)
        self.put_wrap(os.urandom(93))
        self.refuses_open("altered", conn, blob)
        opened = self.count()["open"]
        self.create(conn, "b", URI)
        self.assertEqual(opened, self.count()["open"])

    def test_a_child_opens_its_own(self):
        conn = self.key_under(self.cmk())
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                self.create(conn, "b", URI)
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        self.assertEqual((2, 1), (self.count()["open"], self.count()["close"]))
        self.create(conn, "c", URI)
        self.assertEqual(2, self.count()["open"])


class Shared(OddHooks, contract.Tools):
    def test_its_keys_are_not_shared_between_connections(self):
        """Nobody can tell whether the other has the same credentials."""
        conns = [self.key_under(self.cmk())]
        conns += [self.trusting(URI) for _ in range(3)]
        blob = self.seal(conns[0])
        for conn in conns:
            self.one(conn, "SELECT envelope_config('cache_shared', 'on')")
        before = self.count()["unwrap"]
        for conn in conns[1:]:
            self.assertEqual(CANARY, self.open(conn, blob))
        self.assertEqual(before + 3, self.count()["unwrap"])


class Rewrapped(OddHooks, contract.Tools):
    """By the provider, without the payload."""

    def setUp(self):
        super().setUp()
        self.conn = self.key_under(self.cmk(), self.cmk("two"))
        self.blobs = [self.seal(self.conn)]
        for _ in range(2):
            self.one(self.conn, "SELECT envelope_key_rotate('pii')")
            self.blobs.append(self.seal(self.conn))
        self.before = self.tables()
        self.calls_before = self.count()

    def rewrap(self):
        return self.one(self.conn, "SELECT envelope_key_rewrap('pii')")

    def all_open(self):
        for uri in (URI, "example:two"):
            for blob in self.blobs:
                self.opens(blob, uri)

    def test_all_versions_in_one_call(self):
        self.assertEqual(3, self.rewrap())
        made = self.count() - self.calls_before
        self.assertEqual((2, 6, 0),
                         (made["rewrap"], made["unwrap"], made["wrap"]))
        old = {row[3] for row in self.before["envelope_key_wrap"]}
        new = {row[3] for row in self.rows("envelope_key_wrap")}
        self.assertEqual((6, 6), (len(old), len(new - old)))
        self.all_open()

    def test_the_order_of_the_cmks_stays(self):
        self.rewrap()
        columns = [row[:3] for row in self.rows("envelope_key_wrap")]
        self.assertEqual([r[:3] for r in self.before["envelope_key_wrap"]],
                         columns)

    def test_refused_it_is_wrapped(self):
        self.odd("rewrap-denied")
        self.assertEqual(3, self.rewrap())
        self.assertEqual(6, (self.count() - self.calls_before)["wrap"])
        self.good()
        self.all_open()

    def test_what_it_gives_is_not_trusted(self):
        for mistake in ("rewrap-wrong", "rewrap-some"):
            with self.subTest(mistake):
                self.odd(mistake)
                self.error(self.conn, "SELECT envelope_key_rewrap('pii')")
                self.good()
                self.assertEqual(self.before, self.tables())
        self.all_open()

    def test_other_cmks_are_given_the_payload(self):
        self.assertEqual(3, self.one(
            self.conn, "SELECT envelope_key_rewrap('pii', 'example:two')"))
        self.assertEqual(0, (self.count() - self.calls_before)["rewrap"])


class Mistakes(OddHooks, contract.Tools):
    def setUp(self):
        super().setUp()
        self.conn = self.key_under(self.cmk())
        self.blob = self.seal(self.conn)
        self.before = self.tables()

    def harmless(self, mistake, says, sql, *args):
        """Refused, nothing written, and the next call works."""
        conn = self.trusting(URI)
        self.odd(mistake)
        text = self.refuses(says, conn, sql, *args)
        self.good()
        self.assertEqual(self.before, self.tables())
        self.opens_soon(conn, self.blob)
        self.opens(self.blob, URI)
        return text

    def create_is_harmless(self, mistake, says=REPORT):
        return self.harmless(mistake, says, "SELECT envelope_key_create('b',"
                             " 'example:one')")

    def open_is_harmless(self, mistake, says=REPORT):
        return self.harmless(mistake, says, "SELECT envelope_open(?)",
                             self.blob)

    def test_wraps(self):
        for mistake in ("wrap-nothing", "wrap-empty", "wrap-long",
                        "wrap-zeros", "wrap-clear"):
            with self.subTest(mistake):
                self.create_is_harmless(mistake)
        self.create_is_harmless("wrap-fails-late", "try again")

    def test_a_wrap_that_does_not_open(self):
        """Else it would be missed when the key is out of memory."""
        for mistake in ("wrap-wrong", "unwrap-wrong"):
            with self.subTest(mistake):
                self.create_is_harmless(mistake, "")
                self.harmless(mistake, "", "SELECT envelope_key_rotate('pii')")
                self.harmless(mistake, "", "SELECT envelope_key_rewrap('pii',"
                              " 'example:one')")

    def test_no_cmk_where_one_was_opened(self):
        self.create_is_harmless("open-nothing")
        self.open_is_harmless("open-nothing")

    def test_payloads(self):
        self.open_is_harmless("unwrap-nothing")
        self.open_is_harmless("unwrap-wrong", "another key's")
        self.open_is_harmless("unwrap-fails-late", "try again")

    def test_results_that_mean_nothing(self):
        for mistake in ("result", "negative"):
            with self.subTest(mistake):
                self.open_is_harmless(mistake)
                self.create_is_harmless(mistake)

    def test_messages(self):
        text = self.open_is_harmless("garbage", "a?b")
        self.assertLess(len(text), 600)
        self.open_is_harmless("silent", "see what they may")

    def test_a_reason_is_not_told(self):
        text = self.open_is_harmless("corrupt", "altered")
        self.assertNotIn("odd-secret", text)
        self.assertNotIn("padding", text)

    def test_canonical(self):
        for mistake in ("canonical-scheme", "canonical-no-nul",
                        "canonical-options", "canonical-newline",
                        "canonical-not-normal"):
            with self.subTest(mistake):
                self.create_is_harmless(mistake)

    def test_a_canonical_uri_that_changes_is_not_allowed_later(self):
        self.odd("canonical-changes")
        self.create(self.conn, "b", URI)
        blob = self.seal(self.conn, CANARY, "b")
        self.good()
        self.refuses_open("not allowed", self.trusting(URI), blob)

    def test_normalize(self):
        self.create_is_harmless("normalize", "no such URI")
        for mistake in ("normalize-scheme", "normalize-no-nul"):
            with self.subTest(mistake):
                self.create_is_harmless(mistake)

    def test_an_alias_is_resolved_before_it_is_stored(self):
        self.create(self.conn, "b", "example:alias-one")
        self.assertEqual({"example:one"},
                         {row[2] for row in self.rows("envelope_key_wrap")})

    def test_what_it_tells(self):
        for mistake in ("state", "state-negative"):
            self.odd(mistake)
            info = json.loads(self.one(self.conn,
                                       "SELECT envelope_cmk_info(?)", URI))
            self.assertEqual("unknown", info["state"])
        self.odd("describe")
        info = json.loads(self.one(self.conn,
                                   "SELECT envelope_cmk_info(?)", URI))
        self.assertEqual({"?"}, set(info["description"]))


class Registering(OddHooks, contract.Tools):
    def refused(self):
        conn = super(contract.Tools, self).connect()
        with self.assertRaisesRegex(Exception, "refused: 6"):
            self.prepare(conn)
        return conn

    def test_what_is_no_provider(self):
        for mistake in ("null", "abi-old", "abi-new", "size-small", "no-open",
                        "no-wrap", "no-unwrap", "no-close"):
            with self.subTest(mistake):
                self.odd(mistake)
                self.refused()
                self.good()
                self.connect()

    def test_schemes_that_are_taken(self):
        for scheme in ("keyring", "pem", "vault", "hcvault", "hashivault",
                       "aws-kms", "awskms", "pkcs11"):
            with self.subTest(scheme):
                os.environ["ODD_SCHEME"] = scheme
                self.refused()

    def test_no_schemes(self):
        for scheme in ("", "Example", "ex ample", "1ex", "ex:", "ex\n",
                       "abcdefghijklmnop"):
            with self.subTest(scheme):
                os.environ["ODD_SCHEME"] = scheme
                self.refused()

    def test_a_later_structure(self):
        self.odd("size-large")
        conn = self.key_under(self.cmk())
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_taken_by_another_extension(self):
        conn = self.connect()
        os.environ["ODD_SCHEME"] = "example"
        with self.assertRaisesRegex(Exception, "refused: 6"):
            self.prepare(conn)

    def test_sql_gets_no_registry(self):
        conn = self.connect()
        for argument in ("1", "NULL", "x'00'", "'envelope_provider_registry'"):
            self.refuses("in C", conn,
                         "SELECT envelope_provider_registry(%s)" % argument)


if __name__ == "__main__":
    unittest.main()
