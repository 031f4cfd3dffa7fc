#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turn Project Wycheproof's test vectors into lines for crypto_eval.

    wycheproof.py DIR    prints `NAME | REQUEST | REPLY` for each question

DIR holds Wycheproof's JSON files. REQUEST is a line for crypto_eval; REPLY is
its right answer, or `not` and an answer that would be wrong. Vectors with
parameters that we never use (other key or nonce sizes) are left out.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

HMAC_KEY_BYTES = 32
HASH_BLOCK_BYTES = 64

# file, ciphers of crypto_eval, bits of a nonce
AEADS = (
    ("aes_gcm_test.json", ("gcm", "gcm-openssl"), 96),
    ("chacha20_poly1305_test.json", ("chacha",), 96),
    ("xchacha20_poly1305_test.json", ("xchacha",), 192),
)
HMAC = "hmac_sha256_test.json"
OAEP = ("rsa_oaep_3072_sha256_mgf1sha256_test.json",
        "rsa_oaep_4096_sha256_mgf1sha256_test.json")
X25519 = "x25519_test.json"
FILES = tuple(file for file, _, _ in AEADS) + (HMAC, *OAEP, X25519)


@dataclass(frozen=True)
class Question:
    """One request and what to make of its reply."""

    name: str
    request: str
    reply: str
    is_right: bool = True
    may_go_on: bool = False  # the published answer is cut short

    def judge(self, reply: str) -> bool:
        """Is this the reply it should be?"""
        if self.may_go_on:
            reply = reply[:len(self.reply)]
        return (reply == self.reply) == self.is_right

    def __str__(self) -> str:
        word = "" if self.is_right else "not "
        return f"{self.name} | {self.request} | {word}{self.reply}"


def or_dash(text: str) -> str:
    """Hexadecimal as crypto_eval reads and writes it."""
    return text or "-"


def groups(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each test with its group."""
    with path.open(encoding="utf-8") as file:
        for group in json.load(file)["testGroups"]:
            for test in group["tests"]:
                yield group, test


def of_aead(path: Path, ciphers: tuple[str, ...],
            nonce_bits: int) -> Iterator[Question]:
    """Seal and open; what is invalid must be refused."""
    for group, test in groups(path):
        sizes = (group["keySize"], group["ivSize"], group["tagSize"])
        if sizes != (256, nonce_bits, 128):
            continue
        for cipher in ciphers:
            name = f"{path.stem} {test['tcId']} {cipher}"
            keys = " ".join((cipher, test["key"], test["iv"],
                             or_dash(test["aad"])))
            sealed = test["ct"] + test["tag"]
            valid = test["result"] == "valid"
            yield Question(name, f"open {keys} {sealed}",
                           or_dash(test["msg"]) if valid else "refused")
            yield Question(name, f"seal {keys} {or_dash(test['msg'])}",
                           sealed, valid)


def same_key(key: bytes) -> bytes:
    """The 32-byte key that means the same to HMAC (RFC 2104)."""
    if len(key) > HASH_BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    if len(key) > HMAC_KEY_BYTES:
        raise ValueError("a key of 33 to 64 bytes")
    return key.ljust(HMAC_KEY_BYTES, b"\0")


def of_hmac(path: Path) -> Iterator[Question]:
    """The tag, or the first half of it."""
    for _, test in groups(path):
        key = same_key(bytes.fromhex(test["key"])).hex()
        yield Question(f"{path.stem} {test['tcId']}",
                       f"hmac {key} {or_dash(test['msg'])}",
                       test["tag"], test["result"] == "valid",
                       may_go_on=True)


def of_oaep(path: Path) -> Iterator[Question]:
    """The message, of the length that it has."""
    for group, test in groups(path):
        size = len(test["msg"]) // 2
        words = ("oaep", group["privateKeyPkcs8"], str(size),
                 or_dash(test["label"]), or_dash(test["ct"]))
        valid = test["result"] == "valid"
        yield Question(f"{path.stem} {test['tcId']}", " ".join(words),
                       or_dash(test["msg"]) if valid else "refused")


def of_x25519(path: Path) -> Iterator[Question]:
    """What is shared; refused where it would be zero whatever the secret."""
    for _, test in groups(path):
        request = f"x25519 {test['private']} {test['public']}"
        zero = not any(bytes.fromhex(test["shared"]))
        yield Question(f"{path.stem} {test['tcId']}", request,
                       "refused" if zero else test["shared"])


def questions(folder: Path) -> Iterator[Question]:
    """All of them."""
    for file, ciphers, nonce_bits in AEADS:
        yield from of_aead(folder / file, ciphers, nonce_bits)
    yield from of_hmac(folder / HMAC)
    for file in OAEP:
        yield from of_oaep(folder / file)
    yield from of_x25519(folder / X25519)


def main() -> int:
    """The command line."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    for question in questions(Path(sys.argv[1])):
        print(question)
    return 0


if __name__ == "__main__":
    sys.exit(main())
