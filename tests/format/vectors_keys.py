# SPDX-License-Identifier: MIT
"""Key records and the KDF."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Sequence

import envelope_format as ef
from envelope_format import (
    SUITE_AES,
    SUITE_CHACHA,
    KeyRecord,
    Manifest,
    Policy,
    value_of,
)
from vec import write_case
from vectors_base import (
    AUTHENTICATION,
    KEKS,
    REFUSED,
    SECRET,
    Files,
    flip,
    stream,
)


@dataclass(frozen=True)
class Keys:
    """What a session finds of one key version after an unwrap."""

    record: KeyRecord
    manifest: Manifest
    siblings: dict[int, bytes]
    key: bytes
    secret: bytes

    def with_record(self, **fields: Any) -> Keys:
        """The same with fields changed and no tag made anew."""
        return replace(self, record=replace(self.record, **fields))

    def tagged(self) -> Keys:
        """The same with every tag made anew."""
        record = ef.tag_record(self.record, self.key, self.secret)
        tag2s = {**self.siblings, record.version: record.tag2}
        tag = self.manifest.make_tag(self.secret, tag2s)
        return replace(self, record=record,
                       manifest=replace(self.manifest, tag=tag))


def keys_of(
    name: str = "pii",
    version: int = 3,
    current: int = 3,
    suite: int = SUITE_AES,
    origin: int = ef.LOCAL,
    state: int = ef.ACTIVE,
    siblings: Sequence[int] = (1, 2, 10),
) -> Keys:
    """A good record of one version of a key name."""
    kek = KEKS[suite]
    record = KeyRecord(name.encode(), version, suite, kek.fingerprint,
                       1767225600 + version, origin, state, generation=7)
    tags = {v: stream(f"tag2 of version {v}", 32) for v in siblings}
    keys = Keys(record, Manifest(generation=9, current=current), tags,
                kek.key, SECRET)
    return keys.tagged()


def record_file(
    files: Files, name: str, rule: str, note: str, keys: Keys,
    expect: str = "ok", use: str = "open",
) -> None:
    """One file of a key record."""
    record, manifest = keys.record, keys.manifest
    lines = [
        ("op", "record"),
        ("expect", expect),
        ("rule", rule),
        ("use", use),
        ("kek", keys.key.hex()),
        ("secret", keys.secret.hex()),
        ("name", record.name.hex()),
        ("version", str(record.version)),
        ("suite", f"{record.suite:02x}"),
        ("fingerprint", record.fingerprint.hex()),
        ("created", str(record.created)),
        ("origin", str(record.origin)),
        ("state", str(record.state)),
        ("generation", str(record.generation)),
        ("key-id", record.key_id.hex()),
        ("tag1", record.tag1.hex()),
        ("tag2", record.tag2.hex()),
        ("manifest-generation", str(manifest.generation)),
        ("manifest-current", str(manifest.current)),
    ]
    lines += [("sibling", f"{version} {tag2.hex()}")
              for version, tag2 in keys.siblings.items()]
    if manifest.policy != Policy():
        lines += [("policy-rotate-after", str(manifest.policy.rotate_after)),
                  ("policy-min-version", str(manifest.policy.min_version))]
    if manifest.policy.rotate_seals:
        lines.append(("policy-rotate-seals",
                      str(manifest.policy.rotate_seals)))
    lines.append(("manifest-tag", manifest.tag.hex()))
    if expect == "ok":
        lines.append(("provider-context", record.provider_context.hex()))
    files.add(f"keys/{name}.vec", rule, note, lines)


def good_records(files: Files) -> None:
    """Key records that verify and may be used."""
    note = "F, key id, tag1, tag2 and the manifest's tag are right"
    table = (
        ("only_version", keys_of(version=1, current=1, siblings=())),
        ("suite_chacha", keys_of(suite=SUITE_CHACHA)),
        ("several_versions", keys_of()),
        ("name_of_one_byte", keys_of("k")),
        ("name_not_ascii", keys_of("cl\u00e9 \U0001f511")),
        ("name_of_a_subject", keys_of("pii/42")),
        ("name_of_300_bytes", keys_of("n" * 300)),
        ("version_largest",
         keys_of(version=2**32 - 1, current=2**32 - 1)),
    )
    for name, keys in table:
        for use in ("open", "seal"):
            record_file(files, f"record_{name}_{use}", "R27", note, keys,
                        use=use)
    limited = (
        ("decrypt_only", keys_of(state=ef.DECRYPT_ONLY)),
        ("not_current", keys_of(version=2, siblings=(1, 3))),
        ("imported", keys_of(origin=ef.IMPORTED)),
    )
    for name, keys in limited:
        record_file(files, f"record_{name}_open", "R28",
                    "it may open what it sealed", keys)
        record_file(files, f"record_{name}_seal", "R28",
                    "only the current, active, local version seals", keys,
                    REFUSED, "seal")
    for name, state in (("disabled", 3), ("destroyed", 4)):
        for use in ("open", "seal"):
            record_file(files, f"record_{name}_{use}", "R29",
                        "a KEK in state 3 or 4 is not used",
                        keys_of(state=state), REFUSED, use)


def with_policy(keys: Keys, *policy: int) -> Keys:
    """The same, policy and no tag made anew."""
    return replace(keys, manifest=replace(keys.manifest,
                                          policy=Policy(*policy)))


def policies(files: Files) -> None:
    """Key records of names with a policy."""
    keys = keys_of()
    for name, policy in (("rotate_after", (7776000, 0)),
                         ("min_version", (0, 3)),
                         ("rotate_seals", (0, 0, 1000000)),
                         ("all", (7776000, 3, 10**18)),
                         ("largest", (2**63 - 1, 3))):
        for use in ("open", "seal"):
            record_file(files, f"record_policy_{name}_{use}", "R37",
                        "the manifest's tag covers the policy",
                        with_policy(keys, *policy).tagged(), use=use)
    both = with_policy(keys, 7776000, 2).tagged()
    for name, bad in (
        ("planted", with_policy(keys, 0, 2)),
        ("removed", with_policy(both)),
        ("rotate_after_changed", with_policy(both, 7776001, 2)),
        ("min_version_changed", with_policy(both, 7776000, 1)),
        ("swapped", with_policy(both, 2, 7776000)),
        ("rotate_seals_planted", with_policy(both, 7776000, 2, 1)),
        ("rotate_seals_removed",
         with_policy(with_policy(keys, 7776000, 2, 1).tagged(), 7776000, 2)),
        ("rotate_seals_changed",
         with_policy(with_policy(keys, 0, 0, 1000).tagged(), 0, 0, 1001)),
    ):
        record_file(files, f"record_policy_{name}", "R37",
                    "the manifest's tag is of another policy", bad,
                    AUTHENTICATION)
    old = with_policy(keys_of(version=2, siblings=(1, 3)), 0, 2).tagged()
    record_file(files, "record_policy_at_the_floor", "R38",
                "min_version itself opens", old)
    record_file(files, "record_policy_below_the_floor", "R38",
                "a version below min_version is not used",
                with_policy(old, 0, 3).tagged(), REFUSED)


def seal_counts(files: Files) -> None:
    """How many seals of a version were counted."""
    nonce = stream("nonce of a count", 16)

    def add(name: str, note: str, suite: int, reserved: int, changed: int = 0,
            key: bytes = b"", expect: str = "ok", flipped: str = "") -> None:
        kek = KEKS[suite].key
        tag = ef.seals_tag(key or kek, suite, reserved, nonce)
        fields = {"nonce": nonce, "tag": tag}
        if flipped:
            fields[flipped] = flip(fields[flipped], -1)
        files.add(f"keys/seals_{name}.vec", "R39", note, [
            ("op", "seals"),
            ("expect", expect),
            ("rule", "R39"),
            ("suite", f"{suite:02x}"),
            ("kek", kek.hex()),
            ("reserved", str(reserved + changed)),
            ("nonce", fields["nonce"].hex()),
            ("tag", fields["tag"].hex()),
        ])

    for name, suite, reserved in (("none", SUITE_AES, 0),
                                  ("some", SUITE_AES, 4097),
                                  ("chacha", SUITE_CHACHA, 4097),
                                  ("largest", SUITE_AES, 2 * 10**18)):
        add(name, "the tag is right", suite, reserved)
    note = "the tag is another count's"
    add("lowered", note, SUITE_AES, 4097, -1, expect=AUTHENTICATION)
    add("of_another_key", note, SUITE_AES, 4097, key=stream("other", 32),
        expect=AUTHENTICATION)
    for field in ("nonce", "tag"):
        add(f"{field}_changed", note, SUITE_AES, 4097, flipped=field,
            expect=AUTHENTICATION)


def seal_only(files: Files) -> None:
    """Records of seal-only versions."""

    def add(name: str, note: str, record: KeyRecord, payload: bytes,
            expect: str = "ok", rule: str = "R43") -> None:
        lines = [
            ("op", "seal-only"),
            ("expect", expect),
            ("rule", rule),
            ("payload", payload.hex()),
            ("name", record.name.hex()),
            ("suite", f"{record.suite:02x}"),
            ("fingerprint", record.fingerprint.hex()),
            ("created", str(record.created)),
            ("key-id", record.key_id.hex()),
            ("tag1", record.tag1.hex()),
        ]
        if expect == "ok":
            lines.append(("provider-context", record.provider_context.hex()))
        files.add(f"keys/seal_only_{name}.vec", rule, note, lines)

    def record_of(of: int, **other: Any) -> KeyRecord:
        kek = KEKS[of]
        bare = replace(ef.seal_only_record(b"pii", of, 1767225603,
                                           kek.fingerprint, kek.key_id),
                       **other)
        return replace(bare, tag1=bare.make_tag1(kek.key))

    for suite in ef.SUITES:
        add(f"suite_{suite:02x}", "F, key id, tag1 and the zeros are right",
            record_of(suite), KEKS[suite].key + bytes(32))
    good = record_of(SUITE_AES)
    key = KEKS[SUITE_AES].key
    payload = key + bytes(32)
    note = "one of F, key id, tag1, the zeros is wrong"
    for name, record, given in (
        ("tag1_changed", replace(good, tag1=flip(good.tag1, -1)), payload),
        ("name_changed", replace(good, name=b"pij"), payload),
        ("created_changed", replace(good, created=good.created + 1), payload),
        ("suite_changed", replace(good, suite=SUITE_CHACHA), payload),
        ("suite_unknown", record_of(SUITE_AES, suite=3), payload),
        ("key_id_changed", replace(good, key_id=flip(good.key_id, -1)),
         payload),
        ("fingerprint_of_another",
         record_of(SUITE_AES, fingerprint=stream("other", 32)), payload),
        ("another_kek", good, stream("other", 32) + bytes(32)),
        ("with_a_secret", good, key + SECRET),
        ("with_one_bit", good, flip(payload, -1)),
    ):
        add(name, note, record, given, AUTHENTICATION)
    for name, record in (
        ("of_a_local_version", record_of(SUITE_AES, origin=ef.LOCAL)),
        ("of_version_1", record_of(SUITE_AES, version=1)),
    ):
        add(name, "tag1 is over another origin or version", record, payload,
            AUTHENTICATION, "R41")


def bad_records(files: Files) -> None:
    """Key records that do not verify."""
    keys = keys_of()
    record, manifest = keys.record, keys.manifest
    other = stream("other", 32)
    two = (keys.siblings[2], keys.siblings[1])
    table = (
        ("tag1_bit_flipped", keys.with_record(tag1=flip(record.tag1, 0))),
        ("tag1_wrong_but_tag2_right",
         replace(replace(keys, key=other).tagged(), key=keys.key)),
        ("tag2_bit_flipped", keys.with_record(tag2=flip(record.tag2, 31))),
        ("name_changed", keys.with_record(name=b"pij")),
        ("version_changed", keys.with_record(version=4)),
        ("created_changed", keys.with_record(created=1767225600)),
        ("origin_changed", keys_of(origin=2).with_record(origin=1)),
        ("state_changed", keys_of(state=3).with_record(state=1)),
        ("generation_changed", keys.with_record(generation=8)),
        ("key_id_changed",
         keys.with_record(key_id=flip(record.key_id, 7))),
        ("fingerprint_not_of_kek",
         keys.with_record(fingerprint=other).tagged()),
        ("fingerprint_last_bit_not_of_kek",
         keys.with_record(fingerprint=flip(record.fingerprint, -1))
         .tagged()),
        ("suite_not_of_fingerprint",
         keys.with_record(suite=SUITE_CHACHA).tagged()),
        ("kek_of_other_key", replace(keys, key=other)),
        ("secret_of_other_name", replace(keys, secret=other)),
        ("kek_and_secret_swapped",
         replace(keys, key=keys.secret, secret=keys.key)),
        ("manifest_tag_bit_flipped",
         replace(keys, manifest=replace(manifest,
                                        tag=flip(manifest.tag, 0)))),
        ("manifest_generation_changed",
         replace(keys, manifest=replace(manifest, generation=8))),
        ("manifest_current_changed",
         replace(keys, manifest=replace(manifest, current=2))),
        ("sibling_missing",
         replace(keys, siblings={1: two[1], 2: two[0]})),
        ("sibling_added",
         replace(keys, siblings={**keys.siblings, 4: other})),
        ("siblings_swapped",
         replace(keys, siblings={**keys.siblings, 1: two[0], 2: two[1]})),
        ("sibling_changed",
         replace(keys, siblings={**keys.siblings, 10: other})),
    )
    for name, bad in table:
        record_file(files, f"record_{name}", "R27",
                    "one of F, key id, tag1, tag2, manifest's tag is wrong",
                    bad, AUTHENTICATION)


def kdf_file(files: Files) -> None:
    """Known answers of the KDF, several cases in one file."""
    text = "# Section 3: KDF(key, label, ctx), a case for every label.\n"
    key = bytes(range(32))
    cases = [(label, bytes([suite])) for suite in ef.SUITES for label in
             ("kek-id", "kek-wrap", "kek-record", "kek-subject",
              "kek-seals")]
    cases += [(label, b"") for label in
              ("name-record", "name-manifest", "name-id", "export-record")]
    cases += [("name-index", value_of(scope).part)
              for scope in ("Customer.Email", "", b"", None, 5)]
    for label, ctx in cases:
        text += "\n" + write_case([
            ("op", "kdf"),
            ("key", key.hex()),
            ("label", label),
            ("ctx", ctx.hex()),
            ("output", ef.kdf(key, label, ctx).hex()),
        ])
    files.texts["crypto/kdf.vec"] = text
