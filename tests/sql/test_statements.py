# SPDX-License-Identifier: MIT
"""What a statement may do with the functions, and what it costs
(rules 15, 16, 21 to 23)."""

import threading
import unittest

import capi
from support import AUTH, CANARY, KEY_ID, SqlTest, flip, scaled

REFUSE = "SELECT envelope_config('provider_in_transaction', 'refuse')"
OPEN_KEY = "SELECT envelope_key_open('pii')"
SEAL_ALL = "UPDATE t SET c = envelope_seal(c, 'pii')"
REWRAP_ALL = "UPDATE t SET c = envelope_rewrap(c)"


class WarmUp(SqlTest):
    """Rule 15: no provider call inside a write transaction."""

    def setUp(self):
        super().setUp()
        conn = self.with_key()
        conn.execute("CREATE TABLE t AS SELECT value AS c"
                     " FROM json_each('[1, 2, 3]')")
        conn.close()
        self.conn = self.connect()

    def test_the_setting_allows_at_first(self):
        self.conn.execute("BEGIN IMMEDIATE")
        self.conn.execute(SEAL_ALL)
        self.conn.execute("COMMIT")

    def test_refuse_refuses_in_a_write_transaction(self):
        self.conn.execute(REFUSE)
        self.conn.execute("BEGIN IMMEDIATE")
        self.refuses("envelope_key_open", self.conn,
                     "SELECT envelope_seal(1, 'pii')")
        self.conn.execute("ROLLBACK")

    def test_refuse_refuses_in_a_bulk_seal(self):
        self.conn.execute(REFUSE)
        self.refuses("write transaction", self.conn, SEAL_ALL)
        sql = "SELECT group_concat(c) FROM t"
        self.assertEqual("1,2,3", self.one(self.conn, sql))

    def test_refuse_allows_in_a_read_transaction(self):
        self.conn.execute(REFUSE)
        self.conn.execute("BEGIN")
        self.conn.execute("SELECT * FROM t").fetchall()
        self.seal(self.conn)

    def test_a_warm_up_lets_the_bulk_seal_pass(self):
        self.conn.execute(REFUSE)
        key_id = self.one(self.conn, OPEN_KEY)
        self.conn.execute("BEGIN IMMEDIATE")
        self.conn.execute(SEAL_ALL)
        self.conn.execute("COMMIT")
        ids = self.conn.execute("SELECT DISTINCT envelope_key_id(c) FROM t")
        self.assertEqual([(key_id,)], ids.fetchall())

    def test_a_warm_up_needs_no_secret_later(self):
        """Proof that no provider is asked again."""
        self.conn.execute(OPEN_KEY)
        self.clear_environment()
        self.conn.execute(SEAL_ALL)

    def test_a_warm_up_lets_a_bulk_rewrap_pass(self):
        self.conn.execute(SEAL_ALL)
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        conn = self.connect()
        conn.execute(REFUSE)
        conn.execute(OPEN_KEY)
        conn.execute(REWRAP_ALL)
        sql = "SELECT group_concat(envelope_open(c)) FROM t"
        self.assertEqual("1,2,3", self.one(conn, sql))

    def test_a_created_key_is_warm(self):
        self.conn.execute(REFUSE)
        self.one(self.conn, "SELECT envelope_key_create('new')")
        self.clear_environment()
        self.conn.execute("BEGIN IMMEDIATE")
        self.seal(self.conn, CANARY, "new")

    def test_a_rotated_key_is_warm(self):
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.conn.execute(REFUSE)
        self.clear_environment()
        self.conn.execute("BEGIN IMMEDIATE")
        self.seal(self.conn)

    def test_an_unknown_key_is_not_warmed(self):
        self.refuses("envelope_key_create('other')", self.conn,
                     "SELECT envelope_key_open('other')")
        self.refuses("no key of that name here", self.conn,
                     "SELECT envelope_key_open('other/1')")


class Planner(SqlTest):
    """Rules 21 and 22."""

    def refuses_in_schema(self, sql):
        """SQLite 3.40 says the one, 3.53 the other."""
        text = self.error(self.conn, sql)
        self.assertRegex(text, "non-deterministic|unsafe use of envelope_")

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, c)")
        self.conn.execute("INSERT INTO t VALUES(1, envelope_seal('a', 'pii',"
                          " 't.c', 1)), (2, envelope_seal('b', 'pii', 't.c',"
                          " 2))")

    def test_explain_calls_nothing(self):
        for explain in ("EXPLAIN ", "EXPLAIN QUERY PLAN "):
            self.conn.execute(
                explain + "SELECT envelope_key_create('new')").fetchall()
        self.assertEqual(1, len(self.keys(self.conn)))

    def test_prepare_calls_nothing(self):
        db = capi.Database(self.path)
        self.assertIsNone(db.load())
        for sql in ("SELECT envelope_key_create('new')",
                    "SELECT * FROM t WHERE c = envelope_open(x'00')"):
            db.lib.sqlite3_finalize(db.prepare(sql))
        self.assertEqual(capi.OK, db.close())
        self.assertEqual(1, len(self.keys(self.conn)))

    def test_open_is_refused_in_an_index(self):
        for call in ("envelope_open(c)", "envelope_seal(c, 'pii')",
                     "envelope_blind_index(c, 'pii', 's')"):
            self.refuses_in_schema("CREATE INDEX i ON t(%s)" % call)

    def test_open_is_refused_in_a_partial_index(self):
        self.refuses_in_schema(
            "CREATE INDEX i ON t(c) WHERE envelope_open(c) = 1")

    def test_open_is_refused_in_a_generated_column(self):
        self.refuses_in_schema(
            "CREATE TABLE g(c, p AS (envelope_open(c)))")

    def test_open_is_refused_in_a_stored_default(self):
        self.conn.execute("CREATE TABLE d(x, c DEFAULT"
                          " (envelope_seal('v', 'pii')))")
        self.refuses("unsafe use", self.conn, "INSERT INTO d(x) VALUES(1)")

    def test_is_sealed_is_allowed_in_a_check(self):
        self.conn.execute("CREATE TABLE k(c CHECK(envelope_is_sealed(c)))")
        self.conn.execute("INSERT INTO k VALUES(envelope_seal(1, 'pii'))")
        self.refuses("CHECK constraint failed", self.conn,
                     "INSERT INTO k VALUES(1)")

    def test_key_id_is_allowed_in_an_index(self):
        self.conn.execute("CREATE INDEX i ON t(envelope_key_id(c))")
        plan = self.conn.execute(
            "EXPLAIN QUERY PLAN SELECT envelope_key_id(c), count(*) FROM t"
            " GROUP BY 1").fetchall()
        self.assertIn("INDEX i", plan[0][3])

    def test_a_stored_view_is_refused(self):
        self.conn.execute("CREATE VIEW v AS SELECT envelope_open(c, 't.c',"
                          " id) AS c FROM t")
        self.refuses("unsafe use of envelope_open", self.conn,
                     "SELECT * FROM v")

    def test_a_stored_view_of_the_keys_table_is_refused(self):
        self.conn.execute("CREATE VIEW v AS SELECT * FROM envelope_keys")
        self.refuses("unsafe use of virtual table", self.conn,
                     "SELECT * FROM v")

    def test_a_stored_trigger_is_refused(self):
        for call in ("envelope_open(NEW.c)", "envelope_key_rotate('pii')",
                     "envelope_info(NEW.c)", "envelope_config('padding')",
                     "envelope_cmk_rotate('keyring:x')"):
            self.conn.execute("CREATE TRIGGER g AFTER INSERT ON t BEGIN"
                              " SELECT %s; END" % call)
            self.refuses("unsafe use", self.conn,
                         "INSERT INTO t VALUES(9, NULL)")
            self.conn.execute("DROP TRIGGER g")

    def test_a_temp_view_opens(self):
        self.conn.execute("CREATE TEMP VIEW v AS SELECT id,"
                          " envelope_open(c, 't.c', id) AS c FROM t")
        rows = self.conn.execute("SELECT c FROM v ORDER BY id").fetchall()
        self.assertEqual([("a",), ("b",)], rows)

    def test_a_temp_trigger_seals(self):
        self.conn.execute(
            "CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET c ="
            " envelope_seal(NEW.c, 'pii', 't.c', NEW.id)"
            " WHERE id = NEW.id; END")
        self.conn.execute("INSERT INTO t VALUES(3, 'c'), (4, 'd')")
        sql = ("SELECT group_concat(envelope_open(c, 't.c', id)) FROM t"
               " WHERE id > 2")
        self.assertEqual("c,d", self.one(self.conn, sql))

    def test_returning_opens(self):
        rows = self.conn.execute(
            "UPDATE t SET c = envelope_seal('z', 'pii', 't.c', id)"
            " RETURNING envelope_open(c, 't.c', id)").fetchall()
        self.assertEqual([("z",), ("z",)], rows)

    def test_seal_of_a_constant_differs_in_every_row(self):
        self.conn.execute("UPDATE t SET c = envelope_seal('z', 'pii')")
        sql = "SELECT count(DISTINCT c) FROM t"
        self.assertEqual(2, self.one(self.conn, sql))

    def test_seal_in_a_subquery_runs_once_for_all_rows(self):
        """As README warns: SQLite computes such a subquery once."""
        self.conn.execute("UPDATE t SET c = (SELECT envelope_seal('v',"
                          " 'pii'))")
        count = "SELECT count(DISTINCT c) FROM t"
        self.assertEqual(1, self.one(self.conn, count))
        self.conn.execute("UPDATE t SET c = envelope_seal('v', 'pii')")
        self.assertEqual(2, self.one(self.conn, count))

    def test_a_materialized_open_runs_once_for_each_row(self):
        """As README advises; a spy stands around the call."""
        calls = []
        self.conn.create_function("spy", 1, lambda v: calls.append(v) or v)
        opened = "spy(envelope_open(c, 't.c', id))"
        found = self.conn.execute(
            "WITH o AS MATERIALIZED (SELECT %s AS v FROM t)"
            " SELECT v FROM o WHERE v = 'a'" % opened).fetchall()
        self.assertEqual([("a",)], found)
        self.assertEqual(["a", "b"], sorted(calls))

    def test_only_what_needs_no_key_is_deterministic(self):
        """With STAT4 the planner calls what is, while it prepares."""
        deterministic = 0x800
        found = self.conn.execute(
            "SELECT DISTINCT name FROM pragma_function_list WHERE name LIKE"
            " 'envelope\\_%%' ESCAPE '\\' AND flags & %d ORDER BY 1"
            % deterministic).fetchall()
        self.assertEqual([("envelope_is_sealed",), ("envelope_key_id",),
                          ("envelope_version",)], found)

    def test_with_stat4_open_is_not_called_by_the_planner(self):
        """A search by a function's value is planned without calling it: the
        envelope is damaged, and only running it says so."""
        self.conn.execute("CREATE INDEX i ON t(c)")
        self.conn.execute("ANALYZE")
        bad = flip(self.seal(self.conn), 8 * 80)
        sql = "SELECT id FROM t WHERE c > envelope_open(x'%s')" % bad.hex()
        db = capi.Database(self.path)
        self.assertIsNone(db.load())
        stmt = db.prepare(sql)
        db.lib.sqlite3_finalize(stmt)
        db.run("EXPLAIN " + sql)
        with self.assertRaisesRegex(RuntimeError, AUTH):
            db.run(sql)
        self.assertEqual(capi.OK, db.close())


class Lookups(SqlTest):
    """The key tables are read once a statement, not once a row."""

    def setUp(self):
        super().setUp()
        self.with_key().close()
        self.conn = self.connect()
        self.conn.execute("CREATE TABLE t AS WITH n(i) AS (SELECT 1 UNION"
                          " ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT"
                          " i AS id, 'value ' || i AS c FROM n")
        self.seal(self.conn)

    def count(self, sql, *args):
        """How often the statement had the key tables read."""
        seen = []
        self.conn.set_trace_callback(seen.append)
        self.conn.execute(sql, args).fetchall()
        self.conn.set_trace_callback(None)
        return sum("envelope_key" in s and s != sql and "FROM t" not in s
                   for s in seen)

    def check(self, sql, *args):
        self.conn.execute(sql, args).fetchall()  # verifies, at first use
        once = self.count(sql + " WHERE id <= 1", *args)
        self.assertGreater(once, 0)
        self.assertLess(once, 10)
        self.assertEqual(once, self.count(sql, *args))

    def seal_all(self):
        self.conn.execute("UPDATE t SET c = envelope_seal(c, 'pii')")

    def test_of_a_bulk_seal(self):
        self.check("SELECT envelope_seal(c, 'pii', 't.c', id) FROM t")

    def test_of_a_bulk_seal_with_a_bound_name(self):
        self.check("SELECT envelope_seal(c, ?) FROM t", "pii")

    def test_of_a_bulk_open(self):
        self.seal_all()
        self.check("SELECT envelope_open(c) FROM t")

    def test_of_a_bulk_rewrap(self):
        self.seal_all()
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        self.check("SELECT envelope_rewrap(c) FROM t")

    def test_of_a_bulk_index(self):
        self.check("SELECT envelope_blind_index(c, 'pii', 't.c') FROM t")

    def test_of_a_bulk_update(self):
        self.assertLess(self.count(
            "UPDATE t SET c = envelope_seal(c, 'pii')"), 10)

    def test_of_key_names_in_a_column(self):
        self.one(self.conn, "SELECT envelope_key_create('other')")
        names = "CASE id % 2 WHEN 0 THEN 'pii' ELSE 'other' END"
        self.assertLess(self.count(
            "SELECT envelope_seal(c, %s) FROM t" % names), 20)

    def test_every_statement_looks_again(self):
        sql = "SELECT envelope_seal(1, 'pii')"
        self.assertGreater(self.count(sql), 0)
        self.assertGreater(self.count(sql), 0)


class ConstantContext(SqlTest):
    """The first part of a context that is a constant of the statement is
    encoded once. Nothing else may be taken for it."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("CREATE TABLE t AS WITH n(i) AS (SELECT 1 UNION ALL"
                          " SELECT i + 1 FROM n WHERE i < 40) SELECT i AS id,"
                          " 'name ' || i AS name FROM n")

    def opened(self, sealed, context):
        """How many rows of `sealed` open with the context."""
        self.conn.execute("CREATE TEMP TABLE s AS SELECT id, name, %s AS c"
                          " FROM t" % sealed)
        return self.one(self.conn, "SELECT count(envelope_open(c, %s)) FROM s"
                        % context)

    def test_a_constant_is_every_row_s(self):
        self.assertEqual(40, self.opened(
            "envelope_seal(1, 'pii', 't.c', id)", "'t.' || 'c', id"))

    def test_a_column_is_each_row_s_own(self):
        self.assertEqual(40, self.opened(
            "envelope_seal(1, 'pii', name, id)", "'name ' || id, id"))

    def test_a_column_that_is_opened_with_is_each_row_s_own(self):
        self.assertEqual(40, self.opened(
            "envelope_seal(1, 'pii', 'name ' || id)", "name"))

    def test_two_calls_of_a_statement_have_their_own(self):
        rows = self.conn.execute(
            "SELECT envelope_seal(1, 'pii', 'a'), envelope_seal(2, 'pii', 'b')"
            " FROM t").fetchall()
        for a, b in rows:
            self.assertEqual((1, 2), (self.open(self.conn, a, "a"),
                                      self.open(self.conn, b, "b")))

    def test_a_bound_one_is_read_for_each_execution(self):
        sql = "SELECT envelope_seal(1, 'pii', ?) FROM t LIMIT 2"
        for context in ("a", "b", 3, None):
            for (blob,) in self.conn.execute(sql, (context,)).fetchall():
                self.assertEqual(1, self.open(self.conn, blob, context))

    def test_the_type_of_a_constant_counts(self):
        self.refuses("authentication failed", self.conn, "SELECT envelope_open("
                     "envelope_seal(1, 'pii', '1'), 1) FROM t")

    def test_the_scope_of_an_index_is_every_row_s(self):
        self.conn.execute("CREATE TEMP TABLE s AS SELECT id,"
                          " envelope_seal_indexed(id, 'pii', 't.id', id) AS c"
                          " FROM t")
        self.assertEqual(40, self.one(
            self.conn, "SELECT count(*) FROM s WHERE substr(c, 14, 16) ="
            " envelope_blind_index(id, 'pii', 't.id') AND"
            " envelope_open(c, 't.id', id) = id"))


class Interrupt(SqlTest):
    """Rule 23."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.conn.execute("CREATE TABLE t(c)")
        self.conn.execute("INSERT INTO t VALUES('kept')")

    def check(self, sql):
        timer = threading.Timer(0.1, self.conn.interrupt)
        timer.start()
        self.refuses("interrupted", self.conn, sql)
        timer.join()
        self.assertFalse(self.conn.in_transaction)
        rows = self.conn.execute("SELECT c FROM t").fetchall()
        self.assertEqual([("kept",)], rows)
        self.assertEqual(CANARY, self.open(self.conn, self.seal(self.conn)))

    def test_a_bulk_insert_is_interrupted(self):
        self.check("INSERT INTO t WITH n(i) AS (SELECT 1 UNION ALL SELECT"
                   " i + 1 FROM n) SELECT envelope_seal(i, 'pii') FROM n")

    def test_a_bulk_open_is_interrupted(self):
        self.check("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                   " SELECT sum(envelope_open(envelope_seal(i, 'pii')))"
                   " FROM n")

    def test_rotations_in_a_loop_are_interrupted(self):
        self.refuses_after_rotations()
        versions = self.keys(self.conn, "version, current")
        last = len(versions)
        self.assertEqual([(v, int(v == last)) for v in range(1, last + 1)],
                         versions)
        self.assertEqual(CANARY, self.open(self.connect(),
                                           self.seal(self.conn)))

    def refuses_after_rotations(self):
        timer = threading.Timer(0.1, self.conn.interrupt)
        timer.start()
        self.refuses("interrupted", self.conn,
                     "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                     " SELECT count(envelope_key_rotate('pii')) FROM n")
        timer.join()


class Nested(SqlTest):
    """Statements within statements, and functions that change keys."""

    def setUp(self):
        super().setUp()
        self.conn = self.with_key()

    def test_a_rotation_in_a_cursor_loop(self):
        ids = set()
        rows = self.conn.execute("SELECT value, envelope_seal(value, 'pii')"
                                 " FROM json_each('[1, 2, 3, 4]')")
        for value, blob in rows:
            self.one(self.conn, "SELECT envelope_key_rotate('pii')")
            self.assertEqual(value, self.open(self.conn, blob))
            ids.add(blob[KEY_ID])
        self.assertGreaterEqual(len(ids), 3)  # Python is a row ahead

    def test_300_keys_outlive_the_cache(self):
        count = scaled(300, 260)
        self.conn.execute("BEGIN")
        self.conn.execute(
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < %d) SELECT envelope_key_create('k' || i,"
            " 'keyring:app.db.keyring') FROM n" % count).fetchall()
        self.conn.execute("COMMIT")
        blobs = [self.seal(self.conn, i, "k%d" % i)
                 for i in range(1, count + 1)]
        for conn in (self.conn, self.connect()):
            opened = [self.open(conn, b) for b in blobs]
            self.assertEqual(list(range(1, count + 1)), opened)

    def test_a_constant_name_beside_names_in_a_column(self):
        """What the constant led to is not mistaken for what took its place
        in the cache."""
        self.conn.execute("BEGIN")
        self.conn.execute(
            "CREATE TABLE names AS WITH n(i) AS (SELECT 1 UNION ALL SELECT"
            " i + 1 FROM n WHERE i < 100) SELECT 'k' || i AS name FROM n")
        self.conn.execute("SELECT envelope_key_create(name,"
                          " 'keyring:app.db.keyring') FROM names").fetchall()
        self.conn.execute("COMMIT")
        rows = self.conn.execute(
            "SELECT name, envelope_info(envelope_seal(1, 'pii')) ->> 'key',"
            " envelope_info(envelope_seal(1, name)) ->> 'key',"
            " envelope_info(envelope_seal(1, 'k1')) ->> 'key' FROM names")
        for name, constant, column, another in rows.fetchall():
            self.assertEqual(("pii", name, "k1"), (constant, column, another))

    def test_an_error_in_one_row_stops_the_statement(self):
        blob = self.seal(self.conn)
        self.conn.execute("CREATE TABLE t(c)")
        self.conn.executemany("INSERT INTO t VALUES(?)",
                              [(blob,), (b"junk",), (blob,)])
        self.refuses("not an envelope", self.conn,
                     "SELECT envelope_open(c) FROM t")
        self.assertEqual(CANARY, self.open(self.conn, blob))


if __name__ == "__main__":
    unittest.main()
