# SPDX-License-Identifier: MIT
"""Compare the extension with the reader and writer made from FORMAT.md.

What the extension seals, envelope_format opens, and the other way round,
for seeded random values and contexts. Both must give the same value of the
same storage class.
"""

from __future__ import annotations

import sqlite3
from random import Random
from typing import Any, Callable

import envelope_format as ef
from random_values import SqlValue, random_context, random_value

SqlFunction = Callable[..., Any]

COUNT = 10_000
SEED = 1


class Mismatch(Exception):
    """The two sides differ; says for which value of the seed."""


def check_same(what: str, number: int, got: ef.Value, want: ef.Value) -> None:
    """Compare value and storage class; a REAL by its bits."""
    if got != want:
        raise Mismatch(
            f"{what}, value {number}: type {got.type}, {got.body.hex()}; "
            f"should be type {want.type}, {want.body.hex()}"
        )


def check_their_seal(
    seal: SqlFunction, kek: ef.Kek, count: int, rng: Random
) -> None:
    """envelope_format opens what they sealed."""
    for number in range(count):
        value, context = random_value(rng), random_context(rng)
        parts = [ef.value_of(part) for part in context]
        try:
            blob = seal(value, *context)
            got = ef.open_envelope(blob, [kek], parts)
        except (ef.EnvelopeError, sqlite3.Error) as error:
            raise Mismatch(f"their seal, value {number}: {error}") from error
        check_same("their seal", number, got, ef.value_of(value))


def check_their_open(
    open_: SqlFunction, kek: ef.Kek, secret: bytes, count: int, rng: Random
) -> None:
    """They open what envelope_format sealed, with every set of flags."""
    for number in range(count):
        value = ef.value_of(random_value(rng))
        indexed = rng.random() < 0.5
        context = random_context(rng, least=int(indexed))
        parts = [ef.value_of(part) for part in context]
        index = ef.blind_index(secret, parts[0], value) if indexed else b""
        record = rng.randbytes(rng.randrange(100))
        padded = rng.random() < 0.5
        blob = ef.seal(value, kek, rng.randbytes(32), parts, index=index,
                       record=record, padded=padded)
        try:
            got = open_(blob, *context)
        except (ef.EnvelopeError, sqlite3.Error) as error:
            raise Mismatch(f"their open, value {number}: {error}") from error
        check_same("their open", number, ef.value_of(got), value)


def cross_check(
    seal: SqlFunction,
    open_: SqlFunction,
    kek: ef.Kek,
    secret: bytes,
    count: int = COUNT,
    seed: int = SEED,
) -> None:
    """Compare both ways, count values each; raises Mismatch.

    seal(value, *context) and open_(blob, *context) work as their SQL
    functions do, under kek of a key name whose secret is secret.
    """
    if seal(None) is not None or open_(None) is not None:
        raise Mismatch("NULL does not stay NULL (R11)")
    rng = Random(seed)
    check_their_seal(seal, kek, count, rng)
    check_their_open(open_, kek, secret, count, rng)


def sql_function(conn: sqlite3.Connection, call: str) -> SqlFunction:
    """A Python callable for a SQL function; {} stands for its arguments."""
    def function(*args: SqlValue) -> SqlValue:
        marks = ", ".join("?" * len(args))
        sql = f"SELECT {call.format(marks)}"
        return conn.execute(sql, args).fetchone()[0]

    return function


def seal_under(conn: sqlite3.Connection, name: str) -> SqlFunction:
    """envelope_seal under the key of a name."""
    function = sql_function(conn, "envelope_seal({})")
    return lambda value, *context: function(value, name, *context)
