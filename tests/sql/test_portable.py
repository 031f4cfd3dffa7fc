# SPDX-License-Identifier: MIT
"""Reseal; export to another database and import there; and the strangers who
make records of their own."""

import os
import shutil
import struct
import sys
import unittest

from support import (AUTH, CANARY, CANARY_NUMBER, DATA, REPO, UNAVAILABLE,
                     SqlTest, flip, scaled)

sys.path.insert(0, os.path.join(REPO, "tests", "format"))

import envelope_format as ef  # noqa: E402
import keyring_format  # noqa: E402

RECORD = 15  # where an export record begins without blind index
INDEX = slice(13, 29)
VALUES = (CANARY, CANARY_NUMBER, 1.5, -0.0, float("inf"), b"\0\xff" * 300,
          "", b"", "a\0b", "sch\u00f6n \U0001f511", "x" * 5000, 2**63 - 1)
RESEAL = "SELECT envelope_reseal(?, ?%s)"
IMPORT = "SELECT envelope_import(?, ?%s)"


def marks(context):
    return ", ?" * len(context)


class Base(SqlTest):
    def reseal(self, conn, blob, key="pii", *context):
        return self.one(conn, RESEAL % marks(context), blob, key, *context)

    def export(self, conn, blob):
        return self.one(conn, "SELECT envelope_export(?)", blob)

    def import_(self, conn, blob, key="pii", *context):
        return self.one(conn, IMPORT % marks(context), blob, key, *context)

    def refuses_import(self, says, conn, blob, key="pii", *context):
        return self.refuses(says, conn, IMPORT % marks(context), blob, key,
                            *context)

    def seal_indexed(self, conn, value, key, *context):
        return self.one(conn, "SELECT envelope_seal_indexed(?, ?%s)"
                        % marks(context), value, key, *context)

    def index(self, conn, value, key, scope):
        return self.one(conn, "SELECT envelope_blind_index(?, ?, ?)", value,
                        key, scope)

    def info(self, conn, blob, field):
        return self.one(conn, "SELECT json_extract(envelope_info(?), ?)",
                        blob, "$." + field)

    def same(self, value, got):
        """The same storage class and, for a REAL, bits."""
        self.assertEqual(ef.value_of(value), ef.value_of(got))


class Reseal(Base):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.one(self.conn, "SELECT envelope_key_create('pay')")

    def test_every_type_is_kept(self):
        for value in VALUES:
            blob = self.seal(self.conn, value, "pii", "t.c", 1)
            for key in ("pii", "pay"):
                again = self.reseal(self.conn, blob, key, "t.c", 1)
                self.same(value, self.open(self.conn, again, "t.c", 1))

    def test_null_stays_null(self):
        self.assertIsNone(self.reseal(self.conn, None))
        self.assertIsNone(self.one(
            self.conn, "SELECT envelope_import(NULL, 'no such key')"))
        self.assertIsNone(self.one(self.conn, "SELECT envelope_export(NULL)"))

    def test_the_data_key_is_a_new_one(self):
        blob = self.seal(self.conn)
        rewrapped = self.one(self.conn, "SELECT envelope_rewrap(?, 'pay')",
                             blob)
        self.assertEqual(blob[DATA:], rewrapped[DATA:])
        commitments = {self.reseal(self.conn, blob)[DATA:DATA + 32]
                       for _ in range(100)}
        commitments.add(blob[DATA:DATA + 32])
        self.assertEqual(101, len(commitments))

    def test_it_goes_under_the_current_version(self):
        blob = self.seal(self.conn)
        self.one(self.conn, "SELECT envelope_key_rotate('pii')")
        again = self.reseal(self.conn, blob)
        self.assertEqual(2, self.info(self.conn, again, "key_version"))
        self.assertEqual(CANARY, self.open(self.conn, again))

    def test_the_suite_is_that_of_the_key(self):
        self.one(self.conn, "SELECT envelope_config('suite',"
                 " 'chacha20-poly1305')")
        self.one(self.conn, "SELECT envelope_key_create('c')")
        again = self.reseal(self.conn, self.seal(self.conn), "c")
        self.assertEqual("chacha20-poly1305",
                         self.info(self.conn, again, "suite"))
        self.assertEqual(CANARY, self.open(self.conn, again))

    def test_another_context_is_refused(self):
        blob = self.seal(self.conn, CANARY, "pii", "t.c", 1)
        for context in ((), ("t.c",), ("t.c", 2), ("t.c", "1")):
            self.refuses(AUTH, self.conn, RESEAL % marks(context), blob,
                         "pii", *context)

    def test_every_changed_bit_is_refused(self):
        blob = self.seal(self.conn, CANARY_NUMBER, "pii", 1)
        for bit in range(len(blob) * 8):
            self.error(self.conn, RESEAL % ", 1", flip(blob, bit), "pii")

    def test_what_is_no_envelope_is_refused(self):
        for junk in (CANARY, 5, b"", b"\xfe\x45"):
            self.refuses("envelope", self.conn, RESEAL % "", junk, "pii")

    def test_it_wants_a_key(self):
        self.refuses("envelope_reseal(blob, key [, context...])", self.conn,
                     "SELECT envelope_reseal(?)", self.seal(self.conn))
        self.refuses("no key of that name", self.conn, RESEAL % "",
                     self.seal(self.conn), "nokey")

    def test_a_disabled_key_does_not_open(self):
        blob = self.seal(self.conn)
        self.one(self.conn, "SELECT envelope_key_set_state('pii',"
                 " 'disabled')")
        self.refuses("is disabled", self.conn, RESEAL % "", blob, "pay")

    def test_padding_is_kept(self):
        self.one(self.conn, "SELECT envelope_config('padding', 'on')")
        blob = self.seal(self.conn, "a")
        self.one(self.conn, "SELECT envelope_config('padding', 'off')")
        again = self.reseal(self.conn, blob)
        self.assertEqual(len(blob), len(again))
        self.assertEqual(1, self.info(self.conn, again, "padded"))
        self.assertEqual("a", self.open(self.conn, again))

    def test_padding_is_added_when_the_session_pads(self):
        blob = self.seal(self.conn, "a")
        self.one(self.conn, "SELECT envelope_config('padding', 'on')")
        again = self.reseal(self.conn, blob)
        self.assertEqual(1, self.info(self.conn, again, "padded"))
        self.assertEqual("a", self.open(self.conn, again))

    def test_a_column_in_place(self):
        self.conn.executescript(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, c);"
            "INSERT INTO t SELECT value, CASE value WHEN 3 THEN NULL ELSE"
            " envelope_seal('v' || value, 'pii', 't.c', value) END"
            " FROM json_each('[1,2,3,4]');"
            "UPDATE t SET c = envelope_reseal(c, 'pay', 't.c', id)")
        self.assertEqual(
            [("v1",), ("v2",), (None,), ("v4",)],
            self.conn.execute("SELECT envelope_open(c, 't.c', id) FROM t"
                              " ORDER BY id").fetchall())
        self.assertEqual([("pay",)], self.conn.execute(
            "SELECT DISTINCT json_extract(envelope_info(c), '$.key') FROM t"
            " WHERE c NOT NULL").fetchall())

    def test_a_view_in_the_file_may_not(self):
        for i, call in enumerate(("reseal(c, 'pii')", "export(c)",
                                  "import(c, 'pii')")):
            self.conn.execute("CREATE TABLE IF NOT EXISTS t(c)")
            self.conn.execute("CREATE VIEW v%d AS SELECT envelope_%s FROM t"
                              % (i, call))
            self.refuses("unsafe use", self.conn, "SELECT * FROM v%d" % i)


class ResealIndexed(Base):
    def setUp(self):
        super().setUp()
        self.conn = self.with_key()
        self.one(self.conn, "SELECT envelope_key_create('pay')")

    def test_under_the_same_name_the_index_is_kept(self):
        for value in (CANARY, 5, 5.0, 1.5, b"\xff"):
            blob = self.seal_indexed(self.conn, value, "pii", "t.c", 1)
            self.one(self.conn, "SELECT envelope_key_rotate('pii')")
            again = self.reseal(self.conn, blob, "pii", "t.c", 1)
            self.assertEqual(blob[INDEX], again[INDEX])
            self.same(value, self.open(self.conn, again, "t.c", 1))
            self.assertEqual(1, self.info(self.conn, again, "blind_index"))

    def test_under_another_name_it_is_made_anew(self):
        blob = self.seal_indexed(self.conn, CANARY, "pii", "t.c", 1)
        again = self.reseal(self.conn, blob, "pay", "t.c", 1)
        self.assertNotEqual(blob[INDEX], again[INDEX])
        self.assertEqual(self.index(self.conn, CANARY, "pay", "t.c"),
                         again[INDEX])
        self.assertEqual(CANARY, self.open(self.conn, again, "t.c", 1))

    def test_without_scope_it_says_what_is_missing(self):
        blob = self.seal_indexed(self.conn, CANARY, "pii", "t.c")
        self.refuses("begins with the scope", self.conn, RESEAL % "", blob,
                     "pii")

    def test_a_search_still_finds_the_row(self):
        self.conn.executescript(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, c);"
            "CREATE UNIQUE INDEX i ON t(substr(c, 14, 16));"
            "INSERT INTO t SELECT value, envelope_seal_indexed('v' || value,"
            " 'pii', 't.c', value) FROM json_each('[1,2,3]');"
            "UPDATE t SET c = envelope_reseal(c, 'pii', 't.c', id)")
        self.assertEqual(2, self.one(
            self.conn, "SELECT id FROM t WHERE substr(c, 14, 16) ="
            " envelope_blind_index('v2', 'pii', 't.c')"))


class TwoDatabases(Base):
    """a.db and b.db beside each other, each with a key `pii` of its own, both
    under the CMK of one keyring."""

    def setUp(self):
        super().setUp()
        self.a = self.other("a.db")
        self.b = self.other("b.db")

    def other(self, name, key="pii", ring="shared.keyring", **options):
        conn = self.connect(self.file(name), **options)
        self.one(conn, "SELECT envelope_key_create(?, ?)", key,
                 "keyring:" + ring)
        return conn

    def secret_key(self):
        with open(os.environ["ENVELOPE_KEYFILE"], "rb") as stream:
            return stream.read()


class ExportAndImport(TwoDatabases):
    def test_every_type_goes_over(self):
        for value in VALUES:
            blob = self.export(self.a, self.seal(self.a, value, "pii", 7, "x"))
            got = self.import_(self.b, blob, "pii", 7, "x")
            self.same(value, self.open(self.b, got, 7, "x"))

    def test_an_export_is_longer_by_its_record_only(self):
        blob = self.seal(self.a)
        out = self.export(self.a, blob)
        n, = struct.unpack(">H", out[13:15])
        self.assertEqual(len(blob) + 2 + n, len(out))
        self.assertEqual(blob[DATA:], out[DATA + 2 + n:])
        self.assertIn(b"keyring:shared.keyring", out)
        self.assertNotIn(b"pii", out)
        self.assertEqual(1, self.info(self.a, out, "embedded_record"))

    def test_what_was_imported_is_an_ordinary_envelope(self):
        blob = self.seal(self.a)
        got = self.import_(self.b, self.export(self.a, blob))
        self.assertEqual(len(blob), len(got))
        self.assertNotEqual(blob[DATA:DATA + 32], got[DATA:DATA + 32])
        self.assertEqual("pii", self.info(self.b, got, "key"))

    def test_an_export_does_not_open_before_it_is_imported(self):
        out = self.export(self.a, self.seal(self.a))
        for conn in (self.a, self.b):
            for call in ("open(?)", "rewrap(?)", "reseal(?, 'pii')",
                         "export(?)"):
                text = self.refuses(UNAVAILABLE, conn,
                                    "SELECT envelope_" + call, out)
                self.assertIn("envelope_import", text)

    def test_nor_after_it_was_imported(self):
        out = self.export(self.a, self.seal(self.a))
        self.import_(self.b, out)
        self.refuses_open(UNAVAILABLE, self.b, out)
        # not even in the statement that imports it
        self.refuses(UNAVAILABLE, self.b,
                     "SELECT envelope_import(?1, 'pii'), envelope_open(?1)",
                     out)

    def test_another_context_is_refused(self):
        out = self.export(self.a, self.seal(self.a, CANARY, "pii", "t.c", 1))
        for context in ((), ("t.c",), ("t.c", 2), ("t.c", "1")):
            self.refuses_import(AUTH, self.b, out, "pii", *context)

    def test_an_index_is_of_the_new_key(self):
        blob = self.seal_indexed(self.a, CANARY, "pii", "t.c", 1)
        out = self.export(self.a, blob)
        self.assertEqual(blob[INDEX], out[INDEX])
        got = self.import_(self.b, out, "pii", "t.c", 1)
        self.assertEqual(self.index(self.b, CANARY, "pii", "t.c"), got[INDEX])
        self.assertEqual(CANARY, self.open(self.b, got, "t.c", 1))
        self.refuses_import("begins with the scope", self.b, out)

    def test_padding_goes_over(self):
        self.one(self.a, "SELECT envelope_config('padding', 'on')")
        got = self.import_(self.b, self.export(self.a, self.seal(self.a, "a")))
        self.assertEqual(1, self.info(self.b, got, "padded"))
        self.assertEqual("a", self.open(self.b, got))

    def test_both_suites_go_over_to_either(self):
        suites = ("aes-256-gcm", "chacha20-poly1305")
        for conn in (self.a, self.b):
            for suite in suites:
                self.one(conn, "SELECT envelope_config('suite', ?)", suite)
                self.one(conn, "SELECT envelope_key_create(?, "
                         "'keyring:shared.keyring')", suite)
        for source in suites:
            for target in suites:
                out = self.export(self.a, self.seal(self.a, CANARY, source))
                got = self.import_(self.b, out, target)
                self.assertEqual(target, self.info(self.b, got, "suite"))
                self.assertEqual(CANARY, self.open(self.b, got))

    def test_older_versions_are_exported_too(self):
        old = self.seal(self.a)
        self.one(self.a, "SELECT envelope_key_rotate('pii')")
        rows = self.a.execute(
            "SELECT envelope_export(column1) FROM (VALUES(?), (?))",
            (old, self.seal(self.a, "new"))).fetchall()
        self.assertEqual([CANARY, "new"], [
            self.open(self.b, self.import_(self.b, out)) for out, in rows])

    def test_a_disabled_key_is_not_exported(self):
        blob = self.seal(self.a)
        self.one(self.a,
                 "SELECT envelope_key_set_state('pii', 'disabled')")
        self.refuses("is disabled", self.a, "SELECT envelope_export(?)", blob)

    def test_a_damaged_envelope_is_not_exported(self):
        blob = self.seal(self.a)
        for at in (13, 60, DATA, DATA + 31):
            self.refuses(AUTH, self.a, "SELECT envelope_export(?)",
                         flip(blob, 8 * at))

    def test_a_record_that_was_there_is_replaced(self):
        blob = self.seal(self.a)
        planted = (blob[:4] + b"\x02" + blob[5:13] + b"\0\x03abc" + blob[13:])
        self.assertEqual(CANARY, self.open(self.a, planted))
        out = self.export(self.a, planted)
        self.assertNotIn(b"abc", out)
        got = self.import_(self.b, out)
        self.assertEqual(CANARY, self.open(self.b, got))
        again = self.reseal(self.a, planted)
        self.assertEqual(0, self.info(self.a, again, "embedded_record"))

    def test_any_cmk_of_the_key_imports(self):
        self.one(self.a, "SELECT envelope_key_create('two',"
                 " 'keyring:one.keyring', 'keyring:two.keyring#off')")
        out = self.export(self.a, self.seal(self.a, CANARY, "two"))
        for gone in ("one.keyring", "two.keyring"):
            os.rename(self.file(gone), self.file("away"))
            got = self.import_(self.b, out)
            self.assertEqual(CANARY, self.open(self.b, got))
            os.rename(self.file("away"), self.file(gone))

    def test_every_cmk_must_be_there_to_export(self):
        self.one(self.a, "SELECT envelope_key_create('two',"
                 " 'keyring:one.keyring', 'keyring:two.keyring')")
        blob = self.seal(self.a, CANARY, "two")
        os.rename(self.file("two.keyring"), self.file("away"))
        text = self.refuses("two.keyring", self.a,
                            "SELECT envelope_export(?)", blob)
        self.assertIn("key two cannot be exported for CMK", text)
        self.assertIn("'allow_partial'", text)

    def test_allow_partial_leaves_out_a_cmk(self):
        self.one(self.a, "SELECT envelope_key_create('two',"
                 " 'keyring:one.keyring', 'keyring:two.keyring')")
        blob = self.seal(self.a, CANARY, "two")
        self.one(self.a, "SELECT envelope_config('allow_partial', 'on')")
        os.remove(self.file("two.keyring"))
        out = self.one(self.a, "SELECT envelope_export(?)", blob)
        wraps = ef.export_record_of(out).wraps
        self.assertEqual([b"keyring:one.keyring"], [w.uri for w in wraps])
        self.assertEqual(CANARY, self.open(self.b, self.import_(self.b, out)))
        os.remove(self.file("one.keyring"))
        self.refuses("none of its CMKs", self.a, "SELECT envelope_export(?)",
                     blob)

    def test_each_key_of_a_statement_goes_to_its_own_cmks(self):
        self.one(self.a, "SELECT envelope_key_create('pay',"
                 " 'keyring:pay.keyring')")
        blobs = (self.seal(self.a), self.seal(self.a, CANARY, "pay"))
        pii, pay = [out for out, in self.a.execute(
            "SELECT envelope_export(column1) FROM (VALUES(?), (?))", blobs)]
        self.assertNotEqual(pii[5:13], pay[5:13])
        for out, uri in ((pii, b"keyring:shared.keyring"),
                         (pay, b"keyring:pay.keyring")):
            wraps = ef.export_record_of(out).wraps
            self.assertEqual([uri], [wrap.uri for wrap in wraps])

    def test_a_name_that_is_not_ascii_goes_over(self):
        self.one(self.a, "SELECT envelope_key_create('u',"
                 " 'keyring:schl\u00fcssel 1.keyring')")
        out = self.export(self.a, self.seal(self.a, CANARY, "u"))
        self.assertIn(b"keyring:schl%C3%BCssel 1.keyring", out)
        got = self.import_(self.b, out)
        self.assertEqual(CANARY, self.open(self.b, got))

    def test_after_the_cmk_was_rotated(self):
        out = self.export(self.a, self.seal(self.a))
        self.one(self.a, "SELECT envelope_cmk_rotate("
                 "'keyring:shared.keyring')")
        got = self.import_(self.b, out)
        self.assertEqual(CANARY, self.open(self.b, got))

    def test_it_is_found_beside_the_database_that_imports(self):
        os.mkdir(self.file("far"), 0o700)
        out = self.export(self.a, self.seal(self.a))
        far = self.other("far/far.db", ring="own.keyring")
        self.refuses_import("there is no keyring", far, out)
        shutil.copy(self.file("shared.keyring"), self.file("far"))
        os.chmod(self.file("far/shared.keyring"), 0o600)
        got = self.import_(far, out)
        self.assertEqual(CANARY, self.open(far, got))

    def test_nothing_is_written_to_the_key_tables(self):
        sql = ("SELECT * FROM envelope_key JOIN envelope_key_wrap"
               " USING(key_id)")
        before = self.b.execute(sql).fetchall()
        self.import_(self.b, self.export(self.a, self.seal(self.a)))
        self.assertEqual(before, self.b.execute(sql).fetchall())

    def test_the_exporter_is_not_asked_again(self):
        out = self.export(self.a, self.seal(self.a))
        self.a.close()
        os.remove(self.file("a.db"))
        self.assertEqual(CANARY,
                         self.open(self.b, self.import_(self.b, out)))

    def test_another_keyring_does_not_import(self):
        out = self.export(self.a, self.seal(self.a))
        os.remove(self.file("shared.keyring"))
        self.use_keyfile("other.key")
        fresh = self.other("fresh.db")
        self.refuses_import(AUTH, fresh, out)


class Batches(TwoDatabases):
    """One provider call for a statement, however many rows: the keyring is
    taken away after the first row."""

    ROWS = 200

    def setUp(self):
        super().setUp()
        for conn in (self.a, self.b):
            conn.create_function("hide", 1, self.hide)
        self.a.executescript(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, c); WITH RECURSIVE n(i)"
            " AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
            " INSERT INTO t SELECT i, envelope_seal('v' || i, 'pii', i)"
            " FROM n" % self.ROWS)

    def hide(self, x):
        """Called with what the first function of the row gave."""
        if os.path.exists(self.file("shared.keyring")):
            os.rename(self.file("shared.keyring"), self.file("hidden"))
        return x

    def show(self):
        os.rename(self.file("hidden"), self.file("shared.keyring"))

    def exported(self):
        return self.a.execute("SELECT id, hide(envelope_export(c)) FROM t"
                              " ORDER BY id").fetchall()

    def stored(self):
        """The table x of b.db has an export."""
        rows = self.exported()
        self.show()
        self.b.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, c)")
        self.b.executemany("INSERT INTO x VALUES(?, ?)", rows)
        return rows

    def test_an_export_asks_once(self):
        rows = self.exported()
        self.assertEqual(self.ROWS, len(rows))
        ids = {blob[5:13] for _, blob in rows}
        self.assertEqual(1, len(ids))

    def test_the_next_statement_asks_again(self):
        self.one(self.b, "SELECT envelope_key_open('pii')")
        before = {blob[5:13] for _, blob in self.exported()}
        self.refuses("there is no keyring", self.a,
                     "SELECT envelope_export(c) FROM t")
        self.show()
        after = {blob[5:13] for _, blob in self.exported()}
        self.assertEqual(2, len(before | after))

    def test_an_import_asks_once(self):
        self.stored()
        self.one(self.b, "SELECT envelope_key_open('pii')")
        rows = self.b.execute("SELECT id, hide(envelope_import(c, 'pii', id))"
                              " FROM x").fetchall()
        self.assertEqual(self.ROWS, len(rows))
        for i, blob in rows:
            self.assertEqual("v%d" % i, self.open(self.b, blob, i))
        self.refuses("there is no keyring", self.b,
                     "SELECT envelope_import(c, 'pii', id) FROM x")

    def test_an_update_imports_a_table(self):
        self.stored()
        self.b.execute("UPDATE x SET c = envelope_import(c, 'pii', id)")
        wrong = self.one(self.b, "SELECT count(*) FROM x WHERE"
                         " envelope_open(c, id) <> 'v' || id")
        self.assertEqual(0, wrong)

    def test_many_batches_in_one_statement(self):
        self.b.execute("CREATE TABLE x(id INTEGER PRIMARY KEY, c)")
        for i in range(1, 41):
            blob = self.one(self.a, "SELECT envelope_export(c) FROM t"
                            " WHERE id = ?", i)
            self.b.execute("INSERT INTO x VALUES(?, ?)", (i, blob))
        self.b.execute("UPDATE x SET c = envelope_import(c, 'pii', id)")
        self.assertEqual(40, self.one(
            self.b, "SELECT count(*) FROM x WHERE envelope_open(c, id) ="
            " 'v' || id"))

    def test_two_running_statements_have_a_batch_each(self):
        one = self.a.execute("SELECT envelope_export(c) FROM t")
        two = self.a.execute("SELECT envelope_export(c) FROM t")
        ids = [set(), set()]
        for _ in range(20):
            for seen, cursor in zip(ids, (one, two)):
                seen.add(cursor.fetchone()[0][5:13])
        self.assertEqual([1, 1], [len(seen) for seen in ids])
        self.assertNotEqual(*ids)

    def test_no_key_stays_when_the_statement_ends(self):
        cells = ("SELECT json_extract(envelope_debug(),"
                 " '$.secret_memory.cells_used')")
        self.stored()
        self.one(self.b, "SELECT envelope_key_open('pii')")
        self.b.execute("SELECT envelope_import(c, 'pii', id) FROM x"
                       " LIMIT 1").fetchall()
        before = self.one(self.b, cells)
        cursor = self.b.execute("SELECT envelope_import(c, 'pii', id) FROM x")
        cursor.fetchone()
        self.assertEqual(before + 1, self.one(self.b, cells))
        cursor.close()
        self.assertEqual(before, self.one(self.b, cells))
        self.error(self.b, "SELECT envelope_import(c, 'pii', 0) FROM x")
        self.assertEqual(before, self.one(self.b, cells))

    def test_a_write_transaction_may_refuse_the_provider(self):
        self.stored()
        self.one(self.b, "SELECT envelope_key_open('pii')")
        self.one(self.b, "SELECT envelope_config("
                 "'provider_in_transaction', 'refuse')")
        self.refuses("provider_in_transaction", self.b,
                     "UPDATE x SET c = envelope_import(c, 'pii', id)")
        self.assertEqual(self.ROWS, self.one(
            self.b, "SELECT count(*) FROM x WHERE"
            " json_extract(envelope_info(c), '$.embedded_record')"))

    def test_a_failing_row_imports_nothing(self):
        self.stored()
        self.b.execute("UPDATE x SET c = (SELECT c FROM x WHERE id = 1)"
                       " WHERE id = 100")
        before = self.b.execute("SELECT * FROM x").fetchall()
        self.refuses(AUTH, self.b,
                     "UPDATE x SET c = envelope_import(c, 'pii', id)")
        self.assertEqual(before, self.b.execute("SELECT * FROM x").fetchall())


class Damage(TwoDatabases):
    """Whatever is done to a portable envelope: refused, in few words."""

    def setUp(self):
        super().setUp()
        self.out = self.export(self.a, self.seal(self.a, CANARY, "pii", 1))

    def test_every_byte_counts(self):
        messages = set()
        for at in range(len(self.out)):
            bit = 8 * at + at % 8
            text = self.error(self.b, IMPORT % ", 1", flip(self.out, bit),
                              "pii")
            messages.add(text)
        self.assertEqual(CANARY, self.open(
            self.b, self.import_(self.b, self.out, "pii", 1), 1))
        auth = {text for text in messages if AUTH in text}
        self.assertEqual(1, len(auth))

    def test_every_cryptographic_failure_has_one_text(self):
        n, = struct.unpack(">H", self.out[13:15])
        end = RECORD + n
        wrapped = RECORD + 35 + 2 + len("keyring:shared.keyring") + 2
        spots = {"key id": 5, "F": RECORD + 20, "F's end": RECORD + 33,
                 "wrap": wrapped + 60, "record tag": end - 1, "W": end,
                 "W's tag": end + 47, "commitment": end + 48,
                 "value": len(self.out) - 17, "tag": len(self.out) - 1}
        for name, at in spots.items():
            with self.subTest(name):
                self.refuses_import(AUTH, self.b, flip(self.out, 8 * at),
                                    "pii", 1)

    def test_a_batch_that_worked_does_not_let_a_changed_record_pass(self):
        n, = struct.unpack(">H", self.out[13:15])
        changed = flip(self.out, 8 * (RECORD + n - 1))
        self.refuses(AUTH, self.b, "SELECT envelope_import(column1, 'pii', 1)"
                     " FROM (VALUES(?), (?))", self.out, changed)

    def test_every_truncation_is_refused(self):
        for n in range(0, len(self.out), 1 if scaled(100) == 100 else 7):
            self.error(self.b, IMPORT % ", 1", self.out[:n], "pii")

    def test_a_record_of_another_key_id_is_refused_without_a_provider(self):
        self.one(self.b, "SELECT envelope_key_open('pii')")
        os.remove(self.file("shared.keyring"))
        self.refuses_import("there is no keyring", self.b, self.out, "pii", 1)
        self.refuses_import(AUTH, self.b, flip(self.out, 8 * 12), "pii", 1)
        self.refuses_import(AUTH, self.b, flip(self.out, 8 * RECORD + 8),
                            "pii", 1)

    def test_an_envelope_without_record_is_not_imported(self):
        blob = self.seal(self.a)
        text = self.refuses_import("has no record to import", self.b, blob)
        self.assertIn("envelope_export", text)
        # nor is one that would open here
        self.refuses_import("no record", self.a, blob)

    def test_a_record_that_is_none_is_damaged(self):
        blob = self.seal(self.b)
        for record in (b"x", b"\x01", b"\x01\x01" + bytes(200)):
            planted = (blob[:4] + b"\x02" + blob[5:13]
                       + struct.pack(">H", len(record)) + record + blob[13:])
            self.assertEqual(CANARY, self.open(self.b, planted))
            self.refuses_import("export record", self.b, planted)

    def test_it_wants_a_key(self):
        self.refuses("envelope_import(blob, key [, context...])", self.b,
                     "SELECT envelope_import(?)", self.out)
        self.refuses_import("no key of that name", self.b, self.out, "nokey", 1)


class Strangers(TwoDatabases):
    """Records made by somebody else, with CMKs and KEKs of their choice."""

    KEY = ef.Kek(b"k" * 32, ef.SUITE_AES)
    X = b"x" * 32

    def wrap(self, ring, context, payload, key=None):
        """What the CMK `default` of a keyring makes of a payload."""
        master = keyring_format.cmk(self.file(ring), key or self.secret_key(),
                                    "default", 1)
        nonce = os.urandom(24)
        version = struct.pack(">I", 1)
        box = ef.wrap_encrypt(ef.SUITE_AES, ef.kdf(master, "keyring-wrap"),
                              nonce, version + context, payload)
        return version + nonce + box

    def forged(self, wraps, context=(), key=KEY):
        """An envelope of the stranger's value under the stranger's KEK."""
        record = ef.make_export_record(key, self.X, wraps)
        parts = [ef.value_of(part) for part in context]
        return ef.seal(ef.value_of("planted"), key, os.urandom(32), parts,
                       record=record.encode())

    def context_of(self, key=KEY):
        return ef.ExportRecord(key.suite, key.fingerprint,
                               ()).provider_context

    def test_who_can_encrypt_under_an_allowed_cmk_can_have_a_value_imported(
            self):
        """The documented limit; the chosen KEK opens nothing afterwards."""
        wrapped = self.wrap("shared.keyring", self.context_of(),
                            self.KEY.key + self.X)
        blob = self.forged([ef.Wrap(b"keyring:shared.keyring", wrapped)])
        got = self.import_(self.b, blob)
        self.assertEqual("planted", self.open(self.b, got))
        self.refuses_open(UNAVAILABLE, self.b, blob)
        plain = ef.seal(ef.value_of("planted"), self.KEY, os.urandom(32))
        self.refuses_open(UNAVAILABLE, self.b, plain)

    def test_a_made_up_wrap_is_refused(self):
        for wrapped in (b"w", b"\0\0\0\1" + bytes(104), bytes(108)):
            blob = self.forged([ef.Wrap(b"keyring:shared.keyring", wrapped)])
            self.error(self.b, IMPORT % "", blob, "pii")
        self.refuses_import(AUTH, self.b, self.forged(
            [ef.Wrap(b"keyring:shared.keyring", b"\0\0\0\1" + bytes(104))]))

    def test_a_wrap_of_a_key_version_is_none_of_an_export(self):
        """Whoever reads a database has its wraps; here the stranger knows
        even what is in them."""
        path = self.file("shared.keyring")
        payload = keyring_format.payload_of(self.a, path, self.secret_key(),
                                            "pii")
        wrapped, = self.a.execute(
            "SELECT wrapped FROM envelope_key_wrap").fetchone()
        kek = ef.Kek(payload[:32], ef.SUITE_AES)
        record = ef.make_export_record(
            kek, payload[32:], [ef.Wrap(b"keyring:shared.keyring", wrapped)])
        blob = ef.seal(ef.value_of("planted"), kek, os.urandom(32),
                       record=record.encode())
        self.refuses_import(AUTH, self.b, blob)
        # with a wrap of its own label the same record is good
        good = self.wrap("shared.keyring", record.provider_context, payload)
        record = ef.make_export_record(
            kek, payload[32:], [ef.Wrap(b"keyring:shared.keyring", good)])
        blob = ef.seal(ef.value_of("planted"), kek, os.urandom(32),
                       record=record.encode())
        self.import_(self.b, blob)

    def test_an_export_wrap_is_none_of_a_key_version(self):
        out = self.export(self.a, self.seal(self.a))
        record = ef.export_record_of(out)
        self.b.execute("UPDATE envelope_key_wrap SET wrapped = ?",
                       (record.wraps[0].wrapped,))
        fresh = self.connect(self.file("b.db"))
        self.refuses_seal("altered", fresh)

    def test_a_keyring_of_the_strangers_own_is_refused(self):
        mine = os.environ["ENVELOPE_KEYFILE"]
        self.use_keyfile("evil.key")
        evil = self.secret_key()
        self.other("evil.db", ring="evil.keyring")
        os.environ["ENVELOPE_KEYFILE"] = mine
        wrapped = self.wrap("evil.keyring", self.context_of(),
                            self.KEY.key + self.X, evil)
        for uri in (b"keyring:evil.keyring",
                    b"keyring:" + self.file("evil.keyring").encode()):
            blob = self.forged([ef.Wrap(uri, wrapped)])
            self.refuses_import("the key file is wrong", self.b, blob)

    def test_a_path_to_no_keyring_is_refused_and_nothing_is_made(self):
        self.write("plain.txt", b"not a keyring at all\n" * 100)
        for uri in (b"keyring:no-such.keyring", b"keyring:plain.txt",
                    b"keyring:/dev/zero", b"keyring:/etc/passwd",
                    b"keyring:../../../../etc/passwd", b"keyring:b.db"):
            before = sorted(os.listdir(self.dir))
            blob = self.forged([ef.Wrap(uri, bytes(108))])
            self.error(self.b, IMPORT % "", blob, "pii")
            self.assertEqual(before, sorted(os.listdir(self.dir)))

    def test_cmks_that_are_not_allowed_are_all_named(self):
        wraps = [ef.Wrap(b"vault://evil.example:8200/transit/keys/k", b"w"),
                 ef.Wrap(b"nosuch:thing", b"w")]
        text = self.refuses_import("ENVELOPE_CMKS", self.b,
                                   self.forged(wraps))
        self.assertIn("vault://evil.example:8200", text)
        self.assertIn("nosuch:thing", text)
        self.assertIn("envelope_config('cmks'", text)

    def test_the_setting_cmks_decides(self):
        out = self.export(self.a, self.seal(self.a))
        fresh = self.connect(self.file("b.db"))  # has named no CMK itself
        self.one(fresh, "SELECT envelope_key_open('pii')")
        self.one(fresh,
                 "SELECT envelope_config('cmks', 'keyring:else.keyring')")
        self.refuses_import("may use none of the CMKs", fresh, out)
        self.one(fresh, "SELECT envelope_config('cmks',"
                 " 'keyring:else.keyring keyring:shared.keyring')")
        self.assertEqual(CANARY, self.open(fresh, self.import_(fresh, out)))

    def test_the_setting_open_keys_decides(self):
        self.one(self.a, "SELECT envelope_key_create('pay',"
                 " 'keyring:shared.keyring')")
        blob = self.seal(self.a)
        self.one(self.a, "SELECT envelope_config('open_keys', 'pay')")
        self.refuses("open_keys", self.a, RESEAL % "", blob, "pay")
        self.refuses("open_keys", self.a, "SELECT envelope_export(?)", blob)

    def test_an_allowed_cmk_among_others_is_found(self):
        wrapped = self.wrap("shared.keyring", self.context_of(),
                            self.KEY.key + self.X)
        wraps = [ef.Wrap(b"nosuch:thing", b"w"),
                 ef.Wrap(b"not a URI", b"w"),
                 ef.Wrap(b"keyring:shared.keyring", wrapped)]
        got = self.import_(self.b, self.forged(wraps))
        self.assertEqual("planted", self.open(self.b, got))

    def test_options_and_control_characters_in_a_uri_are_refused(self):
        for uri in (b"keyring:shared.keyring?mode=rw",
                    b"keyring:shared%0A.keyring", b"keyring:%00"):
            blob = self.forged([ef.Wrap(uri, bytes(108))])
            self.refuses_import("may use none of the CMKs", self.b, blob)

    def test_a_planted_cmk_does_not_get_the_export_key(self):
        self.a.execute("INSERT INTO envelope_key_wrap SELECT key_id, 2,"
                       " 'pem:evil.pem', x'00' FROM envelope_key")
        self.refuses("pem:evil.pem", self.a, "SELECT envelope_export(?)",
                     self.seal(self.a))

    def test_a_record_of_another_batch_does_not_help(self):
        one = self.export(self.a, self.seal(self.a))
        two = self.export(self.a, self.seal(self.a))
        self.assertEqual(len(one), len(two))
        n, = struct.unpack(">H", one[13:15])
        swapped = one[:RECORD] + two[RECORD:RECORD + n] + one[RECORD + n:]
        self.refuses_import(AUTH, self.b, swapped)
        swapped = one[:5] + two[5:RECORD + n] + one[RECORD + n:]
        self.refuses_import(AUTH, self.b, swapped)


class Agreement(TwoDatabases):
    """Python, from the documents alone, reads exports and makes imports."""

    def test_python_opens_what_was_exported(self):
        master = keyring_format.cmk(self.file("shared.keyring"),
                                    self.secret_key(), "default", 1)
        for value in VALUES:
            blob = self.export(self.a, self.seal(self.a, value, "pii", "c"))
            record = ef.export_record_of(blob)
            wrapped = record.wraps[0].wrapped
            payload = ef.wrap_decrypt(
                ef.SUITE_AES, ef.kdf(master, "keyring-wrap"), wrapped[4:28],
                wrapped[:4] + record.provider_context, wrapped[28:])
            got = ef.open_portable(blob, payload, [ef.value_of("c")])
            self.assertEqual(ef.value_of(value), got)


class ForgedIndex(TwoDatabases):
    def test_an_index_that_is_not_of_its_value_is_not_kept(self):
        """Somebody who has the KEK can seal a value with any index."""
        payload = keyring_format.payload_of(
            self.a, self.file("shared.keyring"), self.secret_key(), "pii")
        kek = ef.Kek(payload[:32], ef.SUITE_AES)
        blob = ef.seal(ef.value_of(CANARY), kek, os.urandom(32),
                       [ef.value_of("t.c")], index=b"i" * 16)
        self.assertEqual(CANARY, self.open(self.a, blob, "t.c"))
        self.refuses(AUTH, self.a, RESEAL % ", 't.c'", blob, "pii")


if __name__ == "__main__":
    unittest.main()
