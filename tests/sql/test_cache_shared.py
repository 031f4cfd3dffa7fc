# SPDX-License-Identifier: MIT
"""Keys that connections of one process share, when they ask for it."""

import json
import os
import shutil
import time
import unittest

from support import CANARY, SECONDS, SqlTest, connect

DENIED = "locked with a key file"


class Shared(SqlTest):
    """first has loaded the key, and shares it."""

    def setUp(self):
        super().setUp()
        self.blob = self.seal(self.with_key())
        self.keyfile = os.environ["ENVELOPE_KEYFILE"]
        self.first = self.sharing()
        self.assertEqual(CANARY, self.open(self.first, self.blob))
        self.assertEqual((1, 0), self.loads(self.first))

    def sharing(self, path=None):
        conn = self.connect(path)
        self.set(conn, "cache_shared", "on")
        return conn

    def set(self, conn, name, value):
        return self.one(conn, "SELECT envelope_config(?, ?)", name, value)

    def loads(self, conn):
        """Keys that a CMK gave, and that another connection did."""
        stats = dict(conn.execute("SELECT name, value FROM envelope_stats"))
        return stats["provider_unwraps"], stats["cache_shared"]

    def opens(self, conn):
        self.assertEqual(CANARY, self.open(conn, self.blob))
        return self.loads(conn)

    def test_another_one_gets_it_without_the_cmk(self):
        other = self.sharing()
        self.assertEqual((0, 1), self.opens(other))
        self.assertEqual(CANARY, self.open(self.first, self.seal(other)))

    def test_it_is_off_by_default(self):
        self.assertEqual((1, 0), self.opens(self.connect()))

    def test_one_that_does_not_share_gives_nothing(self):
        self.set(self.first, "cache_shared", "off")
        self.assertEqual((1, 0), self.opens(self.sharing()))

    def test_without_credentials_nothing_is_shared(self):
        other = self.sharing()
        del os.environ["ENVELOPE_KEYFILE"]
        self.refuses_open(DENIED, other, self.blob)
        os.environ["ENVELOPE_PASSPHRASE"] = "another credential"
        self.refuses_open(DENIED, other, self.blob)

    def test_with_other_credentials_the_cmk_is_asked(self):
        path = self.file("copy.key")
        shutil.copy(self.keyfile, path)
        os.environ["ENVELOPE_KEYFILE"] = path
        self.assertEqual((1, 0), self.opens(self.sharing()))
        os.environ["ENVELOPE_PASSPHRASE"] = "one more"
        self.assertEqual((1, 0), self.opens(self.sharing()))
        os.environ["ENVELOPE_KEYFILE"] = self.keyfile
        del os.environ["ENVELOPE_PASSPHRASE"]
        self.assertEqual((0, 1), self.opens(self.sharing()))

    def test_a_key_file_that_was_written_since_is_another_one(self):
        os.utime(self.keyfile)
        self.assertEqual((1, 0), self.opens(self.sharing()))

    def test_a_key_file_that_is_gone_opens_nothing(self):
        os.rename(self.keyfile, self.keyfile + ".gone")
        self.refuses_open("No such file", self.sharing(), self.blob)

    def test_a_cmk_that_is_not_allowed_is_not_gone_round(self):
        other = self.sharing()
        self.set(other, "cmks", "keyring:elsewhere.keyring")
        self.refuses_open("not allowed", other, self.blob)

    def test_the_very_cmk_that_opened_it_must_be_allowed(self):
        owner = self.connect()
        near, far = "keyring:app.db.keyring", "keyring:far.keyring"
        self.one(owner, "SELECT envelope_key_create('two', ?, ?)", near, far)
        self.blob = self.seal(owner, CANARY, "two")
        self.assertEqual((2, 0), self.opens(self.first))  # by the near one
        for cmks, loads in ((far, (1, 0)), (near, (0, 1)),
                            (far + " " + near, (0, 1))):
            other = self.sharing()
            self.set(other, "cmks", cmks)
            self.assertEqual(loads, self.opens(other), cmks)

    def test_what_else_is_not_allowed(self):
        other = self.sharing()
        self.set(other, "open_keys", "pay")
        self.refuses_open("open_keys", other, self.blob)
        other = self.sharing()
        self.one(other, "SELECT envelope_drop('open')")
        self.refuses_open("was dropped", other, self.blob)

    def test_another_database_has_keys_of_its_own(self):
        shutil.copy(self.path, self.file("copy.db"))
        other = self.sharing(self.file("copy.db"))
        self.assertEqual((1, 0), self.opens(other))

    def test_a_hard_link_elsewhere_has_cmks_of_its_own(self):
        os.mkdir(self.file("other"), 0o700)
        os.link(self.path, self.file("other/app.db"))
        self.refuses_open("no keyring", self.sharing(
            self.file("other/app.db")), self.blob)

    def test_an_old_key_is_not_taken(self):
        time.sleep(SECONDS + 0.1)
        other = self.sharing()
        self.set(other, "cache_ttl", "%ds" % SECONDS)
        self.assertEqual((1, 0), self.opens(other))
        third = self.sharing()
        self.set(third, "cache_ttl", "60s")
        self.assertEqual((0, 1), self.opens(third))

    def test_its_time_counts_from_the_cmk_s_answer(self):
        time.sleep(0.6 * SECONDS)
        other = self.sharing()
        self.set(other, "cache_ttl", "%ds" % SECONDS)
        self.assertEqual((0, 1), self.opens(other))
        time.sleep(0.6 * SECONDS)
        self.assertEqual((1, 1), self.opens(other))

    def test_one_refreshes_for_all(self):
        conns = [self.sharing() for _ in range(2)]
        for conn in conns:
            self.set(conn, "cache_ttl", "600s")
            self.set(conn, "cache_refresh", "%ds" % (600 - SECONDS))
            self.assertEqual((0, 1), self.opens(conn))
        time.sleep(SECONDS + 0.1)
        self.assertEqual((1, 1), self.opens(conns[0]))
        self.assertEqual((0, 2), self.opens(conns[1]))

    def test_one_that_counts_uses_asks_itself(self):
        other = self.sharing()
        self.set(other, "cache_uses", "1")
        self.assertEqual((1, 0), self.opens(other))
        self.assertEqual((2, 0), self.opens(other))

    def test_a_disabled_key_stays_disabled(self):
        self.one(self.connect(),
                 "SELECT envelope_key_set_state('pii', 'disabled')")
        self.refuses_open("disabled", self.sharing(), self.blob)

    def test_a_destroyed_key_is_wiped(self):
        owner = self.connect()
        self.one(owner, "SELECT envelope_key_set_state('pii', 'disabled')")
        self.one(owner, "SELECT envelope_key_destroy('pii', 'pii')")
        self.refuses_open("destroyed", self.first, self.blob)
        before = self.cells()
        self.set(self.first, "cache_shared", "off")
        self.assertEqual(before - 1, self.cells())  # the MAC's key
        self.refuses_open("destroyed", self.sharing(), self.blob)

    def cells(self):
        return self.one(self.first, "SELECT json_extract(envelope_debug(),"
                        " '$.secret_memory.cells_used')")

    def test_the_last_one_wipes_all(self):
        before = self.cells()
        self.set(self.first, "cache_shared", "off")
        self.assertEqual(before - 2, self.cells())  # the key, and a MAC's
        self.assertEqual((1, 0), self.opens(self.sharing()))

    def test_it_is_audited(self):
        other = self.sharing()
        log = self.file("audit.log")
        self.set(other, "audit", log)
        self.opens(other)
        with open(log, encoding="utf-8") as stream:
            line = json.loads(stream.read().splitlines()[-1])
        self.assertEqual(("shared", "pii", 1, "ok"),
                         tuple(line[name] for name in (
                             "event", "key", "version", "result")))

    def test_without_its_audit_line_it_is_not_taken(self):
        other = self.sharing()
        self.set(other, "audit", self.file("audit.log"))
        os.chmod(self.file("audit.log"), 0o666)
        self.refuses_open("audit", other, self.blob)

    def child_loads(self):
        """What a forked child's own connection needs to open, as loads() has
        it, or its error."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                conn = connect(self.path)
                self.set(conn, "cache_shared", "on")
                self.open(conn, self.blob)
                os.write(write, str(self.loads(conn)).encode())
            except Exception as error:
                os.write(write, str(error).encode())
            os._exit(0)
        os.close(write)
        with open(read, "rb") as stream:
            said = stream.read().decode()
        os.waitpid(pid, 0)
        return said

    def test_a_child_has_nothing_of_it(self):
        self.assertEqual("(1, 0)", self.child_loads())
        self.assertEqual((0, 1), self.opens(self.sharing()))

    def test_what_it_refuses(self):
        self.refuses("cache_shared must be 'on' or 'off'", self.first,
                     "SELECT envelope_config('cache_shared', 'yes')")


if __name__ == "__main__":
    unittest.main()
