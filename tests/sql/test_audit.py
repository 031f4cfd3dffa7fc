# SPDX-License-Identifier: MIT
"""The audit log: what is written when, what happens when it cannot be, and
what envelope_audit_verify() says of it."""

import hashlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

from support import CANARY, CANARY_NUMBER, EXTENSION, SqlTest

SET = "SELECT envelope_config(?, ?)"
CREATE = "SELECT envelope_key_create(?)"
ROTATE = "SELECT envelope_key_rotate(?)"
SET_STATE = "SELECT envelope_key_set_state(?, ?)"
VERIFY = "SELECT problem, line FROM envelope_audit_verify(?)"
NOTHING_IS_DONE = "without the audit log nothing is done"


class AuditTest(SqlTest):
    def setUp(self):
        super().setUp()
        self.log = self.file("audit.log")
        self.conn = self.connect()

    def start(self):
        """Turns the log on; what it has from that is not shown by lines()."""
        self.one(self.conn, SET, "audit", self.log)
        self.skip = len(self.lines(0))

    def lines(self, skip=None):
        with open(self.log, "rb") as stream:
            lines = stream.read().split(b"\n")
        self.assertEqual(b"", lines.pop())
        return [json.loads(line)
                for line in lines[self.skip if skip is None else skip:]]

    def events(self):
        return [line["event"] for line in self.lines()]

    def problems(self, path=None, conn=None):
        rows = (conn or self.conn).execute(VERIFY, (path or self.log,))
        return [row for row in rows if row[0] is not None]


class Events(AuditTest):
    def setUp(self):
        super().setUp()
        self.start()

    def tearDown(self):
        """Whatever was done, the chain is whole and tells no secret."""
        self.assertEqual([], self.problems())
        with open(self.log, "rb") as stream:
            text = stream.read()
        for secret in self.secrets:
            self.assertNotIn(secret.encode(), text)
        super().tearDown()

    def test_an_export_and_an_import_and_who_was_refused(self):
        key_id = self.one(self.conn, CREATE, "pii")
        before = len(self.lines())
        out = self.one(self.conn, "SELECT envelope_export("
                       "envelope_seal(1, 'pii'))")
        self.one(self.conn, "SELECT envelope_import(?, 'pii')", out)
        wrap, check, unwrap = self.lines()[before:]
        self.assertEqual(("unwrap", wrap["cmk"]),
                         (check["event"], check["cmk"]))
        self.assertEqual(("wrap", "pii", key_id),
                         tuple(wrap[k] for k in ("event", "key", "key_id")))
        self.assertEqual("unwrap", unwrap["event"])
        self.assertNotIn("key", unwrap)
        self.assertEqual(wrap["cmk"], unwrap["cmk"])
        fresh = self.connect()  # has named no CMK itself
        self.one(fresh, SET, "audit", self.log)
        self.one(fresh, "SELECT envelope_key_open('pii')")
        self.one(fresh, SET, "cmks", "keyring:else.keyring")
        before = len(self.lines())
        self.refuses("may use none", fresh,
                     "SELECT envelope_import(?, 'pii')", out)
        denied = self.lines()[before]
        self.assertEqual(("unwrap", wrap["cmk"], "denied"),
                         (denied["event"], denied["cmk"], denied["result"]))

    def test_who_and_where(self):
        key_id = self.one(self.conn, CREATE, "pii")
        line = self.lines()[-1]
        self.assertRegex(line.pop("time"),
                         r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertRegex(line.pop("prev"), "^[0-9a-f]{64}$")
        self.assertEqual(
            {"seq": 4, "event": "created", "key": "pii", "version": 1,
             "key_id": key_id, "database": os.path.realpath(self.path),
             "state": "active", "result": "ok", "uid": os.getuid(),
             "pid": os.getpid(),
             "program": os.path.realpath("/proc/self/exe")}, line)

    def test_the_chain_is_sha256_of_whole_lines(self):
        self.one(self.conn, CREATE, "pii")
        with open(self.log, "rb") as stream:
            raw = stream.read().split(b"\n")[:-1]
        prev = "0" * 64
        for number, line in enumerate(raw, 1):
            self.assertEqual((number, prev), (json.loads(line)["seq"],
                                              json.loads(line)["prev"]))
            prev = hashlib.sha256(line).hexdigest()
        self.assertEqual(prev, self.conn.execute(
            "SELECT head FROM envelope_audit_verify(?)"
            " WHERE problem IS NULL", (self.log,)).fetchone()[0])

    def test_create_writes_a_wrap_and_its_check_for_each_cmk(self):
        uris = ("keyring:a.keyring", "keyring:b.keyring#second")
        self.conn.execute("SELECT envelope_key_create('two', ?, ?)", uris)
        self.assertEqual(["wrap", "unwrap", "wrap", "unwrap", "created"],
                         self.events())
        self.assertEqual([uris[0], uris[0], uris[1], uris[1]],
                         [x["cmk"] for x in self.lines()[:4]])

    def test_rotate(self):
        self.one(self.conn, CREATE, "pii")
        key_id = self.one(self.conn, ROTATE, "pii")
        line = self.lines()[-1]
        self.assertEqual(("rotated", "pii", 2, key_id),
                         (line["event"], line["key"], line["version"],
                          line["key_id"]))

    def test_set_state_of_all_versions_and_of_one(self):
        self.one(self.conn, CREATE, "pii")
        old = self.one(self.conn, ROTATE, "pii")
        self.one(self.conn, ROTATE, "pii")
        self.one(self.conn, SET_STATE, "pii", "decrypt-only")
        self.one(self.conn, SET_STATE, old, "disabled")
        every, single = self.lines()[-2:]
        self.assertEqual(("state", "decrypt-only", False),
                         (every["event"], every["state"], "version" in every))
        self.assertEqual(("state", "disabled", 2, old),
                         (single["event"], single["state"], single["version"],
                          single["key_id"]))

    def test_unwrap_is_written_once_for_each_provider_call(self):
        self.one(self.conn, CREATE, "pii")
        blob = self.seal(self.conn)
        other = self.connect()
        self.one(other, SET, "audit", self.log)
        before = self.events().count("unwrap")
        for _ in range(3):
            self.open(other, blob)
        self.assertEqual(before + 1, self.events().count("unwrap"))
        line = self.lines()[-1]
        self.assertEqual(("unwrap", "keyring:app.db.keyring", "ok"),
                         (line["event"], line["cmk"], line["result"]))

    def test_an_unwrap_that_fails(self):
        uris = ("keyring:a.keyring", "keyring:b.keyring")
        self.conn.execute("SELECT envelope_key_create('pii', ?, ?)", uris)
        blob = self.seal(self.conn)
        os.unlink(self.file("a.keyring"))
        other = self.connect()
        self.one(other, SET, "audit", self.log)
        self.open(other, blob)
        gone, good = self.lines()[-2:]
        self.assertEqual(("unwrap", uris[0]), (gone["event"], gone["cmk"]))
        self.assertNotEqual("ok", gone["result"])
        self.assertEqual(("unwrap", uris[1], "ok"),
                         (good["event"], good["cmk"], good["result"]))

    def test_the_key_of_an_attached_database_names_its_file(self):
        self.conn.execute("ATTACH ? AS aux", (self.file("other.db"),))
        self.one(self.conn, CREATE, "aux:pii")
        self.assertEqual(os.path.realpath(self.file("other.db")),
                         self.lines()[-1]["database"])

    def test_a_disabled_key_is_denied_once_a_statement(self):
        self.one(self.conn, CREATE, "pii")
        blob = self.seal(self.conn)
        self.one(self.conn, SET_STATE, "pii", "disabled")
        self.refuses_open("disabled", self.conn, blob)
        self.refuses_seal("disabled", self.conn)
        denied = self.lines()[-2:]
        self.assertEqual([("denied", "open", "pii", 1, "key-state"),
                          ("denied", "seal", "pii", 1, "key-state")],
                         [(x["event"], x["operation"], x["key"], x["version"],
                           x["result"]) for x in denied])

    def test_altered_key_tables_are_told_once_a_statement(self):
        self.one(self.conn, CREATE, "pii")
        self.one(self.conn, CREATE, "pii/7")
        blobs = self.seal(self.conn), self.seal(self.conn, key="pii/7")
        other = self.connect()
        self.one(other, SET, "audit", self.log)
        self.one(other, SET, "pin", "pii=" + "0" * 32)
        self.refuses_open("the setting pin", other, blobs[0])
        self.assertEqual(("denied", "verify", "pii", 1, "tampered"),
                         self.last())
        self.plain().execute("UPDATE envelope_subject SET record ="
                             " CAST(substr(record, 1, 93) || zeroblob(4)"
                             " AS BLOB)")
        self.refuses("altered", self.conn, "SELECT envelope_open(?1),"
                     " envelope_open(?1)", blobs[1])
        self.assertEqual(("denied", "verify", "pii/7", "tampered"),
                         self.last("version"))
        self.plain().execute("UPDATE envelope_key SET state = 'disabled'")
        before = len(self.lines())
        self.refuses_open("altered", self.conn, blobs[0])
        self.refuses_seal("altered", self.conn)
        self.assertEqual(("denied", "verify", "pii", 1, "tampered"),
                         self.last())
        self.assertEqual(before + 2, len(self.lines()))

    def last(self, without=None):
        """What the last line says."""
        line = self.lines()[-1]
        names = ("event", "operation", "key", "version", "result")
        return tuple(line[name] for name in names if name != without)

    def test_a_read_only_database_is_denied(self):
        self.one(self.conn, CREATE, "pii")
        other = self.connect("file:%s?mode=ro" % self.path, uri=True)
        self.one(other, SET, "audit", self.log)
        self.error(other, ROTATE, "pii")
        line = self.lines()[-1]
        self.assertEqual(("denied", "rotate", "pii"),
                         (line["event"], line["operation"], line["key"]))

    def test_a_failed_operation(self):
        self.one(self.conn, CREATE, "pii")
        self.refuses("exists", self.conn, CREATE, "pii")
        line = self.lines()[-1]
        self.assertEqual(("failed", "create", "pii", "misuse"),
                         (line["event"], line["operation"], line["key"],
                          line["result"]))

    def test_a_value_in_the_place_of_a_name_is_not_written(self):
        for sql in (ROTATE, "SELECT envelope_key_open(?)",
                    "SELECT envelope_cmk_rotate(?)",
                    "SELECT envelope_cmk_destroy(?, 1)",
                    "SELECT envelope_key_set_state(?, 'disabled')"):
            for value in (CANARY, CANARY_NUMBER, "keyring " + CANARY):
                # the message names what was typed; the log must not
                with self.assertRaises(sqlite3.Error):
                    self.conn.execute(sql, (value,)).fetchall()
        with self.assertRaises(sqlite3.Error):
            self.conn.execute("SELECT envelope_seal('pii', ?)", (CANARY,))
        self.assertIn("failed", self.events())

    def test_a_change_in_a_transaction_says_so(self):
        self.conn.execute("BEGIN")
        self.one(self.conn, CREATE, "pii")
        self.conn.execute("COMMIT")
        self.assertTrue(self.lines()[-1]["in_transaction"])
        self.assertEqual(["wrap", "unwrap", "created"], self.events())

    def test_a_rollback_says_which_lines_do_not_hold(self):
        self.one(self.conn, CREATE, "pii")
        self.conn.execute("BEGIN")
        self.one(self.conn, CREATE, "one")
        self.one(self.conn, SET_STATE, "pii", "disabled")
        undone = {(x["key"], x["seq"]) for x in self.lines()
                  if x.get("in_transaction")}
        self.conn.execute("ROLLBACK")
        self.seal(self.conn)  # the next use of keys finds out
        self.assertEqual(undone, {(x["key"], x["undoes"])
                                  for x in self.lines()[-2:]
                                  if x["event"] == "rolled_back"})

    def test_a_rollback_is_found_out_inside_the_next_transaction(self):
        self.one(self.conn, CREATE, "pii")
        self.conn.execute("BEGIN")
        self.one(self.conn, ROTATE, "pii")
        self.conn.execute("ROLLBACK")
        self.conn.execute("BEGIN")
        self.one(self.conn, ROTATE, "pii")
        self.conn.execute("COMMIT")
        self.seal(self.conn)
        self.assertEqual(["rotated", "rolled_back", "wrap", "unwrap",
                          "rotated"], self.events()[-5:])

    def test_a_committed_change_is_not_rolled_back_by_a_later_one(self):
        self.conn.execute("BEGIN")
        self.one(self.conn, CREATE, "pii")
        self.conn.execute("COMMIT")
        self.one(self.connect(), ROTATE, "pii")
        self.seal(self.conn)
        self.assertNotIn("rolled_back", self.events())

    def test_a_rollback_to_a_savepoint(self):
        self.conn.execute("BEGIN")
        self.one(self.conn, CREATE, "one")
        self.conn.execute("SAVEPOINT inner")
        self.one(self.conn, CREATE, "two")
        self.conn.execute("ROLLBACK TO inner")
        self.seal(self.conn, CANARY, "one")
        self.assertEqual(["rolled_back"], self.events()[-1:])
        self.assertEqual("two", self.lines()[-1]["key"])
        self.conn.execute("COMMIT")
        self.seal(self.conn, CANARY, "one")
        self.assertEqual([("one", 1, "active", 1)], self.keys(self.conn))
        self.assertEqual(1, self.events().count("rolled_back"))

    def test_a_rollback_without_a_key_change_is_silent(self):
        self.one(self.conn, CREATE, "pii")
        before = self.events()
        self.conn.execute("BEGIN")
        self.conn.execute("CREATE TABLE t(a)")
        self.conn.execute("ROLLBACK")
        self.seal(self.conn)
        self.assertEqual(before, self.events())

    def test_a_failed_change_in_a_transaction_rolls_no_other_back(self):
        self.conn.execute("BEGIN")
        self.one(self.conn, CREATE, "pii")
        self.refuses("exists", self.conn, CREATE, "pii")
        self.conn.execute("COMMIT")
        self.seal(self.conn)
        self.assertNotIn("rolled_back", self.events())

    def test_destroy(self):
        key_id = self.one(self.conn, CREATE, "pii")
        self.one(self.conn, ROTATE, "pii")
        self.one(self.conn, SET_STATE, key_id, "disabled")
        self.refuses("version", self.conn,
                     "SELECT envelope_key_destroy('pii', 'pii')")
        self.one(self.conn, "SELECT envelope_key_destroy(?1, ?1)", key_id)
        denied, destroyed = self.lines()[-2:]
        self.assertEqual(("denied", "destroy", "pii"),
                         (denied["event"], denied["operation"], denied["key"]))
        self.assertEqual(("destroyed", "pii", 1, key_id, "destroyed"),
                         (destroyed["event"], destroyed["key"],
                          destroyed["version"], destroyed["key_id"],
                          destroyed["state"]))

    def test_rewrap_writes_each_call_of_the_provider(self):
        self.one(self.conn, CREATE, "pii")
        self.one(self.conn, ROTATE, "pii")
        before = len(self.events())
        self.one(self.conn, "SELECT envelope_key_rewrap('pii')")
        self.assertEqual(["wrap", "unwrap"] * 2 + ["rewrapped"],
                         self.events()[before:])
        self.assertEqual(("pii", False), (self.lines()[-1]["key"],
                                          "version" in self.lines()[-1]))

    def test_the_log_stays_while_changes_are_not_committed(self):
        self.conn.execute("BEGIN")
        self.one(self.conn, CREATE, "pii")
        self.refuses("COMMIT or ROLLBACK first", self.conn, SET, "audit",
                     "off")
        self.conn.execute("ROLLBACK")
        self.one(self.conn, SET, "audit", "off")
        self.assertEqual(["rolled_back", "config"], self.events()[-2:])

    def test_cmk_rotate_and_destroy(self):
        self.one(self.conn, CREATE, "pii")
        uri = "keyring:app.db.keyring"
        self.one(self.conn, "SELECT envelope_cmk_rotate(?)", uri)
        self.assertEqual(("cmk_rotated", uri),
                         (self.lines()[-1]["event"], self.lines()[-1]["cmk"]))
        self.one(self.conn, "SELECT envelope_key_rewrap('pii')")
        self.one(self.conn, "SELECT envelope_cmk_destroy(?, 1)", uri)
        self.error(self.conn, "SELECT envelope_cmk_destroy(?, 2)", uri)
        destroyed, refused = self.lines()[-2:]
        self.assertEqual(("cmk_destroyed", uri, 1),
                         (destroyed["event"], destroyed["cmk"],
                          destroyed["version"]))
        self.assertEqual(("cmk_destroy", uri),
                         (refused["operation"], refused["cmk"]))

    def test_sealing_and_opening_write_nothing(self):
        self.one(self.conn, CREATE, "pii")
        before = self.events()
        self.open(self.conn, self.seal(self.conn))
        self.assertEqual(before, self.events())

    def test_turning_it_off_is_written(self):
        self.one(self.conn, SET, "audit_failure", "allow")
        self.one(self.conn, SET, "audit", "off")
        self.one(self.conn, CREATE, "pii")
        self.assertEqual([("config", "audit_failure", "allow"),
                          ("config", "audit", "off")],
                         [(x["event"], x["setting"], x["to"])
                          for x in self.lines()])

    def test_moving_it_is_written_in_both(self):
        second = self.file("second.log")
        self.one(self.conn, SET, "audit", second)
        self.assertEqual(second, self.lines()[-1]["to"])
        with open(second, encoding="utf-8") as stream:
            self.assertEqual(second, json.loads(stream.readline())["to"])


class Settings(AuditTest):
    def test_off_by_default(self):
        self.assertEqual("off",
                         self.one(self.conn, "SELECT envelope_config('audit')"))
        self.assertEqual("refuse", self.one(
            self.conn, "SELECT envelope_config('audit_failure')"))

    def test_the_path_is_made_absolute(self):
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.dir)
        self.assertEqual(os.path.realpath(self.log),
                         self.one(self.conn, SET, "audit", "audit.log"))
        os.chdir("/")
        self.one(self.conn, CREATE, "pii")
        self.assertEqual(4, len(self.lines(0)))

    def test_from_the_environment_no_file_is_opened_at_loading(self):
        os.environ["ENVELOPE_AUDIT"] = self.log
        os.environ["ENVELOPE_AUDIT_FAILURE"] = "allow"
        conn = self.connect()
        self.assertFalse(os.path.exists(self.log))
        self.one(conn, CREATE, "pii")
        self.assertEqual(["wrap", "unwrap", "created"],
                         [x["event"] for x in self.lines(0)])
        self.assertEqual("allow", self.one(
            conn, "SELECT envelope_config('audit_failure')"))

    def test_a_wrong_path_in_the_environment_does_not_load(self):
        os.environ["ENVELOPE_AUDIT"] = self.file("no/such/folder.log")
        with self.assertRaises(sqlite3.OperationalError) as caught:
            self.connect(self.file("x.db"))
        self.assertIn("cannot find the folder", str(caught.exception))

    def test_off_and_empty_turn_it_off(self):
        for off in ("off", ""):
            self.one(self.conn, SET, "audit", self.log)
            self.assertEqual("off", self.one(self.conn, SET, "audit", off))

    def test_a_log_that_cannot_be_is_refused_at_once(self):
        os.symlink(self.path, self.log)
        self.refuses("symbolic link", self.conn, SET, "audit", self.log)
        self.refuses("cannot find the folder", self.conn, SET, "audit",
                     self.file("none/audit.log"))
        self.refuses("is a folder", self.conn, SET, "audit", self.dir + "/")
        self.assertEqual("off",
                         self.one(self.conn, "SELECT envelope_config('audit')"))

    def test_a_refused_move_leaves_the_log(self):
        self.start()
        self.error(self.conn, SET, "audit", self.file("none/audit.log"))
        self.one(self.conn, CREATE, "pii")
        self.assertEqual("created", self.events()[-1])

    def test_wrong_words(self):
        self.refuses("'refuse' or 'allow'", self.conn, SET, "audit_failure",
                     "perhaps")
        self.refuses("must be TEXT", self.conn, SET, "audit", 1)


class CannotBeWritten(AuditTest):
    """The log is a folder from now on."""

    def setUp(self):
        super().setUp()
        self.start()
        self.one(self.conn, CREATE, "pii")
        self.blob = self.seal(self.conn)

    def block(self):
        os.rename(self.log, self.log + ".aside")
        os.mkdir(self.log)

    def unblock(self):
        os.rmdir(self.log)
        os.rename(self.log + ".aside", self.log)

    def test_nothing_is_changed(self):
        before = self.keys(self.conn)
        self.block()
        for sql, args in ((CREATE, ("new",)), (ROTATE, ("pii",)),
                          (SET_STATE, ("pii", "disabled"))):
            self.refuses(NOTHING_IS_DONE, self.conn, sql, *args)
            self.assertEqual(before, self.keys(self.conn))
            self.assertEqual(before, self.keys(self.plain_keys()))
        self.assertTrue(self.conn.execute("PRAGMA integrity_check"))

    def plain_keys(self):
        return self.connect()

    def test_only_the_line_of_the_change_is_missing(self):
        """The provider call is written, then the log is full."""
        before = self.keys(self.conn)
        size = os.path.getsize(self.log)
        room = size + 300  # for one line, of the provider call
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGXFSZ, ignored)
        # the database and its journal are not to notice
        self.grow(room)
        size = os.path.getsize(self.log)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 500, old[1]))
        try:
            self.refuses(NOTHING_IS_DONE, self.conn, CREATE, "new")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        self.assertEqual(before, self.keys(self.conn))
        self.assertEqual(before, self.keys(self.connect()))
        self.assertEqual("wrap", self.lines()[-1]["event"])
        self.one(self.conn, CREATE, "new")
        self.assertEqual([], self.problems())

    def grow(self, room):
        """The log becomes larger than every other file here."""
        largest = 200000 + room
        while os.path.getsize(self.log) < largest:
            self.error(self.conn, CREATE, "pii")

    def test_a_key_is_not_loaded(self):
        other = self.connect()
        self.one(other, SET, "audit", self.log)
        self.block()
        self.refuses_open(NOTHING_IS_DONE, other, self.blob)
        self.unblock()
        self.assertEqual(CANARY, self.open(other, self.blob))

    def two_cmks(self):
        self.conn.execute("SELECT envelope_key_create('two', ?, ?)",
                          ("keyring:a.keyring", "keyring:b.keyring"))

    def test_no_other_provider_is_asked(self):
        self.two_cmks()
        blob = self.seal(self.conn, CANARY, "two")
        other = self.connect()
        self.one(other, SET, "audit", self.log)
        self.block()
        self.refuses_open(NOTHING_IS_DONE, other, blob)
        self.unblock()
        self.open(other, blob)
        self.assertEqual(("unwrap", 1), (self.lines()[-1]["event"],
                                         self.lines()[-1]["lost"]))

    def test_allow_partial_does_not_do_without_a_line(self):
        self.one(self.conn, SET, "allow_partial", "on")
        self.block()
        with self.assertRaises(sqlite3.Error) as caught:
            self.two_cmks()
        self.assertIn(NOTHING_IS_DONE, str(caught.exception))
        self.assertEqual(1, len(self.keys(self.conn)))

    def test_a_key_that_is_loaded_opens(self):
        self.block()
        self.assertEqual(CANARY, self.open(self.conn, self.blob))

    def test_a_denial_stays_a_denial(self):
        self.one(self.conn, SET_STATE, "pii", "disabled")
        self.block()
        self.refuses_open("disabled", self.conn, self.blob)
        text = self.refuses_seal("disabled", self.conn)
        self.assertIn("the audit log could not be written", text)

    def test_turning_it_off_takes_a_line(self):
        self.block()
        self.refuses(NOTHING_IS_DONE, self.conn, SET, "audit", "off")
        self.refuses(NOTHING_IS_DONE, self.conn, SET, "audit_failure", "allow")
        self.assertEqual(self.log, self.one(
            self.conn, "SELECT envelope_config('audit')"))

    def test_allow_goes_on_and_counts(self):
        self.one(self.conn, SET, "audit_failure", "allow")
        self.block()
        self.one(self.conn, ROTATE, "pii")
        self.unblock()
        self.one(self.conn, ROTATE, "pii")
        wrap, _, rotated = self.lines()[-3:]
        self.assertEqual(3, wrap["lost"])
        self.assertNotIn("lost", rotated)
        self.assertEqual(3, rotated["version"])

    def test_in_a_transaction_the_rest_of_it_stays(self):
        self.conn.execute("BEGIN")
        self.conn.execute("CREATE TABLE t(a)")
        self.block()
        self.refuses(NOTHING_IS_DONE, self.conn, CREATE, "new")
        self.conn.execute("COMMIT")
        self.assertEqual([], self.conn.execute("SELECT * FROM t").fetchall())
        self.assertEqual(1, len(self.keys(self.conn)))


class CommitFails(AuditTest):
    def test_a_change_that_is_not_committed_is_followed_by_failed(self):
        self.start()
        self.one(self.conn, CREATE, "pii")
        self.conn.execute("PRAGMA busy_timeout = 0")
        reader = self.connect()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM envelope_key").fetchall()
        self.refuses("locked", self.conn, ROTATE, "pii")
        reader.execute("COMMIT")
        self.assertEqual(["rotated", "failed"], self.events()[-2:])
        self.assertEqual([("pii", 1, "active", 1)], self.keys(self.conn))


class Programs(AuditTest):
    """What other programs write, and under which names."""

    def shell(self, program, path, sql):
        script = '.bail on\n.load "%s"\n' % EXTENSION
        return subprocess.run([program, "-batch", "-init", os.devnull, path],
                              input=script + sql, capture_output=True,
                              encoding="utf-8", timeout=60)

    def test_a_program_and_a_file_with_strange_names(self):
        name = os.fsencode(self.dir) + b'/sh "\\\n\xff\xc3\xa9'
        shutil.copy(shutil.which("sqlite3"), name)
        database = os.fsencode(self.dir) + b'/d "\\\n\xff\xc3\xa9.db'
        os.environ["ENVELOPE_AUDIT"] = self.log
        done = self.shell(name, database, "SELECT envelope_key_create('pii',"
                                          " 'keyring:a.keyring');\n")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        line = self.lines(0)[-1]
        self.assertTrue(line["program"].endswith('/sh "\\\n\ufffd\u00e9'))
        self.assertTrue(line["database"].endswith('/d "\\\n\ufffd\u00e9.db'))
        self.assertEqual([], self.problems())

    def test_two_processes_at_once(self):
        os.environ["ENVELOPE_AUDIT"] = self.log
        self.one(self.connect(), CREATE, "pii")
        sql = "PRAGMA busy_timeout = 60000;\n" + 5 * (
            "SELECT envelope_key_rotate('pii');\n")
        script = '.bail on\n.load "%s"\n' % EXTENSION + sql
        running = [subprocess.Popen(
            ["sqlite3", "-batch", "-init", os.devnull, self.path],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, encoding="utf-8") for _ in range(2)]
        for process in running:
            process.stdin.write(script)
            process.stdin.close()
        for process in running:
            process.wait(120)
        committed = len(self.keys(self.conn)) - 1
        written = [x["version"] for x in self.lines(0)
                   if x["event"] == "rotated"]
        failed = [x for x in self.lines(0) if x["event"] == "failed"]
        self.assertEqual([], self.problems())
        self.assertEqual(committed, len(set(written)))
        self.assertGreaterEqual(len(failed), len(written) - committed)


class Verify(AuditTest):
    COLUMNS = "line, seq, problem, detail, head"

    def setUp(self):
        super().setUp()
        self.start()
        for name in ("one", "two", "three"):
            self.one(self.conn, CREATE, name)
        with open(self.log, "rb") as stream:
            self.raw = stream.read().split(b"\n")[:-1]

    def verify(self, *args):
        marks = ", ".join("?" * len(args))
        return self.conn.execute(
            "SELECT %s FROM envelope_audit_verify(%s)" % (self.COLUMNS, marks),
            args).fetchall()

    def rewrite(self, lines):
        with open(self.log, "wb") as stream:
            stream.write(b"".join(line + b"\n" for line in lines))

    def only_problem(self):
        *problems, summary = self.verify(self.log)
        self.assertEqual(1, len(problems), problems)
        self.assertIsNone(summary[2])
        self.assertIn("1 problem found", summary[3])
        return problems[0][:3]

    def head(self):
        return self.verify(self.log)[-1][4]

    def test_a_clean_log_is_one_row(self):
        self.assertEqual(
            [(10, 10, None, "10 lines, no problem found",
              hashlib.sha256(self.raw[-1]).hexdigest())],
            self.verify(self.log))

    def test_without_a_path_it_is_the_log_in_use(self):
        self.assertEqual(self.verify(self.log), self.verify())

    def test_without_a_path_and_a_log(self):
        self.one(self.conn, SET, "audit", "off")
        self.refuses("no audit log is in use", self.conn,
                     "SELECT * FROM envelope_audit_verify")

    def test_a_removed_line(self):
        self.rewrite(self.raw[:3] + self.raw[4:])
        self.assertEqual((4, 5, "removed"), self.only_problem())

    def test_an_edited_line(self):
        self.raw[4] = self.raw[4].replace(b'"two"', b'"too"')
        self.rewrite(self.raw)
        self.assertEqual((5, 5, "edited"), self.only_problem())

    def test_a_repeated_line(self):
        self.rewrite(self.raw[:4] + self.raw[2:])
        self.assertEqual((5, 3, "reordered"), self.only_problem())

    def test_a_moved_line(self):
        self.rewrite(self.raw[:2] + self.raw[3:5] + [self.raw[2]]
                     + self.raw[5:])
        self.assertEqual([(3, 4, "removed"), (5, 3, "reordered")],
                         [row[:3] for row in self.verify(self.log)[:-1]])

    def test_a_torn_line(self):
        with open(self.log, "ab") as stream:
            stream.write(self.raw[0][:50])
        self.assertEqual((11, None, "torn"), self.only_problem())
        self.one(self.conn, ROTATE, "one")
        self.assertEqual((11, None, "torn"), self.only_problem())

    def test_a_cut_tail_takes_a_head_to_be_seen(self):
        head = self.head()
        self.rewrite(self.raw[:5])
        self.assertEqual([None], [row[2] for row in self.verify(self.log)])
        self.assertEqual(["cut off", None],
                         [row[2] for row in self.verify(self.log, head)])

    def test_a_head_holds_while_the_log_grows(self):
        head = self.head()
        self.one(self.conn, ROTATE, "one")
        self.assertEqual([None], [row[2] for row in
                                  self.verify(self.log, head)])
        self.assertEqual([None], [row[2] for row in
                                  self.verify(self.log, head.upper())])

    def test_a_log_written_anew_takes_a_head_to_be_seen(self):
        head = self.head()
        os.unlink(self.log)
        other = self.connect()
        self.one(other, SET, "audit", self.log)
        self.one(other, ROTATE, "one")
        self.assertEqual([None], [row[2] for row in self.verify(self.log)])
        self.assertEqual(["cut off", None],
                         [row[2] for row in self.verify(self.log, head)])

    def test_a_log_after_rotation_names_the_one_before(self):
        head = self.head()
        os.rename(self.log, self.log + ".1")
        self.one(self.conn, ROTATE, "one")
        rows = self.verify(self.log, head)
        self.assertEqual([None], [row[2] for row in rows])
        self.assertIn("the log before it ended with " + head, rows[0][3])

    def test_wrong_arguments(self):
        sql = "SELECT * FROM envelope_audit_verify(?, ?)"
        self.refuses("64 hex digits", self.conn, sql, self.log, "abc")
        self.refuses("must be TEXT", self.conn, sql, 1, "a" * 64)
        self.refuses("cannot open", self.conn, sql, "/none", "a" * 64)
        self.refuses("regular file", self.conn, sql, self.dir, "a" * 64)

    def test_any_file_can_be_asked_about_and_is_not_shown(self):
        path = self.write("other", CANARY.encode() + b"\n")
        rows = self.verify(path)
        self.assertEqual(["edited", None], [row[2] for row in rows])
        self.assertNotIn(CANARY, str(rows))

    def test_a_planted_view_cannot_use_it(self):
        self.conn.execute(
            "CREATE VIEW spy AS SELECT * FROM envelope_audit_verify('x')")
        self.refuses("unsafe use", self.conn, "SELECT * FROM spy")

    def test_it_joins(self):
        self.conn.execute("CREATE TABLE logs(path)")
        self.conn.execute("INSERT INTO logs VALUES(?), (?)",
                          (self.log, self.log))
        rows = self.conn.execute(
            "SELECT v.line FROM logs, envelope_audit_verify(logs.path) v"
        ).fetchall()
        self.assertEqual([(10,), (10,)], rows)

    def test_an_interrupt_ends_it(self):
        """The file is one line of zeros that takes a minute to read."""
        path = self.write("zeros", b"")
        os.truncate(path, 1 << 37)
        timer = threading.Timer(0.5, self.conn.interrupt)
        timer.start()
        self.addCleanup(timer.join)
        start = time.monotonic()
        self.refuses("interrupted", self.conn, VERIFY, path)
        self.assertLess(time.monotonic() - start, 10)


if __name__ == "__main__":
    unittest.main()
