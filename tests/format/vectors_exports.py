# SPDX-License-Identifier: MIT
"""Portable envelopes: exports, and imports good and refused."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any, Sequence

import envelope_format as ef
from envelope_format import (
    FLAG_INDEX,
    FLAG_PADDED,
    FLAG_RECORD,
    SUITE_AES,
    ExportRecord,
    Kek,
    Wrap,
)
from vec import value_to_text
from vectors_base import (
    AUTHENTICATION,
    MALFORMED,
    OTHER_SUITE,
    REFUSED,
    SUITES,
    Files,
    Sample,
    context_lines,
    flip,
    put,
    stream,
)

EXPORT_KEKS = {s: Kek(stream(f"export key {s}", 32), s) for s in ef.SUITES}
X = stream("export secret", 32)
WRAPS = (
    Wrap(b"keyring:app.keyring", stream("wrap 1", 108)),
    Wrap(b"keyring:/srv/a b%25c.keyring#off-site", stream("wrap 2", 77)),
)
LONGEST_URI = b"keyring:" + b"u" * 1015


@dataclass(frozen=True)
class Export:
    """An exported sample, and what its CMKs unwrap to."""

    sample: Sample
    wraps: Sequence[Wrap] = WRAPS
    key: bytes = b""
    secret: bytes = X

    @property
    def kek(self) -> Kek:
        """The export KEK."""
        return EXPORT_KEKS[self.sample.suite]

    @property
    def payload(self) -> bytes:
        """What the CMK gives back: the right one, or another."""
        return (self.key or self.kek.key) + self.secret

    @property
    def record(self) -> ExportRecord:
        """The good record."""
        return ef.make_export_record(self.kek, X, self.wraps)

    @property
    def blob(self) -> bytes:
        """The good portable envelope."""
        return ef.export(self.sample.envelope.encode(), [self.sample.kek],
                         self.kek, self.record)

    def with_record(self, record: bytes) -> bytes:
        """The portable envelope with another record put in."""
        envelope = ef.parse(self.blob)
        header = replace(envelope.header, record=record)
        return replace(envelope, header=header).encode()

    def tagged(self, **fields: Any) -> bytes:
        """The same with fields of the record changed and tagged anew."""
        record = replace(self.record, **fields)
        record = replace(record, tag=record.make_tag(X))
        return self.with_record(record.encode())


def wrap_lines(wraps: Sequence[Wrap]) -> list[tuple[str, str]]:
    """A line for each CMK."""
    return [("wrap", f"{w.uri.hex()} {w.wrapped.hex()}") for w in wraps]


def exports(files: Files, note: str, export: Export) -> None:
    """A file of an export that succeeds."""
    sample = export.sample
    files.add(f"exports/{sample.name}.vec", "R36", note, [
        ("op", "export"),
        ("expect", "ok"),
        ("rule", "R36"),
        ("suite", f"{sample.suite:02x}"),
        ("kek", sample.kek.key.hex()),
        ("payload", export.payload.hex()),
        *wrap_lines(export.wraps),
        ("envelope", sample.envelope.encode().hex()),
        ("result", export.blob.hex()),
    ])


def imports(files: Files, rule: str, note: str, export: Export,
            blob: bytes = b"", expect: str = "ok",
            context: Sequence[ef.Value] | None = None) -> None:
    """A file of an import."""
    sample = export.sample
    lines = [
        ("op", "import"),
        ("expect", expect),
        ("rule", rule),
        ("payload", export.payload.hex()),
        *context_lines(sample.context if context is None else context),
    ]
    if expect == "ok":
        lines += [
            ("value", value_to_text(sample.value)),
            *wrap_lines(export.wraps),
            ("provider-context", export.record.provider_context.hex()),
        ]
    lines.append(("envelope", (blob or export.blob).hex()))
    files.add(f"exports/{sample.name}.vec", rule, note, lines)


def good_exports(files: Files) -> None:
    """Exports and imports that succeed."""
    for flags in range(8):
        for suite, suffix in SUITES:
            sample = Sample(f"export_flags_{flags:02x}{suffix}", suite=suite,
                            flags=flags)
            note = "a record that was there is replaced" \
                if flags & FLAG_RECORD else "W is new, the record is in"
            exports(files, note, Export(sample))
    for flags in (0, FLAG_INDEX, FLAG_PADDED, FLAG_INDEX | FLAG_PADDED):
        for suite, suffix in SUITES:
            sample = Sample(f"import_flags_{flags:02x}{suffix}", suite=suite,
                            flags=flags)
            imports(files, "R34", "F and the tag are right", Export(sample))
    sized = (
        ("one_cmk", WRAPS[:1]),
        ("sixteen_cmks", [Wrap(b"k:%d" % i, b"w") for i in range(16)]),
        ("longest_uri", [Wrap(LONGEST_URI, b"w")]),
        ("record_of_8192_bytes",
         [Wrap(b"k:p", stream("long wrap", 8192 - 35 - 4 - 3 - 32))]),
    )
    for name, wraps in sized:
        imports(files, "R30", "the least and the most that a record may hold",
                Export(Sample("import_" + name), wraps))
        exports(files, "the least and the most that a record may hold",
                Export(Sample("export_" + name), wraps))
    for suite, suffix in SUITES:
        imports(files, "R33", "the provider context has its own label",
                Export(Sample("import_provider_context" + suffix,
                              suite=suite)))


def bad_layouts(files: Files) -> None:
    """Records that are none; the tag is right all the same."""
    good = Export(Sample("any"))
    record = good.record
    head, tail = record.tagged[:35], record.tagged[35:]
    after_uri = 35 + 2 + len(WRAPS[0].uri)
    several = [Wrap(b"k:%d" % i, b"w") for i in range(17)]
    table = (
        ("version_00", put(record.tagged, 0, b"\0")),
        ("version_02", put(record.tagged, 0, b"\2")),
        ("count_0", put(head, 34, b"\0")),
        ("count_17", replace(record, wraps=tuple(several)).tagged),
        ("count_too_small", put(head, 34, b"\1") + tail),
        ("count_too_large", put(head, 34, b"\3") + tail),
        ("uri_empty", replace(record, wraps=(Wrap(b"", b"w"),)).tagged),
        ("uri_of_1024_bytes",
         replace(record, wraps=(Wrap(LONGEST_URI + b"u", b"w"),)).tagged),
        ("uri_with_nul", put(record.tagged, 40, b"\0")),
        ("uri_with_newline", put(record.tagged, 40, b"\n")),
        ("uri_with_del", put(record.tagged, 40, b"\x7f")),
        ("uri_not_ascii", put(record.tagged, 40, b"\xc3")),
        ("uri_length_beyond_the_end", put(record.tagged, 35, b"\xff\xff")),
        ("wrapped_empty",
         replace(record, wraps=(Wrap(b"k:p", b""),)).tagged),
        ("wrapped_length_beyond_the_end",
         put(record.tagged, after_uri, b"\xff\xff")),
        ("wrapped_length_by_one",
         put(record.tagged, after_uri, struct.pack(">H", 109))),
    )
    for name, tagged in table:
        export = Export(Sample("import_" + name))
        tag = ef.hmac_sha256(ef.kdf(X, "export-record"), tagged)
        imports(files, "R30", "refused before a provider is asked", export,
                export.with_record(tagged + tag), MALFORMED)
    whole = record.encode()
    for name, bad in (("record_of_1_byte", whole[:1]),
                      ("record_of_2_bytes", whole[:2]),
                      ("record_ends_in_f", whole[:33]),
                      ("record_ends_before_count", whole[:34]),
                      ("record_without_wraps_and_tag", whole[:35]),
                      ("record_without_tag", record.tagged),
                      ("record_cut_by_one", whole[:-1]),
                      ("record_longer_by_one", whole + b"\0")):
        export = Export(Sample("import_" + name))
        imports(files, "R30", "refused before a provider is asked", export,
                export.with_record(bad), MALFORMED)


def bad_imports(files: Files) -> None:
    """Records and envelopes that do not belong together, or are altered."""
    other = stream("other", 32)
    export = Export(Sample("import_record_of_other_batch"))
    foreign = ef.make_export_record(Kek(other, SUITE_AES), X, WRAPS)
    imports(files, "R31", "F does not begin with the key id", export,
            export.with_record(foreign.encode()), AUTHENTICATION)
    export = Export(Sample("import_key_id_flipped"))
    imports(files, "R31", "F does not begin with the key id", export,
            flip(export.blob, 12), AUTHENTICATION)
    for suite, suffix in SUITES:
        export = Export(Sample("import_suite_of_record" + suffix, suite=suite))
        imports(files, "R31", "the record is of another suite", export,
                export.tagged(suite=OTHER_SUITE[suite]), AUTHENTICATION)
    export = Export(Sample("import_f_end_flipped"))
    f = flip(export.record.fingerprint, -1)
    imports(files, "R34", "F is not that of the KEK", export,
            export.tagged(fingerprint=f), AUTHENTICATION)
    imports(files, "R34", "the payload is another KEK",
            Export(Sample("import_kek_is_another"), key=other),
            expect=AUTHENTICATION)
    imports(files, "R34", "the payload has another X",
            Export(Sample("import_x_is_another"), secret=other),
            expect=AUTHENTICATION)
    imports(files, "R34", "the payload's halves are swapped",
            Export(Sample("import_kek_and_x_swapped"), key=X,
                   secret=EXPORT_KEKS[SUITE_AES].key),
            expect=AUTHENTICATION)
    altered_records(files)
    altered_envelopes(files)


def altered_records(files: Files) -> None:
    """What the tag covers."""
    record = Export(Sample("any")).record
    first, second = record.wraps
    table: tuple[tuple[str, Any], ...] = (
        ("tag_first_bit_flipped", replace(record, tag=flip(record.tag, 0))),
        ("tag_last_bit_flipped",
         replace(record, tag=flip(record.tag, -1, 0x80))),
        ("tag_zero", replace(record, tag=bytes(32))),
        ("tag_under_kek",
         replace(record, tag=record.make_tag(EXPORT_KEKS[SUITE_AES].key))),
        ("tag_under_raw_x",
         replace(record, tag=ef.hmac_sha256(X, record.tagged))),
        ("uri_changed",
         replace(record, wraps=(Wrap(b"keyring:apq.keyring", first.wrapped),
                                second))),
        ("wrapped_changed",
         replace(record, wraps=(first, Wrap(second.uri,
                                            flip(second.wrapped, -1))))),
        ("wraps_swapped", replace(record, wraps=(second, first))),
        ("cmk_removed", replace(record, wraps=(first,))),
        ("cmk_added",
         replace(record, wraps=(first, second, Wrap(b"pem:evil.pem", b"w")))),
    )
    for name, bad in table:
        export = Export(Sample("import_" + name))
        imports(files, "R34", "the tag does not verify", export,
                export.with_record(bad.encode()), AUTHENTICATION)


def altered_envelopes(files: Files) -> None:
    """The record is right, and what is around it is not."""
    export = Export(Sample("import_without_record"))
    sample = export.sample
    imports(files, "R35", "an envelope without record is not imported",
            export, sample.envelope.encode(), REFUSED)
    at = 13 + 2 + len(export.record.encode())
    for name, where in (("w", at), ("commitment", at + 48), ("tag", -1)):
        export = Export(Sample(f"import_{name}_flipped"))
        imports(files, "R34", "the record is right and the envelope is not",
                export, flip(export.blob, where), AUTHENTICATION)
    export = Export(Sample("import_context_missing"))
    imports(files, "R34", "the record is right and the envelope is not",
            export, expect=AUTHENTICATION, context=())
    export = Export(Sample("import_index_flipped", flags=FLAG_INDEX))
    imports(files, "R34", "the record is right and the envelope is not",
            export, flip(export.blob, 13), AUTHENTICATION)
