#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the hexadecimal blocks of FORMAT.md, section 9."""

from __future__ import annotations

from dataclasses import replace

import envelope_format as ef
from envelope_format import Kek, KeyRecord, Manifest, value_of

KEY = bytes(range(0x00, 0x20))
SECRET = bytes(range(0x20, 0x40))
DEK = bytes(range(0x40, 0x60))
NEXT_KEY = bytes(range(0x60, 0x80))
EXPORT_KEY = bytes(range(0x80, 0xA0))
EXPORT_SECRET = bytes(range(0xA0, 0xC0))
NONCE = bytes(range(0x80, 0x98))
VALUE = value_of("ann@example.org")
CONTEXT = (value_of("Customer.Email"), value_of(7))

LABEL_WIDTH = 10
LINE_BYTES = 32

Field = tuple[str, bytes]


def keys() -> list[Field]:
    """What is derived from the KEK."""
    kek = Kek(KEY, ef.SUITE_AES)
    return [
        ("KEK", KEY),
        ("F", kek.fingerprint),
        ("key id", kek.key_id),
        ("Kw", kek.wrap_key),
    ]


def sealed() -> ef.Envelope:
    """The envelope of the example."""
    return ef.parse(ef.seal(VALUE, Kek(KEY, ef.SUITE_AES), DEK, CONTEXT))


def data() -> list[Field]:
    """Sections 4 to 6."""
    envelope = sealed()
    return [
        ("DEK", DEK),
        ("part 1", CONTEXT[0].part),
        ("part 2", CONTEXT[1].part),
        ("A", envelope.header.data_aad(CONTEXT)),
        ("P", ef.COMMITMENT + VALUE.typed),
        ("C", envelope.data),
        ("T", envelope.tag),
    ]


def wrap() -> list[Field]:
    """Section 7."""
    envelope = sealed()
    kw = Kek(KEY, ef.SUITE_AES).wrap_key
    return [
        ("N", envelope.nonce),
        ("Kx", ef.xaes_key(kw, envelope.nonce)),
        ("Wa", envelope.header.wrap_aad()),
        ("W", envelope.wrap),
        ("envelope", envelope.encode()),
    ]


def rewrapped() -> list[Field]:
    """Rewrap to another KEK."""
    target = Kek(NEXT_KEY, ef.SUITE_AES)
    blob = ef.rewrap(sealed().encode(), [Kek(KEY, ef.SUITE_AES)], target)
    return [
        ("KEK", NEXT_KEY),
        ("key id", target.key_id),
        ("W", ef.parse(blob).wrap),
        ("envelope", blob),
    ]


def indexed() -> list[Field]:
    """The other suite, with a blind index and padding."""
    index = ef.blind_index(SECRET, CONTEXT[0], VALUE)
    kek = Kek(KEY, ef.SUITE_CHACHA)
    blob = ef.seal(VALUE, kek, DEK, CONTEXT, index=index, padded=True)
    return [
        ("S", SECRET),
        ("index key", ef.kdf(SECRET, "name-index", CONTEXT[0].part)),
        ("index", index),
        ("key id", kek.key_id),
        ("P", ef.COMMITMENT + ef.pad(VALUE).typed),
        ("envelope", blob),
    ]


def record() -> list[Field]:
    """Section 8."""
    fingerprint = Kek(KEY, ef.SUITE_AES).fingerprint
    key_record = KeyRecord(b"pii", 1, ef.SUITE_AES, fingerprint, 1767225600,
                           ef.LOCAL, ef.ACTIVE, generation=1)
    key_record = ef.tag_record(key_record, KEY, SECRET)
    manifest = Manifest(generation=1, current=1)
    manifest = replace(
        manifest, tag=manifest.make_tag(SECRET, {1: key_record.tag2})
    )
    return [
        ("payload", KEY + SECRET),
        ("fields", key_record.fields),
        ("tag1", key_record.tag1),
        ("tag2", key_record.tag2),
        ("manifest", manifest.tag),
        ("context", key_record.provider_context),
        ("name id", ef.kdf(SECRET, "name-id")[:16]),
    ]


def exported() -> list[Field]:
    """Section 11."""
    kek = Kek(EXPORT_KEY, ef.SUITE_AES)
    wraps = [ef.Wrap(b"keyring:app.keyring", b"a wrapped secret")]
    export_record = ef.make_export_record(kek, EXPORT_SECRET, wraps)
    blob = ef.export(sealed().encode(), [Kek(KEY, ef.SUITE_AES)], kek,
                     export_record)
    return [
        ("payload", EXPORT_KEY + EXPORT_SECRET),
        ("F", kek.fingerprint),
        ("context", export_record.provider_context),
        ("tag", export_record.tag),
        ("record", export_record.encode()),
        ("W", ef.parse(blob).wrap),
        ("envelope", blob),
    ]


def subject() -> list[Field]:
    """Section 12."""
    parent, kek = Kek(KEY, ef.SUITE_AES), Kek(NEXT_KEY, ef.SUITE_AES)
    made = ef.wrap_subject(b"pii/42", kek, parent, NONCE, 1767225600,
                           ef.ACTIVE)
    return [
        ("Ks", ef.subject_key(parent)),
        ("key id", made.key_id),
        ("aad", made.aad),
        ("nonce", made.nonce),
        ("V", made.wrapped),
        ("record", made.encode()),
    ]


def block(fields: list[Field]) -> str:
    """Fields as text, so many bytes a line."""
    lines = []
    for label, octets in fields:
        for at in range(0, len(octets), LINE_BYTES):
            chunk = octets[at:at + LINE_BYTES].hex()
            lines.append(f"{label:{LABEL_WIDTH}}{chunk}\n")
            label = ""
    return "".join(lines)


def blocks() -> list[str]:
    """Every block, in the order of the page."""
    makers = (keys, data, wrap, rewrapped, indexed, record, exported, subject)
    return [block(make()) for make in makers]


if __name__ == "__main__":
    print("\n".join(blocks()), end="")
