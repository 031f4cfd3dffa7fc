# SPDX-License-Identifier: MIT
"""envelope_stats and envelope_providers."""

import os
import sqlite3
import time
import unittest

from support import CANARY, SqlTest, load


class StatsTest(SqlTest):
    def setUp(self):
        super().setUp()
        self.with_key()
        self.conn = self.connect()

    def stats(self, conn=None):
        return dict((conn or self.conn).execute(
            "SELECT name, value FROM envelope_stats"))

    def since(self, before):
        """What has changed."""
        return {name: value - before[name]
                for name, value in self.stats().items()
                if value != before[name] and name != "provider_ms"}

    def providers(self, columns, conn=None):
        return (conn or self.conn).execute(
            "SELECT %s FROM envelope_providers ORDER BY cmk" % columns
        ).fetchall()


class Stats(StatsTest):
    def test_a_new_connection_has_done_nothing(self):
        self.assertEqual({0}, set(self.stats().values()))
        self.assertEqual([], self.providers("*"))

    def test_rows_are_counted(self):
        before = self.stats()
        blob = self.seal(self.conn)
        size = self.since(before).pop("cache_bytes")
        self.assertEqual({"seals": 1, "cache_keys": 1, "cache_misses": 1,
                          "cache_bytes": size, "provider_unwraps": 1},
                         self.since(before))
        before = self.stats()
        for _ in range(3):
            self.open(self.conn, blob)
        self.assertEqual({"opens": 3, "cache_hits": 3}, self.since(before))
        before = self.stats()
        self.one(self.conn, "SELECT envelope_rewrap(?)", blob)
        self.assertEqual(1, self.since(before)["rewraps"])
        before = self.stats()
        self.one(self.conn, "SELECT envelope_reseal(?, 'pii')", blob)
        done = self.since(before)
        self.assertEqual((1, 1), (done["opens"], done["seals"]))

    def test_rows_of_one_statement(self):
        before = self.stats()
        self.one(self.conn, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                 " FROM n WHERE i < 1000) SELECT count(envelope_open("
                 "envelope_seal(i, 'pii'))) FROM n")
        done = self.since(before)
        self.assertEqual((1000, 1000, 1999, 1, 1), tuple(
            done[name] for name in ("seals", "opens", "cache_hits",
                                    "cache_misses", "provider_unwraps")))

    def test_what_fails_is_no_seal_and_no_open(self):
        blob = self.seal(self.conn)
        before = self.stats()
        self.refuses_open("authentication failed", self.conn, blob, "other")
        self.refuses_seal("no key of that name", self.conn, "nope")
        self.assertEqual({"cache_hits": 1}, self.since(before))

    def test_what_the_limits_do(self):
        self.seal(self.conn)
        self.one(self.conn, "SELECT envelope_config('cache_uses', '1')")
        before = self.stats()
        self.seal(self.conn)
        done = self.since(before)
        self.assertEqual((1, 1, 1), tuple(
            done[name] for name in ("cache_misses", "provider_unwraps",
                                    "seals")))
        self.assertGreater(done["cache_expired"], 0)

    def test_what_makes_room(self):
        self.one(self.conn, "SELECT envelope_config('cache_bytes', '50000')")
        for i in range(40):
            self.one(self.conn, "SELECT envelope_key_create(?)", "k%d" % i)
        stats = self.stats()
        self.assertLessEqual(stats["cache_bytes"], 50000)
        self.assertEqual(40, stats["cache_keys"] + stats["cache_evicted"])
        self.assertEqual(40, stats["provider_wraps"])

    def test_refreshes(self):
        self.one(self.conn, "SELECT envelope_config('cache_ttl', '60s')")
        self.one(self.conn, "SELECT envelope_config('cache_refresh', '59s')")
        self.seal(self.conn)
        before = self.stats()
        time.sleep(1.1)
        self.seal(self.conn)
        self.assertEqual({"seals": 1, "cache_refreshed": 1,
                          "provider_unwraps": 1}, self.since(before))

    def test_errors(self):
        path = os.environ.pop("ENVELOPE_KEYFILE")
        before = self.stats()
        self.refuses_seal("ENVELOPE_KEYFILE", self.conn)
        self.assertEqual({"provider_unwraps": 1, "provider_errors": 1,
                          "cache_misses": 1}, self.since(before))
        os.environ["ENVELOPE_KEYFILE"] = path

    def test_they_are_of_this_connection(self):
        self.seal(self.conn)
        self.assertEqual(0, self.stats(self.connect())["seals"])


class Providers(StatsTest):
    def test_a_row_for_each_cmk_that_was_asked(self):
        self.one(self.conn, "SELECT envelope_key_create('two',"
                 " 'keyring:app.db.keyring#b', 'keyring:far.keyring')")
        self.seal(self.conn)
        self.assertEqual(
            [("keyring:app.db.keyring", "keyring", 0, 1, 0, None, None),
             ("keyring:app.db.keyring#b", "keyring", 1, 1, 0, None, None),
             ("keyring:far.keyring", "keyring", 1, 1, 0, None, None)],
            self.providers("cmk, provider, wraps, unwraps, errors,"
                           " last_error, retry_ms"))

    def test_times(self):
        os.environ["ENVELOPE_PASSPHRASE"] = "correct horse 9b2e battery"
        del os.environ["ENVELOPE_KEYFILE"]
        self.one(self.conn, "SELECT envelope_key_create('p',"
                 " 'keyring:p.keyring')")  # Argon2id takes its time
        ms, longest = self.providers("ms, longest_ms")[0]
        self.assertGreater(longest, 0)
        self.assertGreaterEqual(ms, longest)
        self.assertEqual(ms, self.stats()["provider_ms"])

    def test_an_error_has_a_name(self):
        path = os.environ.pop("ENVELOPE_KEYFILE")
        self.refuses_seal("ENVELOPE_KEYFILE", self.conn)
        self.assertEqual([(1, "denied")],
                         self.providers("errors, last_error"))
        os.environ["ENVELOPE_KEYFILE"] = path
        self.seal(self.conn)
        self.assertEqual([(2, 1, "denied")],
                         self.providers("unwraps, errors, last_error"))

    def test_one_that_is_not_allowed_is_not_asked(self):
        self.one(self.conn, "SELECT envelope_config('cmks', 'keyring:x')")
        self.refuses_seal("not allowed", self.conn)
        self.assertEqual([], self.providers("*"))

    def test_a_join_with_keys(self):
        self.seal(self.conn)
        self.assertEqual([("pii", 1)], self.conn.execute(
            "SELECT k.name, p.unwraps FROM envelope_keys k"
            " JOIN envelope_providers p ON p.cmk = k.cmks").fetchall())


class Both(StatsTest):
    def test_they_are_read_only(self):
        for table in ("envelope_stats", "envelope_providers"):
            self.refuses("may not be modified", self.conn,
                         "DELETE FROM " + table)

    def test_a_stored_view_cannot_read_them(self):
        for table in ("envelope_stats", "envelope_providers"):
            self.conn.execute("CREATE VIEW %s_v AS SELECT * FROM %s"
                              % (table, table))
            self.refuses("unsafe use of virtual table", self.conn,
                         "SELECT * FROM %s_v" % table)

    def test_a_table_of_the_file_does_not_stand_in_for_them_in_temp(self):
        self.conn.execute("CREATE TABLE envelope_stats(name, value)")
        self.assertEqual([], self.conn.execute(
            "SELECT * FROM envelope_stats").fetchall())
        self.assertEqual(0, self.one(
            self.conn,
            "SELECT value FROM temp.envelope_stats WHERE name = 'seals'"))

    def test_they_do_not_keep_a_connection_open(self):
        conn = load(sqlite3.connect(self.path))
        conn.execute("SELECT * FROM envelope_stats").fetchall()
        conn.execute("SELECT * FROM envelope_providers").fetchall()
        conn.close()

    def test_nothing_secret_is_in_them(self):
        self.open(self.conn, self.seal(self.conn))
        for table in ("envelope_stats", "envelope_providers"):
            rows = self.conn.execute("SELECT * FROM " + table).fetchall()
            self.messages.append(repr(rows))
            self.assertNotIn(CANARY, repr(rows))


if __name__ == "__main__":
    unittest.main()
