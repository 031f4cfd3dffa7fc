#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""aws-kms: what is left of credentials and keys in the memory of a shell that
used them, libcurl's, jansson's and OpenSSL's copies included."""

import json
import os
import re
import subprocess
import unittest

from aws import NEEDED, AwsTest, operation
from support import CANARY, EXTENSION

DONE = "@@ done @@"


def regions(pid):
    """(start, end, whether a fork wipes it) of what the process may write."""
    head = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+)")
    with open("/proc/%d/smaps" % pid, encoding="ascii") as smaps:
        for line in smaps:
            match = head.match(line)
            if match:
                at = int(match[1], 16), int(match[2], 16), match[3]
            elif line.startswith("VmFlags:") and "rw" in at[2]:
                yield at[0], at[1], " wf" in line


def found(pid, needles):
    """Names of what is there: (in pages that a fork wipes, elsewhere)."""
    here, there = set(), set()
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for start, end, wiped in regions(pid):
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except OSError:
                continue
            (here if wiped else there).update(
                name for name, needle in needles.items() if needle in data)
    return here, there


class Shell:
    """An sqlite3 that waits for more."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            ["sqlite3", "-batch", "-init", os.devnull, path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8")

    def run(self, sql):
        self.process.stdin.write("%s\n.print %s\n" % (sql, DONE))
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.strip() == DONE:
                break
            lines.append(line.strip())
        return lines

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Memory(AwsTest):
    def setUp(self):
        super().setUp()
        role = self.moto.role(self.user + "-role", {"AWS": "*"}, *NEEDED)
        self.moto.permit(self.user, "sts:AssumeRole")
        self.secret = os.environ.pop("AWS_SECRET_ACCESS_KEY")
        self.shared_file(
            "AWS_CONFIG_FILE",
            "[default]\nrole_arn = %s\nsource_profile = keys\n"
            "[profile keys]\naws_access_key_id = %s\n"
            "aws_secret_access_key = %s\n"
            % (role, os.environ.pop("AWS_ACCESS_KEY_ID"), self.secret))
        self.replies = []
        self.front.spoil = self.keep

    def keep(self, request, reply):
        self.replies.append((operation(request), reply.body.decode()))
        return reply

    def needles(self):
        sts = [text for name, text in self.replies if name == ""][-1]
        plain = [json.loads(text)["Plaintext"]
                 for name, text in self.replies if name == "Decrypt"][-1]
        return {
            "the secret of the file": self.secret,
            "the secret of the role": re.search(
                r"<SecretAccessKey>(.*)</SecretAccessKey>", sts)[1],
            "the token of the role": re.search(
                r"<SessionToken>(.*)</SessionToken>", sts)[1],
            "the key in base64": plain,
        }

    def test_what_is_left(self):
        blob = self.sealed(self.uri)
        shell = Shell(self.path)
        self.addCleanup(shell.stop)
        self.assertEqual([CANARY], shell.run(
            '.load "%s"\n'
            "CREATE TEMP TABLE t AS SELECT envelope_config('cmks', '%s');\n"
            "SELECT envelope_open(x'%s');"
            % (EXTENSION, self.uri, blob.hex())))
        needles = {name: text.encode()
                   for name, text in self.needles().items()}
        here, there = found(shell.process.pid, needles)
        self.assertEqual({"the secret of the role", "the token of the role"},
                         here)
        self.assertEqual(set(), there)
        shell.run(".open :memory:")
        self.assertEqual((set(), set()), found(shell.process.pid, needles))

    def test_the_scanner_finds_what_is_there(self):
        shell = Shell(self.path)
        self.addCleanup(shell.stop)
        shell.run("CREATE TEMP TABLE t AS SELECT 'canary-' || 'in-memory' x;")
        self.assertEqual((set(), {"it"}), found(
            shell.process.pid, {"it": b"canary-in-memory"}))


if __name__ == "__main__":
    unittest.main()
