# SPDX-License-Identifier: MIT
"""Envelopes changed, or told a wrong context, by somebody without keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

import envelope_format as ef
from envelope_format import (
    COMMITMENT,
    FLAG_INDEX,
    FLAG_PADDED,
    FLAG_RECORD,
    Envelope,
    Kek,
    value_of,
)
from random_values import SqlValue
from vectors_base import (
    CONTEXT,
    KEY_UNAVAILABLE,
    OTHER_SUITE,
    SECRET,
    SUITES,
    TARGETS,
    Fault,
    Files,
    Sample,
    fails,
    flip,
    opens,
    opens_anyway,
    put,
    stream,
)

Change = Callable[[Envelope, Envelope], Envelope]

CHANGES: tuple[tuple[str, str, str, Change], ...] = (
    ("wrap_first_bit_flipped", "R20", "W's tag does not verify",
     lambda e, o: replace(e, wrap=flip(e.wrap, 0, 0x80))),
    ("wrap_dek_last_bit_flipped", "R20", "W's tag does not verify",
     lambda e, o: replace(e, wrap=flip(e.wrap, 31))),
    ("wrap_tag_first_bit_flipped", "R20", "W's tag does not verify",
     lambda e, o: replace(e, wrap=flip(e.wrap, 32, 0x80))),
    ("wrap_tag_last_bit_flipped", "R20", "W's tag does not verify",
     lambda e, o: replace(e, wrap=flip(e.wrap, -1))),
    ("wrap_tag_zero", "R20", "W's tag does not verify",
     lambda e, o: replace(e, wrap=e.wrap[:32] + bytes(16))),
    ("wrap_spliced_from_other_row", "R20", "W belongs to another C",
     lambda e, o: replace(e, wrap=o.wrap)),
    ("wrap_tag_spliced_from_other_row", "R20", "W's tag does not verify",
     lambda e, o: replace(e, wrap=e.wrap[:32] + o.wrap[32:])),
    ("commitment_first_bit_flipped", "R20", "C[0..24) is the nonce of W",
     lambda e, o: replace(e, data=flip(e.data, 0, 0x80))),
    ("commitment_last_nonce_bit_flipped", "R20", "C[0..24) is the nonce of W",
     lambda e, o: replace(e, data=flip(e.data, 23))),
    ("commitment_first_bit_after_nonce_flipped", "R18", "T does not verify",
     lambda e, o: replace(e, data=flip(e.data, 24, 0x80))),
    ("commitment_last_bit_flipped", "R18", "T does not verify",
     lambda e, o: replace(e, data=flip(e.data, 31))),
    ("type_bit_flipped", "R18", "T does not verify",
     lambda e, o: replace(e, data=flip(e.data, 32, 0x07))),
    ("body_first_bit_flipped", "R18", "T does not verify",
     lambda e, o: replace(e, data=flip(e.data, 33, 0x80))),
    ("body_last_bit_flipped", "R18", "T does not verify",
     lambda e, o: replace(e, data=flip(e.data, -1))),
    ("tag_first_bit_flipped", "R18", "T does not verify",
     lambda e, o: replace(e, tag=flip(e.tag, 0, 0x80))),
    ("tag_last_bit_flipped", "R18", "T does not verify",
     lambda e, o: replace(e, tag=flip(e.tag, -1))),
    ("tag_zero", "R18", "T does not verify",
     lambda e, o: replace(e, tag=bytes(16))),
    ("tag_truncated_by_one", "R1", "T is the last 16 bytes, whole",
     lambda e, o: replace(e, tag=e.tag[:-1])),
    ("tag_truncated_by_four", "R1", "T is the last 16 bytes, whole",
     lambda e, o: replace(e, tag=e.tag[:-4])),
    ("tag_spliced_from_other_row", "R18", "T belongs to another row",
     lambda e, o: replace(e, tag=o.tag)),
    ("body_truncated_by_one", "R18", "a byte of C is gone",
     lambda e, o: replace(e, data=e.data[:-1])),
    ("body_cut_to_nothing", "R18", "the body is gone",
     lambda e, o: replace(e, data=e.data[:33])),
    ("body_longer_by_one", "R18", "a byte was put before T",
     lambda e, o: replace(e, data=e.data + b"\0")),
    ("zero_byte_appended", "R1", "a byte at the end is not ignored",
     lambda e, o: replace(e, tag=e.tag + b"\0")),
    ("newline_appended", "R1", "a byte at the end is not ignored",
     lambda e, o: replace(e, tag=e.tag + b"\n")),
    ("data_spliced_from_other_row", "R20", "C and T belong to another W",
     lambda e, o: replace(e, data=o.data, tag=o.tag)),
    ("body_spliced_from_other_row", "R18", "the body belongs to another C",
     lambda e, o: replace(e, data=e.data[:33] + o.data[33:])),
    ("row_moved_to_other_context", "R16", "a whole envelope was moved",
     lambda e, o: o),
)


def bad_changes(files: Files) -> None:
    """Every field changed, cut, spliced or moved, in both suites."""
    for name, rule, note, change in CHANGES:
        for suite, suffix in SUITES:
            sample = Sample(name + suffix, suite=suite)
            other = Sample("other row of " + sample.name,
                           value_of("bob.jones@example.net"),
                           (CONTEXT[0], value_of(8)), suite)
            blob = change(sample.envelope, other.envelope).encode()
            fails(files, rule, note, sample, blob)


def bad_key_ids(files: Files) -> None:
    """Key ids of no KEK, or of the wrong one."""
    for name, at in (("first", 5), ("last", 12)):
        sample = Sample(f"key_id_{name}_byte_flipped")
        fails(files, "R10", "no KEK has this key id", sample,
              flip(sample.envelope.encode(), at), KEY_UNAVAILABLE)
    sample = Sample("key_id_zero")
    fails(files, "R10", "no KEK has this key id", sample,
          put(sample.envelope.encode(), 5, bytes(8)), KEY_UNAVAILABLE)
    for suite, suffix in SUITES:
        target = TARGETS[suite]
        sample = Sample("key_id_unknown" + suffix, suite=suite)
        fails(files, "R10", "a good envelope under a KEK not at hand",
              sample, sample.envelope.encode(), KEY_UNAVAILABLE, target)
        sample = Sample("key_id_of_other_kek" + suffix, suite=suite)
        fails(files, "R20", "the key id was changed to that of another KEK",
              sample, put(sample.envelope.encode(), 5, target.key_id),
              kek=target)
        sample = Sample("key_id_of_raw_kek" + suffix, suite=suite)
        note = "the key id is of F, not of the KEK's own bytes"
        fails(files, "R10", note, sample,
              put(sample.envelope.encode(), 5, sample.kek.key[:8]),
              KEY_UNAVAILABLE)
        sample = Sample("suite_flag_swapped" + suffix, suite=suite)
        swapped = bytes([OTHER_SUITE[suite]])
        fails(files, "R8", "the suite is not that of the KEK", sample,
              put(sample.envelope.encode(), 3, swapped))
        for name, derived in (("own", suite), ("new", OTHER_SUITE[suite])):
            sample = Sample(f"suite_swapped_with_kw_of_{name}{suffix}",
                            suite=suite)
            fails(files, "R8", "sealed for a suite not that of the KEK",
                  sample, seal_in_other_suite(sample, derived).encode())


def seal_in_other_suite(sample: Sample, derived: int) -> Envelope:
    """Sealed in the other suite, with the Kw that KDF has for derived."""
    header = replace(sample.header, suite=OTHER_SUITE[sample.suite])
    kek = Kek(sample.kek.key, derived)
    return ef.seal_plaintext(header, kek, sample.dek, sample.context,
                             COMMITMENT + sample.value.typed)


def bad_flags(files: Files) -> None:
    """Flags set or cleared, and the blind index changed."""
    note = "the flags are in A and in Wa"
    table: tuple[tuple[str, str, int, Fault], ...] = (
        ("flag_padded_set", note, 0, lambda b: flip(b, 4, FLAG_PADDED)),
        ("flag_padded_cleared", note, FLAG_PADDED,
         lambda b: flip(b, 4, FLAG_PADDED)),
        ("flag_index_set", note, 0, lambda b: flip(b, 4, FLAG_INDEX)),
        ("flag_index_cleared", note, FLAG_INDEX,
         lambda b: flip(b, 4, FLAG_INDEX)),
        ("flag_index_set_and_index_put_in", note, 0,
         lambda b: flip(b[:13] + stream("index", 16) + b[13:], 4,
                        FLAG_INDEX)),
        ("flag_index_cleared_and_index_cut", note, FLAG_INDEX,
         lambda b: flip(b[:13] + b[29:], 4, FLAG_INDEX)),
        ("flag_record_cleared", "the record is taken for W", FLAG_RECORD,
         lambda b: flip(b, 4, FLAG_RECORD)),
        ("index_first_bit_flipped", "the blind index is in Wa", FLAG_INDEX,
         lambda b: flip(b, 13, 0x80)),
        ("index_last_bit_flipped", "the blind index is in Wa", FLAG_INDEX,
         lambda b: flip(b, 28)),
        ("index_of_other_value", "the blind index is in Wa", FLAG_INDEX,
         lambda b: put(b, 13, ef.blind_index(SECRET, CONTEXT[0],
                                             value_of("bob")))),
    )
    for name, reason, flags, change in table:
        for suite, suffix in SUITES:
            sample = Sample(name + suffix, suite=suite, flags=flags)
            fails(files, "R20", reason, sample,
                  change(sample.envelope.encode()))


def record_is_free(files: Files) -> None:
    """The embedded record is neither read nor authenticated."""
    flags = FLAG_RECORD | FLAG_INDEX
    sample = Sample("record_ok_ignored_on_open", flags=flags)
    opens(files, "R6", "a reader does not act on the record", sample)
    sample = Sample("record_altered_is_ignored", flags=flags)
    header = replace(sample.header, record=b"\0" * 40)
    opens_anyway(files, "R6", "another record than the writer's", sample,
                 replace(sample.envelope, header=header))
    sample = Sample("record_taken_out", flags=flags)
    header = replace(sample.header, flags=FLAG_INDEX, record=b"")
    opens_anyway(files, "R21", "flag 02 is masked in A and in Wa", sample,
                 replace(sample.envelope, header=header))
    sample = Sample("record_put_in", flags=FLAG_INDEX)
    header = replace(sample.header, flags=flags, record=b"record")
    opens_anyway(files, "R21", "flag 02 is masked in A and in Wa", sample,
                 replace(sample.envelope, header=header))


Parts = tuple[SqlValue, ...]

CONTEXT_PAIRS: tuple[tuple[str, Parts, Parts], ...] = (
    ("integer_1_as_text_1", (1,), ("1",)),
    ("text_1_as_integer_1", ("1",), (1,)),
    ("integer_1_as_real_1", (1,), (1.0,)),
    ("real_1_as_integer_1", (1.0,), (1,)),
    ("text_as_blob", ("a",), (b"a",)),
    ("null_as_empty_text", (None,), ("",)),
    ("null_as_empty_blob", (None,), (b"",)),
    ("null_as_integer_0", (None,), (0,)),
    ("null_as_none", (None,), ()),
    ("none_as_null", (), (None,)),
    ("none_as_empty_text", (), ("",)),
    ("empty_text_as_empty_blob", ("",), (b"",)),
    ("empty_blob_as_empty_text", (b"",), ("",)),
    ("missing", ("a", 1), ()),
    ("first_part_missing", ("a", "b"), ("b",)),
    ("last_part_missing", ("a", "b"), ("a",)),
    ("null_part_added", ("a",), ("a", None)),
    ("part_doubled", ("a",), ("a", "a")),
    ("order_swapped", ("a", "b"), ("b", "a")),
    ("two_parts_joined", ("a", "b"), ("ab",)),
    ("one_part_split", ("ab",), ("a", "b")),
    ("border_moved", ("ab", "c"), ("a", "bc")),
    ("letter_case", ("Customer.Email",), ("customer.email",)),
    ("trailing_space", ("a",), ("a ",)),
    ("trailing_nul", ("a",), ("a\0",)),
    ("cut_at_nul", ("a\0b",), ("a",)),
    ("zero_sign", (0.0,), (-0.0,)),
    ("integer_sign", (1,), (-1,)),
    ("integer_by_one", (2**53,), (2**53 + 1,)),
    ("not_normalised", ("\u00e5",), ("a\u030a",)),
    ("part_of_two_parts", ("a", "b"),
     (b"a" + value_of("b").part,)),
)


def bad_contexts(files: Files) -> None:
    """Open told another context than seal."""
    for number, (name, sealed, told) in enumerate(CONTEXT_PAIRS):
        sample = Sample("context_" + name, suite=ef.SUITES[number % 2],
                        context=tuple(value_of(part) for part in sealed))
        fails(files, "R16", "open is told another context than seal",
              sample, sample.envelope.encode(),
              context=[value_of(part) for part in told])
    scopes = (
        ("scope_missing", CONTEXT[1:]),
        ("scope_last", CONTEXT[::-1]),
        ("scope_changed", (value_of("Customer.Phone"), CONTEXT[1])),
    )
    for name, scope_told in scopes:
        sample = Sample("context_" + name, flags=FLAG_INDEX)
        fails(files, "R26", "the scope is the first part of the context",
              sample, sample.envelope.encode(), context=scope_told)
