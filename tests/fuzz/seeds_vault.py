# SPDX-License-Identifier: MIT
"""Seeds of kms_vault: what a server answers, and what a worse one does."""

from __future__ import annotations

import base64
import json

URI, WRAPPED, PAYLOAD, BATCH, LOGIN, KEY, STATUS = range(7)
# places in the list of statuses of kms_vault.c
BAD_REQUEST, FORBIDDEN, MISSING, UNAVAILABLE = 4, 5, 6, 11


def envelope(**parts: object) -> bytes:
    """A reply as Vault makes it."""
    whole = {"request_id": "8d1e", "lease_id": "", "renewable": False,
             "lease_duration": 0, "data": None, "wrap_info": None,
             "warnings": None, "auth": None}
    whole.update(parts)
    return json.dumps(whole).encode()


def b64(size: int) -> str:
    return base64.b64encode(b"k" * size).decode()


def bodies() -> dict[str, tuple[int, bytes]]:
    """name: as what it is read, and the reply."""
    good = "vault:v3:" + b64(92)
    seeds = {
        "wrapped": (WRAPPED, envelope(data={"ciphertext": good})),
        "wrapped_empty": (WRAPPED, envelope(data={"ciphertext": ""})),
        "wrapped_quote": (WRAPPED, envelope(data={"ciphertext": good + '"'})),
        "wrapped_long": (WRAPPED, envelope(
            data={"ciphertext": "vault:v1:" + "A" * 8183})),
        "wrapped_longer": (WRAPPED, envelope(
            data={"ciphertext": "vault:v1:" + "A" * 8184})),
        "wrapped_null": (WRAPPED, envelope()),
        "twice": (WRAPPED, b'{"data":{"ciphertext":"%b"},"data":{}}'
                  % good.encode()),
        "deep": (WRAPPED, b'{"data":' + b"[" * 40 + b"]" * 40 + b"}"),
        "login": (LOGIN, envelope(auth={"client_token": "s.abc",
                                        "lease_duration": 3600,
                                        "renewable": True})),
        "login_line": (LOGIN, envelope(auth={"client_token": "s.a\nb",
                                             "lease_duration": 1})),
        "login_long": (LOGIN, envelope(auth={"client_token": "s" * 4096,
                                             "lease_duration": 1})),
        "login_for_ever": (LOGIN, envelope(auth={"client_token": "s.abc",
                                                 "lease_duration": 1 << 62})),
        "key": (KEY, envelope(data={"type": "aes256-gcm96",
                                    "latest_version": 3,
                                    "soft_deleted": False})),
        "key_escape": (KEY, envelope(data={"type": "\x1b[31m",
                                           "latest_version": 3})),
    }
    for size in (31, 32, 63, 64, 65):
        seeds[f"payload_{size}"] = (PAYLOAD,
                                    envelope(data={"plaintext": b64(size)}))
    for name, result in (
        ("wraps", lambda i: {"ciphertext": good, "reference": str(i)}),
        ("payloads", lambda i: {"plaintext": b64(64), "reference": str(i)}),
        ("swapped", lambda i: {"ciphertext": good, "reference": str(2 - i)}),
        ("failed", lambda i: {"error": "cipher: no", "reference": str(i)}),
    ):
        seeds["batch_" + name] = (BATCH, envelope(
            data={"batch_results": [result(i) for i in range(3)]}))
    for name, status, text in (
        ("altered", BAD_REQUEST, "cipher: message authentication failed"),
        ("old", BAD_REQUEST, "disallowed by policy (too old)"),
        ("no_key", BAD_REQUEST, "encryption key not found"),
        ("denied", FORBIDDEN, "permission denied"),
        ("missing", MISSING, "no handler for route"),
        ("sealed", UNAVAILABLE, "Vault is sealed"),
    ):
        body = json.dumps({"errors": [text]}).encode()
        seeds["status_" + name] = (STATUS, bytes((status,)) + body)
    return seeds


def uris() -> dict[str, tuple[int, bytes]]:
    """Good ones, and each with one mistake."""
    return {f"uri_{i}": (URI, text) for i, text in enumerate((
        b"vault://vault.example:8200/transit/keys/app",
        b"vault://Vault.Example/team/transit/keys/app",
        b"vault://[2001:db8::1]:8200/transit/keys/app",
        b"vault://h/a/keys/b/keys/c",
        b"vault://h/transit/keys/../../sys",
        b"vault://h/transit/keys/a?b",
        b"vault://u:p@h/transit/keys/a",
    ))}


def vault_seeds() -> dict[str, bytes]:
    return {name: bytes((kind,)) + body
            for name, (kind, body) in {**bodies(), **uris()}.items()}
