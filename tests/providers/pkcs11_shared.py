# SPDX-License-Identifier: MIT
"""What every PKCS#11 module must do, besides the contract of all providers."""

import os

import contract
from contract import CANARY


class Shared(contract.Contract):
    scheme = "pkcs11"
    versions = "a key object has no versions; PKCS11.md section 6"
    blocking = "only pkcs11_faults.so hangs; test_pkcs11_softhsm.py"

    def with_value(self, uri):
        """A connection with a key under the CMK, and a value under the key."""
        conn = self.key_under(uri)
        return conn, self.seal(conn)

    def in_child(self, work):
        """Runs work() in a child of fork(); it must not raise."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work()
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(0, os.waitpid(child, 0)[1])

    def spelled(self, uri):
        """From back to front, and one letter as %XX."""
        token, key = uri[len("pkcs11:"):].split(";", 1)
        return "pkcs11:%s;token=%%%02x%s" % (key, ord(token[6]), token[7:])

    def test_a_child_of_fork_does_not_harm_its_parent(self):
        uri = self.cmk()
        conn, blob = self.with_value(uri)
        self.in_child(conn.close)
        self.create(conn, "next", uri)
        self.opens(blob, uri)

    def test_one_connection_is_closed_and_another_goes_on(self):
        uri = self.cmk()
        one, blob = self.with_value(uri)
        two = self.trusting(uri)
        self.assertEqual(CANARY, self.open(two, blob))
        one.close()
        self.create(two, "next", uri)

    def test_it_says_how_to_rotate(self):
        self.refuses("rotated at its provider", self.connect(),
                     "SELECT envelope_cmk_rotate(?)", self.cmk())
