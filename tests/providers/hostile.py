# SPDX-License-Identifier: MIT
"""What an HTTP provider does when somebody between it and its KMS means harm,
or the KMS has a bad day. A provider's test mixes Hostile into a TestCase:

    class VaultHostile(Hostile, VaultTest):
        plaintext = ("data", "plaintext")
        ...

In all of this there is an error that says what to do, without a secret in it;
nothing is written; and the next call works.
"""

import hashlib
import os
import ssl
import threading
import time

import stub
from contract import CANARY
from support import shell


class Hostile:
    """Goes before TestCase's own in the list of bases."""

    # the names that lead to the base64 key, and to the wrap, in a reply
    plaintext = ()
    ciphertext = ()

    def upstream(self):
        """The stub.Upstream of the real server."""
        raise NotImplementedError

    def route(self, port):
        """The URI of a CMK that is reached at localhost:port by https; sets
        what has to be set for that."""
        raise NotImplementedError

    def believe(self, ca):
        """Sets the file with the CA to trust."""
        raise NotImplementedError

    def is_unwrap(self, request):
        raise NotImplementedError

    def is_wrap(self, request):
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        self.stub = self.serve()
        self.uri = self.route(self.stub.port)
        self.believe(self.authority.ca)

    def serve(self, certificate=None, **more):
        made = stub.Stub(certificate or self.authority.server(),
                         self.upstream(), **more)
        self.addCleanup(made.stop)
        made.spoil = self.note_secrets
        return made

    def note_secrets(self, request, reply):
        """No key that came through may be told of."""
        if self.is_unwrap(request) and reply.status == 200:
            part = reply.json()
            for name in self.plaintext:
                part = part[name]
            self.secrets.append(part)
        return reply

    def spoil(self, fault, path=None, of=None):
        """From now on replies to an unwrap are spoilt; or to `of`."""
        of = of or self.is_unwrap

        def change(request, reply):
            self.note_secrets(request, reply)
            if not of(request):
                return reply
            return fault(reply, path) if path else fault(reply)

        self.stub.spoil = change

    def good(self):
        self.stub.spoil = self.note_secrets

    def fingerprint(self):
        with open(self.path, "rb") as db:
            return hashlib.sha256(db.read()).digest()

    def limited(self, conn, seconds):
        self.one(conn, "SELECT envelope_config('provider_timeout', ?)",
                 "%ds" % seconds)
        return conn

    def refuses_to_open(self, blob, seconds=5):
        """An error, in time, with nothing written. Returns its text."""
        before = self.fingerprint()
        conn = self.limited(self.trusting(self.uri), seconds)
        start = time.monotonic()
        text = self.error(conn, "SELECT envelope_open(?)", blob)
        self.assertLess(time.monotonic() - start, seconds + 1)
        self.assertEqual(before, self.fingerprint())
        self.assertGreater(len(text), 20)
        return text

    # --- replies -------------------------------------------------------------

    def test_spoilt_replies_to_an_unwrap(self):
        blob = self.seal(self.key_under(self.uri))
        for name, fault in stub.BODIES.items():
            with self.subTest(name):
                self.spoil(fault)
                self.refuses_to_open(blob)
                self.good()
                self.opens(blob, self.uri)

    def test_what_is_no_key_is_refused(self):
        blob = self.seal(self.key_under(self.uri))
        for name, fault in stub.plaintexts(self.plaintext).items():
            with self.subTest(name):
                self.spoil(fault, self.plaintext)
                self.refuses_to_open(blob)
                self.good()
                self.opens(blob, self.uri)

    def test_spoilt_replies_to_a_wrap(self):
        conn = self.key_under(self.uri)
        faults = dict(stub.BODIES)
        faults.update(stub.wraps(self.ciphertext))
        for name, fault in faults.items():
            with self.subTest(name):
                self.spoil(fault, of=self.is_wrap)
                before = self.keys(conn)
                self.error(conn, "SELECT envelope_key_create('b', ?)",
                           self.uri)
                self.assertEqual(before, self.keys(conn))
        self.good()
        self.one(conn, "SELECT envelope_key_create('b', ?)", self.uri)

    def test_replies_swapped_between_two_requests(self):
        conn = self.key_under(self.uri, name="a")
        self.one(conn, "SELECT envelope_key_create('b', ?)", self.uri)
        blob_a = self.seal(conn, CANARY, "a")
        blob_b = self.seal(conn, CANARY, "b")
        kept = []
        self.spoil(lambda reply: kept.append(reply) or reply)
        self.opens(blob_b, self.uri)
        self.spoil(lambda reply: kept[0])
        self.refuses_to_open(blob_a)
        self.good()
        self.opens(blob_a, self.uri)

    def test_a_wrap_that_another_request_got(self):
        """Nobody could open it: found out before a row is sealed."""
        kept = []
        self.spoil(lambda reply: kept.append(reply) or reply, of=self.is_wrap)
        conn = self.key_under(self.uri, name="a")
        self.spoil(lambda reply: kept[0], of=self.is_wrap)
        before = self.keys(conn)
        self.error(conn, "SELECT envelope_key_create('b', ?)", self.uri)
        self.error(conn, "SELECT envelope_key_rotate('a')")
        self.assertEqual(before, self.keys(conn))
        self.good()
        self.one(conn, "SELECT envelope_key_create('b', ?)", self.uri)
        self.one(conn, "SELECT envelope_key_rotate('a')")

    def test_a_proxy_that_is_not_there(self):
        conn = self.key_under(self.uri)
        blob = self.seal(conn)
        for name in ("HTTPS_PROXY", "no_proxy", "NO_PROXY"):
            self.addCleanup(os.environ.pop, name, None)
            os.environ[name] = ""
        os.environ["HTTPS_PROXY"] = "http://user:swordfish@127.0.0.1:1"
        text = self.refuses_open("the proxy of HTTPS_PROXY",
                                 self.trusting(self.uri), blob)
        self.assertNotIn("swordfish", text)

    # --- status --------------------------------------------------------------

    def status(self, code, times, *headers):
        """The next replies to an unwrap have this status."""
        left = [times]

        def fault(reply):
            if left[0] == 0:
                return reply
            left[0] -= 1
            return stub.Reply(code, list(headers), b"{}")

        self.spoil(fault)

    def unwraps(self):
        return sum(1 for r in self.stub.requests if self.is_unwrap(r))

    def test_too_many_requests_is_asked_again_when_it_says(self):
        blob = self.seal(self.key_under(self.uri))
        for code in (429, 503):
            with self.subTest(code):
                before = self.unwraps()
                self.status(code, 1, ("Retry-After", "1"))
                start = time.monotonic()
                self.opens(blob, self.uri)
                self.assertGreaterEqual(time.monotonic() - start, 1)
                self.assertEqual(2, self.unwraps() - before)

    def test_when_it_says_too_long_it_is_not_waited_for(self):
        blob = self.seal(self.key_under(self.uri))
        for code in (429, 503):
            with self.subTest(code):
                before = self.unwraps()
                self.status(code, 9, ("Retry-After", "3600"))
                start = time.monotonic()
                self.refuses_to_open(blob)
                self.assertLess(time.monotonic() - start, 1)
                self.assertEqual(1, self.unwraps() - before)

    def test_passing_trouble_is_asked_again(self):
        blob = self.seal(self.key_under(self.uri))
        for code in (500, 502, 503, 504):
            with self.subTest(code):
                self.status(code, 2)
                self.opens(blob, self.uri)

    def test_lasting_trouble_ends(self):
        blob = self.seal(self.key_under(self.uri))
        before = self.unwraps()
        self.status(500, 99)
        self.refuses_to_open(blob)
        self.assertEqual(4, self.unwraps() - before)

    def test_unknown_statuses_are_errors(self):
        blob = self.seal(self.key_under(self.uri))
        for code in (201, 206, 299, 300, 402, 418, 451, 599):
            with self.subTest(code):
                self.spoil(lambda reply, code=code: stub.Reply(
                    code, [], reply.body))
                self.refuses_to_open(blob)

    def test_a_redirect_is_not_followed(self):
        blob = self.seal(self.key_under(self.uri))
        secure = stub.Trap(self.authority.server())
        plain = stub.Trap(None)
        self.addCleanup(secure.stop)
        self.addCleanup(plain.stop)
        for code in (301, 302, 303, 307, 308):
            for url in ("https://localhost:%d/v1/x" % secure.port,
                        "http://localhost:%d/v1/x" % plain.port,
                        "/elsewhere"):
                with self.subTest(code=code, url=url):
                    before = len(self.stub.requests)
                    self.status(code, 99, ("Location", url))
                    self.refuses_to_open(blob)
                    self.assertFalse([r for r in self.stub.requests[before:]
                                      if r.path == "/elsewhere"])
        self.assertEqual([], secure.came() + plain.came())

    # --- time ------------------------------------------------------------------

    def slow(self, reply):
        return reply.with_body(reply.body, pause=0.2)

    def test_a_slow_reply_ends_at_the_deadline(self):
        blob = self.seal(self.key_under(self.uri))
        self.spoil(self.slow)
        self.assertIn("in time", self.refuses_to_open(blob, 1))
        self.good()
        self.opens(blob, self.uri)

    def test_no_reply_at_all_ends_at_the_deadline(self):
        blob = self.seal(self.key_under(self.uri))
        self.spoil(lambda reply: time.sleep(4) or reply)
        self.assertIn("in time", self.refuses_to_open(blob, 1))

    def test_an_interrupt_ends_the_wait(self):
        blob = self.seal(self.key_under(self.uri))
        for fault in (self.slow, lambda reply: time.sleep(3) or reply):
            self.spoil(fault)
            self.interrupted(blob)

    def test_an_interrupt_ends_the_wait_before_another_try(self):
        blob = self.seal(self.key_under(self.uri))
        self.status(503, 99, ("Retry-After", "20"))
        self.interrupted(blob)

    def interrupted(self, blob):
        conn = self.limited(self.trusting(self.uri), 30)
        at = []

        def interrupt():
            at.append(time.monotonic())
            conn.interrupt()

        timer = threading.Timer(0.7, interrupt)
        timer.start()
        self.assertIn("interrupted",
                      self.error(conn, "SELECT envelope_open(?)", blob))
        self.assertLess(time.monotonic() - at[0], 0.2)

    # --- connections -------------------------------------------------------------

    def test_nobody_there(self):
        blob = self.seal(self.key_under(self.uri))
        self.stub.stop()
        self.stub.stop = lambda: None
        self.assertIn("cannot reach", self.refuses_to_open(blob))

    def test_one_connection_serves_many_calls(self):
        conn = self.key_under(self.uri)
        before = self.stub.connections
        for name in "bcd":
            self.one(conn, "SELECT envelope_key_create(?, ?)", name, self.uri)
        self.assertEqual(before, self.stub.connections)

    def test_a_connection_that_the_server_closed_is_made_anew(self):
        conn = self.key_under(self.uri)
        self.stub.hang_up()
        self.one(conn, "SELECT envelope_key_create('b', ?)", self.uri)

    # --- TLS -----------------------------------------------------------------------

    def tls(self, says, certificate=None, **more):
        """Whoever has this certificate gets no request."""
        bad = self.serve(certificate, **more)
        uri = self.route(bad.port)
        self.assertIn(says, self.error(
            self.connect(), "SELECT envelope_key_create('tls', ?)", uri))
        self.assertEqual([], bad.requests)

    def test_the_secrets_of_a_connection_are_written_nowhere(self):
        """libcurl looks at SSLKEYLOGFILE when it starts: in another
        process."""
        log = self.file("keys.log")
        os.environ["SSLKEYLOGFILE"] = log
        self.addCleanup(os.environ.pop, "SSLKEYLOGFILE")
        before = len(self.stub.requests)
        self.assertEqual("16\n", shell(
            self.file("keylog.db"),
            "SELECT length(envelope_key_create('pii', '%s'));" % self.uri))
        self.assertLess(before, len(self.stub.requests))
        self.assertEqual(0, os.path.exists(log) and os.path.getsize(log))

    def test_an_expired_certificate(self):
        self.tls("expired", self.authority.expired())

    def test_a_certificate_of_another_host(self):
        self.tls("another host", self.authority.other_host())

    def test_a_certificate_of_an_unknown_ca(self):
        unknown = stub.Authority(self.dir, "unknown CA")
        self.tls("no CA", unknown.server())

    def test_a_ca_that_is_set_is_the_only_one(self):
        unknown = stub.Authority(self.dir, "unknown CA")
        self.believe(unknown.ca)
        self.tls("no CA", self.authority.server())

    def test_a_file_that_holds_no_ca(self):
        self.believe(self.write("ca.pem", b"nothing"))
        self.tls("CA", self.authority.server())

    def test_an_old_version_of_tls(self):
        old = self.serve(tls=ssl.TLSVersion.TLSv1_1)
        self.assertIn("TLS 1.2", self.error(
            self.connect(), "SELECT envelope_key_create('tls', ?)",
            self.route(old.port)))
        self.assertEqual([], old.requests)

    def test_what_is_no_tls(self):
        plain = stub.Trap(None)
        self.addCleanup(plain.stop)
        self.error(self.connect(), "SELECT envelope_key_create('tls', ?)",
                   self.route(plain.port))
        self.assertEqual([], plain.came())
