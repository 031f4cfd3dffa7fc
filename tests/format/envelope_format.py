# SPDX-License-Identifier: MIT
"""A second reader and writer of the envelope, made from FORMAT.md alone.

It exists to be compared with the C code, so it shares nothing with it. It
is neither fast nor constant in time, and it keeps keys in ordinary memory:
use it for tests only. The rules cited are those of ext/envelope/FORMAT.md.
"""

from __future__ import annotations

import hmac
import math
import struct
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import (
    AESGCM,
    ChaCha20Poly1305,
)

MAGIC = b"\xfe\x45"
VERSION = 1

SUITE_AES = 1
SUITE_CHACHA = 2
SUITES = (SUITE_AES, SUITE_CHACHA)

FLAG_INDEX = 0x01
FLAG_RECORD = 0x02
FLAG_PADDED = 0x04
FLAGS_KNOWN = FLAG_INDEX | FLAG_RECORD | FLAG_PADDED

INTEGER, REAL, TEXT, BLOB, NULL = 1, 2, 3, 4, 5
SEALED_TYPES = (INTEGER, REAL, TEXT, BLOB)

KEY_BYTES = 32
KEY_ID_BYTES = 8
INDEX_BYTES = 16
TAG_BYTES = 16
NONCE_BYTES = 24
WRAP_BYTES = KEY_BYTES + TAG_BYTES
COMMITMENT = bytes(32)
RECORD_MAX = 8192
MIN_BYTES = 110
DATA_NONCE = bytes(12)

EXPORT_VERSION = 1
EXPORT_WRAPS_MAX = 16
EXPORT_URI_MAX = 1023

ACTIVE, DECRYPT_ONLY, DISABLED, DESTROYED = 1, 2, 3, 4
LOCAL, IMPORTED, SEAL_ONLY = 1, 2, 3


class EnvelopeError(Exception):
    """Whatever a reader refuses."""


class Malformed(EnvelopeError):
    """The bytes are no envelope; rule says which of R1 to R6 they break."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"malformed envelope ({rule})")
        self.rule = rule


class KeyUnavailable(EnvelopeError):
    """No KEK at hand has the key id of the envelope."""

    def __init__(self) -> None:
        super().__init__("key unavailable")


class AuthenticationFailed(EnvelopeError):
    """Any cryptographic failure; all of them look the same (R19)."""

    def __init__(self) -> None:
        super().__init__("authentication failed")


class Refused(EnvelopeError):
    """Sound bytes, but a rule forbids what was asked (R23, R28, R29)."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"refused ({rule})")
        self.rule = rule


# Section 4: typed values


@dataclass(frozen=True)
class Value:
    """A typed value or context part: a type and its body (section 4)."""

    type: int
    body: bytes = b""

    @property
    def typed(self) -> bytes:
        """type ‖ body."""
        return bytes([self.type]) + self.body

    @property
    def part(self) -> bytes:
        """One part of a context: type ‖ length (u64) ‖ body."""
        return struct.pack(">BQ", self.type, len(self.body)) + self.body


def value_of(x: int | float | str | bytes | None) -> Value:
    """The typed value of a Python object as sqlite3 maps it."""
    if x is None:
        return Value(NULL)
    if isinstance(x, int):
        return Value(INTEGER, struct.pack(">q", x))
    if isinstance(x, float):
        return Value(REAL, struct.pack(">d", x))
    if isinstance(x, str):
        return Value(TEXT, x.encode())
    return Value(BLOB, bytes(x))


def python_of(value: Value) -> int | float | str | bytes | None:
    """The Python object that sqlite3 would give for a typed value."""
    if value.type == INTEGER:
        return struct.unpack(">q", value.body)[0]
    if value.type == REAL:
        return struct.unpack(">d", value.body)[0]
    if value.type == TEXT:
        return value.body.decode()
    return value.body if value.type == BLOB else None


def check_sealed(value: Value) -> Value:
    """Refuse a type, a length or a NaN that nobody seals (R12, R13)."""
    if value.type not in SEALED_TYPES:
        raise AuthenticationFailed
    if value.type in (INTEGER, REAL) and len(value.body) != 8:
        raise AuthenticationFailed
    if value.type == REAL and math.isnan(struct.unpack(">d", value.body)[0]):
        raise AuthenticationFailed
    return value


def padded_length(length: int) -> int:
    """To what length type ‖ value ‖ 80 is padded (R15)."""
    if length <= 256:
        unit = 16
    else:
        e = length.bit_length() - 1
        unit = 1 << (e - e.bit_length())
    return -(-length // unit) * unit


def pad(value: Value) -> Value:
    """The value with the body of flag 04 (R15)."""
    length = len(value.typed) + 1
    zeros = bytes(padded_length(length) - length)
    return replace(value, body=value.body + b"\x80" + zeros)


def unpad(value: Value) -> Value:
    """The value with its padding stripped (R15)."""
    body = value.body.rstrip(b"\0")
    if not body.endswith(b"\x80"):
        raise AuthenticationFailed
    return replace(value, body=body[:-1])


# Sections 2 and 3: ciphers and key derivation


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.digest(key, message, "sha256")


def kdf(key: bytes, label: str, ctx: bytes = b"") -> bytes:
    """KDF of section 3: SP 800-108r1, counter mode, one block."""
    label_bytes = b"sqlite-envelope/v1/" + label.encode("ascii")
    message = b"\0\0\0\1" + label_bytes + b"\0" + ctx + b"\0\0\1\0"
    return hmac_sha256(key, message)


def aes_block(key: bytes, block: bytes) -> bytes:
    """AES-256 of whole 16-byte blocks, each on its own."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def xaes_key(key: bytes, nonce: bytes) -> bytes:
    """Kx of XAES-256-GCM (section 2)."""
    top = int.from_bytes(aes_block(key, bytes(16)), "big")
    k1 = (top << 1) & ((1 << 128) - 1)
    if top >> 127:
        k1 ^= 0b10000111
    blocks = b""
    for counter in (1, 2):
        m = bytes([0, counter, 0x58, 0]) + nonce[:12]
        blocks += (k1 ^ int.from_bytes(m, "big")).to_bytes(16, "big")
    return aes_block(key, blocks)


def _quarter_round(x: list[int], a: int, b: int, c: int, d: int) -> None:
    """The ChaCha quarter round, RFC 8439 section 2.1."""
    for p, q, r, left in ((a, b, d, 16), (c, d, b, 12),
                          (a, b, d, 8), (c, d, b, 7)):
        x[p] = (x[p] + x[q]) & 0xFFFFFFFF
        t = x[r] ^ x[p]
        x[r] = ((t << left) | (t >> (32 - left))) & 0xFFFFFFFF


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """HChaCha20, draft-irtf-cfrg-xchacha-03 section 2.2."""
    x = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    for _ in range(10):
        for i in range(4):
            _quarter_round(x, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            _quarter_round(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4,
                           12 + (i + 3) % 4)
    return struct.pack("<8I", *x[:4], *x[12:])


def data_cipher(suite: int, dek: bytes) -> AESGCM | ChaCha20Poly1305:
    """AEAD_data of a suite (section 2)."""
    return AESGCM(dek) if suite == SUITE_AES else ChaCha20Poly1305(dek)


def wrap_cipher(
    suite: int, key: bytes, nonce: bytes
) -> tuple[AESGCM | ChaCha20Poly1305, bytes]:
    """AEAD_wrap of a suite for one 24-byte nonce, and the inner nonce."""
    if suite == SUITE_AES:
        return AESGCM(xaes_key(key, nonce)), nonce[12:]
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


def wrap_encrypt(
    suite: int, key: bytes, nonce: bytes, aad: bytes, message: bytes
) -> bytes:
    """XAES-256-GCM or XChaCha20-Poly1305; the tag follows (section 2)."""
    cipher, inner = wrap_cipher(suite, key, nonce)
    return cipher.encrypt(inner, message, aad)


def wrap_decrypt(
    suite: int, key: bytes, nonce: bytes, aad: bytes, sealed: bytes
) -> bytes:
    """The reverse of wrap_encrypt; refuses a wrong tag (R20)."""
    cipher, inner = wrap_cipher(suite, key, nonce)
    try:
        return cipher.decrypt(inner, sealed, aad)
    except InvalidTag:
        raise AuthenticationFailed from None


def commitment(suite: int, dek: bytes) -> bytes:
    """What a DEK makes of 32 zero bytes (R22)."""
    if suite == SUITE_AES:
        counters = b"".join(bytes(12) + struct.pack(">I", i) for i in (2, 3))
        return aes_block(dek, counters)
    nonce = struct.pack("<I", 1) + DATA_NONCE
    stream = Cipher(algorithms.ChaCha20(dek, nonce), None).encryptor()
    return stream.update(COMMITMENT)


# Keys


@dataclass(frozen=True)
class Kek:
    """A key-encryption key, which belongs to one suite (R8)."""

    key: bytes
    suite: int

    def derive(self, label: str) -> bytes:
        """KDF(KEK, label, suite); a KEK is used for nothing else (R9)."""
        return kdf(self.key, label, bytes([self.suite]))

    @cached_property
    def fingerprint(self) -> bytes:
        """F (section 3)."""
        return self.derive("kek-id")

    @property
    def key_id(self) -> bytes:
        """F[0..8) (R10)."""
        return self.fingerprint[:KEY_ID_BYTES]

    @cached_property
    def wrap_key(self) -> bytes:
        """Kw."""
        return self.derive("kek-wrap")


def find_kek(keks: Iterable[Kek], key_id: bytes, suite: int) -> Kek:
    """The KEK of a key id, which must be of the envelope's suite (R8)."""
    for kek in keks:
        if kek.key_id == key_id:
            if kek.suite != suite:
                raise AuthenticationFailed
            return kek
    raise KeyUnavailable


# Section 1: layout


@dataclass(frozen=True)
class Header:
    """What stands before W, and the associated data made from it."""

    suite: int
    key_id: bytes
    flags: int = 0
    index: bytes = b""
    record: bytes = b""

    def _fixed(self, flag_mask: int) -> bytes:
        flags = self.flags & flag_mask
        return MAGIC + bytes([VERSION, self.suite, flags])

    def encode(self) -> bytes:
        """The bytes of the header."""
        record = b""
        if self.flags & FLAG_RECORD:
            record = struct.pack(">H", len(self.record)) + self.record
        return self._fixed(0xFF) + self.key_id + self.index + record

    def data_aad(self, context: Sequence[Value]) -> bytes:
        """A, which binds the value to its context (section 5)."""
        parts = b"".join(value.part for value in context)
        count = struct.pack(">I", len(context))
        return self._fixed(0x05) + self.index + count + parts

    def wrap_aad(self) -> bytes:
        """Wa: nothing in it can change while C stays (R21)."""
        return self._fixed(0xFD) + self.key_id + self.index


@dataclass(frozen=True)
class Envelope:
    """An envelope cut into its fields; nothing is verified yet."""

    header: Header
    wrap: bytes
    data: bytes
    tag: bytes

    @property
    def nonce(self) -> bytes:
        """N (section 7)."""
        return self.data[:NONCE_BYTES]

    def encode(self) -> bytes:
        """The bytes of the envelope."""
        return self.header.encode() + self.wrap + self.data + self.tag


def parse(blob: bytes) -> Envelope:
    """Settle R1 to R6 and cut; no key is looked at (R7)."""
    check_fixed(blob)
    suite, flags = blob[3], blob[4]
    at = 5 + KEY_ID_BYTES
    key_id = blob[5:at]
    index = record = b""
    if flags & FLAG_INDEX:
        index = blob[at:at + INDEX_BYTES]
        at += INDEX_BYTES
    if flags & FLAG_RECORD:
        record = parse_record(blob[at:])
        at += 2 + len(record)
    if len(blob) - at < MIN_BYTES - 5 - KEY_ID_BYTES:
        raise Malformed("R1")
    header = Header(suite, key_id, flags, index, record)
    end = at + WRAP_BYTES
    return Envelope(
        header, blob[at:end], blob[end:-TAG_BYTES], blob[-TAG_BYTES:]
    )


def check_fixed(blob: bytes) -> None:
    """The rules of the first five bytes, R2 to R5, and of the least R1."""
    if len(blob) < MIN_BYTES:
        raise Malformed("R1")
    if blob[:2] != MAGIC:
        raise Malformed("R2")
    if blob[2] != VERSION:
        raise Malformed("R3")
    if blob[3] not in SUITES:
        raise Malformed("R4")
    if blob[4] & ~FLAGS_KNOWN:
        raise Malformed("R5")


def parse_record(rest: bytes) -> bytes:
    """The embedded record at the start of rest (R6)."""
    if len(rest) < 2:
        raise Malformed("R1")
    (length,) = struct.unpack(">H", rest[:2])
    if not 1 <= length <= RECORD_MAX:
        raise Malformed("R6")
    if len(rest) < 2 + length:
        raise Malformed("R1")
    return rest[2:2 + length]


# Sections 6 and 7: seal, open, rewrap


def seal_plaintext(
    header: Header,
    kek: Kek,
    dek: bytes,
    context: Sequence[Value],
    plaintext: bytes,
) -> Envelope:
    """Encrypt P and wrap the DEK, whatever P is (sections 6 and 7)."""
    cipher = data_cipher(header.suite, dek)
    sealed = cipher.encrypt(DATA_NONCE, plaintext, header.data_aad(context))
    data, tag = sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]
    return Envelope(header, wrap_dek(header, kek, dek, data), data, tag)


def wrap_dek(header: Header, kek: Kek, dek: bytes, data: bytes) -> bytes:
    """W (section 7)."""
    nonce = data[:NONCE_BYTES]
    return wrap_encrypt(
        header.suite, kek.wrap_key, nonce, header.wrap_aad(), dek
    )


def seal(
    value: Value,
    kek: Kek,
    dek: bytes,
    context: Sequence[Value] = (),
    *,
    index: bytes = b"",
    record: bytes = b"",
    padded: bool = False,
) -> bytes:
    """Seal a value. The caller owes a DEK never used before (R17)."""
    if value.type not in SEALED_TYPES:
        raise ValueError("NULL is never sealed (R11)")
    flags = FLAG_INDEX if index else 0
    flags |= FLAG_RECORD if record else 0
    flags |= FLAG_PADDED if padded else 0
    header = Header(kek.suite, kek.key_id, flags, index, record)
    body = pad(value) if padded else value
    plaintext = COMMITMENT + body.typed
    return seal_plaintext(header, kek, dek, context, plaintext).encode()


def unwrap_dek(envelope: Envelope, keks: Iterable[Kek]) -> bytes:
    """The DEK of an envelope; W's tag is verified (R20)."""
    header = envelope.header
    kek = find_kek(keks, header.key_id, header.suite)
    return wrap_decrypt(
        header.suite,
        kek.wrap_key,
        envelope.nonce,
        header.wrap_aad(),
        envelope.wrap,
    )


def open_envelope(
    blob: bytes, keks: Iterable[Kek], context: Sequence[Value] = ()
) -> Value:
    """Open an envelope; nothing comes out unless all is right (R19)."""
    envelope = parse(blob)
    header = envelope.header
    dek = unwrap_dek(envelope, keks)
    cipher = data_cipher(header.suite, dek)
    sealed = envelope.data + envelope.tag
    try:
        p = cipher.decrypt(DATA_NONCE, sealed, header.data_aad(context))
    except InvalidTag:
        raise AuthenticationFailed from None
    if not hmac.compare_digest(p[:32], COMMITMENT):
        raise AuthenticationFailed
    value = Value(p[32], p[33:])
    if header.flags & FLAG_PADDED:
        value = unpad(value)
    return check_sealed(value)


def rewrap(
    blob: bytes, keks: Iterable[Kek], target: Kek, *, same_name: bool = True
) -> bytes:
    """Wrap the DEK under another KEK; key id and W change, no more."""
    envelope = parse(blob)
    header = envelope.header
    dek = unwrap_dek(envelope, keks)
    expected = commitment(header.suite, dek)
    if not hmac.compare_digest(envelope.data[:32], expected):
        raise AuthenticationFailed
    if target.suite != header.suite:
        raise Refused("R23")
    if header.flags & FLAG_INDEX and not same_name:
        raise Refused("R23")
    if target.key_id == header.key_id:
        return blob
    header = replace(header, key_id=target.key_id)
    wrap = wrap_dek(header, target, dek, envelope.data)
    return replace(envelope, header=header, wrap=wrap).encode()


# Section 7: blind index


def index_value(value: Value) -> Value:
    """The value as the index takes it: 5.0 is 5, -0.0 is 0 (R25)."""
    if value.type != REAL:
        return value
    real = struct.unpack(">d", value.body)[0]
    if -(2.0**63) <= real < 2.0**63 and real.is_integer():
        return value_of(int(real))
    return value


def blind_index(secret: bytes, scope: Value, value: Value) -> bytes:
    """The blind index of a value in a scope."""
    key = kdf(secret, "name-index", scope.part)
    return hmac_sha256(key, index_value(value).typed)[:INDEX_BYTES]


# Section 8: key records


@dataclass(frozen=True)
class KeyRecord:
    """One version of a key name, with the tags stored beside it."""

    name: bytes
    version: int
    suite: int
    fingerprint: bytes
    created: int
    origin: int
    state: int
    generation: int
    key_id: bytes = b""
    tag1: bytes = b""
    tag2: bytes = b""

    @property
    def fields(self) -> bytes:
        """The immutable fields."""
        return (
            struct.pack(">I", len(self.name))
            + self.name
            + struct.pack(">IB", self.version, self.suite)
            + self.fingerprint
            + struct.pack(">QB", self.created, self.origin)
        )

    @property
    def provider_context(self) -> bytes:
        """What a provider binds the wrapped payload to."""
        return b"sqlite-envelope/v1/cmk\0" + self.fields

    def make_tag1(self, key: bytes) -> bytes:
        """tag1, under the KEK."""
        kek = Kek(key, self.suite)
        return hmac_sha256(kek.derive("kek-record"), self.fields)

    def make_tag2(self, secret: bytes, tag1: bytes) -> bytes:
        """tag2, under the secret of the name."""
        tail = struct.pack(">BQ", self.state, self.generation) + tag1
        return hmac_sha256(kdf(secret, "name-record"), self.fields + tail)


@dataclass(frozen=True)
class Policy:
    """What a name's owner laid down for it; 0 is nothing."""

    rotate_after: int = 0
    min_version: int = 0
    rotate_seals: int = 0

    @property
    def encoded(self) -> bytes:
        """What goes into the manifest's key, R37."""
        if self == Policy():
            return b""
        seals = (struct.pack(">Q", self.rotate_seals)
                 if self.rotate_seals else b"")
        return struct.pack(">QI", self.rotate_after, self.min_version) + seals


@dataclass(frozen=True)
class Manifest:
    """A name's manifest: its generation, current version, and tag."""

    generation: int
    current: int
    tag: bytes = b""
    policy: Policy = Policy()

    def make_tag(self, secret: bytes, tag2s: dict[int, bytes]) -> bytes:
        """The tag over tag2 of every version, by ascending version."""
        head = struct.pack(">QI", self.generation, self.current)
        tail = b"".join(tag2s[version] for version in sorted(tag2s))
        key = kdf(secret, "name-manifest", self.policy.encoded)
        return hmac_sha256(key, head + tail)


def seals_tag(key: bytes, suite: int, reserved: int, nonce: bytes) -> bytes:
    """The tag over how many seals of a version were counted, R39."""
    return hmac_sha256(kdf(key, "kek-seals", bytes([suite])),
                       struct.pack(">Q", reserved) + nonce)


def tag_record(record: KeyRecord, key: bytes, secret: bytes) -> KeyRecord:
    """The record with its key id, tag1 and tag2 filled in."""
    tag1 = record.make_tag1(key)
    tag2 = record.make_tag2(secret, tag1)
    key_id = record.fingerprint[:KEY_ID_BYTES]
    return replace(record, key_id=key_id, tag1=tag1, tag2=tag2)


def verify_record(
    record: KeyRecord,
    manifest: Manifest,
    siblings: dict[int, bytes],
    payload: bytes,
) -> None:
    """All that R27 and R37 ask after an unwrap of payload = KEK ‖ S.

    siblings are the tag2 of the name's other versions.
    """
    key, secret = payload[:KEY_BYTES], payload[KEY_BYTES:]
    kek = Kek(key, record.suite)
    tag2s = {**siblings, record.version: record.tag2}
    pairs = (
        (record.fingerprint, kek.fingerprint),
        (record.key_id, kek.key_id),
        (record.tag1, record.make_tag1(key)),
        (record.tag2, record.make_tag2(secret, record.tag1)),
        (manifest.tag, manifest.make_tag(secret, tag2s)),
    )
    if not all(hmac.compare_digest(have, want) for have, want in pairs):
        raise AuthenticationFailed


def seal_only_record(name: bytes, suite: int, created: int,
                     fingerprint: bytes, key_id: bytes = b"",
                     tag1: bytes = b"") -> KeyRecord:
    """The record of a seal-only version (R41)."""
    return KeyRecord(name, 0, suite, fingerprint, created, SEAL_ONLY, ACTIVE,
                     0, key_id, tag1)


def verify_seal_only(record: KeyRecord, payload: bytes) -> None:
    """All that R43 asks after an unwrap of payload = KEK ‖ 0^256."""
    key, tail = payload[:KEY_BYTES], payload[KEY_BYTES:]
    if record.suite not in SUITES:
        raise AuthenticationFailed
    kek = Kek(key, record.suite)
    pairs = (
        (record.fingerprint, kek.fingerprint),
        (record.key_id, kek.key_id),
        (record.tag1, record.make_tag1(key)),
        (tail, bytes(32)),
    )
    if not all(hmac.compare_digest(have, want) for have, want in pairs):
        raise AuthenticationFailed


def check_use(record: KeyRecord, manifest: Manifest, use: str) -> None:
    """Whether a verified record may be used to "open" or to "seal"."""
    if record.state not in (ACTIVE, DECRYPT_ONLY):
        raise Refused("R29")
    if record.version < manifest.policy.min_version:
        raise Refused("R38")
    if use == "seal" and not (
        record.version == manifest.current
        and record.state == ACTIVE
        and record.origin == LOCAL
    ):
        raise Refused("R28")


# Section 11: portable envelopes


@dataclass(frozen=True)
class Wrap:
    """An export payload, wrapped under one CMK."""

    uri: bytes
    wrapped: bytes

    @property
    def encoded(self) -> bytes:
        """Both behind their lengths."""
        return b"".join(struct.pack(">H", len(part)) + part
                        for part in (self.uri, self.wrapped))


@dataclass(frozen=True)
class ExportRecord:
    """The record of a portable envelope; nothing is verified yet."""

    suite: int
    fingerprint: bytes
    wraps: tuple[Wrap, ...]
    tag: bytes = b""

    @property
    def tagged(self) -> bytes:
        """What the tag covers."""
        head = bytes([EXPORT_VERSION, self.suite]) + self.fingerprint
        wraps = b"".join(wrap.encoded for wrap in self.wraps)
        return head + bytes([len(self.wraps)]) + wraps

    @property
    def provider_context(self) -> bytes:
        """What a provider binds the wrapped payload to (R33)."""
        tail = bytes([self.suite]) + self.fingerprint
        return b"sqlite-envelope/v1/export\0" + tail

    def encode(self) -> bytes:
        """The bytes of the record."""
        return self.tagged + self.tag

    def make_tag(self, secret: bytes) -> bytes:
        """The tag, under X."""
        return hmac_sha256(kdf(secret, "export-record"), self.tagged)


def make_export_record(
    kek: Kek, secret: bytes, wraps: Sequence[Wrap]
) -> ExportRecord:
    """The record of an export KEK and X, tagged."""
    record = ExportRecord(kek.suite, kek.fingerprint, tuple(wraps))
    return replace(record, tag=record.make_tag(secret))


class _Reader:
    """Bytes taken one after the other; too few break R30."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def take(self, length: int) -> bytes:
        """The next bytes."""
        if len(self.rest) < length:
            raise Malformed("R30")
        taken, self.rest = self.rest[:length], self.rest[length:]
        return taken

    def take_sized(self) -> bytes:
        """Bytes behind their length (u16)."""
        return self.take(int.from_bytes(self.take(2), "big"))


def parse_export_record(data: bytes) -> ExportRecord:
    """Settle R30 and cut."""
    reader = _Reader(data)
    version, suite = reader.take(2)
    fingerprint = reader.take(32)
    count = reader.take(1)[0]
    if version != EXPORT_VERSION or not 1 <= count <= EXPORT_WRAPS_MAX:
        raise Malformed("R30")
    wraps = []
    for _ in range(count):
        wrap = Wrap(reader.take_sized(), reader.take_sized())
        good_uri = all(0x20 <= byte <= 0x7E for byte in wrap.uri)
        if not (1 <= len(wrap.uri) <= EXPORT_URI_MAX and good_uri):
            raise Malformed("R30")
        if not wrap.wrapped:
            raise Malformed("R30")
        wraps.append(wrap)
    tag = reader.take(32)
    if reader.rest:
        raise Malformed("R30")
    return ExportRecord(suite, fingerprint, tuple(wraps), tag)


def export(blob: bytes, keks: Iterable[Kek], kek: Kek,
           record: ExportRecord) -> bytes:
    """Move an envelope under an export KEK and put its record in (R36)."""
    moved = parse(rewrap(blob, keks, kek))
    header = replace(moved.header, flags=moved.header.flags | FLAG_RECORD,
                     record=record.encode())
    return replace(moved, header=header).encode()


def export_record_of(blob: bytes) -> ExportRecord:
    """The record of a portable envelope; R30 and R31."""
    header = parse(blob).header
    if not header.flags & FLAG_RECORD:
        raise Refused("R35")
    record = parse_export_record(header.record)
    pair = (record.suite, record.fingerprint[:KEY_ID_BYTES])
    if pair != (header.suite, header.key_id):
        raise AuthenticationFailed
    return record


def open_portable(
    blob: bytes, payload: bytes, context: Sequence[Value] = ()
) -> Value:
    """Open with the payload that a CMK unwrapped; R34. The caller seals the
    value again (R35)."""
    record = export_record_of(blob)
    kek = Kek(payload[:KEY_BYTES], record.suite)
    pairs = ((record.fingerprint, kek.fingerprint),
             (record.tag, record.make_tag(payload[KEY_BYTES:])))
    if not all(hmac.compare_digest(have, want) for have, want in pairs):
        raise AuthenticationFailed
    return open_envelope(blob, [kek], context)


# Section 12: subjects

SUBJECT_BYTES = 97


@dataclass(frozen=True)
class SubjectRecord:
    """The key of a data subject, as its row has it."""

    name: bytes
    suite: int
    key_id: bytes
    state: int
    created: int
    parent: bytes
    nonce: bytes = bytes(NONCE_BYTES)
    wrapped: bytes = bytes(WRAP_BYTES)

    @property
    def _head(self) -> bytes:
        return self.key_id + struct.pack(">BQ", self.state, self.created)

    @property
    def aad(self) -> bytes:
        """What V authenticates."""
        return (
            b"sqlite-envelope/v1/subject\0"
            + struct.pack(">I", len(self.name))
            + self.name
            + bytes([self.suite])
            + self._head
            + self.parent
        )

    def encode(self) -> bytes:
        """The record's bytes."""
        return self._head + self.parent + self.nonce + self.wrapped


def subject_key(parent: Kek) -> bytes:
    """Ks."""
    return parent.derive("kek-subject")


def check_subject_name(name: bytes) -> None:
    """One slash, a name before and behind it (R50)."""
    parts = name.split(b"/")
    if len(parts) != 2 or not all(parts) or len(name) > 127:
        raise Refused("R50")


def wrap_subject(
    name: bytes, kek: Kek, parent: Kek, nonce: bytes, created: int, state: int
) -> SubjectRecord:
    """The record of a subject. The caller owes a fresh nonce (R52)."""
    check_subject_name(name)
    record = SubjectRecord(name, parent.suite, kek.key_id, state, created,
                           parent.key_id, nonce)
    wrapped = wrap_encrypt(parent.suite, subject_key(parent), nonce,
                           record.aad, kek.key)
    return replace(record, wrapped=wrapped)


def parse_subject(name: bytes, suite: int, record: bytes) -> SubjectRecord:
    """A record cut into its fields; nothing is verified yet."""
    if len(record) != SUBJECT_BYTES:
        raise AuthenticationFailed
    state, created = struct.unpack(">BQ", record[8:17])
    return SubjectRecord(name, suite, record[:8], state, created,
                         record[17:25], record[25:49], record[49:])


def unwrap_subject(
    name: bytes, record: bytes, parent: Kek, parent_name: bytes, use: str
) -> Kek:
    """The KEK of a subject, to "open" or to "seal" (R51 to R56)."""
    check_subject_name(name)
    subject = parse_subject(name, parent.suite, record)
    if subject.state == DESTROYED:
        raise Refused("R55")
    if name.split(b"/")[0] != parent_name or subject.parent != parent.key_id:
        raise AuthenticationFailed
    key = wrap_decrypt(parent.suite, subject_key(parent), subject.nonce,
                       subject.aad, subject.wrapped)
    if subject.state not in (ACTIVE, DECRYPT_ONLY):
        raise Refused("R54")
    if use == "seal" and subject.state != ACTIVE:
        raise Refused("R54")
    if use == "seal" and name.endswith(b"/*"):
        raise Refused("R56")
    return Kek(key, parent.suite)
