# SPDX-License-Identifier: MIT
"""Sealing, opening and rewrapping a value make no system call: random keys come
from a pool that is filled for thousands of values at a time."""

import os
import shutil
import subprocess
import unittest

from support import EXTENSION, SqlTest

ROWS = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        " LIMIT %d) SELECT count(%s) FROM n")


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Calls(SqlTest):
    def calls(self, rows, call):
        log = self.file("calls")
        subprocess.run(
            ["strace", "-f", "-qq", "-o", log, "sqlite3", "-batch", "-init",
             os.devnull, "-cmd", ".load '%s'" % EXTENSION, self.path,
             ROWS % (rows, call)],
            stdout=subprocess.DEVNULL, check=True, timeout=120)
        with open(log, encoding="utf-8", errors="replace") as stream:
            return len(stream.readlines())

    def test_none_for_a_row(self):
        conn = self.with_key()
        blob = "x'%s'" % self.seal(conn).hex()
        self.one(conn, "SELECT envelope_key_rotate('pii')")
        conn.close()
        for call in ("envelope_seal(i, 'pii', i)",
                     "envelope_open(%s)" % blob,
                     "envelope_rewrap(%s)" % blob):
            more = self.calls(21000, call) - self.calls(1000, call)
            self.assertLess(more, 200, call)  # for 20,000 more rows


if __name__ == "__main__":
    unittest.main()
