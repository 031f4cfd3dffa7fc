#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold FORMAT.md, its vectors and the Python reader against each other."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import sqlite3
import unittest
from dataclasses import replace
from pathlib import Path
from random import Random

import cross_check
import envelope_format as ef
import make_vectors
import vec
import vectors_base
import worked_example
from cross_check import SqlFunction
from envelope_format import Kek
from random_values import SqlValue, random_context, random_value

ROOT = Path(__file__).resolve().parents[2]
FORMAT = ROOT / "ext" / "envelope" / "FORMAT.md"
VECTORS = ROOT / "tests" / "vectors"
SHARED_XAES = ROOT.parent / "shared" / "vectors" / "xaes-256-gcm.json"

ROUND_TRIPS = 10_000
KEK = Kek(bytes(range(32)), ef.SUITE_AES)

# R17, R32 and R52 bind what a writer draws, R19 when a reader releases bytes,
# R40 a reader who was told more than the tables say (sql/test_trust.py), R57
# what a name is; R42 and R44 to R47 a session that has public keys
# (sql/test_seal_only.py, test_seal_only_format.py); no bytes of an envelope or
# a key table can show these.
NOT_IN_BYTES = {"R17", "R19", "R32", "R40", "R42", "R44", "R45", "R46", "R47",
                "R52", "R57"}


def vector_files(folder: str) -> list[Path]:
    """The vectors of a folder, by name."""
    return sorted((VECTORS / folder).glob("*.vec"))


def all_files() -> list[Path]:
    """Those with one case in each file."""
    return [path for folder in ("envelope", "exports", "keys")
            for path in vector_files(folder)]


def kek_of(case: vec.Case, prefix: str = "") -> Kek:
    """The KEK of a case, or its target KEK."""
    suite = int(case.one(prefix + "suite"), 16)
    return Kek(case.octets(prefix + "kek"), suite)


def outcome(error: ef.EnvelopeError) -> str:
    """What a vector calls an exception."""
    words = {
        ef.Malformed: "malformed",
        ef.KeyUnavailable: "key-unavailable",
        ef.AuthenticationFailed: "authentication",
        ef.Refused: "refused",
    }
    return words[type(error)]


def run_open(test: unittest.TestCase, case: vec.Case) -> None:
    """Open; and where the DEK is given, seal to the same bytes."""
    blob, context = case.octets("envelope"), case.values("context")
    value = ef.open_envelope(blob, [kek_of(case)], context)
    test.assertEqual(value, case.value("value"))
    if "dek" not in case:
        return
    header = ef.parse(blob).header
    if "secret" in case:
        index = ef.blind_index(case.octets("secret"), context[0], value)
        test.assertEqual(index, header.index)
    sealed = ef.seal(value, kek_of(case), case.octets("dek"), context,
                     index=header.index, record=header.record,
                     padded=bool(header.flags & ef.FLAG_PADDED))
    test.assertEqual(sealed, blob)


def run_rewrap(test: unittest.TestCase, case: vec.Case) -> None:
    """Rewrap to the target KEK."""
    result = ef.rewrap(
        case.octets("envelope"), [kek_of(case)], kek_of(case, "target-"),
        same_name=case.one("same-name") == "yes",
    )
    test.assertEqual(result, case.octets("result"))


def run_index(test: unittest.TestCase, case: vec.Case) -> None:
    """Compute a blind index."""
    index = ef.blind_index(
        case.octets("secret"), case.value("scope"), case.value("value")
    )
    test.assertEqual(index, case.octets("index"))


def run_record(test: unittest.TestCase, case: vec.Case) -> None:
    """Verify a key record and ask to use it."""
    record = ef.KeyRecord(
        name=case.octets("name"),
        version=case.number("version"),
        suite=int(case.one("suite"), 16),
        fingerprint=case.octets("fingerprint"),
        created=case.number("created"),
        origin=case.number("origin"),
        state=case.number("state"),
        generation=case.number("generation"),
        key_id=case.octets("key-id"),
        tag1=case.octets("tag1"),
        tag2=case.octets("tag2"),
    )
    manifest = ef.Manifest(
        generation=case.number("manifest-generation"),
        current=case.number("manifest-current"),
        tag=case.octets("manifest-tag"),
        policy=ef.Policy(*(
            case.number(name) if case.all(name) else 0
            for name in ("policy-rotate-after", "policy-min-version",
                         "policy-rotate-seals"))),
    )
    pairs = (line.split(" ") for line in case.all("sibling"))
    siblings = {int(version): bytes.fromhex(tag) for version, tag in pairs}
    payload = case.octets("kek") + case.octets("secret")
    ef.verify_record(record, manifest, siblings, payload)
    ef.check_use(record, manifest, case.one("use"))
    test.assertEqual(record.provider_context,
                     case.octets("provider-context"))


def run_seal_only(test: unittest.TestCase, case: vec.Case) -> None:
    """Verify the record of a seal-only version."""
    record = ef.seal_only_record(
        case.octets("name"), int(case.one("suite"), 16),
        case.number("created"), case.octets("fingerprint"),
        case.octets("key-id"), case.octets("tag1"))
    ef.verify_seal_only(record, case.octets("payload"))
    test.assertEqual(record.provider_context,
                     case.octets("provider-context"))


def run_seals(test: unittest.TestCase, case: vec.Case) -> None:
    """Verify how many seals were counted."""
    tag = ef.seals_tag(case.octets("kek"), int(case.one("suite"), 16),
                       case.number("reserved"), case.octets("nonce"))
    if tag != case.octets("tag"):
        raise ef.AuthenticationFailed


def wraps_of(case: vec.Case) -> list[ef.Wrap]:
    """The CMKs of an export record."""
    pairs = (line.split(" ") for line in case.all("wrap"))
    return [ef.Wrap(bytes.fromhex(uri), bytes.fromhex(wrapped))
            for uri, wrapped in pairs]


def run_export(test: unittest.TestCase, case: vec.Case) -> None:
    """Export under the payload's KEK."""
    payload, blob = case.octets("payload"), case.octets("envelope")
    kek = Kek(payload[:32], int(case.one("suite"), 16))
    record = ef.make_export_record(kek, payload[32:], wraps_of(case))
    result = ef.export(blob, [kek_of(case)], kek, record)
    test.assertEqual(result, case.octets("result"))


def run_import(test: unittest.TestCase, case: vec.Case) -> None:
    """Open with the payload that a CMK would unwrap."""
    blob = case.octets("envelope")
    value = ef.open_portable(blob, case.octets("payload"),
                             case.values("context"))
    test.assertEqual(value, case.value("value"))
    record = ef.export_record_of(blob)
    test.assertEqual(list(record.wraps), wraps_of(case))
    test.assertEqual(record.provider_context, case.octets("provider-context"))


def run_subject(test: unittest.TestCase, case: vec.Case) -> None:
    """Unwrap a subject's KEK; and wrap it to the same bytes."""
    name, record = case.octets("name"), case.octets("record")
    parent = Kek(case.octets("parent-kek"), int(case.one("suite"), 16))
    kek = ef.unwrap_subject(name, record, parent, case.octets("parent-name"),
                            case.one("use"))
    test.assertEqual(kek.key, case.octets("kek"))
    made = ef.parse_subject(name, parent.suite, record)
    again = ef.wrap_subject(name, kek, parent, made.nonce, made.created,
                            made.state)
    test.assertEqual(again.encode(), record)


RUNNERS = {
    "open": run_open,
    "rewrap": run_rewrap,
    "index": run_index,
    "record": run_record,
    "seal-only": run_seal_only,
    "seals": run_seals,
    "export": run_export,
    "import": run_import,
    "subject": run_subject,
}


class Vectors(unittest.TestCase):
    """Every vector, and that the vectors are complete and made here."""

    def check(self, case: vec.Case) -> None:
        """Run one case and compare its outcome."""
        try:
            RUNNERS[case.one("op")](self, case)
        except ef.EnvelopeError as error:
            self.assertEqual(outcome(error), case.one("expect"))
            if isinstance(error, ef.Malformed) and case.one("rule") != "R7":
                self.assertEqual(error.rule, case.one("rule"))
        else:
            self.assertEqual(case.one("expect"), "ok")

    def test_every_vector(self) -> None:
        for path in all_files():
            with self.subTest(path.name):
                cases = list(vec.read(path))
                self.assertEqual(len(cases), 1)
                self.check(cases[0])

    def test_every_rule_has_a_vector(self) -> None:
        rules = set(re.findall(r"^- \*\*(R\d+)\*\*", FORMAT.read_text(), re.M))
        paths = all_files()
        cited = {next(vec.read(path)).one("rule") for path in paths}
        self.assertEqual(cited, rules - NOT_IN_BYTES)

    def test_vectors_are_as_made(self) -> None:
        texts = make_vectors.make()
        self.assertEqual(make_vectors.differences(texts, VECTORS), [])

    def test_vectors_use_both_branches_of_xaes(self) -> None:
        keks = (vectors_base.KEKS[1], vectors_base.TARGETS[1])
        top = {ef.aes_block(k.wrap_key, bytes(16))[0] >> 7 for k in keks}
        self.assertEqual(top, {0, 1})

    def test_changed_vectors_are_noticed(self) -> None:
        texts = make_vectors.make()
        texts["envelope/integer_one.vec"] += "\n"
        texts["envelope/no_such.vec"] = ""
        del texts["envelope/integer_zero.vec"]
        self.assertEqual(
            make_vectors.differences(texts, VECTORS),
            ["differs: envelope/integer_one.vec",
             "missing: envelope/no_such.vec",
             "not made here: envelope/integer_zero.vec"],
        )


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand of RFC 5869."""
    output = block = b""
    for counter in range(1, -(-length // 32) + 1):
        block = ef.hmac_sha256(prk, block + info + bytes([counter]))
        output += block
    return output[:length]


def xaes_accumulated(rounds: int) -> bytes:
    """The accumulated digest of the XAES-256-GCM specification."""
    draws = hashlib.shake_128(b"").digest(rounds * (32 + 24 + 2 + 2 * 255))
    absorbed = hashlib.shake_128()
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        at += count
        return draws[at - count:at]

    for _ in range(rounds):
        key, nonce = take(32), take(24)
        message = take(take(1)[0])
        aad = take(take(1)[0])
        absorbed.update(
            ef.wrap_encrypt(ef.SUITE_AES, key, nonce, aad, message)
        )
    return absorbed.digest(32)


class KnownAnswers(unittest.TestCase):
    """Published vectors of the primitives."""

    def cases(self, name: str) -> list[vec.Case]:
        """The cases of a file, of which there are some."""
        cases = list(vec.read(VECTORS / "crypto" / name))
        self.assertTrue(cases)
        return cases

    def test_hmac(self) -> None:
        for case in self.cases("hmac_rfc4231.vec"):
            want = case.octets("output")
            got = ef.hmac_sha256(case.octets("key"), case.octets("message"))
            self.assertEqual(got[:len(want)], want)

    def test_hkdf(self) -> None:
        for case in self.cases("hkdf_rfc5869.vec"):
            salt = case.octets("salt") or bytes(32)
            prk = hmac.digest(salt, case.octets("ikm"), "sha256")
            self.assertEqual(prk, case.octets("prk"))
            want = case.octets("output")
            got = hkdf_expand(prk, case.octets("info"), len(want))
            self.assertEqual(got, want)

    def test_kdf(self) -> None:
        for case in self.cases("kdf.vec"):
            got = ef.kdf(case.octets("key"), case.one("label"),
                         case.octets("ctx"))
            self.assertEqual(got, case.octets("output"))

    def test_xchacha(self) -> None:
        hchacha, aead = self.cases("xchacha_draft03.vec")
        got = ef.hchacha20(hchacha.octets("key"), hchacha.octets("nonce"))
        self.assertEqual(got, hchacha.octets("output"))
        self.check_wrap(ef.SUITE_CHACHA, aead)

    def test_xaes(self) -> None:
        for case in self.cases("xaes_c2sp.vec"):
            if case.one("op") == "xaes-256-gcm":
                key, nonce = case.octets("key"), case.octets("nonce")
                self.assertEqual(ef.xaes_key(key, nonce), case.octets("kx"))
                self.check_wrap(ef.SUITE_AES, case)

    def check_wrap(self, suite: int, case: vec.Case) -> None:
        """A wrap cipher encrypts and decrypts as the case says."""
        key, nonce = case.octets("key"), case.octets("nonce")
        aad, message = case.octets("aad"), case.octets("message")
        sealed = ef.wrap_encrypt(suite, key, nonce, aad, message)
        self.assertEqual(sealed, case.octets("sealed"))
        opened = ef.wrap_decrypt(suite, key, nonce, aad, sealed)
        self.assertEqual(opened, message)

    def test_xaes_accumulated(self) -> None:
        case = next(case for case in self.cases("xaes_c2sp.vec")
                    if case.all("rounds") == ["10000"])
        self.assertEqual(xaes_accumulated(10_000), case.octets("digest"))

    def test_xaes_is_what_is_shared(self) -> None:
        if not SHARED_XAES.exists():
            if os.environ.get("CI") == "true":
                self.fail("the shared vectors are absent")
            self.skipTest("the shared vectors are absent")
        shared = json.loads(SHARED_XAES.read_text())
        renamed = {"message": "plaintext", "sealed": "ciphertext",
                   "l": "L", "k1": "K1", "kx": "Kx", "nx": "Nx"}
        ours: list[dict[str, str]] = []
        digests: dict[str, str] = {}
        for case in self.cases("xaes_c2sp.vec"):
            if case.one("op") == "xaes-256-gcm":
                names = ("key", "nonce", "aad", *renamed)
                ours.append({renamed.get(name, name): case.one(name)
                             for name in names})
            else:
                digests[case.one("rounds")] = case.one("digest")
        self.assertEqual(ours, shared["vectors"])
        del shared["accumulated"]["about"]
        self.assertEqual(digests, shared["accumulated"])


class WorkedExample(unittest.TestCase):
    """The hexadecimal of FORMAT.md is what the writer makes."""

    def test_page(self) -> None:
        section = FORMAT.read_text().partition("\n## 9. ")[2]
        section = section.partition("\n## 10. ")[0]
        found = re.findall(r"^```\n(.*?)^```$", section, re.M | re.S)
        self.assertEqual(found, worked_example.blocks())


def flip_random_bit(rng: Random, blob: bytes) -> bytes:
    """One bit flipped, but not of the record, which is free (R6)."""
    header = ef.parse(blob).header
    end = len(header.encode())
    while True:
        at = rng.randrange(len(blob))
        if not end - len(header.record) <= at < end:
            return vectors_base.flip(blob, at, 1 << rng.randrange(8))


class RoundTrips(unittest.TestCase):
    """Random values come back, and not when a bit is flipped."""

    def test_round_trips(self) -> None:
        rng = Random(20260101)
        for _ in range(ROUND_TRIPS):
            kek = Kek(rng.randbytes(32), rng.choice(ef.SUITES))
            value = ef.value_of(random_value(rng))
            context = [ef.value_of(part) for part in random_context(rng)]
            blob = ef.seal(
                value, kek, rng.randbytes(32), context,
                index=rng.choice((b"", rng.randbytes(16))),
                record=rng.randbytes(rng.choice((0, 1, 300))),
                padded=rng.random() < 0.5,
            )
            self.assertEqual(ef.open_envelope(blob, [kek], context), value)
            self.assertEqual(ef.parse(blob).encode(), blob)
            with self.assertRaises(ef.EnvelopeError):
                changed = flip_random_bit(rng, blob)
                ef.open_envelope(changed, [kek], context)

    def test_null_is_never_sealed(self) -> None:
        with self.assertRaises(ValueError):
            ef.seal(ef.Value(ef.NULL), KEK, bytes(32))

    def test_padded_lengths_hide(self) -> None:
        for length in range(1, 5000):
            padded = ef.padded_length(length)
            self.assertGreaterEqual(padded, length)
            self.assertEqual(ef.padded_length(padded), padded)
            self.assertLess(padded - length, max(16, 0.12 * length))


class CrossCheck(unittest.TestCase):
    """cross_check accepts this reader and writer, and no others."""

    def setUp(self) -> None:
        self.rng = Random(7)

    def seal(self, value: SqlValue, *context: SqlValue) -> bytes | None:
        """As the SQL function would."""
        if value is None:
            return None
        parts = [ef.value_of(part) for part in context]
        return ef.seal(ef.value_of(value), KEK, self.rng.randbytes(32), parts)

    def open(self, blob: bytes | None, *context: SqlValue) -> SqlValue:
        """As the SQL function would."""
        if blob is None:
            return None
        parts = [ef.value_of(part) for part in context]
        return ef.python_of(ef.open_envelope(blob, [KEK], parts))

    def run_with(self, seal: SqlFunction, open_: SqlFunction) -> None:
        """Run with a pair of functions."""
        cross_check.cross_check(seal, open_, KEK, bytes(32), 300)

    def test_accepts(self) -> None:
        self.run_with(self.seal, self.open)

    def test_accepts_sql_functions(self) -> None:
        def seal(value: SqlValue, _: str, *context: SqlValue) -> SqlValue:
            return self.seal(value, *context)

        conn = sqlite3.connect(":memory:")
        self.addCleanup(conn.close)
        conn.create_function("envelope_seal", -1, seal)
        conn.create_function("envelope_open", -1, self.open)
        self.run_with(
            cross_check.seal_under(conn, "pii"),
            cross_check.sql_function(conn, "envelope_open({})"),
        )

    def test_refuses(self) -> None:
        def open_as_float(blob: bytes | None, *context: SqlValue) -> SqlValue:
            value = self.open(blob, *context)
            return float(value) if isinstance(value, int) else value

        def seal_without_context(
            value: SqlValue, *_: SqlValue
        ) -> bytes | None:
            return self.seal(value)

        other = replace(KEK, key=bytes(32))

        def open_by_other(blob: bytes | None, *_: SqlValue) -> SqlValue:
            if blob is None:
                return None
            return ef.python_of(ef.open_envelope(blob, [other]))

        for seal, open_ in (
            (self.seal, open_as_float),
            (seal_without_context, self.open),
            (self.seal, open_by_other),
            (lambda value, *_: b"", self.open),
        ):
            with self.assertRaises(cross_check.Mismatch):
                self.run_with(seal, open_)


if __name__ == "__main__":
    unittest.main()
