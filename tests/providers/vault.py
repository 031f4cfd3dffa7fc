# SPDX-License-Identifier: MIT
"""What the tests of vault: URIs share: one real server for a class, keys and
tokens of a test's own, an environment with nothing else in it."""

import itertools
import os
import re
import shutil
import tempfile

import bao
import contract
import stub

NAMES = re.compile(r"^((VAULT|BAO)_.*|https?_proxy|no_proxy|HOME)$", re.I)
numbers = itertools.count(1)


class VaultTest(contract.Tools):
    """A class has a server; a test has a key `self.key`, a token that may
    encrypt and decrypt with it, and its URI."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shared = tempfile.mkdtemp(prefix="ee-vault-")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.authority = stub.Authority(cls.shared)
        cls.bao = bao.Bao(cls.authority)
        cls.addClassCleanup(cls.bao.stop)

    scheme = "vault"

    def setUp(self):
        super().setUp()
        before = {k: v for k, v in os.environ.items() if NAMES.match(k)}
        self.addCleanup(os.environ.update, before)
        self.addCleanup(self.forget)
        self.forget()
        os.environ["HOME"] = self.dir
        os.environ["VAULT_CACERT"] = self.authority.ca
        self.key = self.new_key()
        self.uri = self.uri_of(self.key)
        self.use_token(self.new_token(self.key))

    @staticmethod
    def forget():
        for name in [k for k in os.environ if NAMES.match(k)]:
            del os.environ[name]

    def new_key(self, **more):
        name = "key-%d" % next(numbers)
        self.bao.make_key(name, **more)
        return name

    def uri_of(self, key, port=None, mount="transit", host="127.0.0.1"):
        return "vault://%s:%d/%s/keys/%s" % (host, port or self.bao.port,
                                             mount, key)

    def new_policy(self, *keys, mount="transit", more="", **options):
        """Of an application: it may encrypt and decrypt, and nothing else."""
        name = "policy-%d" % next(numbers)
        text = "".join(bao.POLICY % {"mount": mount, "key": key}
                       for key in keys)
        self.bao.policy(name, text + more, **options)
        return name

    def new_token(self, *keys, more="", **options):
        return self.bao.token(self.new_policy(*keys, more=more), **options)

    def use_token(self, token):
        self.secrets.append(token)
        os.environ["VAULT_TOKEN"] = token

    def asked(self, path):
        """How often the server was asked this, by its own log."""
        return sum(1 for r in self.bao.audit() if r["path"] == path)
