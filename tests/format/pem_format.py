# SPDX-License-Identifier: MIT
"""Read and write wraps under a PEM file, from ext/provider/PEM.md alone.

RSA's arithmetic and OAEP are Python's integers and hashlib. Of the sealed
box, X25519 and Poly1305 are python3-cryptography's and BLAKE2b is hashlib's;
Salsa20 is written out here.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey, RSAPublicKey)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey, X25519PublicKey)
from cryptography.hazmat.primitives.poly1305 import Poly1305

DOMAIN = b"sqlite-envelope/v1/pem\0"
VERSION = 1
RSA = 1
X25519 = 2
HEAD = 34
HASH = 32
PAYLOAD = 64

PublicKey = Any  # RSAPublicKey or X25519PublicKey
PrivateKey = Any


class NotAuthentic(Exception):
    """A wrap that does not open."""


class AnotherKey(Exception):
    """A wrap under another key."""


def load_public(path: Path) -> PublicKey:
    """The public key of a file that holds either half."""
    text = path.read_bytes()
    if b"PRIVATE" in text:
        return load_private(path).public_key()
    return serialization.load_pem_public_key(text)


def load_private(path: Path) -> PrivateKey:
    """The private key of a file without a passphrase."""
    return serialization.load_pem_private_key(path.read_bytes(), None)


def key_id(key: PublicKey) -> bytes:
    """Section 1: SHA-256 of SubjectPublicKeyInfo."""
    return hashlib.sha256(key.public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)).digest()


def head(key: PublicKey) -> bytes:
    """Section 2: what stands before the ciphertext."""
    algorithm = RSA if isinstance(key, RSAPublicKey) else X25519
    return bytes((VERSION, algorithm)) + key_id(key)


def xor(left: bytes, right: bytes) -> bytes:
    """Byte by byte, as long as the shorter."""
    return bytes(a ^ b for a, b in zip(left, right))


# --- section 3: RSAES-OAEP (RFC 8017, 7.1) ----------------------------------


def mgf1(seed: bytes, length: int) -> bytes:
    """Appendix B.2.1."""
    blocks = (hashlib.sha256(seed + struct.pack(">I", i)).digest()
              for i in range(-(-length // HASH)))
    return b"".join(blocks)[:length]


def oaep_pad(size: int, label: bytes, message: bytes, seed: bytes) -> bytes:
    """EM."""
    block = hashlib.sha256(label).digest()
    block += bytes(size - 2 * HASH - 2 - len(message)) + b"\1" + message
    masked = xor(block, mgf1(seed, len(block)))
    return b"\0" + xor(seed, mgf1(masked, HASH)) + masked


def oaep_unpad(padded: bytes, label: bytes) -> bytes:
    """The message."""
    masked = padded[1 + HASH:]
    seed = xor(padded[1:1 + HASH], mgf1(masked, HASH))
    block = xor(masked, mgf1(seed, len(masked)))
    rest = block[HASH:].lstrip(b"\0")
    if (padded[0] or block[:HASH] != hashlib.sha256(label).digest()
            or rest[:1] != b"\1"):
        raise NotAuthentic
    return rest[1:]


def rsa_seal(key: RSAPublicKey, label: bytes, message: bytes,
             seed: bytes) -> bytes:
    """With a seed that is random except in examples."""
    size = key.key_size // 8
    padded = oaep_pad(size, label, message, seed)
    numbers = key.public_numbers()
    sealed = pow(int.from_bytes(padded, "big"), numbers.e, numbers.n)
    return sealed.to_bytes(size, "big")


def rsa_open(key: RSAPrivateKey, label: bytes, sealed: bytes) -> bytes:
    """The reverse."""
    size = key.key_size // 8
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    value = int.from_bytes(sealed, "big")
    if len(sealed) != size or value >= modulus:
        raise NotAuthentic
    padded = pow(value, numbers.d, modulus).to_bytes(size, "big")
    return oaep_unpad(padded, label)


# --- section 4: the sealed box ----------------------------------------------

SIGMA = struct.unpack("<4I", b"expand 32-byte k")


def rotate(word: int, by: int) -> int:
    """Of 32 bits, to the left."""
    return (word << by | word >> (32 - by)) & 0xFFFFFFFF


def quarter(x: list[int], a: int, b: int, c: int, d: int) -> None:
    """Salsa20's quarterround on four of the words."""
    x[b] ^= rotate((x[a] + x[d]) & 0xFFFFFFFF, 7)
    x[c] ^= rotate((x[b] + x[a]) & 0xFFFFFFFF, 9)
    x[d] ^= rotate((x[c] + x[b]) & 0xFFFFFFFF, 13)
    x[a] ^= rotate((x[d] + x[c]) & 0xFFFFFFFF, 18)


def salsa_words(key: bytes, block: bytes) -> tuple[list[int], list[int]]:
    """The words before and after 20 rounds."""
    k = struct.unpack("<8I", key)
    n = struct.unpack("<4I", block)
    start = [SIGMA[0], *k[:4], SIGMA[1], *n, SIGMA[2], *k[4:], SIGMA[3]]
    x = list(start)
    for _ in range(10):
        for at in (0, 5, 10, 15):  # columns
            quarter(x, at, (at + 4) % 16, (at + 8) % 16, (at + 12) % 16)
        for row in range(4):
            cells = [4 * row + (row + i) % 4 for i in range(4)]
            quarter(x, *cells)
    return start, x


def hsalsa20(key: bytes, block: bytes) -> bytes:
    """A key from a key and 16 bytes."""
    _, x = salsa_words(key, block)
    return struct.pack("<8I", *(x[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))


def xsalsa20(key: bytes, nonce: bytes, length: int) -> bytes:
    """Key stream."""
    subkey = hsalsa20(key, nonce[:16])
    out = b""
    counter = 0
    while len(out) < length:
        start, x = salsa_words(subkey, nonce[16:] + struct.pack("<Q", counter))
        out += struct.pack("<16I", *((a + b) & 0xFFFFFFFF
                                     for a, b in zip(start, x)))
        counter += 1
    return out[:length]


def raw(key: X25519PublicKey) -> bytes:
    """32 bytes."""
    return key.public_bytes(serialization.Encoding.Raw,
                            serialization.PublicFormat.Raw)


def box_stream(secret: X25519PrivateKey, public: X25519PublicKey,
               ephemeral: bytes, recipient: bytes, length: int) -> bytes:
    """Poly1305's key, then what is added to the message."""
    nonce = hashlib.blake2b(ephemeral + recipient, digest_size=24).digest()
    key = hsalsa20(secret.exchange(public), bytes(16))
    return xsalsa20(key, nonce, 32 + length)


def box_seal(key: X25519PublicKey, message: bytes,
             ephemeral: X25519PrivateKey) -> bytes:
    """With an ephemeral key that is random except in examples."""
    point = raw(ephemeral.public_key())
    stream = box_stream(ephemeral, key, point, raw(key), len(message))
    sealed = xor(message, stream[32:])
    return point + Poly1305.generate_tag(stream[:32], sealed) + sealed


def box_open(key: X25519PrivateKey, sealed: bytes) -> bytes:
    """The reverse."""
    point, tag, body = sealed[:32], sealed[32:48], sealed[48:]
    stream = box_stream(key, X25519PublicKey.from_public_bytes(point), point,
                        raw(key.public_key()), len(body))
    try:
        Poly1305.verify_tag(stream[:32], body, tag)
    except InvalidSignature as error:
        raise NotAuthentic from error
    return xor(body, stream[32:])


# --- wraps -------------------------------------------------------------------


def wrap(key: PublicKey, payload: bytes, context: bytes,
         random: bytes) -> bytes:
    """random: 32 bytes, OAEP's seed or the ephemeral secret key."""
    label = DOMAIN + context
    if isinstance(key, RSAPublicKey):
        return head(key) + rsa_seal(key, label, payload, random)
    ephemeral = X25519PrivateKey.from_private_bytes(random)
    message = hashlib.sha256(label).digest() + payload
    return head(key) + box_seal(key, message, ephemeral)


def unwrap(key: PrivateKey, wrapped: bytes, context: bytes) -> bytes:
    """The payload."""
    label = DOMAIN + context
    expected = head(key.public_key())
    if wrapped[:2] != expected[:2]:
        raise NotAuthentic
    if wrapped[2:HEAD] != expected[2:]:
        raise AnotherKey
    if isinstance(key, RSAPrivateKey):
        payload = rsa_open(key, label, wrapped[HEAD:])
    else:
        message = box_open(key, wrapped[HEAD:])
        if not hmac.compare_digest(message[:HASH],
                                   hashlib.sha256(label).digest()):
            raise NotAuthentic
        payload = message[HASH:]
    if len(payload) != PAYLOAD:
        raise NotAuthentic
    return payload
