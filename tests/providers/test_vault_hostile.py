#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""vault: URIs through a hostile proxy, before a real server."""

import os
import unittest

import hostile
import stub
from vault import VaultTest


class VaultHostile(hostile.Hostile, VaultTest):
    plaintext = ("data", "plaintext")
    ciphertext = ("data", "ciphertext")

    def upstream(self):
        return stub.Upstream(self.bao.port, ca=self.authority.ca)

    def route(self, port):
        return self.uri_of(self.key, port=port, host="localhost")

    def believe(self, ca):
        os.environ["VAULT_CACERT"] = ca

    def is_unwrap(self, request):
        return "/decrypt/" in request.path

    def is_wrap(self, request):
        return "/encrypt/" in request.path

    def test_the_token_goes_to_the_server_and_not_into_the_url(self):
        self.key_under(self.uri)
        for request in self.stub.requests:
            headers = dict(request.headers)
            self.assertEqual(os.environ["VAULT_TOKEN"],
                             headers["X-Vault-Token"])
            self.assertNotIn(os.environ["VAULT_TOKEN"], request.path)


if __name__ == "__main__":
    unittest.main()
