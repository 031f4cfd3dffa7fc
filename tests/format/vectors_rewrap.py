# SPDX-License-Identifier: MIT
"""Rewraps, good and refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

import envelope_format as ef
from envelope_format import FLAG_INDEX, FLAG_PADDED, FLAG_RECORD, Envelope
from vectors_base import (
    AUTHENTICATION,
    KEY_UNAVAILABLE,
    OTHER_SUITE,
    REFUSED,
    SUITES,
    TARGETS,
    Files,
    Sample,
    flip,
    rewraps,
    stream,
)


def good_rewraps(files: Files) -> None:
    """Rewraps that succeed."""
    for flags in range(8):
        for suite, suffix in SUITES:
            sample = Sample(f"rewrap_flags_{flags:02x}{suffix}",
                            suite=suite, flags=flags)
            rule = "R21" if flags & FLAG_RECORD else "R22"
            rewraps(files, rule, "key id and W change and nothing else",
                    sample, sample.envelope.encode())
    for suite, suffix in SUITES:
        sample = Sample("rewrap_to_other_name" + suffix, suite=suite)
        rewraps(files, "R23", "without index another name is allowed",
                sample, sample.envelope.encode(), same_name=False)
        sample = Sample("rewrap_already_current" + suffix, suite=suite,
                        flags=FLAG_INDEX | FLAG_RECORD)
        rewraps(files, "R24", "the same bytes come back", sample,
                sample.envelope.encode(), target=sample.kek)
        sample = Sample("rewrap_does_not_see_tag" + suffix, suite=suite)
        damaged = replace(sample.envelope, tag=bytes(16))
        rewraps(files, "R22", "rewrap verifies W and C[0..32), not T",
                sample, damaged.encode())


def bad_rewraps(files: Files) -> None:
    """Rewraps that must not be made."""
    for suite, suffix in SUITES:
        for name, note, change in REWRAP_CHANGES:
            sample = Sample(name + suffix, suite=suite, flags=FLAG_INDEX)
            rewraps(files, "R22", note, sample,
                    change(sample).encode(), AUTHENTICATION)
            sample = replace(sample, name=sample.name + "_already_current")
            rewraps(files, "R24", note + ", also when already current",
                    sample, change(sample).encode(), AUTHENTICATION,
                    sample.kek)
        sample = Sample("rewrap_to_other_suite" + suffix, suite=suite)
        rewraps(files, "R23", "the target is of another suite", sample,
                sample.envelope.encode(), REFUSED,
                TARGETS[OTHER_SUITE[suite]])
        sample = Sample("rewrap_indexed_to_other_name" + suffix,
                        suite=suite, flags=FLAG_INDEX)
        rewraps(files, "R23", "the index belongs to the name", sample,
                sample.envelope.encode(), REFUSED, same_name=False)
        sample = Sample("rewrap_key_unknown" + suffix, suite=suite)
        unknown = replace(sample.header, key_id=b"unknown!")
        rewraps(files, "R10", "no KEK has this key id", sample,
                replace(sample.envelope, header=unknown).encode(),
                KEY_UNAVAILABLE)


REWRAP_CHANGES: tuple[tuple[str, str, Callable[[Sample], Envelope]], ...] = (
    ("rewrap_wrap_bit_flipped", "W's tag does not verify",
     lambda s: replace(s.envelope, wrap=flip(s.envelope.wrap, 0))),
    ("rewrap_index_bit_flipped", "the blind index is in Wa",
     lambda s: replace(s.envelope, header=replace(
         s.header, index=flip(s.header.index, 0)))),
    ("rewrap_padded_flag_set", "the flags are in Wa",
     lambda s: replace(s.envelope, header=replace(
         s.header, flags=FLAG_INDEX | FLAG_PADDED))),
    ("rewrap_commitment_bit_flipped", "C[0..24) is the nonce of W",
     lambda s: replace(s.envelope, data=flip(s.envelope.data, 0))),
    ("rewrap_commitment_byte_24_flipped", "C[24] is not the DEK's",
     lambda s: replace(s.envelope, data=flip(s.envelope.data, 24))),
    ("rewrap_commitment_last_bit_flipped", "C[31] is not the DEK's",
     lambda s: replace(s.envelope, data=flip(s.envelope.data, 31))),
    ("rewrap_commitment_not_zero", "C[0..32) is not of zeros",
     lambda s: s.forge(b"\1" + bytes(31) + s.value.typed)),
    ("rewrap_wrap_of_other_dek", "C[0..32) is of another DEK",
     lambda s: replace(s.envelope, wrap=ef.wrap_dek(
         s.header, s.kek, stream("other dek", 32), s.envelope.data))),
)
