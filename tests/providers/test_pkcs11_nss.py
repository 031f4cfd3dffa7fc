# SPDX-License-Identifier: MIT
"""pkcs11: with NSS softokn, which needs a string to start, and has RSA-OAEP
with SHA-256."""

import os
import re
import unittest

import pkcs11_shared
import pkcs11_tokens
from contract import CANARY, Hooks

token = None


def setUpModule():
    global token
    token = pkcs11_tokens.Nss()
    token.make_rsa_pair()


def tearDownModule():
    if token is not None:
        token.remove()


class Base(Hooks):
    count = 0

    def setUp(self):
        super().setUp()
        self.secrets.append(pkcs11_tokens.PIN)
        os.environ.update(token.settings())

    def fresh(self):
        Base.count += 1
        return token.uri("fresh-%d" % Base.count)

    def cmk(self, name="one"):
        uri = self.fresh()
        self.assertEqual(uri, self.one(self.connect(),
                                       "SELECT envelope_cmk_create(?)", uri))
        return uri


class Nss(Base, pkcs11_shared.Shared):
    absent = dict.fromkeys(
        ("disable", "enable", "destroy", "deny", "allow", "cut", "restore",
         "calls"),
        "done with SoftHSM; no tool changes softokn's keys from outside")
    absent.update(rotate=pkcs11_shared.Shared.versions,
                  sql_rotate=pkcs11_shared.Shared.versions,
                  stall=pkcs11_shared.Shared.blocking)

    def missing(self):
        return self.fresh()


class Mechanisms(Base, unittest.TestCase):
    def by(self, mechanism):
        """A key is made, wrapped and unwrapped by this mechanism alone."""
        os.environ["ENVELOPE_PKCS11_MECHANISMS"] = mechanism
        uri = self.cmk()
        info = self.one(self.connect(), "SELECT envelope_cmk_info(?)", uri)
        self.assertIn(mechanism, info)
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)
        blob = self.seal(conn)
        other = self.connect()
        self.one(other, "SELECT envelope_config('cmks', ?)", uri)
        self.assertEqual(CANARY, self.open(other, blob))
        return uri, blob

    def test_aes_gcm(self):
        self.by("aes-gcm")

    def test_aes_key_wrap(self):
        self.by("aes-key-wrap")

    def test_rsa_oaep_sha256(self):
        os.environ["ENVELOPE_PKCS11_ALLOW_UNPROTECTED"] = "1"
        key_id = token.rsa_id
        uri = "pkcs11:token=NSS%%20Certificate%%20DB;id=%s" % re.sub(
            "(..)", r"%\1", key_id)
        info = self.one(self.connect(), "SELECT envelope_cmk_info(?)", uri)
        self.assertIn("rsa-oaep-sha256", info)
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)
        blob = self.seal(conn)
        other = self.connect()
        self.one(other, "SELECT envelope_config('cmks', ?)", uri)
        self.assertEqual(CANARY, self.open(other, blob))

    def test_a_mechanism_that_is_not_allowed_does_not_open(self):
        uri, blob = self.by("aes-key-wrap")
        os.environ["ENVELOPE_PKCS11_MECHANISMS"] = "aes-gcm"
        conn = self.connect()
        self.one(conn, "SELECT envelope_config('cmks', ?)", uri)
        self.refuses_open("aes-key-wrap", conn, blob)


if __name__ == "__main__":
    unittest.main()
