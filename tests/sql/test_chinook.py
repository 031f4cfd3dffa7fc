# SPDX-License-Identifier: MIT
"""The main job on real input: the customers of Chinook."""

import os
import shutil
import sqlite3
import subprocess
import unittest

from support import REPO, SqlTest, run_shell, shell

SHARED = os.environ.get("EE_SHARED", os.path.join(REPO, "..", "shared"))
CHINOOK = os.path.join(SHARED, "data", "chinook.sqlite")
COLUMNS = ("Email", "Phone", "Fax", "Address", "PostalCode")
CREATE = "SELECT envelope_key_create('pii');\n"
ROTATE = "SELECT envelope_key_rotate('pii');\n"


def update(call):
    """One UPDATE of the five columns."""
    return "UPDATE Customer SET %s;\n" % ", ".join(
        "%s = %s" % (c, call.format(c)) for c in COLUMNS)


SEAL = update("envelope_seal({0}, 'pii', 'Customer.{0}', CustomerId)")
REWRAP = update("envelope_rewrap({0})")
OPENED = "SELECT CustomerId, %s FROM Customer ORDER BY 1" % ", ".join(
    "envelope_open({0}, 'Customer.{0}', CustomerId) AS {0}".format(c)
    for c in COLUMNS)
PLAIN = "SELECT CustomerId, %s FROM Customer ORDER BY 1" % ", ".join(COLUMNS)


def typed(sql):
    """The same rows with every value's storage class and bytes."""
    return "SELECT CustomerId, %s FROM (%s)" % (", ".join(
        "typeof({0}), hex({0})".format(c) for c in COLUMNS), sql)


class Chinook(SqlTest):
    def setUp(self):
        super().setUp()
        if not os.path.exists(CHINOOK):
            if os.environ.get("CI") == "true":
                self.fail("the Chinook database is absent")
            self.skipTest("the Chinook database is absent")
        shutil.copyfile(CHINOOK, self.path)
        self.original = self.rows(typed(PLAIN), self.plain())
        emails = self.plain().execute("SELECT Email FROM Customer")
        self.emails = [email for (email,) in emails]

    def rows(self, sql, conn):
        return conn.execute(sql).fetchall()

    def check(self, path=None):
        """Every value and storage class is the original one, and NULLs are
        as they were."""
        conn = self.connect(path)
        self.assertEqual(self.original, self.rows(typed(OPENED), conn))
        self.assertEqual("ok", self.one(conn, "PRAGMA integrity_check"))

    def seal_all(self):
        conn = self.connect()
        conn.executescript(CREATE + SEAL)
        conn.close()

    def test_the_input_is_what_we_think(self):
        self.assertEqual(59, len(self.original))
        with open(self.path, "rb") as stream:
            data = stream.read()
        self.assertTrue(all(e.encode() in data for e in self.emails))

    def test_sealed_through_python(self):
        self.seal_all()
        self.check()

    def test_everything_is_sealed(self):
        self.seal_all()
        conn = self.connect()
        for column in COLUMNS:
            left = self.one(conn, "SELECT count(*) FROM Customer WHERE {0} IS"
                            " NOT NULL AND NOT envelope_is_sealed({0})"
                            .format(column))
            self.assertEqual(0, left)

    def test_rewrapped_through_python(self):
        self.seal_all()
        conn = self.connect()
        conn.executescript(ROTATE + REWRAP)
        versions = self.one(conn, "SELECT group_concat(DISTINCT"
                            " json_extract(envelope_info(Email),"
                            " '$.key_version')) FROM Customer")
        self.assertEqual("2", versions)
        self.check()

    def test_sealed_through_the_shell(self):
        shell(self.path, CREATE + SEAL)
        self.check()

    def test_opened_through_the_shell(self):
        self.seal_all()
        before = shell(CHINOOK, ".mode insert\n" + PLAIN + ";\n",
                       extension=False)
        after = shell(self.path, ".mode insert\n" + OPENED + ";\n")
        self.assertEqual(before, after)

    def test_rewrapped_through_the_shell(self):
        shell(self.path, CREATE + SEAL)
        shell(self.path, ROTATE + REWRAP)
        versions = shell(self.path, "SELECT DISTINCT json_extract("
                         "envelope_info(Fax), '$.key_version') FROM Customer"
                         " WHERE Fax IS NOT NULL;\n")
        self.assertEqual("2\n", versions)
        self.check()

    def test_a_wrong_row_fails_in_the_shell(self):
        self.seal_all()
        done = run_shell(self.path, "SELECT envelope_open(Email,"
                         " 'Customer.Email', CustomerId + 1) FROM Customer;")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("authentication failed", done.stderr)
        self.assertEqual("", done.stdout)

    def test_dump_and_restore_without_the_extension(self):
        self.seal_all()
        dump = shell(self.path, ".dump\n", extension=False)
        copy = self.file("restored.db")
        done = subprocess.run(["sqlite3", copy], input=dump, text=True,
                              capture_output=True, check=True, timeout=240)
        self.assertEqual("", done.stderr)
        self.assertEqual(
            self.rows(PLAIN, self.plain()), self.rows(PLAIN, self.plain(copy)))
        # the keyring is still found: it is named relative to the folder
        self.check(copy)

    def test_vacuum_without_the_extension(self):
        self.seal_all()
        self.plain().execute("VACUUM")
        self.check()

    def test_vacuum_into(self):
        self.seal_all()
        copy = self.file("into.db")
        self.plain().execute("VACUUM INTO ?", (copy,))
        self.check(copy)

    def test_a_copied_file(self):
        self.seal_all()
        shutil.copyfile(self.path, self.file("copy.db"))
        self.check(self.file("copy.db"))

    def test_after_vacuum_no_plaintext_is_in_the_file(self):
        self.seal_all()
        employees = [e for (e,) in self.rows("SELECT Email FROM Employee",
                                             self.plain())]
        self.plain().execute("VACUUM")
        with open(self.path, "rb") as stream:
            data = stream.read()
        self.assertIn(employees[0].encode(), data)  # not sealed: readable
        for email in self.emails:
            for form in (email.encode(), email.encode("utf-16le"),
                         email.encode().hex().encode()):
                self.assertNotIn(form, data)

    def test_other_columns_are_untouched(self):
        others = ("SELECT CustomerId, FirstName, LastName, Company, City,"
                  " State, Country, SupportRepId FROM Customer ORDER BY 1")
        before = self.rows(others, self.plain())
        self.seal_all()
        self.assertEqual(before, self.rows(others, self.plain()))

    def test_a_search_by_blind_index(self):
        conn = self.connect()
        conn.executescript(CREATE + "UPDATE Customer SET Email ="
                           " envelope_seal_indexed(Email, 'pii',"
                           " 'Customer.Email', CustomerId);"
                           "CREATE UNIQUE INDEX e ON"
                           " Customer(substr(Email,14,16))")
        for customer, email in enumerate(self.emails, 1):
            found = conn.execute(
                "SELECT CustomerId, envelope_open(Email, 'Customer.Email',"
                " CustomerId) FROM Customer WHERE substr(Email,14,16) ="
                " envelope_blind_index(?, 'pii', 'Customer.Email')",
                (email,)).fetchall()
            self.assertEqual([(customer, email)], found)

    def test_a_seal_that_is_rolled_back_leaves_the_plaintext(self):
        conn = self.connect()
        conn.execute(CREATE)
        conn.execute("BEGIN")
        conn.execute(SEAL)
        conn.execute("ROLLBACK")
        self.assertEqual(self.original, self.rows(typed(PLAIN), conn))

    def test_a_wal_database(self):
        self.plain().execute("PRAGMA journal_mode = wal")
        self.seal_all()
        self.check()

    def test_sealed_twice_opens_twice(self):
        self.seal_all()
        self.connect().executescript(SEAL)
        conn = self.connect()
        inner = "(SELECT CustomerId, %s FROM Customer ORDER BY 1)" % (
            ", ".join("envelope_open({0}, 'Customer.{0}', CustomerId) AS {0}"
                      .format(c) for c in COLUMNS))
        twice = self.rows(typed(OPENED.replace("Customer ORDER",
                                               inner + " ORDER")), conn)
        self.assertEqual(self.original, twice)

    def test_exported_to_another_database_and_imported(self):
        self.seal_all()
        path = self.file("other.db")
        conn = self.connect()
        conn.execute("ATTACH ? AS other", (path,))
        conn.execute("CREATE TABLE other.Customer AS SELECT CustomerId, %s"
                     " FROM main.Customer" % ", ".join(
                         "envelope_export({0}) AS {0}".format(c)
                         for c in COLUMNS))
        conn.close()
        os.remove(self.path)
        self.connect(path).executescript(
            "SELECT envelope_key_create('pii', 'keyring:app.db.keyring');"
            + update("envelope_import({0}, 'pii', 'Customer.{0}',"
                     " CustomerId)"))
        self.check(path)


if __name__ == "__main__":
    unittest.main()
