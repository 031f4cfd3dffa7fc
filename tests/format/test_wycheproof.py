#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Project Wycheproof's vectors, through the functions of ext/crypto."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import wycheproof  # noqa: E402  (found through the line above)

VECTORS = (Path(os.environ.get("EE_SHARED", ROOT.parent / "shared"))
           / "vectors" / "wycheproof")
TOOLS = Path(os.environ.get("EE_TOOLS",
                            ROOT / "build" / "release" / "tests" / "tools"))

# applicable vectors of each file, as published; fewer means some were lost
AT_LEAST = {
    "aes_gcm_test": 60,
    "chacha20_poly1305_test": 300,
    "xchacha20_poly1305_test": 300,
    "hmac_sha256_test": 170,
    "rsa_oaep_3072_sha256_mgf1sha256_test": 37,
    "rsa_oaep_4096_sha256_mgf1sha256_test": 37,
    "x25519_test": 518,
}


class Wycheproof(unittest.TestCase):
    """Every applicable vector gives the published answer."""

    questions: list[wycheproof.Question]

    @classmethod
    def setUpClass(cls) -> None:
        missing = [f for f in wycheproof.FILES if not (VECTORS / f).exists()]
        if missing and os.environ.get("CI") == "true":
            raise AssertionError(f"Wycheproof is missing: {missing}")
        if missing:
            raise unittest.SkipTest("Project Wycheproof's vectors are not "
                                    "beside this repository")
        cls.questions = list(wycheproof.questions(VECTORS))

    def ask(self, file: str) -> None:
        """Put every question of a file to crypto_eval."""
        asked = [q for q in self.questions if q.name.split()[0] == file]
        lines = "".join(q.request + "\n" for q in asked)
        done = subprocess.run([TOOLS / "crypto_eval"], input=lines, text=True,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        replies = done.stdout.splitlines()
        self.assertEqual(len(replies), len(asked))
        vectors = {q.name.split()[1] for q in asked}
        self.assertGreaterEqual(len(vectors), AT_LEAST[file])
        wrong = [f"{q}: {reply}" for q, reply in zip(asked, replies)
                 if not q.judge(reply)]
        self.assertEqual(wrong, [])

    def test_aes_gcm(self) -> None:
        """By the library that ee_gcm_*() chooses, and by OpenSSL."""
        self.ask("aes_gcm_test")

    def test_chacha20_poly1305(self) -> None:
        """The data cipher of suite 02."""
        self.ask("chacha20_poly1305_test")

    def test_xchacha20_poly1305(self) -> None:
        """The wrap of suite 02."""
        self.ask("xchacha20_poly1305_test")

    def test_hmac_sha256(self) -> None:
        """ee_hmac()."""
        self.ask("hmac_sha256_test")

    def test_rsa_oaep(self) -> None:
        """ee_rsa_open(), with keys that ee_pubkey_load() reads."""
        self.ask("rsa_oaep_3072_sha256_mgf1sha256_test")
        self.ask("rsa_oaep_4096_sha256_mgf1sha256_test")

    def test_x25519(self) -> None:
        """Under the sealed box."""
        self.ask("x25519_test")


if __name__ == "__main__":
    unittest.main()
