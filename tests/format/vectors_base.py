# SPDX-License-Identifier: MIT
"""What the makers of vectors share: keys, samples, the lines of a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Sequence

import envelope_format as ef
from envelope_format import (
    COMMITMENT,
    FLAG_INDEX,
    FLAG_PADDED,
    FLAG_RECORD,
    SUITE_AES,
    SUITE_CHACHA,
    Envelope,
    Header,
    Kek,
    Value,
    value_of,
)
from vec import value_to_text, write_case

AUTHENTICATION = "authentication"
KEY_UNAVAILABLE = "key-unavailable"
MALFORMED = "malformed"
REFUSED = "refused"
COMMENT_MAX = 80

SUITES = ((SUITE_AES, ""), (SUITE_CHACHA, "_chacha"))


def stream(seed: str, length: int) -> bytes:
    """Bytes that look random and depend on the seed alone."""
    return hashlib.shake_128(seed.encode()).digest(length)


# With these seeds the top bit of XAES's L is 1 for the KEK of suite 01 and 0
# for its target: both ways to make K1 are used.
KEKS = {s: Kek(stream(f"key {s}", 32), s) for s in ef.SUITES}
TARGETS = {s: Kek(stream(f"target {s}", 32), s) for s in ef.SUITES}
SECRET = stream("secret", 32)
VALUE = value_of("ann.smith@example.org")
CONTEXT = (value_of("Customer.Email"), value_of(7))
OTHER_SUITE = {SUITE_AES: SUITE_CHACHA, SUITE_CHACHA: SUITE_AES}

Fault = Callable[[bytes], bytes]


class Files:
    """The files made so far, by path below DIR."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(
        self, path: str, rule: str, note: str, lines: list[tuple[str, str]]
    ) -> None:
        """Take in a file of one case."""
        comment = f"# {rule}: {note}\n"
        if path in self.texts or len(comment) > COMMENT_MAX + 1:
            raise ValueError(path)
        self.texts[path] = comment + write_case(lines)


@dataclass(frozen=True)
class Sample:
    """What a file seals. Its name is the seed of the DEK and record."""

    name: str
    value: Value = VALUE
    context: Sequence[Value] = CONTEXT
    suite: int = SUITE_AES
    flags: int = 0
    record_bytes: int = 21

    @property
    def kek(self) -> Kek:
        """The KEK the value is sealed under."""
        return KEKS[self.suite]

    @property
    def dek(self) -> bytes:
        """The DEK of this file alone (R17)."""
        return stream("dek " + self.name, 32)

    @cached_property
    def header(self) -> Header:
        """The header before W."""
        index = record = b""
        if self.flags & FLAG_INDEX:
            index = ef.blind_index(SECRET, self.context[0], self.value)
        if self.flags & FLAG_RECORD:
            record = stream("record " + self.name, self.record_bytes)
        key_id = self.kek.key_id
        return Header(self.suite, key_id, self.flags, index, record)

    @cached_property
    def envelope(self) -> Envelope:
        """The good envelope."""
        body = ef.pad(self.value) if self.flags & FLAG_PADDED else self.value
        return self.forge(COMMITMENT + body.typed)

    def forge(self, plaintext: bytes) -> Envelope:
        """An envelope of any P, with tags that are right."""
        return ef.seal_plaintext(
            self.header, self.kek, self.dek, self.context, plaintext
        )


def context_lines(context: Sequence[Value]) -> list[tuple[str, str]]:
    """A line for each part."""
    return [("context", value_to_text(part)) for part in context]


def good_lines(rule: str, sample: Sample) -> list[tuple[str, str]]:
    """The first lines of a file that a reader opens."""
    return [
        ("op", "open"),
        ("expect", "ok"),
        ("rule", rule),
        ("suite", f"{sample.suite:02x}"),
        ("kek", sample.kek.key.hex()),
        *context_lines(sample.context),
        ("value", value_to_text(sample.value)),
    ]


def opens(files: Files, rule: str, note: str, sample: Sample) -> None:
    """A file that a reader opens and a writer can make from its DEK."""
    lines = good_lines(rule, sample)
    lines.append(("dek", sample.dek.hex()))
    if sample.flags & FLAG_INDEX:
        lines.append(("secret", SECRET.hex()))
    lines.append(("envelope", sample.envelope.encode().hex()))
    files.add(f"envelope/{sample.name}.vec", rule, note, lines)


def opens_anyway(
    files: Files, rule: str, note: str, sample: Sample, envelope: Envelope
) -> None:
    """A file that a reader opens though no writer makes it."""
    lines = good_lines(rule, sample)
    lines.append(("envelope", envelope.encode().hex()))
    files.add(f"envelope/{sample.name}.vec", rule, note, lines)


def fails(
    files: Files,
    rule: str,
    note: str,
    sample: Sample,
    blob: bytes,
    expect: str = AUTHENTICATION,
    kek: Kek | None = None,
    context: Sequence[Value] | None = None,
) -> None:
    """A file that a reader must refuse to open."""
    kek = kek or sample.kek
    lines = [
        ("op", "open"),
        ("expect", expect),
        ("rule", rule),
        ("suite", f"{kek.suite:02x}"),
        ("kek", kek.key.hex()),
        *context_lines(sample.context if context is None else context),
        ("envelope", blob.hex()),
    ]
    files.add(f"envelope/{sample.name}.vec", rule, note, lines)


def rewraps(
    files: Files,
    rule: str,
    note: str,
    sample: Sample,
    blob: bytes,
    expect: str = "ok",
    target: Kek | None = None,
    same_name: bool = True,
) -> None:
    """A file for rewrap; when it succeeds the result is computed."""
    target = target or TARGETS[sample.suite]
    lines = [
        ("op", "rewrap"),
        ("expect", expect),
        ("rule", rule),
        ("suite", f"{sample.suite:02x}"),
        ("kek", sample.kek.key.hex()),
        ("target-suite", f"{target.suite:02x}"),
        ("target-kek", target.key.hex()),
        ("same-name", "yes" if same_name else "no"),
        ("envelope", blob.hex()),
    ]
    if expect == "ok":
        result = ef.rewrap(blob, [sample.kek], target, same_name=same_name)
        lines.append(("result", result.hex()))
    files.add(f"envelope/{sample.name}.vec", rule, note, lines)


def flip(data: bytes, at: int, mask: int = 1) -> bytes:
    """data with bits of one byte flipped; at may count from the end."""
    changed = bytearray(data)
    changed[at] ^= mask
    return bytes(changed)


def put(data: bytes, at: int, new: bytes) -> bytes:
    """data with some bytes replaced."""
    return data[:at] + new + data[at + len(new):]
