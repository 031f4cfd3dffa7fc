# SPDX-License-Identifier: MIT
"""Good envelopes and blind indexes."""

from __future__ import annotations

import struct

import envelope_format as ef
from envelope_format import (
    BLOB,
    FLAG_PADDED,
    FLAG_RECORD,
    REAL,
    TEXT,
    Value,
    value_of,
)
from vec import value_to_text
from vectors_base import SECRET, SUITES, VALUE, Files, Sample, opens, stream


def real(bits: int) -> Value:
    """A REAL by its 64 bits."""
    return Value(REAL, struct.pack(">Q", bits))


def good_values(files: Files) -> None:
    """Every kind of value, its limits, and both suites."""
    table = (
        ("integer_zero", "R12", value_of(0)),
        ("integer_one", "R12", value_of(1)),
        ("integer_minus_one", "R12", value_of(-1)),
        ("integer_256", "R12", value_of(256)),
        ("integer_smallest", "R12", value_of(-(2**63))),
        ("integer_largest", "R12", value_of(2**63 - 1)),
        ("real_zero", "R13", value_of(0.0)),
        ("real_negative_zero", "R13", value_of(-0.0)),
        ("real_five_stays_real", "R13", value_of(5.0)),
        ("real_one_tenth", "R13", value_of(0.1)),
        ("real_infinity", "R13", value_of(float("inf"))),
        ("real_negative_infinity", "R13", value_of(float("-inf"))),
        ("real_smallest_subnormal", "R13", real(1)),
        ("real_largest_subnormal", "R13", real((1 << 52) - 1)),
        ("real_smallest_normal", "R13", real(1 << 52)),
        ("real_largest", "R13", real(0x7FEFFFFFFFFFFFFF)),
        ("empty_text", "R14", Value(TEXT)),
        ("empty_blob", "R14", Value(BLOB)),
        ("text_with_nul", "R14", value_of("ann\0smith")),
        ("text_only_nul", "R14", value_of("\0")),
        ("text_invalid_utf8", "R14", Value(TEXT, b"\xff\xc3(\x80")),
        ("text_lone_surrogate", "R14", Value(TEXT, b"\xed\xa0\x80")),
        ("text_cut_utf8", "R14", Value(TEXT, b"ab\xe2\x82")),
        ("text_outside_bmp", "R14", value_of("\U0001f511")),
        ("text_byte_order_mark", "R14", value_of("\ufeffann")),
        ("text_not_normalised", "R14", value_of("A\u030angstro\u0308m")),
        ("blob_of_every_byte", "R14", value_of(bytes(range(256)))),
        ("blob_like_integer", "R14", value_of(bytes(8))),
        ("blob_is_an_envelope", "R14",
         value_of(Sample("inner").envelope.encode())),
    )
    for name, rule, value in table:
        for suite, suffix in SUITES:
            sample = Sample(name + suffix, value, suite=suite)
            opens(files, rule, "the value keeps its type and bytes", sample)


def good_lengths(files: Files) -> None:
    """Lengths about block and buffer sizes."""
    lengths = (1, 14, 15, 16, 17, 30, 31, 32, 63, 64, 65,
               1022, 1023, 1024, 1025, 4095, 4096, 4097)
    for length in lengths:
        for suite, suffix in SUITES:
            name = f"blob_length_{length}{suffix}"
            value = value_of(stream("value " + name, length))
            note = "C and T are the rest, whatever its length"
            opens(files, "R1", note, Sample(name, value, suite=suite))


def good_padding(files: Files) -> None:
    """Padded lengths about multiples of 16, 256 and powers of two."""
    note = "the padding is that of the writer, and is stripped"
    lengths = (0, 1, 13, 14, 15, 29, 30, 31, 253, 254, 255, 270, 271, 510,
               511, 1022, 1023, 4094, 4095)
    for number, length in enumerate(lengths):
        name = f"padded_text_length_{length}"
        text = Value(TEXT, b"x" * length)
        suite = ef.SUITES[number % 2]
        opens(files, "R15", note,
              Sample(name, text, suite=suite, flags=FLAG_PADDED))
    table = (
        ("integer", value_of(-2)),
        ("real", value_of(2.5)),
        ("real_negative_zero", value_of(-0.0)),
        ("integer_of_zero_bytes", value_of(0)),
        ("blob_ends_with_80", value_of(b"key\x80")),
        ("blob_ends_with_80_00", value_of(b"key\x80\0")),
        ("blob_ends_with_zeros", value_of(b"key" + bytes(20))),
        ("blob_of_zeros", value_of(bytes(16))),
    )
    for name, value in table:
        sample = Sample("padded_" + name, value, flags=FLAG_PADDED)
        opens(files, "R15", note, sample)


def good_contexts(files: Files) -> None:
    """Contexts of every shape."""
    table = (
        ("none", ()),
        ("null", (None,)),
        ("three_nulls", (None, None, None)),
        ("empty_text", ("",)),
        ("empty_blob", (b"",)),
        ("every_type", (1, 1.0, "1", b"1", None)),
        ("same_part_twice", ("a", "a")),
        ("integer_smallest", (-(2**63),)),
        ("real_negative_zero", (-0.0,)),
        ("text_with_nul", ("a\0b",)),
        ("hundred_parts", tuple(range(100))),
        ("long_part", ("Customer.Email" * 400,)),
        ("blob_like_a_part", (value_of("a").part,)),
    )
    note = "this context is told at seal and at open"
    for name, parts in table:
        context = tuple(value_of(part) for part in parts)
        for suite, suffix in SUITES:
            sample = Sample(f"context_is_{name}{suffix}", context=context,
                            suite=suite)
            opens(files, "R16", note, sample)
    invalid = (Value(TEXT, b"\xff\xfe"),)
    opens(files, "R14", note,
          Sample("context_is_invalid_utf8", context=invalid))


def good_flags(files: Files) -> None:
    """Every set of flags, and records of every length class."""
    for flags in range(8):
        for suite, suffix in SUITES:
            sample = Sample(f"flags_{flags:02x}{suffix}", suite=suite,
                            flags=flags)
            opens(files, "R5", "a set of known flags", sample)
    for length in (1, 255, 256, 8192):
        sample = Sample(f"record_length_{length}", flags=FLAG_RECORD,
                        record_bytes=length)
        opens(files, "R6", "a record length in 1..8192", sample)


def indexes(files: Files) -> None:
    """Blind indexes, to be computed."""
    scope = value_of("Customer.Email")
    numbers = (
        ("integer_5", 5), ("real_5_as_integer_5", 5.0),
        ("real_5_and_a_half", 5.5), ("integer_0", 0), ("real_0", 0.0),
        ("real_negative_zero_as_integer_0", -0.0),
        ("real_minus_3_as_integer", -3.0),
        ("integer_smallest", -(2**63)),
        ("real_smallest_integer", -(2.0**63)),
        ("real_below_smallest_integer", -(2.0**63) - 2048),
        ("integer_largest", 2**63 - 1),
        ("real_largest_integer", 2.0**63 - 1024),
        ("real_two_to_63_stays_real", 2.0**63),
        ("real_two_to_53", 2.0**53),
        ("real_infinity", float("inf")),
        ("real_negative_infinity", float("-inf")),
        ("real_1e300", 1e300), ("real_subnormal", 5e-324),
    )
    for name, number in numbers:
        index_file(files, name, "R25", scope, value_of(number))
    others = (
        ("text", value_of("ann.smith@example.org")),
        ("text_5", value_of("5")), ("text_5_0", value_of("5.0")),
        ("blob_5", value_of(b"5")), ("empty_text", Value(TEXT)),
        ("empty_blob", Value(BLOB)), ("text_with_nul", value_of("a\0b")),
        ("text_upper_case", value_of("ANN.SMITH@EXAMPLE.ORG")),
        ("text_invalid_utf8", Value(TEXT, b"\xff")),
        ("blob_4096_bytes", value_of(stream("indexed", 4096))),
    )
    for name, value in others:
        index_file(files, name, "R14", scope, value)
    scopes = (
        ("other_text", "Customer.Phone"), ("empty_text", ""),
        ("empty_blob", b""), ("null", None), ("integer_5", 5),
        ("real_5_stays_real", 5.0),
    )
    for name, part in scopes:
        index_file(files, "scope_" + name, "R26", value_of(part), VALUE)


def index_file(
    files: Files, name: str, rule: str, scope: Value, value: Value
) -> None:
    """One file of a blind index."""
    index = ef.blind_index(SECRET, scope, value)
    lines = [
        ("op", "index"),
        ("expect", "ok"),
        ("rule", rule),
        ("secret", SECRET.hex()),
        ("scope", value_to_text(scope)),
        ("value", value_to_text(value)),
        ("index", index.hex()),
    ]
    note = "the blind index of this value in this scope"
    files.add(f"envelope/index_of_{name}.vec", rule, note, lines)
