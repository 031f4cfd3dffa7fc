# SPDX-License-Identifier: MIT
"""Modules with providers, which lie beside envelope.so: where they are looked
for, and where not. The module is providers/odd_provider.c, put into a folder as
envelope_kms.so."""

import json
import os
import shutil
import unittest

from support import EXTENSION, SqlTest, run_shell
from test_provider_contract import PROVIDERS

MODULE = "envelope_kms.so"
# of the process of the shell, when all else is done
LOADED, NOT_LOADED = "module loaded", "module not loaded"
IS_LOADED = (".system grep -q %s /proc/$PPID/maps && echo %s || echo %s\n"
             % (MODULE, LOADED, NOT_LOADED))
CREATE = "SELECT length(envelope_key_create('pii', 'vault:one'));\n"


class Modules(SqlTest):
    def setUp(self):
        super().setUp()
        self.lib = self.file("lib")
        os.mkdir(self.lib)
        shutil.copy(EXTENSION, self.lib + "/envelope.so")
        os.environ["EXAMPLE_KEYS"] = self.dir
        for name in ("EXAMPLE_KEYS", "LD_LIBRARY_PATH", "ODD"):
            self.addCleanup(os.environ.pop, name, None)
        self.write("one", os.urandom(32))

    def put_module(self, folder, provider="odd_provider.so"):
        shutil.copy(os.path.join(PROVIDERS, provider),
                    os.path.join(folder, MODULE))

    def shell(self, sql, load=None):
        load = load or self.lib + "/envelope"
        return run_shell(self.path, ".load %s\n" % load + sql,
                         extension=False)

    def prints(self, expected, sql, **options):
        done = self.shell(sql, **options)
        self.assertEqual(("", expected), (done.stderr, done.stdout))

    def is_loaded(self, sql):
        return LOADED in self.shell(sql + IS_LOADED).stdout.splitlines()

    def fails(self, says, sql, **options):
        done = self.shell(sql, **options)
        self.assertIn(says, done.stderr)
        return done

    def test_found_beside_the_core(self):
        self.put_module(self.lib)
        self.prints("16\nx\n", CREATE +
                    "SELECT envelope_open(envelope_seal('x', 'pii'));\n")
        self.assertTrue(self.is_loaded(
            "SELECT length(envelope_cmk_info('vault:one'));\n"))

    def test_not_loaded_before_it_is_needed(self):
        self.put_module(self.lib)
        self.assertFalse(self.is_loaded(
            "SELECT length(envelope_key_create('pii'));\n"))

    def test_not_loaded_for_what_a_database_names(self):
        self.put_module(self.lib)
        conn = self.with_key()
        blob = self.seal(conn)
        conn.execute("UPDATE envelope_key_wrap SET cmk = 'vault:one'")
        sql = ".bail off\nSELECT envelope_open(x'%s');\n" % blob.hex()
        self.fails("not allowed", sql)
        self.assertFalse(self.is_loaded(sql))

    def test_missing(self):
        done = self.fails("which is not in the folder of envelope.so", CREATE)
        for words in (MODULE, self.lib, "make modules", "vault:"):
            self.assertIn(words, done.stderr)
        self.prints("", "SELECT name FROM sqlite_schema;\n")

    def test_other_programs_names(self):
        """One CMK, stored by its own name."""
        self.put_module(self.lib)
        self.prints(
            "16\nvault:one\n",
            "SELECT length(envelope_key_create('pii', 'hcvault://one'));\n"
            "SELECT cmks FROM envelope_keys;\n")
        os.environ["ENVELOPE_CMKS"] = "hashivault:one"
        self.prints("1\n", "SELECT length(envelope_key_open('pii')) > 0;\n")
        os.environ["ENVELOPE_CMKS"] = "hashivault:two"
        self.fails("not allowed", "SELECT envelope_key_open('pii');\n")

    def test_no_search_path(self):
        elsewhere = self.file("elsewhere")
        os.mkdir(elsewhere)
        self.put_module(elsewhere)
        os.environ["LD_LIBRARY_PATH"] = elsewhere
        self.fails("not in the folder",
                   ".cd %s\n" % elsewhere + CREATE)

    def test_a_relative_path_is_not_followed_later(self):
        """What lies in the folder that the process went to is not ours."""
        self.put_module(self.lib)
        elsewhere = self.file("elsewhere")
        os.mkdir(elsewhere)
        self.write("elsewhere/" + MODULE, b"not this one")
        here = os.path.relpath(self.lib)
        self.prints("16\n", ".cd %s\n" % elsewhere + CREATE,
                    load=here + "/envelope")

    def test_beside_the_file_that_a_link_leads_to(self):
        self.put_module(self.lib)
        linked = self.file("linked")
        os.mkdir(linked)
        os.symlink(self.lib + "/envelope.so", linked + "/envelope.so")
        self.prints("16\n", CREATE, load=linked + "/envelope")

    def test_no_library(self):
        self.write("lib/" + MODULE, b"no library")
        self.fails("cannot be loaded", CREATE)

    def test_no_module(self):
        self.put_module(self.lib, "example_provider.so")
        self.fails("envelope_module_providers", CREATE)

    def test_no_providers(self):
        self.put_module(self.lib)
        os.environ["ODD"] = "module-null"
        self.fails("has no providers", CREATE)

    def test_of_another_version(self):
        self.put_module(self.lib)
        os.environ["ODD"] = "module-old"
        self.fails("another version of envelope_provider.h", CREATE)

    def test_it_brings_its_own_schemes_only(self):
        self.put_module(self.lib)
        for scheme in ("example", "aws-kms"):
            self.fails("no provider for %s:" % scheme,
                       "SELECT envelope_cmk_info('vault:one');\n"
                       "SELECT envelope_key_create('b', '%s:one');\n" % scheme)

    def test_listed_where_it_is_there(self):
        def providers():
            sql = "SELECT json_extract(envelope_debug(), '$.providers');\n"
            self.assertFalse(self.is_loaded(sql))
            return json.loads(self.shell(sql).stdout)

        self.assertEqual(["keyring", "pem"], providers())
        self.put_module(self.lib)
        self.assertEqual(["keyring", "pem", "vault", "aws-kms"], providers())


if __name__ == "__main__":
    unittest.main()
