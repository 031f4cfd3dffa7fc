#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the named seeds of the fuzz corpora of aws-kms:.

    make_seeds_kms_aws.py DIR    writes DIR/kms_aws_ini and DIR/kms_aws_reply
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

KEY = ("arn:aws:kms:eu-west-1:111122223333:key/"
       "aaaabbbb-cccc-dddd-eeee-ffff00001111")
END = "2026-01-02T09:00:00Z"
CONFIG = """# a comment
[default]
region = eu-west-1 ; behind
aws_secret_access_key=a#b/c
[ profile app ]
region\t= us-east-2
s3 =
  region = wrong
[services local]
kms =
  endpoint_url = https://127.0.0.1:4566
[profile "app"]
region = \t
"""

Seeds = dict[str, bytes]


def ini_seeds() -> Seeds:
    """Files, ARNs and times."""
    lines = CONFIG.split("\n")
    seeds = {"config": CONFIG, "config_crlf": CONFIG.replace("\n", "\r\n"),
             "config_open": CONFIG.strip(), "config_nul":
             CONFIG.replace("us-", "us\0"), "no_section": "\n".join(lines[2:]),
             "no_bracket": CONFIG.replace("default]", "default"),
             "no_equals": CONFIG.replace("=", "", 1), "key": KEY,
             "alias": KEY.replace("key/", "alias/"),
             "mrk": KEY.replace("key/", "key/mrk-"), "china":
             KEY.replace("aws:kms:eu-west-1", "aws-cn:kms:cn-north-1"),
             "no_id": KEY.partition("key/")[0] + "key/", "account_last":
             KEY.rpartition(":")[0], "time": END,
             "time_offset": END.replace("Z", ".5+05:30")}
    return {name: text.encode() for name, text in seeds.items()}


def reply_seeds() -> Seeds:
    """Each kind of reply, whole, and with what a check of it must find."""
    plain = base64.b64encode(b"A" * 64).decode()
    blob = base64.b64encode(b"wrapped").decode()
    wrap = {"CiphertextBlob": blob, "KeyId": KEY,
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    given = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "s/e+c",
             "Token": "t==", "Expiration": END}
    process = {"Version": 1, "AccessKeyId": "AKIAEXAMPLE",
               "SecretAccessKey": "s", "SessionToken": "t", "Expiration": END}
    kinds = {
        "e_wrap": wrap, "r_wrap": {"SourceKeyId": KEY, **wrap},
        "e_other": {**wrap, "KeyId": KEY[:-1] + "2"},
        "e_empty": {**wrap, "CiphertextBlob": ""},
        "d_plain": {"Plaintext": plain, "KeyId": KEY},
        "d_short": {"Plaintext": plain[:-4], "KeyId": KEY},
        "d_long": {"Plaintext": "QUFB" + plain, "KeyId": KEY},
        "k_key": {"KeyMetadata": {"Arn": KEY, "KeyState": "Enabled"}},
        "k_alias": {"KeyMetadata": {"Arn": KEY.replace("key/", "alias/"),
                                    "KeyState": "Enabled"}},
        "m_container": given, "m_imds": {"Code": "Success", **given},
        "m_failed": {"Code": "Failed", **given},
        "m_line_end": {**given, "Token": "t\r\nX: y"},
        "p_process": process, "p_version": {**process, "Version": 2},
        "f_fault": {"__type": "a#ThrottlingException:http://x"},
        "f_number": {"__type": 7},
    }
    seeds = {name: (name[0] + json.dumps(value)).encode()
             for name, value in kinds.items()}
    parts = "".join("<%s>%s</%s>" % (name, text, name) for name, text in (
        ("AccessKeyId", "ASIA"), ("SecretAccessKey", "s"),
        ("SessionToken", "t"), ("Expiration", END)))
    sts = "<R xmlns=\"u\"><Credentials>%s</Credentials><E/></R>"
    documents = {
        "sts": '<?xml version="1.0"?>' + sts % parts, "twice": sts
        % (parts + parts), "cut": sts[:-4] % parts, "entity":
        sts % parts.replace("ASIA", "A&amp;"), "doctype":
        "<!DOCTYPE x>" + sts % parts, "nested":
        sts % parts.replace("ASIA", "<b>A</b>"), "deep": "<a>" * 9,
        "error": "<E><Error><Code>AccessDenied</Code></Error></E>"}
    seeds.update({"x_" + name: b"x" + text.encode()
                  for name, text in documents.items()})
    lines = {"role": "the-role", "end": "r\r\n", "two": "a\nb", "up": "..",
             "html": "<html>", "token": "AQAE-x_w==", "long": "r" * 65}
    seeds.update({"l_" + name: b"l" + text.encode()
                  for name, text in lines.items()})
    return seeds


def main() -> int:
    """The command line."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    for target, seeds in (("kms_aws_ini", ini_seeds()),
                          ("kms_aws_reply", reply_seeds())):
        folder = Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
