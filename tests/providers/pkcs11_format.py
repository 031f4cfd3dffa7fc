# SPDX-License-Identifier: MIT
"""Reads wraps by PKCS11.md alone, with Python's cryptography: no code of ours
and no token has a part in it."""

import struct

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

GCM, KEY_WRAP = 1, 2
PREFIX = b"sqlite-envelope/v1/pkcs11\0"


def unwrap(key, wrapped, context):
    """(CKA_ID, payload) of a wrap under an AES key."""
    version, mechanism, n = wrapped[:3]
    assert version == 1, version
    head, body = wrapped[:3 + n], wrapped[3 + n:]
    aad = PREFIX + head + context
    if mechanism == GCM:
        assert len(body) == 12 + 80, len(body)
        payload = AESGCM(key).decrypt(body[:12], body[12:], aad)
    else:
        assert mechanism == KEY_WRAP and len(body) == 40 + 80
        local = keywrap.aes_key_unwrap(key, body[:40])
        payload = AESGCM(local).decrypt(bytes(12), body[40:], aad)
    return head[3:], payload


def context_of(conn, name):
    """FORMAT.md section 8: what the only version of a key is bound to."""
    version, suite, fingerprint, created = conn.execute(
        "SELECT version, suite, fingerprint, created FROM envelope_key "
        "WHERE name = ?", (name,)).fetchone()
    text = name.encode()
    return (b"sqlite-envelope/v1/cmk\0" + struct.pack(">I", len(text)) + text
            + struct.pack(">IB", version, suite) + fingerprint
            + struct.pack(">QB", created, 1))
