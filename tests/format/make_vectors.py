#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the envelope, export and key-record vectors, always the same bytes.

    make_vectors.py DIR           write DIR/envelope, DIR/exports, DIR/keys
                                  and DIR/crypto/kdf.vec
    make_vectors.py --check DIR   compare, write nothing

Each file holds one fault, or one good envelope, and is named for it. What
looks random is drawn from SHAKE-128 seeded with the name of its use, so a
new file changes no other. The remaining files of DIR/crypto are copies of
published vectors and are not made here.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import vectors_changed
import vectors_exports
import vectors_forged
import vectors_good
import vectors_keys
import vectors_malformed
import vectors_rewrap
import vectors_subjects
from vectors_base import Files

GROUPS = (
    vectors_good.good_values,
    vectors_good.good_lengths,
    vectors_good.good_padding,
    vectors_good.good_contexts,
    vectors_good.good_flags,
    vectors_good.indexes,
    vectors_malformed.bad_headers,
    vectors_malformed.bad_lengths,
    vectors_changed.bad_changes,
    vectors_changed.bad_key_ids,
    vectors_changed.bad_flags,
    vectors_changed.record_is_free,
    vectors_changed.bad_contexts,
    vectors_forged.bad_plaintexts,
    vectors_forged.bad_padding,
    vectors_forged.bad_wraps,
    vectors_forged.bad_aads,
    vectors_rewrap.good_rewraps,
    vectors_rewrap.bad_rewraps,
    vectors_exports.good_exports,
    vectors_exports.bad_layouts,
    vectors_exports.bad_imports,
    vectors_keys.good_records,
    vectors_keys.policies,
    vectors_keys.seal_counts,
    vectors_keys.seal_only,
    vectors_keys.bad_records,
    vectors_keys.kdf_file,
    vectors_subjects.good_subjects,
    vectors_subjects.bad_subjects,
)


def make() -> dict[str, str]:
    """Every file, by path."""
    files = Files()
    for group in GROUPS:
        group(files)
    return files.texts


def differences(texts: dict[str, str], root: Path) -> list[str]:
    """Which files of DIR are missing, stale or not of ours."""
    found = {
        path.relative_to(root).as_posix()
        for folder in ("envelope", "exports", "keys")
        for path in (root / folder).glob("*.vec")
    }
    wrong = [f"not made here: {path}" for path in found - texts.keys()]
    for path, text in texts.items():
        file = root / path
        if not file.exists():
            wrong.append(f"missing: {path}")
        elif file.read_bytes() != text.encode("ascii"):
            wrong.append(f"differs: {path}")
    return sorted(wrong)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true",
                        help="compare with DIR and write nothing")
    parser.add_argument("dir", type=Path, metavar="DIR")
    options = parser.parse_args()
    texts = make()
    if options.check:
        wrong = differences(texts, options.dir)
        print("\n".join(wrong) or f"{len(texts)} files are as made")
        return 1 if wrong else 0
    for path, text in texts.items():
        file = options.dir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("ascii"))
    print(f"{len(texts)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
