# SPDX-License-Identifier: MIT
"""What every PKCS#11 module must do, besides the contract of all providers."""

import os

from contract import CANARY, Hooks


class Shared(Hooks):
    def sealed(self, uri):
        """A connection with a key under the CMK, and a value under the key."""
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create('pii', ?)", uri)
        return conn, self.seal(conn)

    def opens_anew(self, uri, blob):
        """In a new connection, which has nothing in its cache."""
        conn = self.connect()
        self.one(conn, "SELECT envelope_config('cmks', ?)", uri)
        self.assertEqual(CANARY, self.open(conn, blob))

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

    def test_a_child_of_fork_opens_its_own_session(self):
        uri = self.cmk()
        conn, blob = self.sealed(uri)
        self.in_child(lambda: self.opens_anew(uri, blob))
        self.one(conn, "SELECT envelope_key_create('next', ?)", uri)
        self.opens_anew(uri, blob)

    def test_a_child_of_fork_does_not_harm_its_parent(self):
        uri = self.cmk()
        conn, blob = self.sealed(uri)
        self.in_child(conn.close)
        self.one(conn, "SELECT envelope_key_create('next', ?)", uri)
        self.opens_anew(uri, blob)

    def test_two_connections_side_by_side(self):
        uri = self.cmk()
        one, blob = self.sealed(uri)
        two = self.connect()
        self.one(two, "SELECT envelope_config('cmks', ?)", uri)
        self.assertEqual(CANARY, self.open(two, blob))
        one.close()
        self.one(two, "SELECT envelope_key_create('next', ?)", uri)
