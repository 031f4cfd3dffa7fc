# SPDX-License-Identifier: MIT
"""The contract of providers (providers/contract.py), kept by those that need
no server."""

import functools
import os
import subprocess
import sys
import unittest

from support import CANARY, REPO, shell
from test_provider_timeout import HOLD

sys.path.insert(0, os.path.join(REPO, "tests", "providers"))

import contract  # noqa: E402  (found by the line above)

# built by make beside the tests' programs
PROVIDERS = os.environ.get("EE_PROVIDERS") or os.path.join(
    REPO, "build", "release", "tests", "providers")


class Keyring(contract.Contract):
    scheme = "keyring"
    says = {"deny": "the key file is wrong", "destroy": "destroyed",
            "stall": "locked by another process"}
    absent = {
        "disable": "a keyring's CMK is there or destroyed",
        "cut": "a file is there or not",
        "missing": "envelope_key_create() makes a keyring",
        "unlisted": "a keyring has to be unlocked by this session's secret",
        "calls": "nobody counts but the connection",
    }

    def cmk(self, name="one"):
        uri = "keyring:%s.keyring" % name
        if not os.path.exists(self.file(name + ".keyring")):
            self.by_itself("SELECT envelope_cmk_create(?)", uri)
        return uri

    def spelled(self, uri):
        return uri + "#default"

    def fresh(self):
        return "keyring:fresh.keyring#orders"

    def by_itself(self, sql, uri):
        """In a connection that has no keys."""
        path = uri.replace("keyring:", "keyring:%s/" % self.dir)
        return self.one(self.connect(":memory:"), sql, path)

    def rotate(self, uri):
        return self.by_itself("SELECT envelope_cmk_rotate(?)", uri)

    def destroy(self, uri):
        self.rotate(uri)
        self.by_itself("SELECT envelope_cmk_destroy(?, 1)", uri)

    def deny(self):
        self.good = os.environ["ENVELOPE_KEYFILE"]
        self.use_keyfile("another.key")

    def allow(self):
        os.environ["ENVELOPE_KEYFILE"] = self.good

    def stall(self):
        self.holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, self.file("one.keyring")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.restore)
        self.assertEqual("locked\n", self.holder.stdout.readline())

    def restore(self):
        if self.holder.poll() is None:
            self.holder.communicate("")


SESAME = "sesame 81"


@functools.lru_cache(maxsize=None)
def locked_key(name):
    """A private key under a passphrase; one for each name."""
    return subprocess.run(
        ["openssl", "genpkey", "-algorithm", "X25519", "-aes-256-cbc",
         "-pass", "pass:" + SESAME],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


class Pem(contract.Contract):
    scheme = "pem"
    says = {"deny": "passphrase"}
    absent = {
        "rotate": "another key is another file",
        "disable": "a file is there or not",
        "destroy": "a file is there or not",
        "cut": "a file is there or not",
        "stall": "a file is there or not",
        "fresh": "openssl makes it",
        "spelled": "its one spelling has the pin",
        "sql_rotate": "another key is another file",
        "calls": "nobody counts but the connection",
    }
    states = {"unknown"}

    def setUp(self):
        super().setUp()
        os.environ["ENVELOPE_PEM_PASSPHRASE"] = SESAME
        self.secrets.append(SESAME)

    def cmk(self, name="one"):
        self.write(name + ".pem", locked_key(name))
        return "pem:%s.pem" % name

    def missing(self):
        return "pem:missing.pem"

    def deny(self):
        os.environ["ENVELOPE_PEM_PASSPHRASE"] = "not sesame 4"

    def allow(self):
        os.environ["ENVELOPE_PEM_PASSPHRASE"] = SESAME


class Example(contract.Contract):
    """The provider of somebody else's extension, example_provider.c."""

    scheme = "example"
    says = {"destroy": "EXAMPLE_KEYS", "deny": "may not read"}
    absent = {
        "disable": "a file is there or not",
        "cut": "a file is there or not",
        "stall": "a file is there or not",
        "spelled": "a URI has one spelling",
        "calls": "nobody counts but the connection",
    }

    def setUp(self):
        super().setUp()
        os.environ["EXAMPLE_KEYS"] = self.dir
        self.addCleanup(os.environ.pop, "EXAMPLE_KEYS")

    def prepare(self, conn):
        conn.enable_load_extension(True)
        conn.load_extension(os.path.join(PROVIDERS, "example_provider.so"))
        conn.enable_load_extension(False)

    def cmk(self, name="one"):
        if not os.path.exists(self.file(name)):
            key = os.urandom(32)
            self.write(name, key)
            self.secrets.append(key.hex())
        return "example:" + name

    def fresh(self):
        return "example:fresh"

    def missing(self):
        return "example:missing"

    def rotate(self, uri):
        with open(self.file(uri.split(":")[1]), "ab") as stream:
            stream.write(os.urandom(32))

    def destroy(self, uri):
        os.unlink(self.file(uri.split(":")[1]))

    def deny(self):
        if os.geteuid() == 0:
            self.skipTest("root may read every file")
        os.chmod(self.file("one"), 0)

    def allow(self):
        os.chmod(self.file("one"), 0o600)

    def test_it_is_plain_c(self):
        """Who copies it compiles it in his own way."""
        source = os.path.join(REPO, "tests/providers/example_provider.c")
        subprocess.run(
            [os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra",
             "-pedantic", "-Werror", "-fsyntax-only",
             "-I" + os.path.join(REPO, "ext"), source], check=True)

    def test_in_the_shell(self):
        text = shell(self.path, '.load "%s/example_provider"\n'
                     "SELECT envelope_cmk_create('example:orders');\n"
                     "SELECT length(envelope_key_create('pii',"
                     " 'example:orders'));\n" % PROVIDERS)
        self.assertEqual("example:orders\n16\n", text)

    def test_it_wants_envelope_first(self):
        conn = self.plain()
        conn.enable_load_extension(True)
        with self.assertRaisesRegex(Exception, "load envelope first"):
            conn.load_extension(os.path.join(PROVIDERS, "example_provider.so"))

    def test_after_config_was_dropped(self):
        conn = super(contract.Tools, self).connect()
        self.one(conn, "SELECT envelope_drop('config')")
        with self.assertRaisesRegex(Exception, "privilege 'config'"):
            self.prepare(conn)

    def test_loaded_twice(self):
        conn = self.key_under(self.cmk())
        self.prepare(conn)
        self.assertEqual(CANARY, self.open(conn, self.seal(conn)))

    def test_without_it(self):
        """A connection that has not loaded the other extension."""
        blob = self.sealed(self.cmk())
        conn = super(contract.Tools, self).connect()
        self.one(conn, "SELECT envelope_config('cmks', 'example:one')")
        self.refuses_open("no provider for example:", conn, blob)


if __name__ == "__main__":
    unittest.main()
