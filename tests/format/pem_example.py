#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the hexadecimal blocks of ext/provider/PEM.md, section 7.

The keys are those of tests/vectors/pem.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pem_format as pf
from worked_example import block, record

KEYS = Path(__file__).resolve().parents[1] / "vectors" / "pem"
PAYLOAD = bytes(range(0x00, 0x40))
RANDOM = bytes(range(0xA0, 0xC0))
CONTEXT = dict(record())["context"]


def made(name: str) -> list[tuple[str, bytes]]:
    """What is said of one key."""
    public = pf.load_public(KEYS / name)
    wrapped = pf.wrap(public, PAYLOAD, CONTEXT, RANDOM)
    return [
        ("key id", pf.key_id(public)),
        ("wrapped", wrapped),
    ]


def common() -> list[tuple[str, bytes]]:
    """What both have in common."""
    return [
        ("payload", PAYLOAD),
        ("context", CONTEXT),
        ("L", pf.DOMAIN + CONTEXT),
        ("SHA(L)", hashlib.sha256(pf.DOMAIN + CONTEXT).digest()),
        ("random", RANDOM),
    ]


def blocks() -> list[str]:
    """Every block, in the order of the page."""
    return [block(b).rstrip() for b in (common(), made("rsa.pub"),
                                        made("x25519.pub"))]


if __name__ == "__main__":
    print("\n\n".join(blocks()))
