#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the named seeds of the fuzz corpora, always the same bytes.

    make_seeds.py DIR    writes DIR/parse, DIR/export_record, DIR/open_rewrap,
                         DIR/audit, DIR/pem and DIR/kms_vault

Each seed is an input that a plausible mistake in the code would let through.
The files without a readable name were found by libFuzzer, and kept because
they reach something that no other does:

    open_rewrap -merge=1 tests/fuzz/corpus/open_rewrap FOUND
"""

from __future__ import annotations

import base64
import hashlib
import struct
import sys
from pathlib import Path

from seeds_vault import vault_seeds

INDEX, RECORD, PADDED = 1, 2, 4
SUITES = ((1, "aes"), (2, "chacha"))
INTEGER, REAL, TEXT, BLOB, NULL = range(1, 6)

Seeds = dict[str, bytes]

# --- parse: an envelope's layout with any bytes in it ------------------------


def envelope(suite: int = 1, flags: int = 0, record: int = 1,
             length: int | None = None, body: int = 5) -> bytes:
    """A well-formed one, if record is not 0 and length not wrong."""
    head = bytes((0xFE, 0x45, 1, suite, flags)) + b"\x11" * 8
    if flags & INDEX:
        head += b"\x22" * 16
    if flags & RECORD:
        said = record if length is None else length
        head += struct.pack(">H", said) + b"\x33" * record
    return head + b"\x44" * 48 + b"\x55" * (33 + body) + b"\x66" * 16


def parse_seeds() -> Seeds:
    """Good layouts, and one fault in each of the others."""
    seeds = {f"flags_{flags}_{name}": envelope(suite, flags)
             for flags in range(8) for suite, name in SUITES}
    for flags in range(8):
        shortest = envelope(flags=flags, body=0)
        seeds[f"shortest_{flags}"] = shortest
        seeds[f"too_short_{flags}"] = shortest[:-1]
    good = envelope()
    for at, value in ((0, 0xFF), (1, 0x46), (2, 0), (2, 2), (3, 0), (3, 3),
                      (4, 8), (4, 0x80)):
        seeds[f"byte_{at}_{value:02x}"] = (good[:at] + bytes((value,))
                                           + good[at + 1:])
    for record in (0, 8192, 8193):
        seeds[f"record_{record}"] = envelope(flags=RECORD, record=record)
    for length in (0, 2, 6, 7, 200, 0xFFFF):
        seeds[f"record_1_said_{length}"] = envelope(flags=RECORD,
                                                    length=length)
    for length in (0, 1, 2, 5, 13):
        seeds[f"bytes_{length}"] = good[:length]
    return seeds


# --- export_record: a record's layout with any bytes in it -------------------


def wrap(uri: bytes = b"keyring:a", wrapped: bytes = b"w" * 9,
         uri_said: int | None = None, wrapped_said: int | None = None
         ) -> bytes:
    """One CMK's part, with lengths that may be wrong."""
    return (struct.pack(">H", len(uri) if uri_said is None else uri_said)
            + uri
            + struct.pack(">H", len(wrapped) if wrapped_said is None
                          else wrapped_said)
            + wrapped)


def export_record(*wraps: bytes, version: int = 1, suite: int = 1,
                  count: int | None = None, tag: int = 32) -> bytes:
    """A well-formed one, if version, count and tag are not wrong."""
    said = len(wraps) if count is None else count
    head = bytes((version, suite)) + b"\x77" * 32 + bytes((said,))
    return head + b"".join(wraps) + b"\x88" * tag


def export_record_seeds() -> Seeds:
    """Good layouts, and one fault in each of the others."""
    seeds = {f"wraps_{n}": export_record(*[wrap()] * n)
             for n in (0, 1, 2, 15, 16, 17)}
    seeds |= {f"count_{n}_of_2": export_record(wrap(), wrap(), count=n)
              for n in (0, 1, 3, 255)}
    seeds |= {f"uri_{n}": export_record(wrap(b"u" * n))
              for n in (0, 1, 1023, 1024)}
    seeds |= {f"uri_1_said_{n}": export_record(wrap(b"u", uri_said=n))
              for n in (0, 2, 12, 45, 0xFFFF)}
    seeds |= {f"wrapped_1_said_{n}":
              export_record(wrap(wrapped=b"w", wrapped_said=n))
              for n in (0, 2, 33, 34, 0xFFFF)}
    seeds |= {f"uri_byte_{byte:02x}": export_record(wrap(bytes((byte,))))
              for byte in (0x00, 0x0A, 0x1F, 0x20, 0x7E, 0x7F, 0x80, 0xFF)}
    seeds |= {f"tag_{n}": export_record(wrap(), tag=n) for n in (0, 31, 33)}
    seeds |= {f"version_{n}": export_record(wrap(), version=n)
              for n in (0, 2, 255)}
    seeds |= {f"suite_{n}": export_record(wrap(), suite=n) for n in (0, 2, 3)}
    seeds["wrapped_0"] = export_record(wrap(wrapped=b""))
    for n in (8192, 8193):
        seeds[f"bytes_{n}"] = export_record(
            wrap(wrapped=b"w" * (n - len(export_record(wrap(wrapped=b"")))))
        )
    good = export_record(wrap())
    seeds |= {f"bytes_{n}": good[:n] for n in (0, 1, 2, 33, 34, 35, 36)}
    return seeds


# --- open_rewrap: see the head of open_rewrap.c ------------------------------

XOR, CUT, INSERT, SPLICE, TRUNCATE, APPEND, CONTEXT, RECORDS = range(8)
SCOPE = (TEXT, b"Email")
ROW = (INTEGER, struct.pack(">q", 7))


def op(kind: int, where: int = 0, x: int = 0, y: int = 0) -> bytes:
    """One change."""
    return struct.pack(">BHBB", kind, where, x, y)


def plan(suite: int, flags: int, *ops: bytes, kind: int = TEXT,
         value: bytes = b"ann.smith@x",
         parts: tuple[tuple[int, bytes], ...] = (SCOPE, ROW)) -> bytes:
    """What to seal, and what to do to it."""
    head = bytes(((suite - 1) | flags << 1, kind - 1, len(value), len(parts),
                  len(ops)))
    context = b"".join(bytes((t - 1, len(b))) + b for t, b in parts)
    return head + value + context + b"".join(ops)


# where things lie with all flags set; a record is of 6 bytes
PLACES = {
    "magic": 0, "version": 2, "suite": 3, "key_id": 5, "key_id_end": 12,
    "index": 13, "index_end": 28, "record_length": 29, "record_length_end": 30,
    "record_body": 31, "record_body_end": 36, "wrap": 37, "wrap_tag": 69,
    "wrap_end": 84, "commitment": 85, "nonce_end": 108, "after_nonce": 109,
    "commitment_end": 116, "type": 117, "body": 118, "padding": 129,
}
BODY = 13 + 48 + 33  # without flags
ALL = INDEX | RECORD | PADDED


def changed_bits() -> Seeds:
    """A bit of every part, and every flag, set or cleared."""
    seeds: Seeds = {}
    for i, (place, where) in enumerate(PLACES.items()):
        suite, name = SUITES[i % 2]
        seeds[f"flip_{place}_{name}"] = plan(suite, ALL, op(XOR, where, 1))
    for suite, name in SUITES:
        for mask in (INDEX, RECORD, PADDED):
            for flags in (0, ALL):
                seeds[f"flags_{flags}_xor_{mask}_{name}"] = plan(
                    suite, flags, op(XOR, 4, mask))
        seeds[f"flip_tag_{name}"] = plan(suite, 0, op(XOR, BODY + 11, 128))
        seeds[f"other_suite_{name}"] = plan(suite, 0, op(XOR, 3, 3))
    return seeds


def changed_lengths() -> Seeds:
    """Cut, added to, and with records put in and taken out."""
    ops = {
        "cut_key_id": op(CUT, 5, 1), "cut_body": op(CUT, BODY, 1),
        "insert_body": op(INSERT, BODY, 0x80), "append": op(APPEND),
        "truncate_tag": op(TRUNCATE, BODY + 11 + 15),
        "truncate_all": op(TRUNCATE, 0),
        "record_in": op(RECORDS, 0, 1, 63), "record_out": op(RECORDS, 0, 0),
    }
    seeds = {}
    for i, (what, change) in enumerate(ops.items()):
        suite, name = SUITES[i % 2]
        for flags in (0, RECORD):
            seeds[f"{what}_{flags}_{name}"] = plan(suite, flags, change)
    return seeds


def spliced() -> Seeds:
    """Parts of another row's envelope of the same length."""
    ops = {
        "wrap": op(SPLICE, 13, 48), "commitment": op(SPLICE, 61, 32),
        "data": op(SPLICE, 61, 60), "body": op(SPLICE, BODY, 11),
        "tag": op(SPLICE, BODY + 11, 16), "all": op(SPLICE, 0, 255),
    }
    return {f"splice_{what}_{name}": plan(suite, 0, change)
            for what, change in ops.items() for suite, name in SUITES}


def other_contexts() -> Seeds:
    """Told another context than the sealed one."""
    to_type = {t: 2 + 4 * (t - 1) for t in range(1, 6)}
    ops = {
        "null_more": op(CONTEXT, 0, 0, 0), "one_less": op(CONTEXT, 0, 0, 1),
        "text_as_blob": op(CONTEXT, 0, 0, to_type[BLOB]),
        "integer_as_real": op(CONTEXT, 0, 1, to_type[REAL]),
        "integer_as_text": op(CONTEXT, 0, 1, to_type[TEXT]),
        "text_as_null": op(CONTEXT, 0, 0, to_type[NULL]),
        "text_changed": op(CONTEXT, 0, 0, 3),
        "row_changed": op(CONTEXT, 0, 1, 7),
    }
    seeds = {f"context_{what}": plan(1 + i % 2, 0, change)
             for i, (what, change) in enumerate(ops.items())}
    empty = ((TEXT, b""), (NULL, b""))
    seeds["context_empty_as_null"] = plan(
        1, 0, op(CONTEXT, 0, 0, to_type[NULL]), parts=empty)
    seeds["context_null_as_empty"] = plan(
        2, 0, op(CONTEXT, 0, 1, to_type[TEXT]), parts=empty)
    seeds["context_none"] = plan(1, 0, parts=())
    return seeds


def unchanged() -> Seeds:
    """Every flag, suite and type, opened as they are."""
    values = {INTEGER: b"\xff" * 8, REAL: b"\x3f\xf8" + bytes(6), TEXT: b"",
              BLOB: b"\x80\x00" * 100}
    seeds = {f"open_{flags}_{name}": plan(suite, flags)
             for flags in range(8) for suite, name in SUITES}
    for kind, value in values.items():
        seeds[f"open_type_{kind}"] = plan(1 + kind % 2, ALL, kind=kind,
                                          value=value)
    return seeds


def open_rewrap_seeds() -> Seeds:
    """All of them."""
    return {**changed_bits(), **changed_lengths(), **spliced(),
            **other_contexts(), **unchanged()}


# --- audit: the lines of an audit log ----------------------------------------

Line = tuple[int, str]  # its number and its event


def audit_log(*lines: Line, prev: str = "0" * 64) -> list[bytes]:
    """A chain of lines, each of which goes on from the one before."""
    out = []
    for seq, event in lines:
        out.append((f'{{"seq":{seq},"prev":"{prev}",'
                    f'"time":"2026-01-02T03:04:05.678Z","event":"{event}",'
                    f'"result":"ok"}}').encode())
        prev = hashlib.sha256(out[-1]).hexdigest()
    return out


def audit_seeds() -> Seeds:
    """Whole chains, and each way to break one."""
    good = audit_log(*[(seq, "wrap") for seq in range(1, 7)])
    other = audit_log(*[(seq, "unwrap") for seq in range(1, 7)])
    piece = good[2][:40]
    torn = audit_log((3, "torn"), (4, "wrap"),
                     prev=hashlib.sha256(piece).hexdigest())
    logs = {
        "whole": good,
        "continued": audit_log((9, "continued"), (10, "wrap"), prev="a" * 64),
        "continued_at_1": audit_log((1, "continued"), (2, "wrap")),
        "begins_late": audit_log((9, "wrap"), (10, "wrap"), prev="a" * 64),
        "begins_after_some": audit_log((1, "wrap"), prev="a" * 64),
        "removed": good[:2] + good[3:],
        "removed_first": good[2:],
        "edited": good[:2] + [good[2].replace(b"wrap", b"warp")] + good[3:],
        "edited_seq": good[:2] + [good[2].replace(b":3,", b":5,")] + good[3:],
        "edited_first_seq": [good[0].replace(b":1,", b":4,")] + good[1:],
        "edited_prev": good[:2] + [good[2].replace(b'","time', b'"," time')]
        + good[3:],
        "upper_case": good[:2] + [good[2].upper()] + good[3:],
        "swapped": good[:2] + [good[3], good[2]] + good[4:],
        "repeated": good[:3] + good[1:],
        "inserted": good[:3] + [other[3]] + good[3:],
        "another_chain": good[:3] + other[3:],
        "torn": good[:2] + [piece] + torn,
        "torn_twice": good[:2] + [good[0][:9], piece] + torn,
        "torn_by_nothing": good[:2] + torn,
        "junk": good[:2] + [b"", b"junk", b"{}"] + good[2:],
        "junk_first": [b"junk"] + good,
        "seq_largest": audit_log(((1 << 63) - 1, "continued"), prev="b" * 64),
        "seq_too_large": audit_log((1 << 63, "continued"), prev="b" * 64),
        "seq_zero": audit_log((0, "wrap")),
        "long": [good[0], b"x" * 65536, b"x" * 65537, good[1]],
    }
    seeds = {name: b"".join(line + b"\n" for line in lines)
             for name, lines in logs.items()}
    seeds["open"] = seeds["whole"][:-1]
    seeds["cut"] = seeds["whole"][:-20]
    return seeds


# --- pem: files of tests/vectors/pem, what is in them, and wraps -------------

PEM = Path(__file__).resolve().parents[1] / "vectors" / "pem"


def pem_seeds() -> Seeds:
    """Whole, without base64, and cut; and the heads of wraps."""
    seeds = {}
    for path in sorted(PEM.iterdir()):
        text = path.read_bytes()
        body = b"".join(text.split(b"\n")[1:-2])
        der = base64.b64decode(body)
        name = path.name.replace(".", "_")
        seeds[name] = text
        seeds[f"{name}_cut"] = text[:-10]
        seeds[f"{name}_der"] = der
        seeds[f"{name}_der_cut"] = der[:-1]
        seeds[f"{name}_twice"] = text + text
    seeds["rsa_pem_numbers"] = seeds["rsa_pem_der"][26:]  # PKCS#1
    seeds["certificate"] = seeds["rsa_pub"].replace(b"PUBLIC KEY",
                                                    b"CERTIFICATE")
    for version, algorithm, size in ((1, 1, 384), (1, 2, 144), (2, 1, 384),
                                     (1, 3, 144), (1, 2, 0)):
        seeds[f"wrap_{version}_{algorithm}_{size}"] = (
            bytes((version, algorithm)) + b"\x11" * 32 + b"\x22" * size)
    return seeds


def main() -> int:
    """The command line."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    for target, seeds in (("parse", parse_seeds()),
                          ("export_record", export_record_seeds()),
                          ("open_rewrap", open_rewrap_seeds()),
                          ("audit", audit_seeds()),
                          ("pem", pem_seeds()),
                          ("kms_vault", vault_seeds())):
        folder = Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
