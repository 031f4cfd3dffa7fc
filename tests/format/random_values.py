# SPDX-License-Identifier: MIT
"""Seeded random SQL values and contexts, with the awkward ones among them."""

from __future__ import annotations

import struct
from random import Random

SqlValue = int | float | str | bytes | None

EDGES: tuple[SqlValue, ...] = (
    0, 1, -1, 2**63 - 1, -(2**63), 0.0, -0.0, 5.0, 5e-324, 1.5e308,
    float("inf"), float("-inf"), "", "\0", "a\0b", "\U0001f511", b"", b"\0",
    b"\x80", b"\x80\0",
)
LENGTHS = (0, 1, 14, 15, 16, 17, 254, 255, 256, 1023, 1024, 4096)


def random_length(rng: Random) -> int:
    """A length, mostly short, sometimes at an edge."""
    if rng.random() < 0.2:
        return rng.choice(LENGTHS)
    return rng.randrange(64)


def random_real(rng: Random) -> float:
    """A REAL of any 64 bits but NaN, which SQLite does not have."""
    while True:
        real = struct.unpack(">d", rng.randbytes(8))[0]
        if real == real:
            return real


def random_text(rng: Random) -> str:
    """TEXT of any code points but surrogates."""
    ranges = ((0, 0x7F), (0x80, 0x7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
    first, last = rng.choice(ranges)
    return "".join(
        chr(rng.randint(first, last)) for _ in range(random_length(rng))
    )


def random_value(rng: Random) -> SqlValue:
    """A value that can be sealed."""
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice(EDGES)
    if kind == 1:
        return rng.randrange(-(2**63), 2**63) >> rng.randrange(64)
    if kind == 2:
        return random_real(rng)
    if kind == 3:
        return random_text(rng)
    return rng.randbytes(random_length(rng))


def random_context(rng: Random, least: int = 0) -> list[SqlValue]:
    """A context of up to four parts, NULL among them."""
    count = rng.randint(least, 4)
    return [
        None if rng.random() < 0.1 else random_value(rng)
        for _ in range(count)
    ]
