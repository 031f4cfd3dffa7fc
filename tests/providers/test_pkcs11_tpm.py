# SPDX-License-Identifier: MIT
"""pkcs11: with a TPM 2.0 in software and tpm2-pkcs11: the RSA key wraps here,
and unwraps there, by RSA-OAEP with SHA-256."""

import os
import unittest

import pkcs11_shared
import pkcs11_tokens
from contract import CANARY, Hooks

token = None


def setUpModule():
    global token
    token = pkcs11_tokens.Tpm()
    # a TPM takes a second for a pair, and has no room for many
    for label in ("one", "two"):
        token.pkcs11_tool("--keypairgen", "--key-type", "rsa:2048", "--label",
                          label, "--id", label.encode().hex())


def tearDownModule():
    if token is not None:
        token.remove()


class Base(Hooks):
    def setUp(self):
        super().setUp()
        self.secrets.append(pkcs11_tokens.PIN)
        os.environ.update(token.settings())

    def cmk(self, name="one"):
        return token.uri({"one": "one"}.get(name, "two"))


class Tpm(Base, pkcs11_shared.Shared):
    absent = dict.fromkeys(
        ("disable", "enable", "destroy", "deny", "allow", "cut", "restore",
         "calls"),
        "done with SoftHSM")
    absent.update(rotate=pkcs11_shared.Shared.versions,
                  sql_rotate=pkcs11_shared.Shared.versions,
                  stall=pkcs11_shared.Shared.blocking,
                  fresh="a TPM makes keys by its own tools")

    def missing(self):
        return token.uri("missing")

    def test_after_a_fork(self):
        """The child must not open: tpm2-pkcs11 goes on with its parent's
        connection and session at the TPM, and each would spoil the other's."""
        uri = self.cmk()
        conn, blob = self.with_value(uri)
        self.in_child(lambda: self.refuses_open("after the fork",
                                                self.trusting(uri), blob))
        self.create(conn, "next", uri)
        self.opens(blob, uri)


class Keys(Base, unittest.TestCase):
    def test_the_mechanism(self):
        info = self.one(self.connect(), "SELECT envelope_cmk_info(?)",
                        self.cmk())
        self.assertIn("RSA of 2048 bits, rsa-oaep-sha256", info)

    def test_it_says_that_it_makes_no_key(self):
        self.refuses("own tool", self.connect(),
                     "SELECT envelope_cmk_create(?)", token.uri("new"))

    def test_sha1_is_not_opened_where_it_is_not_allowed(self):
        os.environ["ENVELOPE_PKCS11_MECHANISMS"] = "rsa-oaep-sha256"
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", self.cmk())
        blob = self.seal(conn)
        os.environ["ENVELOPE_PKCS11_MECHANISMS"] = "rsa-oaep-sha1"
        other = self.connect()
        self.one(other, "SELECT envelope_config('cmks', ?)", self.cmk())
        self.refuses_open("rsa-oaep-sha256", other, blob)
        del os.environ["ENVELOPE_PKCS11_MECHANISMS"]
        self.assertEqual(CANARY, self.open(other, blob))


if __name__ == "__main__":
    unittest.main()
