# SPDX-License-Identifier: MIT
"""Records of data subjects' keys (section 12)."""

from __future__ import annotations

from dataclasses import replace

import envelope_format as ef
from envelope_format import Kek, SubjectRecord
from vectors_base import (
    AUTHENTICATION,
    KEKS,
    REFUSED,
    SUITES,
    TARGETS,
    Files,
    flip,
    stream,
)

CREATED = 1767225642


def made(name: bytes = b"pii/42", suite: int = ef.SUITE_AES,
         state: int = ef.ACTIVE) -> SubjectRecord:
    """A good record."""
    return ef.wrap_subject(name, TARGETS[suite], KEKS[suite],
                           stream("nonce of " + name.hex(), 24), CREATED,
                           state)


def subject_file(
    files: Files, name: str, rule: str, note: str, record: SubjectRecord,
    expect: str = "ok", use: str = "open", parent: Kek | None = None,
    parent_name: str = "pii",
) -> None:
    """One file of a subject's record."""
    parent = parent or KEKS[record.suite]
    lines = [
        ("op", "subject"),
        ("expect", expect),
        ("rule", rule),
        ("use", use),
        ("name", record.name.hex()),
        ("parent-name", parent_name.encode().hex()),
        ("suite", f"{parent.suite:02x}"),
        ("parent-kek", parent.key.hex()),
        ("record", record.encode().hex()),
    ]
    if expect == "ok":
        lines.append(("kek", TARGETS[record.suite].key.hex()))
    files.add(f"keys/subject_{name}.vec", rule, note, lines)


def good_subjects(files: Files) -> None:
    """Subjects that may be used."""
    note = "V's tag is right under Ks and all fields"
    for suite, suffix in SUITES:
        for use in ("open", "seal"):
            subject_file(files, f"good_{use}{suffix}", "R53", note,
                         made(suite=suite), use=use)
    subject_file(files, "decrypt_only_open", "R54", "it may open",
                 made(state=ef.DECRYPT_ONLY))
    for name in (b"pii/a", b"pii/ann@example.org", b"pii/" + b"4" * 123):
        subject_file(files, f"name_of_{len(name)}_bytes", "R50",
                     "one slash, with a name before and behind it",
                     made(name))


def bad_subjects(files: Files) -> None:
    """Subjects that may not."""
    good = made()
    for name in (b"pii/", b"/42", b"pii/42/7", b"pii",
                 b"pii/" + b"4" * 124):
        subject_file(files, f"name_{name.hex()[:24]}_refused", "R50",
                     "one slash, names around it, 127 bytes at most",
                     replace(good, name=name), REFUSED)
    for state, name in ((ef.DISABLED, "disabled"),
                        (ef.DECRYPT_ONLY, "decrypt_only")):
        subject_file(files, f"{name}_seal", "R54",
                     "only in state 1 it is sealed to", made(state=state),
                     REFUSED, "seal")
    subject_file(files, "disabled_open", "R54", "state 3 does not open",
                 made(state=ef.DISABLED), REFUSED)
    subject_file(files, "destroyed", "R55", "state 4, nonce and V are zeros",
                 replace(good, state=ef.DESTROYED, nonce=bytes(24),
                         wrapped=bytes(48)), REFUSED)
    subject_file(files, "all_seal", "R56", "* is nobody's, and seals nothing",
                 made(b"pii/*"), REFUSED, "seal")
    subject_file(files, "of_other_parent", "R51",
                 "the KEK must be of the name before the slash", good,
                 AUTHENTICATION, parent_name="pij")
    subject_file(files, "of_other_version", "R51",
                 "the KEK must be the one that parent names", good,
                 AUTHENTICATION, parent=Kek(stream("other", 32), 1))
    changes = {
        "name": replace(good, name=b"pii/43"),
        "key_id": replace(good, key_id=flip(good.key_id, 7)),
        "state": replace(good, state=ef.DECRYPT_ONLY),
        "created": replace(good, created=CREATED + 1),
        "nonce": replace(good, nonce=flip(good.nonce, 23)),
        "v": replace(good, wrapped=flip(good.wrapped, 0)),
        "tag": replace(good, wrapped=flip(good.wrapped, 47)),
        "suite": replace(good, suite=ef.SUITE_CHACHA),
        "disabled_to_active":
            replace(made(state=ef.DISABLED), state=ef.ACTIVE),
        "v_to_other_subject":
            replace(good, nonce=made(b"pii/43").nonce,
                    wrapped=made(b"pii/43").wrapped),
    }
    for name, record in changes.items():
        subject_file(files, f"changed_{name}", "R53",
                     "V's tag is over every field", record, AUTHENTICATION,
                     parent=Kek(KEKS[1].key, record.suite))
