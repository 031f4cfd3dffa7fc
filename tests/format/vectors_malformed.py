# SPDX-License-Identifier: MIT
"""Input that breaks R1 to R6."""

from __future__ import annotations

import struct
from dataclasses import replace

from envelope_format import (
    BLOB,
    FLAG_INDEX,
    FLAG_RECORD,
    SUITE_AES,
    TEXT,
    Value,
)
from vectors_base import (
    MALFORMED,
    TARGETS,
    Fault,
    Files,
    Sample,
    fails,
    flip,
    opens,
    put,
    rewraps,
)


def header_faults() -> list[tuple[str, str, str, Fault]]:
    """Faults in the first five bytes: name, rule, note, change."""
    faults: list[tuple[str, str, str, Fault]] = [
        ("magic_first_byte_flipped", "R2", "magic is not FE 45",
         lambda b: flip(b, 0)),
        ("magic_second_byte_flipped", "R2", "magic is not FE 45",
         lambda b: flip(b, 1, 0x80)),
        ("magic_bytes_swapped", "R2", "magic is not FE 45",
         lambda b: put(b, 0, b"\x45\xfe")),
        ("magic_zero", "R2", "magic is not FE 45",
         lambda b: put(b, 0, bytes(2))),
        ("first_byte_missing", "R2", "magic is not FE 45",
         lambda b: b[1:]),
        ("byte_before_magic", "R2", "magic is not FE 45",
         lambda b: b"\0" + b),
        ("plain_text", "R2", "what was never sealed is not passed through",
         lambda b: b"Ann Smith, 12 High Street, Oxford. " * 6),
    ]
    for version in (0, 2, 0xFF):
        faults.append((f"version_{version:02x}", "R3", "version is not 01",
                       lambda b, v=version: put(b, 2, bytes([v]))))
    for suite in (0, 3, 4, 0x81, 0xFF):
        faults.append((f"suite_{suite:02x}", "R4", "suite is not 01 or 02",
                       lambda b, s=suite: put(b, 3, bytes([s]))))
    for bit in (0x08, 0x10, 0x20, 0x40, 0x80):
        faults.append((f"flag_reserved_{bit:02x}", "R5",
                       "a reserved flag is set",
                       lambda b, m=bit: flip(b, 4, m)))
    return faults


def bad_headers(files: Files) -> None:
    """Faults of the header, for open, for rewrap, and with no key."""
    faults = header_faults()
    for name, rule, note, change in faults:
        sample = Sample(name)
        fails(files, rule, note, sample,
              change(sample.envelope.encode()), MALFORMED)
    for name, rule, note, change in faults:
        if name in ("magic_zero", "version_02", "suite_03",
                    "flag_reserved_08"):
            sample = Sample("rewrap_" + name)
            rewraps(files, rule, note, sample,
                    change(sample.envelope.encode()), MALFORMED)
            sample = Sample(name + "_and_key_unknown")
            fails(files, "R7", f"{note}: said before any key is sought",
                  sample, change(sample.envelope.encode()), MALFORMED,
                  TARGETS[SUITE_AES])


def bad_lengths(files: Files) -> None:
    """Input too short, and embedded records of a wrong length."""
    for length in (0, 1, 2, 5, 13, 61, 109):
        sample = Sample(f"input_of_{length}_bytes", Value(TEXT))
        fails(files, "R1", "less than 110 bytes", sample,
              sample.envelope.encode()[:length], MALFORMED)
    sample = Sample("rewrap_input_of_109_bytes", Value(TEXT))
    rewraps(files, "R1", "less than 110 bytes", sample,
            sample.envelope.encode()[:109], MALFORMED)
    table = ((FLAG_INDEX, 125), (FLAG_RECORD, 112),
             (FLAG_INDEX | FLAG_RECORD, 128))
    for flags, length in table:
        sample = Sample(f"flags_{flags:02x}_input_of_{length}_bytes",
                        Value(BLOB), flags=flags, record_bytes=1)
        fails(files, "R1", "one byte less than the flags demand", sample,
              sample.envelope.encode()[:length], MALFORMED)
        sample = Sample(f"flags_{flags:02x}_input_of_{length + 1}_bytes",
                        Value(BLOB), flags=flags, record_bytes=1)
        opens(files, "R1", "just what the flags demand", sample)
    for name, more in (("by_one", 1), ("than_input", 900)):
        sample = Sample(f"record_longer_{name}", Value(BLOB),
                        flags=FLAG_RECORD)
        claimed = struct.pack(">H", sample.record_bytes + more)
        fails(files, "R1", "the record leaves too little for W, C and T",
              sample, put(sample.envelope.encode(), 13, claimed), MALFORMED)
    for length, name in ((0, "zero"), (8193, "8193")):
        note = "the record length is not in 1..8192"
        sample = Sample("record_length_" + name, flags=FLAG_RECORD,
                        record_bytes=length)
        blob = sample.envelope.encode()
        fails(files, "R6", note, sample, blob, MALFORMED)
        sample = replace(sample, name="rewrap_" + sample.name)
        rewraps(files, "R6", note, sample, sample.envelope.encode(),
                MALFORMED)
    sample = Sample("record_length_zero_and_key_unknown", flags=FLAG_RECORD,
                    record_bytes=0)
    fails(files, "R7", f"{note}: said before any key is sought", sample,
          sample.envelope.encode(), MALFORMED, TARGETS[SUITE_AES])
