# SPDX-License-Identifier: MIT
"""Envelopes forged by somebody who has the keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

import envelope_format as ef
from envelope_format import (
    BLOB,
    COMMITMENT,
    FLAG_INDEX,
    FLAG_PADDED,
    FLAG_RECORD,
    INTEGER,
    NULL,
    REAL,
    TEXT,
    Envelope,
    Header,
    Value,
    value_of,
)
from vectors_base import (
    KEKS,
    OTHER_SUITE,
    SUITES,
    TARGETS,
    VALUE,
    Files,
    Sample,
    fails,
    flip,
    opens_anyway,
)


def bad_plaintexts(files: Files) -> None:
    """P is wrong though every tag is right; the forger has the DEK."""
    wrong = (
        ("commitment_wrong_but_tag_right", b"\1" + bytes(31)),
        ("commitment_last_bit_wrong_but_tag_right", bytes(31) + b"\1"),
        ("commitment_byte_24_wrong_but_tag_right",
         bytes(24) + b"\x80" + bytes(7)),
        ("commitment_ones_but_tag_right", b"\xff" * 32),
    )
    for name, zeros in wrong:
        for suite, suffix in SUITES:
            sample = Sample(name + suffix, suite=suite)
            fails(files, "R18", "the first 32 bytes of P are not zero",
                  sample, sample.forge(zeros + VALUE.typed).encode())
    for kind in (0, 6, 0x10, 0x83, 0xFF):
        sample = Sample(f"type_unknown_{kind:02x}")
        forged = sample.forge(COMMITMENT + bytes([kind]) + bytes(8))
        fails(files, "R12", "no such type", sample, forged.encode())
    for name, body in (("", b""), ("_with_body", b"x")):
        sample = Sample("type_null_05" + name)
        forged = sample.forge(COMMITMENT + Value(NULL, body).typed)
        fails(files, "R11", "a NULL is never sealed", sample,
              forged.encode())
    for kind, word in ((INTEGER, "integer"), (REAL, "real")):
        for length in (0, 1, 7, 9, 16):
            sample = Sample(f"{word}_body_{length}_bytes")
            value = Value(kind, bytes(length))
            forged = sample.forge(COMMITMENT + value.typed)
            fails(files, "R12", "the body must be 8 bytes", sample,
                  forged.encode())
    for name, bits in (("quiet", "7ff8000000000000"),
                       ("signalling", "7ff0000000000001"),
                       ("negative", "ffffffffffffffff")):
        sample = Sample(f"real_nan_{name}")
        value = Value(REAL, bytes.fromhex(bits))
        forged = sample.forge(COMMITMENT + value.typed)
        fails(files, "R13", "a NaN is never sealed", sample,
              forged.encode())


def bad_padding(files: Files) -> None:
    """Bodies under flag 04 that are not padded, and odd paddings."""
    note = "the body has no 80 before its zeros"
    table = (
        ("pad_without_80", "R15", note, Value(TEXT, b"ann" + bytes(12))),
        ("pad_only_zeros", "R15", note, Value(TEXT, bytes(15))),
        ("pad_body_empty", "R15", note, Value(TEXT)),
        ("pad_81_for_80", "R15", note, Value(TEXT, b"ann\x81" + bytes(11))),
        ("pad_00_01_after_80", "R15", note, Value(BLOB, b"ann\x80\0\1")),
        ("pad_integer_without_80", "R15", note, value_of(0x4141)),
        ("pad_integer_7_bytes", "R12", "8 bytes must be left",
         ef.pad(Value(INTEGER, bytes(7)))),
        ("pad_integer_9_bytes", "R12", "8 bytes must be left",
         ef.pad(Value(INTEGER, bytes(9)))),
        ("pad_real_empty", "R12", "8 bytes must be left",
         ef.pad(Value(REAL))),
        ("pad_type_unknown_06", "R12", "no such type",
         ef.pad(Value(6, b"ann"))),
        ("pad_type_null_05", "R11", "a NULL is never sealed",
         ef.pad(Value(NULL))),
    )
    for name, rule, reason, value in table:
        sample = Sample(name, flags=FLAG_PADDED)
        fails(files, rule, reason, sample,
              sample.forge(COMMITMENT + value.typed).encode())
    for name, zeros in (("shorter", 0), ("longer", 100)):
        sample = Sample(f"pad_{name}_than_writers", flags=FLAG_PADDED)
        body = VALUE.body + b"\x80" + bytes(zeros)
        forged = sample.forge(COMMITMENT + Value(TEXT, body).typed)
        opens_anyway(files, "R15", "a reader strips any number of zeros",
                     sample, forged)


def bad_wraps(files: Files) -> None:
    """W made by other rules, as a wrong writer might."""
    for suite, suffix in SUITES:
        for name, rule, note, wrap in wrong_wraps(suite, suffix):
            sample = Sample(name + suffix, suite=suite)
            forged = replace(sample.envelope, wrap=wrap)
            fails(files, rule, note, sample, forged.encode())


def wrong_wraps(
    suite: int, suffix: str
) -> list[tuple[str, str, str, bytes]]:
    """Name, rule, note and W of wraps that obey other rules."""
    def make(name: str, key: bytes, aad: bytes | None = None,
             nonce: bytes | None = None) -> bytes:
        sample = Sample(name + suffix, suite=suite)
        envelope = sample.envelope
        return ef.wrap_encrypt(
            suite,
            key,
            envelope.nonce if nonce is None else nonce,
            sample.header.wrap_aad() if aad is None else aad,
            sample.dek,
        )

    kek = KEKS[suite]
    other_suite = bytes([OTHER_SUITE[suite]])
    right = kek.wrap_key
    keys = (
        ("wrap_key_is_raw_kek", "R9", "W under the KEK itself", kek.key),
        ("wrap_key_is_record_key", "R9", "W under the key of tag1",
         kek.derive("kek-record")),
        ("wrap_key_of_other_suite", "R9", "W under a Kw of another suite",
         ef.kdf(kek.key, "kek-wrap", other_suite)),
        ("wrap_key_of_other_kek", "R20", "W under another KEK's Kw",
         TARGETS[suite].wrap_key),
    )
    wraps = [(name, rule, note, make(name, key))
             for name, rule, note, key in keys]
    name = "wrap_nonce_zero"
    wraps.append((name, "R20", "N is not C[0..24)",
                  make(name, right, nonce=bytes(24))))
    name = "wrap_aad_without_key_id"
    short = Header(suite, b"").wrap_aad()
    wraps.append((name, "R20", "Wa has no key id", make(name, right, short)))
    name = "wrap_aad_empty"
    wraps.append((name, "R20", "Wa is empty", make(name, right, b"")))
    return wraps


def bad_aads(files: Files) -> None:
    """A or Wa made by other rules, as a wrong writer might."""
    for suite, suffix in SUITES:
        sample = Sample("wrap_aad_with_flag_02" + suffix, suite=suite,
                        flags=FLAG_RECORD)
        envelope = sample.envelope
        aad = flip(sample.header.wrap_aad(), 4, FLAG_RECORD)
        wrap = ef.wrap_encrypt(suite, sample.kek.wrap_key, envelope.nonce,
                               aad, sample.dek)
        fails(files, "R21", "Wa has the flag 02", sample,
              replace(envelope, wrap=wrap).encode())
        for name, flags, note, aad_of in WRONG_AADS:
            sample = Sample(name + suffix, suite=suite, flags=flags)
            blob = seal_with_aad(sample, aad_of(sample)).encode()
            fails(files, "R16", note, sample, blob)


WRONG_AADS: tuple[tuple[str, int, str, Callable[[Sample], bytes]], ...] = (
    ("aad_empty", 0, "A is empty", lambda s: b""),
    ("aad_without_context", 0, "A ends before its count",
     lambda s: s.header.data_aad(())[:-4]),
    ("aad_with_flag_02", FLAG_RECORD, "A has the flag 02",
     lambda s: flip(s.header.data_aad(s.context), 4, FLAG_RECORD)),
    ("aad_with_key_id", 0, "A has the key id",
     lambda s: s.header.data_aad(s.context)[:5] + s.kek.key_id
     + s.header.data_aad(s.context)[5:]),
    ("aad_without_index", FLAG_INDEX, "A has no blind index",
     lambda s: replace(s.header, index=b"").data_aad(s.context)),
)


def seal_with_aad(sample: Sample, aad: bytes) -> Envelope:
    """Sealed with any A, and a W that is right."""
    cipher = ef.data_cipher(sample.suite, sample.dek)
    plaintext = COMMITMENT + sample.value.typed
    sealed = cipher.encrypt(ef.DATA_NONCE, plaintext, aad)
    data, tag = sealed[:-16], sealed[-16:]
    wrap = ef.wrap_dek(sample.header, sample.kek, sample.dek, data)
    return Envelope(sample.header, wrap, data, tag)
