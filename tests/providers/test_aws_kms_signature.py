#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""aws-kms: the hosts of AWS itself, reached through a proxy that leads to a
stub; and the signature of a request with a known answer."""

import datetime
import os
import re
import select
import socket
import socketserver
import subprocess
import threading
import unittest

import servers
import stub
from aws import NAMES
from contract import SqlTest

KEY = "key/aaaabbbb-cccc-dddd-eeee-ffff00001111"
VECTOR_TIME = "2026-01-02 03:04:05"
BODY = (b'{"KeyId":"alias/demo","Plaintext":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX'
        b'GBkaGxwdHh8=","EncryptionContext":{"app":"sqlite"}}')
SIGNED = "content-type;host;x-amz-date;x-amz-target"
SIGNATURE = "0435b8b877302c34c7182b5fcaa7b1637d7b3888aa41df041b7fba75b340a258"
TOKEN_SIGNED = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
TOKEN_SIGNATURE = (
    "c89d42ce00ccf526757d3cb49297cd888d561ae6f750f5d8186f3943f2347faf")


class Proxy(socketserver.ThreadingTCPServer):
    """Leads every CONNECT to one port, and notes where it should have led."""

    daemon_threads = True

    def __init__(self, port):
        self.leads_to = port
        self.asked = []
        super().__init__(("127.0.0.1", 0), Tunnel)
        threading.Thread(target=self.serve_forever,
                         kwargs={"poll_interval": 0.02}).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server_address[1]

    def stop(self):
        self.shutdown()
        self.server_close()


class Tunnel(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.asked.append(self.rfile.readline().split()[1].decode())
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(
                ("127.0.0.1", self.server.leads_to)) as there:
            ends = {self.connection: there, there: self.connection}
            while True:
                for one in select.select(list(ends), [], [], 30)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    ends[one].sendall(data)


class OldAuthority(stub.Authority):
    """Its certificates hold since before the time of the vector."""

    def _builder(self, subject, public_key, start=-1, end=30):
        del start
        age = datetime.datetime.utcnow() - datetime.datetime(2026, 1, 1)
        return super()._builder(subject, public_key, -age.days - 2, end)


class Signature(SqlTest):
    def setUp(self):
        super().setUp()
        before = {k: v for k, v in os.environ.items() if NAMES.match(k)}
        self.addCleanup(os.environ.update, before)
        self.addCleanup(self.forget)
        self.forget()
        self.authority = OldAuthority(self.dir)
        os.environ.update(
            HOME=self.dir, AWS_CA_BUNDLE=self.authority.ca,
            AWS_ACCESS_KEY_ID="AKIAEXAMPLEEXAMPLE00",
            AWS_SECRET_ACCESS_KEY="exampleSecretKeyForDocsOnly/0123456789ab")
        self.secrets.append(os.environ["AWS_SECRET_ACCESS_KEY"])

    @staticmethod
    def forget():
        for name in [k for k in os.environ if NAMES.match(k)]:
            del os.environ[name]

    def serve(self, host):
        """A stub that has this host's certificate, and a proxy to it."""
        there = stub.Stub(self.authority.server(host))
        self.addCleanup(there.stop)
        proxy = Proxy(there.port)
        self.addCleanup(proxy.stop)
        os.environ["HTTPS_PROXY"] = proxy.url
        return there, proxy

    def signed(self):
        """What the vector's request is signed with."""
        there, _ = self.serve("kms.eu-west-1.amazonaws.com")
        folder = os.environ.get("EE_TOOLS") or os.path.join(
            servers.REPO, "build/release/tests/tools")
        done = subprocess.run(
            [servers.tool("faketime"), "-f", VECTOR_TIME,
             os.path.join(folder, "kms_aws_post"),
             "https://kms.eu-west-1.amazonaws.com/", "eu-west-1",
             "TrentService.Encrypt", self.authority.ca],
            input=BODY, capture_output=True, timeout=60,
            env=dict(os.environ, TZ="UTC"))
        self.assertEqual((b"404\n", b""), (done.stdout, done.stderr))
        self.assertEqual([BODY], [r.body for r in there.requests])
        return there.requests[0].headers

    def check(self, signed, signature):
        headers = self.signed()
        names = [name.lower() for name, _ in headers]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual("20260102T030405Z", dict(headers)["X-Amz-Date"])
        self.assertEqual(
            "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE00/20260102/"
            "eu-west-1/kms/aws4_request, SignedHeaders=%s, Signature=%s"
            % (signed, signature), dict(headers)["Authorization"])

    def test_the_vector(self):
        self.check(SIGNED, SIGNATURE)

    def test_the_vector_with_a_session_token(self):
        os.environ["AWS_SESSION_TOKEN"] = "ExampleSessionToken=="
        self.check(TOKEN_SIGNED, TOKEN_SIGNATURE)

    def test_hosts(self):
        for region, host, more in (
                ("eu-west-1", "kms.eu-west-1.amazonaws.com", {}),
                ("us-east-1", "kms-fips.us-east-1.amazonaws.com",
                 {"AWS_USE_FIPS_ENDPOINT": "true"}),
                ("us-east-1", "kms.us-east-1.api.aws",
                 {"AWS_USE_DUALSTACK_ENDPOINT": "true"})):
            there, proxy = self.serve(host)
            os.environ.update(more)
            self.refuses("HTTP 4xx", self.connect(),
                         "SELECT envelope_key_create('pii', ?)",
                         "aws-kms://arn:aws:kms:%s:111122223333:%s"
                         % (region, KEY))
            for name in more:
                del os.environ[name]
            self.assertEqual([host + ":443"], proxy.asked)
            self.assertEqual([host], [dict(r.headers)["Host"]
                                      for r in there.requests])
            scope = dict(there.requests[0].headers)["Authorization"]
            self.assertTrue(re.search("/%s/kms/aws4_request" % region, scope))


if __name__ == "__main__":
    unittest.main()
