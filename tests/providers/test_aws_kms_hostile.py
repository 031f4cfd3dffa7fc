#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""aws-kms: URIs through a hostile proxy, before moto."""

import os
import unittest

import hostile
import stub
from aws import AwsTest, operation


class AwsHostile(hostile.Hostile, AwsTest):
    plaintext = ("Plaintext",)
    ciphertext = ("CiphertextBlob",)

    def upstream(self):
        return stub.Upstream(self.moto.port, ca=self.authority.ca)

    def route(self, port):
        os.environ["AWS_ENDPOINT_URL_KMS"] = self.url_of(port)
        return self.uri

    def believe(self, ca):
        os.environ["AWS_CA_BUNDLE"] = ca

    def is_unwrap(self, request):
        return operation(request) == "Decrypt"

    def is_wrap(self, request):
        return operation(request) == "Encrypt"

    def test_one_connection_serves_many_calls(self):
        """Of one piece of work; then it is closed, for libcurl would keep the
        secret that signed the last request with it."""
        conn = self.key_under(self.uri)
        for _ in range(4):
            self.one(conn, "SELECT envelope_key_rotate('pii')")
        asked, before = len(self.stub.requests), self.stub.connections
        self.one(self.trusting(self.uri), "SELECT envelope_key_rewrap('pii')")
        names = [operation(r) for r in self.stub.requests[asked:]]
        self.assertEqual(5, names.count("ReEncrypt"))
        self.assertLessEqual(self.stub.connections - before,
                             1 + len(names) - names.count("ReEncrypt"))

    def test_a_reply_about_another_key(self):
        blob = self.seal(self.key_under(self.uri))
        other = self.new_key()
        self.spoil(lambda reply: reply.with_body(
            reply.body.replace(self.key.encode(), other.encode())))
        self.assertIn("not one to this request", self.refuses_to_open(blob))
        self.good()
        self.opens(blob, self.uri)


if __name__ == "__main__":
    unittest.main()
