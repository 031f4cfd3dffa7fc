# SPDX-License-Identifier: MIT
"""Read a keyring with a key file, from ext/provider/KEYRING.md alone.

Gives the payload KEK ‖ S of a key in a database, so that tests can compare
the extension with envelope_format under the same key.
"""

from __future__ import annotations

import hmac
import sqlite3
import struct
from pathlib import Path

import envelope_format as ef

KIND_KEYFILE = 2
STATES = {"enabled": 1, "destroyed": 2}


def field(text: str) -> bytes:
    """A name behind its length (u8)."""
    return struct.pack(">B", len(text)) + text.encode()


def check_mac(keyring: sqlite3.Connection, key: bytes) -> bytes:
    """Section 3; the salt, once the MAC over everything is right."""
    salt, mac = keyring.execute("SELECT salt, mac FROM keyring").fetchone()
    rows = keyring.execute(
        "SELECT name, version, state, created, nonce, box FROM cmk"
        " ORDER BY CAST(name AS BLOB), version").fetchall()
    message = b"sqlite-envelope/v1/keyring\0" + salt
    message += struct.pack(">BIIQ", KIND_KEYFILE, 0, 0, len(rows))
    for name, version, state, created, nonce, box in rows:
        message += field(name)
        message += struct.pack(">IBQ", version, STATES[state], created)
        message += (nonce or bytes(24)) + (box or bytes(48))
    mac_key = ef.kdf(key, "keyring-mac", salt)
    if not hmac.compare_digest(mac, ef.hmac_sha256(mac_key, message)):
        raise ef.AuthenticationFailed
    return salt


def cmk(path: Path, key: bytes, name: str, version: int) -> bytes:
    """Section 4: one version of a CMK."""
    keyring = sqlite3.connect(path)
    try:
        salt = check_mac(keyring, key)
        nonce, box = keyring.execute(
            "SELECT nonce, box FROM cmk WHERE name = ? AND version = ?",
            (name, version)).fetchone()
    finally:
        keyring.close()
    aad = b"sqlite-envelope/v1/keyring-cmk\0" + salt + field(name)
    aad += struct.pack(">I", version)
    encrypt = ef.kdf(key, "keyring-enc", salt)
    return ef.wrap_decrypt(ef.SUITE_AES, encrypt, nonce, aad, box)


def read_record(conn: sqlite3.Connection, name: str) -> ef.KeyRecord:
    """The current version of a key name, as the key tables have it."""
    row = conn.execute(
        "SELECT k.version, suite, fingerprint, created, origin, state,"
        " k.generation, key_id, tag1, tag2 FROM envelope_key k"
        " JOIN envelope_key_manifest m ON k.name = m.name"
        " AND k.version = m.current WHERE k.name = ?", (name,)).fetchone()
    origin = {"local": 1, "imported": 2}[row[4]]
    states = ("", "active", "decrypt-only", "disabled", "destroyed")
    return ef.KeyRecord(name.encode(), *row[:4], origin,
                        states.index(row[5]), *row[6:])


def payload_of(
    conn: sqlite3.Connection, path: Path, key: bytes, name: str
) -> bytes:
    """Section 5, then FORMAT R27: the verified payload of a key."""
    record = read_record(conn, name)
    wrapped, = conn.execute("SELECT wrapped FROM envelope_key_wrap"
                            " WHERE key_id = ?", (record.key_id,)).fetchone()
    version, = struct.unpack(">I", wrapped[:4])
    master = cmk(path, key, "default", version)
    payload = ef.wrap_decrypt(
        ef.SUITE_AES, ef.kdf(master, "keyring-wrap"), wrapped[4:28],
        wrapped[:4] + record.provider_context, wrapped[28:])
    siblings = dict(conn.execute(
        "SELECT version, tag2 FROM envelope_key WHERE name = ?", (name,)))
    manifest = ef.Manifest(*conn.execute(
        "SELECT generation, current, tag FROM envelope_key_manifest"
        " WHERE name = ?", (name,)).fetchone())
    ef.verify_record(record, manifest, siblings, payload)
    return payload
