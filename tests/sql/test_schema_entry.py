# SPDX-License-Identifier: MIT
"""The entry point that lets the views and triggers of a file use keys."""

import os
import unittest

from support import CANARY, EXTENSION, SqlTest

ENTRY = "sqlite3_envelope_schema_init"
UNSAFE = "unsafe use of "

VALUE_CALLS = (
    "envelope_seal('v', 'pii')",
    "envelope_open(c, 't.c', id)",
    "envelope_rewrap(c)",
    "envelope_seal_indexed('v', 'pii', 's')",
    "envelope_blind_index('v', 'pii', 's')",
)
OTHER_CALLS = (
    "envelope_key_create('new')",
    "envelope_key_rotate('pii')",
    "envelope_key_set_state('pii', 'active')",
    "envelope_key_set_policy('pii', 'min_version', 1)",
    "envelope_key_rewrap('pii')",
    "envelope_key_destroy('pii', 'pii')",
    "envelope_key_open('pii')",
    "envelope_key_pin('pii')",
    "envelope_cmk_rotate('keyring:app.db.keyring')",
    "envelope_cmk_destroy('keyring:app.db.keyring', 1)",
    "envelope_config()",
    "envelope_config('padding')",
    "envelope_config('padding', 'on')",
    "envelope_drop()",
    "envelope_drop('open')",
    "envelope_info(c)",
    "envelope_debug()",
)


class SchemaEntry(SqlTest):
    def setUp(self):
        super().setUp()
        conn = self.with_key()
        conn.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, c)")
        conn.execute("INSERT INTO t VALUES(1,"
                     " envelope_seal(?, 'pii', 't.c', 1))", (CANARY,))
        conn.close()

    def load(self, conn, entry=ENTRY):
        conn.enable_load_extension(True)
        conn.execute("SELECT load_extension(?, ?)", (EXTENSION, entry))
        conn.enable_load_extension(False)
        return conn

    def schema_connect(self, trusted=True):
        conn = self.load(self.plain())
        conn.execute("PRAGMA trusted_schema = %d" % trusted)
        return conn

    def select(self, call):
        """A SELECT from a new view, which another connection made."""
        self.views = getattr(self, "views", 0) + 1
        self.plain().execute("CREATE VIEW v%d AS SELECT %s FROM t"
                             % (self.views, call))
        return "SELECT * FROM v%d" % self.views

    def view(self, conn, call):
        return conn.execute(self.select(call)).fetchall()

    def check_view(self, conn, call):
        """Refused, with the name of the function."""
        self.refuses(UNSAFE + call.split("(")[0], conn, self.select(call))

    def test_a_view_uses_values(self):
        conn = self.schema_connect()
        for call in VALUE_CALLS:
            with self.subTest(call):
                self.assertEqual(1, len(self.view(conn, call)))
        self.assertEqual([(CANARY,)], self.view(conn, VALUE_CALLS[1]))

    def test_a_view_changes_no_key_and_no_setting(self):
        conn = self.schema_connect()
        for call in OTHER_CALLS:
            with self.subTest(call):
                self.check_view(conn, call)

    def test_without_trusted_schema_a_view_uses_nothing(self):
        """They are not INNOCUOUS."""
        conn = self.schema_connect(trusted=False)
        for call in VALUE_CALLS + OTHER_CALLS:
            with self.subTest(call):
                self.check_view(conn, call)

    def test_the_usual_entry_point_lets_no_view_use_anything(self):
        conn = self.connect()
        conn.execute("PRAGMA trusted_schema = 1")
        for call in VALUE_CALLS + OTHER_CALLS:
            with self.subTest(call):
                self.check_view(conn, call)

    def test_a_trigger_seals(self):
        self.plain().execute(
            "CREATE TRIGGER seal AFTER INSERT ON t BEGIN"
            " UPDATE t SET c = envelope_seal(NEW.c, 'pii', 't.c', NEW.id)"
            " WHERE id = NEW.id; END")
        conn = self.schema_connect()
        conn.execute("INSERT INTO t VALUES(2, ?)", (CANARY,))
        sql = "SELECT envelope_open(c, 't.c', id) FROM t WHERE id = 2"
        self.assertEqual(CANARY, self.one(conn, sql))
        conn.execute("PRAGMA trusted_schema = 0")
        self.refuses(UNSAFE + "envelope_seal", conn,
                     "INSERT INTO t VALUES(3, 'v')")

    def test_a_dropped_privilege_is_dropped_for_views(self):
        conn = self.schema_connect()
        self.assertEqual([(CANARY,)], self.view(conn, VALUE_CALLS[1]))
        self.one(conn, "SELECT envelope_drop('open')")
        self.refuses("privilege 'open' was dropped", conn, "SELECT * FROM v1")

    def test_it_makes_no_index(self):
        """Not DETERMINISTIC: an index over it would be plaintext."""
        self.refuses("non-deterministic", self.schema_connect(),
                     "CREATE INDEX i ON t(envelope_open(c))")

    def test_loading_twice_is_fine(self):
        conn = self.load(self.schema_connect())
        self.assertEqual([(CANARY,)], self.view(conn, VALUE_CALLS[1]))

    def test_it_does_not_follow_the_usual_entry_point(self):
        conn = self.connect()
        conn.enable_load_extension(True)
        self.refuses("already loaded into this connection", conn,
                     "SELECT load_extension(?, ?)", EXTENSION, ENTRY)
        self.check_view(conn, VALUE_CALLS[1])

    def test_the_usual_entry_point_does_not_follow_it(self):
        conn = self.schema_connect()
        conn.enable_load_extension(True)
        self.refuses("already loaded into this connection", conn,
                     "SELECT load_extension(?)", EXTENSION)
        self.assertEqual([(CANARY,)], self.view(conn, VALUE_CALLS[1]))

    def test_a_bad_setting_stops_it_and_leaves_the_choice(self):
        os.environ["ENVELOPE_PADDING"] = "perhaps"
        conn = self.plain()
        conn.enable_load_extension(True)
        self.refuses("ENVELOPE_PADDING must be", conn,
                     "SELECT load_extension(?, ?)", EXTENSION, ENTRY)
        del os.environ["ENVELOPE_PADDING"]
        self.load(conn, "sqlite3_envelope_init")
        self.check_view(conn, VALUE_CALLS[1])


if __name__ == "__main__":
    unittest.main()
