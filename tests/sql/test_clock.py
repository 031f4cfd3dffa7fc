# SPDX-License-Identifier: MIT
"""The clock of the machine, set forward and back (faketime): what goes by it,
and what does not."""

import os
import shutil
import subprocess
import sys
import unittest

from support import CANARY, SqlTest

HERE = os.path.dirname(os.path.abspath(__file__))

# What each test's script begins with. set_clock('+9h') moves the clock.
SCRIPT = """
import os, sys
sys.path.insert(0, sys.argv[1])
from support import connect
conn = connect(sys.argv[2])
keyfile = os.environ["ENVELOPE_KEYFILE"]

def set_clock(by):
    with open(os.environ["FAKETIME_TIMESTAMP_FILE"], "w") as stream:
        stream.write(by + "\\n")

def one(sql, *args):
    return conn.execute(sql, args).fetchone()[0]

def lock():
    os.environ.pop("ENVELOPE_KEYFILE", None)

def unlock():
    os.environ["ENVELOPE_KEYFILE"] = keyfile

def opens():
    try:
        return one("SELECT envelope_open(envelope_seal(7, 'pii'))") == 7
    except Exception as error:
        if "locked with a key file" not in str(error):
            raise
        return False

def due():
    return one("SELECT due FROM envelope_keys WHERE current")

def versions():
    return one("SELECT count(*) FROM envelope_keys")
"""


def has_faketime():
    """A visible skip where it is not installed. CI's machine has it."""
    return (os.environ.get("CI") == "true"
            or shutil.which("faketime") is not None)


@unittest.skipUnless(has_faketime(), "no faketime here")
@unittest.skipIf("LD_PRELOAD" in os.environ,
                 "faketime's library and ASan's do not work together")
class ClockTest(SqlTest):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.blob = self.seal(self.conn)

    def run_script(self, script, all_clocks=False):
        """all_clocks: the monotonic one goes on with the other."""
        preload = subprocess.run(
            ["faketime", "-f", "+0d", "printenv", "LD_PRELOAD"],
            stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        clock = self.write("clock", b"+0d\n")
        env = dict(os.environ, LD_PRELOAD=preload,
                   FAKETIME_TIMESTAMP_FILE=clock, FAKETIME_NO_CACHE="1",
                   FAKETIME_DONT_FAKE_MONOTONIC=str(int(not all_clocks)))
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT + script, HERE, self.path],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=240)
        self.messages.append(done.stdout)
        self.assertEqual((0, ""), (done.returncode, done.stdout))


class Cached(ClockTest):
    def test_a_clock_that_is_set_does_not_end_a_key_s_time(self):
        self.run_script("""
one("SELECT envelope_config('cache_ttl', '8h')")
assert opens()
lock()
for by in ("+9h", "+3650d", "-9h", "-3650d", "+0d"):
    set_clock(by)
    assert opens(), by
""")

    def test_the_time_that_goes_by_does(self):
        self.run_script("""
one("SELECT envelope_config('cache_ttl', '8h')")
assert opens()
lock()
set_clock("+7h")
assert opens()
set_clock("+9h")
assert not opens()
unlock()
assert opens()
lock()
set_clock("+16h")
assert opens()
set_clock("+18h")
assert not opens()
""", all_clocks=True)

    def test_refreshed_ahead_it_goes_on(self):
        self.run_script("""
one("SELECT envelope_config('cache_ttl', '8h')")
one("SELECT envelope_config('cache_refresh', '2h')")
assert opens()
set_clock("+7h")
assert opens()  # and is renewed
lock()
set_clock("+14h")
assert opens()
set_clock("+16h")
assert not opens()
""", all_clocks=True)


class Rotation(ClockTest):
    def setUp(self):
        super().setUp()
        self.one(self.conn, "SELECT envelope_key_set_policy('pii',"
                 " 'rotate_after', '90d')")

    def test_it_is_due_by_the_clock(self):
        self.run_script("""
set_clock("+89d")
assert due() is None
one("SELECT envelope_key_open('pii')")
assert versions() == 1
set_clock("+91d")
assert due() == "rotate_after"
one("SELECT envelope_key_open('pii')")
assert versions() == 2 and due() is None
set_clock("+180d")
assert due() is None
set_clock("+182d")
assert due() == "rotate_after"
""")
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_a_clock_that_is_set_back_rotates_nothing_and_stops_nothing(self):
        self.run_script("""
for by in ("-1d", "-3650d"):
    set_clock(by)
    assert due() is None
    one("SELECT envelope_key_open('pii')")
    assert versions() == 1 and opens()
one("SELECT envelope_key_rotate('pii')")
set_clock("+0d")
assert versions() == 2 and opens()
assert due() == "rotate_after"  # made 3650 days ago, it seems
""")
        self.assertEqual(CANARY, self.open(self.conn, self.blob))


class Audit(ClockTest):
    def test_a_clock_that_is_set_back_breaks_no_chain(self):
        self.run_script("""
path = os.path.join(os.path.dirname(sys.argv[2]), "audit.log")
one("SELECT envelope_config('audit', ?)", path)
for by in ("+0d", "+3650d", "-3650d"):
    set_clock(by)
    one("SELECT envelope_key_rotate('pii')")
problems = conn.execute("SELECT count(problem), max(line) FROM"
                        " envelope_audit_verify").fetchone()
assert problems[0] == 0 and problems[1] > 6, problems
""")


if __name__ == "__main__":
    unittest.main()
