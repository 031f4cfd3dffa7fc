# SPDX-License-Identifier: MIT
"""The contract that every provider keeps, as SQL sees it.

A provider's test names Contract as the base of a TestCase, and says by its
hooks how to reach its CMKs and what may become of them:

    import contract  # not the class: unittest would run it by itself

    class Vault(contract.Contract):
        scheme = "vault"

        def cmk(self, name="one"): ...

A hook that a provider has no use for is named in `absent`, with the reason;
what is tested by it is then skipped, and the reason printed. All the rest is
the same for a keyring, a PEM file, an HSM and a cloud.

In each of the tests that go wrong: an error that says what to do, with no
secret in it, nothing is written, and the next call works.
"""

import json
import os
import sqlite3
import sys
import threading
import time

sys.path.insert(0, os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sql"))

from support import (CANARY, SECONDS, SqlTest, flip,  # noqa: E402
                     scaled)

OTHER = "keyring:other.keyring"  # a CMK of another provider
TABLES = ("envelope_key", "envelope_key_wrap", "envelope_key_manifest")
# what envelope_providers may say of a wrap that is not right
NOT_RIGHT = {"auth", "key-unknown"}


class Hooks(SqlTest):
    """What a provider's test says of it."""

    scheme = None
    # hook: why this provider has none
    absent = {}
    # hook: words of the message when it was used
    says = {}
    # states that envelope_cmk_info() may tell of a CMK that works
    states = {"enabled", "unknown"}

    def prepare(self, conn):
        """What a connection needs besides envelope: to load another one."""

    def cmk(self, name="one"):
        """The URI of a CMK that is there; of another CMK for each name."""
        raise NotImplementedError

    def rotate(self, uri):
        """By the provider's own means: a new current version."""
        raise NotImplementedError

    def disable(self, uri):
        """By the provider's own means, until enable()."""
        raise NotImplementedError

    def enable(self, uri):
        raise NotImplementedError

    def destroy(self, uri):
        """For ever, by the provider's own means."""
        raise NotImplementedError

    def deny(self):
        """This session's credential may do nothing any more, until allow()."""
        raise NotImplementedError

    def allow(self):
        raise NotImplementedError

    def cut(self):
        """The provider cannot be reached, until restore()."""
        raise NotImplementedError

    def stall(self):
        """The provider is reached, and does not answer, until restore()."""
        raise NotImplementedError

    def restore(self):
        raise NotImplementedError

    def fresh(self):
        """The URI of a CMK that is not there, for envelope_cmk_create()."""
        raise NotImplementedError

    def missing(self):
        """The URI of a CMK that is not there. envelope_key_create() must not
        make it."""
        raise NotImplementedError

    def spelled(self, uri):
        """Another way to write the URI of the same CMK."""
        raise NotImplementedError

    def sql_rotate(self):
        """Can envelope_cmk_rotate()? Says nothing."""

    def unlisted(self):
        """Is a CMK refused that no list allows? Says nothing."""

    def calls(self):
        """How many wraps and unwraps the provider itself has counted."""
        raise NotImplementedError

    def need(self, *hooks):
        """Skips a test whose hooks this provider has no use for."""
        for hook in hooks:
            if hook in self.absent:
                self.skipTest("no %s(): %s" % (hook, self.absent[hook]))


class Tools(Hooks):
    """What the tests are made of."""

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        for hook in list(cls.absent) + list(cls.says):
            assert callable(getattr(Hooks, hook, None)), hook

    def connect(self, path=None, **options):
        conn = super().connect(path, **options)
        self.prepare(conn)
        return conn

    def create(self, conn, name, *uris):
        return self.one(conn, "SELECT envelope_key_create(?%s)"
                        % (", ?" * len(uris)), name, *uris)

    def key_under(self, *uris, name="pii"):
        """A connection with a key under these CMKs."""
        conn = self.connect()
        self.create(conn, name, *uris)
        return conn

    def sealed(self, *uris):
        """A value under a new key under these CMKs."""
        conn = self.key_under(*uris)
        blob = self.seal(conn)
        conn.close()
        return blob

    def trusting(self, *uris):
        """A new connection, which has nothing in its cache and allows these."""
        conn = self.connect()
        self.one(conn, "SELECT envelope_config('cmks', ?)",
                 " ".join(uri.replace(" ", "%20") for uri in uris))
        return conn

    def opens(self, blob, *uris):
        self.assertEqual(CANARY, self.open(self.trusting(*uris), blob))

    def opens_soon(self, conn, blob):
        """One that could not be reached is left alone for a moment."""
        end = time.monotonic() + 10 * SECONDS
        while True:
            try:
                self.assertEqual(CANARY, self.open(conn, blob))
                return
            except sqlite3.Error:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def last_error(self, conn):
        """What envelope_providers says of the CMK that failed last."""
        return self.one(conn, "SELECT group_concat(last_error) FROM"
                        " envelope_providers WHERE last_error IS NOT NULL")

    def rows(self, table):
        return self.plain().execute("SELECT * FROM %s" % table).fetchall()

    def tables(self):
        """All that is written of keys."""
        known = [name for name, in self.plain().execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {t: self.rows(t) for t in TABLES if t in known}

    def wrap_of(self, name="pii"):
        return self.one(self.plain(), "SELECT wrapped FROM envelope_key_wrap"
                        " JOIN envelope_key USING(key_id) WHERE name = ?",
                        name)

    def put_wrap(self, wrapped, name="pii"):
        self.plain().execute(
            "UPDATE envelope_key_wrap SET wrapped = ? WHERE key_id ="
            " (SELECT key_id FROM envelope_key WHERE name = ?)",
            (wrapped, name))

    def refuses_key(self, conn, *uris, says=""):
        """No key is made, and nothing is written."""
        before = self.tables()
        marks = ", ?" * len(uris)
        self.refuses(says, conn, "SELECT envelope_key_create('no'%s)" % marks,
                     *uris)
        self.assertEqual(before, self.tables())

    def refuses_all(self, uri, blob, hook, *codes):
        """Opening, creating and rewrapping fail, for this reason."""
        conn = self.trusting(uri)
        says = self.says.get(hook, "")
        before = self.tables()
        self.refuses_open(says, conn, blob)
        self.assertIn(self.last_error(conn), codes)
        self.refuses(says, self.trusting(uri),
                     "SELECT envelope_key_rewrap('pii')")
        self.refuses(says, self.trusting(uri),
                     "SELECT envelope_key_rotate('pii')")
        self.refuses_key(self.connect(), uri, says=says)
        self.assertEqual(before, self.tables())
        return conn


class Contract(Tools):
    # ---- well ----

    def test_round_trip(self):
        uri = self.cmk()
        self.opens(self.sealed(uri), uri)

    def test_versions_of_a_key(self):
        uri = self.cmk()
        conn = self.key_under(uri)
        blobs = [self.seal(conn)]
        for _ in range(2):
            self.one(conn, "SELECT envelope_key_rotate('pii')")
            blobs.append(self.seal(conn))
        for blob in blobs:
            self.opens(blob, uri)
        before = self.rows("envelope_key_wrap")
        self.assertEqual(3, self.one(self.trusting(uri),
                                     "SELECT envelope_key_rewrap('pii')"))
        self.assertNotEqual(before, self.rows("envelope_key_wrap"))
        for blob in blobs:
            self.opens(blob, uri)

    def test_the_stored_uri_names_the_cmk(self):
        """It opens what it is stored with, and stores itself."""
        uri = self.cmk()
        blob = self.sealed(uri)
        stored = self.one(self.plain(), "SELECT cmk FROM envelope_key_wrap")
        self.opens(blob, stored)
        self.opens(blob, uri, "keyring:another.keyring")
        info = json.loads(self.one(self.connect(),
                                   "SELECT envelope_cmk_info(?)", stored))
        self.assertEqual(stored, info["uri"])

    def test_another_spelling_means_the_same(self):
        self.need("spelled")
        uri = self.cmk()
        blob = self.sealed(uri)
        other = self.spelled(uri)
        self.assertNotEqual(uri, other)
        self.opens(blob, other)
        self.refuses("twice", self.connect(),
                     "SELECT envelope_key_create('two', ?, ?)", uri, other)

    def test_export_and_import(self):
        uri = self.cmk()
        conn = self.key_under(uri)
        exported = self.one(conn, "SELECT envelope_export(?)", self.seal(conn))
        there = self.connect(self.file("there.db"))
        self.one(there, "SELECT envelope_config('cmks', ?)",
                 uri + " keyring:there.keyring")
        self.create(there, "local", "keyring:there.keyring")
        blob = self.one(there, "SELECT envelope_import(?, 'local')", exported)
        self.assertEqual(CANARY, self.open(there, blob))

    def test_what_is_told_of_a_cmk(self):
        uri = self.cmk()
        text = self.one(self.connect(), "SELECT envelope_cmk_info(?)", uri)
        self.messages.append(text)
        info = json.loads(text)
        self.assertEqual(["uri", "provider", "state", "description"],
                         list(info))
        self.assertEqual(self.scheme, info["provider"])
        self.assertIn(info["state"], self.states)
        self.assertTrue(info["description"].isprintable())

    def test_the_provider_is_listed(self):
        debug = json.loads(self.one(self.connect(), "SELECT envelope_debug()"))
        self.assertIn(self.scheme, debug["providers"])

    def test_calls_are_audited_without_secrets(self):
        uri = self.cmk()
        os.environ["ENVELOPE_AUDIT"] = self.file("audit.log")
        self.opens(self.sealed(uri), uri)
        with open(self.file("audit.log"), encoding="utf-8") as stream:
            text = stream.read()
        self.messages.append(text)
        events = [json.loads(line)["event"] for line in text.splitlines()]
        for event in ("wrap", "created", "unwrap"):
            self.assertIn(event, events)

    def test_calls_do_not_grow_with_rows(self):
        self.need("calls")
        uri = self.cmk()
        wraps, unwraps = self.calls()
        conn = self.key_under(uri)
        rows = scaled(1000000, 100)
        conn.execute("CREATE TABLE t(v BLOB)")
        conn.execute("WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1"
                     " FROM n WHERE i < ?) INSERT INTO t SELECT"
                     " envelope_seal(i, 'pii', i) FROM n", (rows,))
        # the wrap is opened once when it was made
        self.assertEqual((wraps + 1, unwraps + 1), self.calls())
        total = self.one(self.trusting(uri), "SELECT sum(envelope_open(v,"
                         " rowid)) FROM t")
        self.assertEqual(rows * (rows + 1) // 2, total)
        self.assertEqual((wraps + 1, unwraps + 2), self.calls())

    # ---- making and rotating ----

    def test_a_cmk_is_made(self):
        self.need("fresh")
        uri = self.fresh()
        conn = self.connect()
        self.assertEqual(uri, self.one(conn, "SELECT envelope_cmk_create(?)",
                                       uri))
        self.opens(self.sealed(uri), uri)
        self.error(conn, "SELECT envelope_cmk_create(?)", uri)
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_a_missing_cmk_is_not_made(self):
        self.need("missing")
        uri = self.missing()
        for _ in range(2):
            self.refuses_key(self.connect(), uri)
        self.error(self.connect(), "SELECT envelope_cmk_info(?)", uri)

    def test_a_rotated_cmk_opens_what_it_wrapped(self):
        self.need("rotate")
        uri = self.cmk()
        blob = self.sealed(uri)
        before = self.wrap_of()
        self.rotate(uri)
        self.opens(blob, uri)
        self.assertEqual(1, self.one(self.trusting(uri),
                                     "SELECT envelope_key_rewrap('pii')"))
        self.assertNotEqual(before, self.wrap_of())
        self.opens(blob, uri)
        self.put_wrap(before)
        self.opens(blob, uri)

    def test_rotated_by_sql(self):
        self.need("sql_rotate")
        uri = self.cmk()
        blob = self.sealed(uri)
        self.one(self.connect(), "SELECT envelope_cmk_rotate(?)", uri)
        self.opens(blob, uri)

    # ---- wraps that are not right ----

    def not_right(self, blob, uri, wrapped, name="pii"):
        good = self.wrap_of(name)
        conn = self.trusting(uri)
        self.put_wrap(wrapped, name)
        self.refuses_open("not available", conn, blob)
        self.assertIn(self.last_error(conn), NOT_RIGHT)
        self.put_wrap(good, name)
        self.assertEqual(CANARY, self.open(conn, blob))

    def test_another_context(self):
        """The wraps of two keys, swapped: each is one of this very CMK."""
        uri = self.cmk()
        conn = self.key_under(uri, name="a")
        self.create(conn, "b", uri)
        self.not_right(self.seal(conn, CANARY, "a"), uri, self.wrap_of("b"),
                       "a")

    def test_altered(self):
        uri = self.cmk()
        blob = self.sealed(uri)
        wrapped = self.wrap_of()
        step = max(1, len(wrapped) // scaled(24, 6))
        for byte in sorted({*range(0, len(wrapped), step), len(wrapped) - 1}):
            with self.subTest(byte=byte):
                self.not_right(blob, uri, flip(wrapped, 8 * byte + byte % 8))

    def test_cut_and_made_longer(self):
        uri = self.cmk()
        blob = self.sealed(uri)
        wrapped = self.wrap_of()
        for n in (1, len(wrapped) // 2, len(wrapped) - 1):
            with self.subTest(bytes=n):
                self.not_right(blob, uri, wrapped[:n])
        self.not_right(blob, uri, wrapped + b"\0")
        self.not_right(blob, uri, bytes(len(wrapped)))
        self.not_right(blob, uri, os.urandom(8192))

    def test_of_another_cmk(self):
        uri, other = self.cmk("one"), self.cmk("two")
        self.sealed(other)
        foreign = self.wrap_of()
        self.path = self.file("second.db")
        self.not_right(self.sealed(uri), uri, foreign)

    # ---- the provider says no ----

    def test_disabled(self):
        self.need("disable", "enable")
        uri = self.cmk()
        blob = self.sealed(uri)
        self.disable(uri)
        conn = self.refuses_all(uri, blob, "disable", "key-state")
        self.enable(uri)
        self.assertEqual(CANARY, self.open(conn, blob))
        self.opens(blob, uri)

    def test_destroyed(self):
        self.need("destroy")
        uri, other = self.cmk("one"), self.cmk("two")
        blob = self.sealed(uri)
        self.destroy(uri)
        conn = self.trusting(uri)
        self.refuses_open(self.says.get("destroy", ""), conn, blob)
        self.assertIn(self.last_error(conn), ("key-state", "key-unknown"))
        self.path = self.file("second.db")
        self.opens(self.sealed(other), other)

    def test_denied(self):
        self.need("deny", "allow")
        uri = self.cmk()
        blob = self.sealed(uri)
        self.deny()
        conn = self.refuses_all(uri, blob, "deny", "denied")
        self.error(self.connect(), "SELECT envelope_cmk_info(?)", uri)
        self.allow()
        self.assertEqual(CANARY, self.open(conn, blob))

    def test_not_allowed_by_the_session(self):
        """The database names the CMK, so it is not asked."""
        self.need("unlisted")
        uri = self.cmk()
        blob = self.sealed(uri)
        self.refuses_open("not allowed in this session", self.connect(), blob)
        self.refuses_open("not allowed in this session",
                          self.trusting(self.cmk("two")), blob)

    def test_a_dropped_privilege(self):
        uri = self.cmk()
        conn = self.connect()
        self.one(conn, "SELECT envelope_drop('keys')")
        for function in ("create", "info", "rotate"):
            self.refuses("privilege", conn,
                         "SELECT envelope_cmk_%s(?)" % function, uri)

    # ---- the provider does not answer ----

    def test_unreachable(self):
        self.need("cut", "restore")
        uri = self.cmk()
        blob = self.sealed(uri)
        self.cut()
        conn = self.refuses_all(uri, blob, "cut", "unavailable")
        self.restore()
        self.opens(blob, uri)
        self.opens_soon(conn, blob)

    def test_another_cmk_takes_over(self):
        self.need("cut", "restore")
        uri = self.cmk()
        blob = self.sealed(uri, OTHER)
        self.cut()
        self.opens(blob, uri, OTHER)
        self.restore()
        self.opens(blob, uri)

    def test_slow(self):
        self.need("stall", "restore")
        uri = self.cmk()
        blob = self.sealed(uri)
        conn = self.trusting(uri)
        self.one(conn, "SELECT envelope_config('provider_timeout', '1s')")
        before = self.tables()
        self.stall()
        start = time.monotonic()
        self.refuses_open(self.says.get("stall", ""), conn, blob)
        took = time.monotonic() - start
        self.assertIn(self.last_error(conn), ("unavailable", "busy"))
        self.refuses_key(conn, uri)
        self.restore()
        self.assertLess(took, 1 + SECONDS)
        self.assertEqual(before, self.tables())
        self.opens_soon(conn, blob)

    def test_interrupted(self):
        """Within 100 ms; the best of some, because the machine may be busy."""
        self.need("stall", "restore")
        uri = self.cmk()
        blob = self.sealed(uri)
        conn = self.trusting(uri)
        self.one(conn, "SELECT envelope_config('provider_timeout', '60s')")
        before = self.tables()
        self.stall()
        best = min(self.seconds_to_end(conn, blob) for _ in range(4))
        self.restore()
        self.assertLess(best, 0.1 * SECONDS)
        self.assertEqual(before, self.tables())
        self.opens_soon(conn, blob)

    def seconds_to_end(self, conn, blob):
        """From sqlite3_interrupt() to the end of the statement."""
        told = []

        def tell():
            told.append(time.monotonic())
            conn.interrupt()

        timer = threading.Timer(0.3, tell)
        timer.start()
        try:
            self.refuses_open("interrupted", conn, blob)
        finally:
            took = time.monotonic() - (told[0] if told else 0)
            timer.join()
        return took

    # ---- the process forks ----

    def test_after_a_fork(self):
        """The child opens with a connection of its own, and ends; what the
        parent has open goes on to work."""
        uri = self.cmk()
        blob = self.sealed(uri)
        conn = self.trusting(uri)
        self.assertEqual(CANARY, self.open(conn, blob))
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                self.opens(blob, uri)
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        self.create(conn, "after", uri)
        self.opens(self.seal(conn, CANARY, "after"), uri)
