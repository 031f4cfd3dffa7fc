# SPDX-License-Identifier: MIT
"""The contract that every provider keeps, as SQL sees it.

A provider's test mixes Contract into a TestCase, and says by its hooks how to
reach its CMKs and what may become of them:

    class Vault(Contract, unittest.TestCase):
        def cmk(self, name): ...

A hook that a provider has no use for is named in `absent`, with the reason;
what is tested by it is then skipped, and the reason printed. All the rest is
the same for a keyring, a PEM file, an HSM and a cloud.
"""

import os
import sys

sys.path.insert(0, os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sql"))

from support import CANARY, SqlTest  # noqa: E402  (found by the line above)


class Hooks(SqlTest):
    """What a provider's test says of it."""

    # hook: why this provider has none
    absent = {}

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

    def need(self, *hooks):
        """Skips a test whose hooks this provider has no use for."""
        for hook in hooks:
            if hook in self.absent:
                self.skipTest("no %s: %s" % (hook, self.absent[hook]))


class Contract(Hooks):
    """Goes before TestCase's own in the list of bases."""

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        for hook in cls.absent:
            assert callable(getattr(Hooks, hook, None)), hook

    def key_under(self, uri, name="pii"):
        """A connection with a key under this CMK."""
        conn = self.connect()
        self.one(conn, "SELECT envelope_key_create(?, ?)", name, uri)
        return conn

    def trusting(self, *uris):
        """A new connection, which has nothing in its cache and allows these."""
        conn = self.connect()
        self.one(conn, "SELECT envelope_config('cmks', ?)", " ".join(uris))
        return conn

    def test_round_trip(self):
        uri = self.cmk()
        blob = self.seal(self.key_under(uri))
        self.assertEqual(CANARY, self.open(self.trusting(uri), blob))
