# SPDX-License-Identifier: MIT
"""pkcs11: with a TPM 2.0 in software and tpm2-pkcs11: the RSA key wraps here,
and unwraps there, by RSA-OAEP with SHA-256."""

import os
import unittest

import contract
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


class Tpm(contract.Contract, Base, pkcs11_shared.Shared,
          unittest.TestCase):
    absent = dict.fromkeys(
        ("rotate", "disable", "enable", "destroy", "deny", "allow", "cut",
         "stall", "restore", "fresh"),
        "done with SoftHSM; a TPM makes keys by its own tools")

    def test_a_child_of_fork_opens_its_own_session(self):
        """It must not: tpm2-pkcs11 goes on with its parent's connection and
        session at the TPM, and each would spoil the other's."""
        uri = self.cmk()
        conn, blob = self.sealed(uri)
        self.in_child(lambda: self.refused_in_child(uri, blob))
        self.one(conn, "SELECT envelope_key_create('next', ?)", uri)
        self.opens_anew(uri, blob)

    def refused_in_child(self, uri, blob):
        conn = self.connect()
        self.one(conn, "SELECT envelope_config('cmks', ?)", uri)
        self.refuses_open("after the fork", conn, blob)


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
