# SPDX-License-Identifier: MIT
"""For how long a loaded key is used before its CMK is asked again."""

import json
import os
import time
import unittest

from support import CANARY, SECONDS, SqlTest

DENIED = "locked with a key file"
BULK = ("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        " SELECT count(envelope_seal(i, 'pii')) FROM n")


class CacheTest(SqlTest):
    """The key pii, loaded; the audit log counts the calls of the CMK."""

    def setUp(self):
        super().setUp()
        self.with_key()
        self.conn = self.connect()
        self.config("audit", self.file("audit.log"))
        self.blob = self.seal(self.conn)
        self.keyfile = os.environ["ENVELOPE_KEYFILE"]
        self.assertEqual(1, self.unwraps())

    def config(self, name, value):
        return self.one(self.conn, "SELECT envelope_config(?, ?)", name, value)

    def unwraps(self, result="ok"):
        with open(self.file("audit.log"), encoding="utf-8") as stream:
            lines = [json.loads(line) for line in stream]
        return sum(line["event"] == "unwrap" and line["result"] == result
                   for line in lines)

    def debug(self, path):
        return self.one(self.conn, "SELECT json_extract(envelope_debug(), ?)",
                        "$." + path)

    @staticmethod
    def lock():
        """From now on the CMK does not answer."""
        del os.environ["ENVELOPE_KEYFILE"]

    def unlock(self):
        os.environ["ENVELOPE_KEYFILE"] = self.keyfile

    def works(self):
        self.assertEqual(CANARY, self.open(self.conn, self.blob))
        self.assertEqual(CANARY, self.open(self.conn, self.seal(self.conn)))


class Ttl(CacheTest):
    def test_without_a_limit_the_cmk_is_asked_once(self):
        self.assertEqual("off", self.one(
            self.conn, "SELECT envelope_config('cache_ttl')"))
        self.lock()
        time.sleep(SECONDS + 0.1)
        self.works()

    def test_within_its_time_it_is_not_asked(self):
        self.assertEqual("60s", self.config("cache_ttl", "60s"))
        self.works()
        before = self.unwraps()
        self.lock()
        self.works()
        self.assertEqual(before, self.unwraps())

    def test_after_its_time_it_is_asked_again(self):
        self.config("cache_ttl", "%ds" % SECONDS)
        self.works()
        self.lock()
        time.sleep(SECONDS + 0.1)
        self.refuses_open(DENIED, self.conn, self.blob)
        self.refuses_seal(DENIED, self.conn)
        self.refuses(DENIED, self.conn, "SELECT envelope_rewrap(?)", self.blob)
        self.refuses(DENIED, self.conn,
                     "SELECT envelope_blind_index(1, 'pii', 's')")
        self.unlock()
        self.works()

    def test_an_old_key_is_wiped(self):
        self.one(self.conn, "SELECT envelope_key_create('other')")
        self.config("cache_ttl", "%ds" % SECONDS)
        self.works()
        self.seal(self.conn, 1, "other")
        cells = self.debug("secret_memory.cells_used")
        self.assertEqual(2, self.debug("keys_cached"))
        time.sleep(SECONDS + 0.1)
        self.seal(self.conn, 1, "other")
        self.assertEqual(1, self.debug("keys_cached"))
        self.assertEqual(cells - 1, self.debug("secret_memory.cells_used"))

    def test_a_key_that_cannot_be_renewed_is_wiped(self):
        self.config("cache_ttl", "%ds" % SECONDS)
        self.works()
        self.lock()
        time.sleep(SECONDS + 0.1)
        self.refuses_open(DENIED, self.conn, self.blob)
        self.assertEqual(0, self.debug("keys_cached"))

    def test_a_running_select_goes_on_to_its_end(self):
        self.conn.execute("CREATE TABLE t(v)")
        self.conn.executemany("INSERT INTO t VALUES(?)", [(self.blob,)] * 500)
        self.config("cache_ttl", "%ds" % SECONDS)
        cursor = self.conn.execute("SELECT envelope_open(v) FROM t")
        rows = [cursor.fetchone()]
        self.lock()
        time.sleep(SECONDS + 0.1)
        rows.append(cursor.fetchone())
        self.refuses_open(DENIED, self.conn, self.blob)
        rows.append(cursor.fetchone())
        self.assertEqual(1, self.debug("keys_cached"))
        self.refuses_seal(DENIED, self.conn)
        rows += cursor.fetchall()
        self.assertEqual([(CANARY,)] * 500, rows)
        self.assertEqual(0, self.debug("keys_cached"))

    def test_a_running_select_does_not_mind_that_others_renew(self):
        self.conn.execute("CREATE TABLE t(v)")
        self.conn.executemany("INSERT INTO t VALUES(?)", [(self.blob,)] * 500)
        self.config("cache_ttl", "%ds" % SECONDS)
        cursor = self.conn.execute("SELECT envelope_open(v) FROM t")
        rows = [cursor.fetchone()]
        time.sleep(SECONDS + 0.1)
        before = self.unwraps()
        self.works()
        self.assertEqual(before + 1, self.unwraps())
        rows += cursor.fetchall()
        self.assertEqual([(CANARY,)] * 500, rows)

    def test_a_rewrap_in_one_statement_needs_both_versions(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.config("cache_ttl", "%ds" % SECONDS)
        time.sleep(SECONDS + 0.1)
        before = self.unwraps()
        self.one(self.conn, "SELECT envelope_rewrap(?)", self.blob)
        self.assertEqual(before + 2, self.unwraps())

    def test_a_subject_s_key_is_as_old_as_its_parent_s(self):
        self.one(self.conn, "SELECT envelope_key_create('pii/42')")
        blob = self.seal(self.conn, CANARY, "pii/42")
        self.config("cache_ttl", "%ds" % SECONDS)
        self.assertEqual(CANARY, self.open(self.conn, blob))
        self.lock()
        time.sleep(SECONDS + 0.1)
        self.refuses_open(DENIED, self.conn, blob)
        self.refuses_seal(DENIED, self.conn, "pii/42")
        self.assertEqual(0, self.debug("keys_cached"))
        self.unlock()
        before = self.unwraps()
        self.assertEqual(CANARY, self.open(self.conn, blob))
        self.assertEqual(before + 1, self.unwraps())

    def test_in_a_transaction_it_is_not_asked_when_that_is_refused(self):
        self.config("provider_in_transaction", "refuse")
        self.config("cache_ttl", "%ds" % SECONDS)
        self.works()
        self.conn.execute("CREATE TABLE t(v)")
        self.conn.execute("BEGIN IMMEDIATE")
        time.sleep(SECONDS + 0.1)
        self.refuses_seal("envelope_key_open", self.conn)
        self.conn.execute("ROLLBACK")
        self.works()

    def test_other_work_of_keys_asks_again_too(self):
        self.config("cache_ttl", "%ds" % SECONDS)
        self.lock()
        time.sleep(SECONDS + 0.1)
        self.refuses(DENIED, self.conn, "SELECT envelope_key_rotate('pii')")
        self.refuses(DENIED, self.conn, "SELECT envelope_key_open('pii')")
        self.refuses(DENIED, self.conn,
                     "SELECT envelope_key_set_state('pii', 'disabled')")

    def test_a_limit_set_later_counts_from_the_load(self):
        self.config("cache_ttl", "90d")
        self.works()
        time.sleep(SECONDS + 0.1)
        self.config("cache_ttl", "%ds" % SECONDS)
        self.lock()
        self.refuses_open(DENIED, self.conn, self.blob)


class RefreshAhead(CacheTest):
    def setUp(self):
        super().setUp()
        self.config("cache_ttl", "600s")
        self.works()
        self.config("cache_refresh", "%ds" % (600 - SECONDS))
        self.before = self.unwraps()

    def test_it_is_renewed_before_its_time_is_over(self):
        self.works()
        self.assertEqual(self.before, self.unwraps())
        time.sleep(SECONDS + 0.1)
        self.works()
        self.assertEqual(self.before + 1, self.unwraps())

    def test_what_cannot_be_renewed_goes_on(self):
        self.lock()
        time.sleep(SECONDS + 0.1)
        self.works()
        self.assertEqual(self.before, self.unwraps())
        self.works()
        if SECONDS == 1:  # once a second; under valgrind that is each time
            self.assertEqual(1, self.unwraps("denied"))
        self.unlock()
        time.sleep(SECONDS + 0.1)
        self.works()
        self.assertEqual(self.before + 1, self.unwraps())

    def test_not_inside_a_write_transaction(self):
        time.sleep(SECONDS + 0.1)
        self.conn.execute("BEGIN IMMEDIATE")
        self.works()
        self.assertEqual(self.before, self.unwraps())
        self.conn.execute("COMMIT")
        self.one(self.conn, "SELECT envelope_key_open('pii')")
        self.assertEqual(self.before + 1, self.unwraps())

    def test_a_key_disabled_elsewhere_is_not_opened_for_it(self):
        self.one(self.connect(),
                 "SELECT envelope_key_set_state('pii', 'disabled')")
        time.sleep(SECONDS + 0.1)
        self.refuses_open("disabled", self.conn, self.blob)


class Uses(CacheTest):
    def test_after_so_many_rows_the_cmk_is_asked_again(self):
        self.assertEqual("10", self.config("cache_uses", "10"))
        for _ in range(9):  # one row was in setUp()
            self.seal(self.conn)
        self.assertEqual(1, self.unwraps())
        self.seal(self.conn)
        self.assertEqual(2, self.unwraps())

    def test_a_statement_is_not_stopped_in_the_middle(self):
        self.config("cache_uses", "10")
        self.assertEqual(1000, self.one(self.conn, BULK % 1000))
        self.assertEqual(1, self.unwraps())
        self.lock()
        self.refuses_seal(DENIED, self.conn)

    def test_what_is_used_up_is_wiped(self):
        self.config("cache_uses", "10")
        self.one(self.conn, BULK % 9)
        self.assertEqual(0, self.debug("keys_cached"))

    def test_one_use(self):
        self.config("cache_uses", "1")
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        before = self.unwraps()
        for calls in (0, 2):  # the rotation used none of the versions
            self.one(self.conn, "SELECT envelope_rewrap(?)", self.blob)
            self.assertEqual(before + calls, self.unwraps())
            self.assertEqual(0, self.debug("keys_cached"))

    def test_uses_of_a_subject_s_key(self):
        self.one(self.conn, "SELECT envelope_key_create('pii/42')")
        self.config("cache_uses", "5")
        self.lock()
        for _ in range(20):  # its parent unwraps it again, and again
            try:
                self.seal(self.conn, 1, "pii/42")
            except Exception as error:
                self.assertIn(DENIED, str(error))
                break
        else:
            self.fail("the parent's key was never used up")


class Bytes(CacheTest):
    def names(self, count):
        return ["k%d" % i for i in range(count)]

    def test_the_oldest_make_room(self):
        least = self.config_error_says_least()
        self.config("cache_bytes", least)
        for name in self.names(30):
            self.one(self.conn, "SELECT envelope_key_create(?)", name)
        self.assertEqual(16, self.debug("keys_cached"))
        before = self.unwraps()
        self.seal(self.conn, 1, "k29")
        self.assertEqual(before, self.unwraps())
        self.seal(self.conn, 1, "k0")
        self.assertEqual(before + 1, self.unwraps())

    def config_error_says_least(self):
        text = self.refuses("must be a number of bytes from", self.conn,
                            "SELECT envelope_config('cache_bytes', '1')")
        return text.split("from ")[1].split(" ")[0]

    def test_a_smaller_bound_takes_effect_at_once(self):
        for name in self.names(30):
            self.one(self.conn, "SELECT envelope_key_create(?)", name)
        cells = self.debug("secret_memory.cells_used")
        self.assertEqual(31, self.debug("keys_cached"))
        self.config("cache_bytes", self.config_error_says_least())
        self.assertEqual(16, self.debug("keys_cached"))
        self.assertEqual(cells - 15, self.debug("secret_memory.cells_used"))

    def test_a_larger_one_keeps_more(self):
        self.config("cache_bytes", "2000000")
        for name in self.names(300):
            self.one(self.conn, "SELECT envelope_key_create(?)", name)
        self.assertEqual(301, self.debug("keys_cached"))
        self.lock()
        for name in self.names(300):
            self.seal(self.conn, 1, name)


class Settings(CacheTest):
    def test_what_they_refuse(self):
        for name, values in {
            "cache_ttl": ("", "0", "60", "-1s", "0s", "1.5s", "1m", "s",
                          " 60s", "060s", "36501d", "9" * 30 + "s"),
            "cache_refresh": ("5", "on", "00"),
            "cache_uses": ("0", "-1", "1e3", "many", "9" * 20),
            "cache_bytes": ("off", "1000", "1e9", "9" * 20),
        }.items():
            for value in values:
                self.refuses(name + " must be a number", self.conn,
                             "SELECT envelope_config(?, ?)", name, value)

    def test_refresh_is_shorter_than_ttl(self):
        self.config("cache_ttl", "60s")
        self.refuses("cache_refresh must be shorter than cache_ttl", self.conn,
                     "SELECT envelope_config('cache_refresh', '60s')")
        self.config("cache_refresh", "59s")
        self.refuses("cache_ttl must be longer than cache_refresh", self.conn,
                     "SELECT envelope_config('cache_ttl', '59s')")
        self.assertEqual("off", self.config("cache_refresh", "off"))
        self.config("cache_ttl", "59s")

    def test_they_are_shown(self):
        self.config("cache_ttl", "12h")
        self.config("cache_uses", "1000")
        shown = json.loads(self.one(self.conn, "SELECT envelope_config()"))
        self.assertEqual(("12h", "off", "1000"),
                         (shown["cache_ttl"], shown["cache_refresh"],
                          shown["cache_uses"]))

    def test_from_the_environment(self):
        os.environ["ENVELOPE_CACHE_TTL"] = "%ds" % SECONDS
        os.environ["ENVELOPE_CACHE_USES"] = "7"
        self.conn = self.connect()
        self.works()
        self.lock()
        time.sleep(SECONDS + 0.1)
        self.refuses_open(DENIED, self.conn, self.blob)
        self.assertEqual("7", self.one(
            self.conn, "SELECT envelope_config('cache_uses')"))


if __name__ == "__main__":
    unittest.main()
