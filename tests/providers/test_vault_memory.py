#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What an unwrap by HTTPS leaves in the memory of the process: its reply passes
through TLS, libcurl and jansson, which all copy it."""

import base64
import os
import re
import subprocess
import sys
import unittest

import stub
from contract import CANARY
from support import EXTENSION
from vault import VaultTest

VICTIM = """
import sqlite3, sys
path, extension, uri, blob = sys.argv[1:]
conn = sqlite3.connect(path, isolation_level=None)
conn.enable_load_extension(True)
conn.load_extension(extension)
conn.execute("SELECT envelope_config('cmks', ?)", [uri]).fetchall()
print(conn.execute("SELECT envelope_open(?)",
                   [bytes.fromhex(blob)]).fetchone()[0], flush=True)
sys.stdin.readline()
conn.close()
print("closed", flush=True)
sys.stdin.readline()
"""


def memory(pid):
    """All that the process can read of its own, piece by piece."""
    with open("/proc/%d/maps" % pid, encoding="utf-8") as maps:
        ranges = [re.match(r"(\w+)-(\w+) r", line) for line in maps
                  if "[v" not in line]
    with open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for found in filter(None, ranges):
            start, end = (int(x, 16) for x in found.groups())
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except (OSError, ValueError):
                pass  # a page that is not there


def holds(pid, secret):
    """Whether any 16 bytes of it, at one of its 16-byte steps, are there."""
    pieces = [secret[i:i + 16] for i in range(0, len(secret) - 15, 16)]
    return any(piece in part for part in memory(pid) for piece in pieces)


class Memory(VaultTest):
    def setUp(self):
        super().setUp()
        self.seen = []
        self.tokens = []
        self.stub = stub.Stub(self.authority.server(), stub.Upstream(
            self.bao.port, ca=self.authority.ca))
        self.addCleanup(self.stub.stop)
        self.stub.spoil = self.spy
        self.uri = self.uri_of(self.key, self.stub.port, host="localhost")

    def spy(self, request, reply):
        """In this process, and not in the one that is looked at."""
        if "/decrypt/" in request.path:
            self.seen.append(reply.json()["data"]["plaintext"])
        if request.path.endswith("/login"):
            self.tokens.append(reply.json()["auth"]["client_token"])
        return reply

    def approle(self):
        self.bao.call("POST", "sys/auth/approle", {"type": "approle"})
        path = "auth/approle/role/app"
        self.bao.call("POST", path, {"token_policies":
                                     self.new_policy(self.key)})
        role = self.bao.call("GET", path + "/role-id")["data"]["role_id"]
        secret = self.bao.call("POST", path + "/secret-id", {})["data"]
        del os.environ["VAULT_TOKEN"]
        os.environ["VAULT_ROLE_ID"] = role
        os.environ["VAULT_SECRET_ID_FILE"] = self.write(
            "secret", secret["secret_id"].encode())
        return secret["secret_id"]

    def test_nothing_is_left(self):
        blob = self.seal(self.key_under(self.uri))
        secret_id = self.approle()
        del self.seen[:]
        victim = subprocess.Popen(
            [sys.executable, "-c", VICTIM, self.path, EXTENSION, self.uri,
             blob.hex()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        self.addCleanup(victim.stdout.close)
        self.addCleanup(victim.wait)
        self.addCleanup(victim.stdin.close)
        self.assertEqual(CANARY, victim.stdout.readline().strip())
        text, token = self.seen[0].encode(), self.tokens[0].encode()
        self.assertEqual(1, len(self.seen))
        pid = victim.pid
        self.assertTrue(holds(pid, self.uri.encode()), "the search is blind")
        self.assertTrue(holds(pid, token), "the session has its token")
        self.assertFalse(holds(pid, text), "the reply, in base64")
        self.assertFalse(holds(pid, secret_id.encode()), "the secret ID")
        victim.stdin.write("\n")
        victim.stdin.flush()
        self.assertEqual("closed", victim.stdout.readline().strip())
        self.assertFalse(holds(pid, base64.b64decode(text)), "the key")
        self.assertFalse(holds(pid, token), "the token")


if __name__ == "__main__":
    unittest.main()
