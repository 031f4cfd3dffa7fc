/* SPDX-License-Identifier: MIT
 *
 * scenarios.h: what is done while allocations fail (oom.c).
 */
#ifndef TESTS_FAULT_SCENARIOS_H
#define TESTS_FAULT_SCENARIOS_H

struct scenario {
    const char *name;
    const char *before; /* run without faults on a fresh database */
    const char *work;   /* under faults */
    const char *after;  /* without faults: must give `expect` */
    const char *expect;
};

#define KEY    "SELECT envelope_key_create('pii');"
#define TABLE  "CREATE TABLE t(id INTEGER PRIMARY KEY, c);"
#define SEALED KEY TABLE "INSERT INTO t VALUES(1, envelope_seal('a','pii',1));"
#define SUBJECTS                                                               \
    KEY TABLE "SELECT envelope_key_create('pii/*');"                           \
              "INSERT INTO t VALUES(1, envelope_seal('a', 'pii/1', 1));"
#define OPENED "SELECT group_concat(envelope_open(c, id)) FROM t"

#define AUDIT                                                                  \
    "SELECT envelope_config('audit', (SELECT file || '.audit' FROM"            \
    " pragma_database_list WHERE name = 'main'));"

/* the key of make_only_pem() */
#define ONLY_PEM                                                               \
    "pii=pem:only.pem#sha256-"                                                 \
    "7b97094ca4e644f7b7043362e1d8a29326727e8bdb39948c58837374bbfbef64"
#define SEAL_ONLY "SELECT envelope_config('seal_only', '" ONLY_PEM "');"
#define END_SEAL_ONLY                                                          \
    "SELECT envelope_key_set_state(key_id, 'disabled') FROM envelope_keys"     \
    " WHERE origin = 'seal-only'; SELECT envelope_key_destroy(key_id, key_id)" \
    " FROM envelope_keys WHERE origin = 'seal-only'; "
#define OPEN_SEAL_ONLY                                                         \
    "SELECT envelope_config('open_seal_only', '" ONLY_PEM "');"

#define PEM_ALLOWED "SELECT envelope_config('cmks', 'pem:rsa.pem pem:x.pem');"

#define FOREIGN_ALLOWED "SELECT envelope_config('cmks', 'example://one');"
#define FOREIGN                                                                \
    "SELECT envelope_key_create('pii', 'example:one');" TABLE                  \
    "INSERT INTO t VALUES(1, envelope_seal('a', 'pii', 1));"

static const struct scenario scenarios[] = {
    {"load", SEALED, OPENED, OPENED, "a"}, /* opens under faults, too */
    {"create", "SELECT 1;", KEY,
     "SELECT envelope_key_create('new'); SELECT count(*) FROM envelope_keys"
     " WHERE name = 'new'",
     "1"},
    {"seal", KEY TABLE,
     "INSERT INTO t VALUES(1, envelope_seal('a', 'pii', 1)),"
     " (2, envelope_seal(x'62', 'MAIN:pii', 2))",
     "DELETE FROM t; INSERT INTO t VALUES(1, "
     "envelope_seal('a','pii',1)); " OPENED,
     "a"},
    {"seal with a long context", KEY,
     "SELECT envelope_seal('a', 'pii', zeroblob(5000), 'x', 1.5)",
     "SELECT envelope_open(envelope_seal('a', 'pii', 'x'), 'x')", "a"},
    {"open", SEALED, OPENED, OPENED, "a"},
    {"open a long value",
     SEALED "UPDATE t SET c = envelope_seal(zeroblob(5000), 'pii', 1);",
     "SELECT length(envelope_open(c, id)) FROM t",
     "SELECT length(envelope_open(c, id)) FROM t", "5000"},
    {"open a wrong blob", SEALED,
     "SELECT length(ifnull(envelope_is_sealed(c), 0)) FROM t", OPENED, "a"},
    {"rewrap", SEALED "SELECT envelope_key_rotate('pii');",
     "UPDATE t SET c = envelope_rewrap(c)",
     "UPDATE t SET c = envelope_rewrap(c); " OPENED, "a"},
    {"reseal", SEALED "UPDATE t SET c = envelope_seal_indexed('a', 'pii', 1);",
     "UPDATE t SET c = envelope_reseal(c, 'pii', id)",
     "UPDATE t SET c = envelope_reseal(c, 'pii', id); " OPENED, "a"},
    {"export", SEALED, "SELECT envelope_export(c) FROM t",
     "SELECT group_concat(envelope_open(envelope_import(x, 'pii', 1), 1))"
     " FROM (SELECT envelope_export(c) AS x FROM t)",
     "a"},
    {"import", SEALED "UPDATE t SET c = envelope_export(c);",
     "UPDATE t SET c = envelope_import(c, 'pii', id)",
     "UPDATE t SET c = envelope_import(c, 'pii', id) WHERE"
     " json_extract(envelope_info(c), '$.embedded_record'); " OPENED,
     "a"},
    {"rotate", SEALED, "SELECT envelope_key_rotate('pii')",
     "SELECT envelope_key_rotate('pii'); " OPENED, "a"},
    {"set_state", SEALED, "SELECT envelope_key_set_state('pii', 'disabled')",
     "SELECT envelope_key_set_state('pii', 'active'); " OPENED, "a"},
    {"set_policy", SEALED,
     "SELECT envelope_key_set_policy('pii', 'min_version', 1)",
     "SELECT envelope_key_set_policy('pii', 'rotate_after', '90d'); " OPENED,
     "a"},
    {"set rotate_seals", SEALED,
     "SELECT envelope_key_set_policy('pii', 'rotate_seals', 9)",
     "SELECT envelope_key_set_policy('pii', 'rotate_seals', 8); " OPENED, "a"},
    {"count seals",
     SEALED "SELECT envelope_key_set_policy('pii', 'rotate_seals', 1000);",
     "INSERT INTO t VALUES(2, envelope_seal('b', 'pii', 2));"
     " SELECT envelope_seal('c', 'pii'); SELECT * FROM envelope_keys",
     "INSERT INTO t VALUES(3, envelope_seal('b', 'pii', 3));"
     " SELECT reserved >= (SELECT count(*) - 1 FROM t) FROM"
     " envelope_key_seals",
     "1"},
    {"rotate a key that counts",
     SEALED "SELECT envelope_key_set_policy('pii', 'rotate_seals', 1000);",
     "SELECT envelope_key_rotate('pii')",
     "INSERT INTO t VALUES(2, envelope_seal('b', 'pii', 2));"
     " SELECT count(*) || max(reserved) FROM envelope_key_seals",
     "11"},
    {"key_rewrap", SEALED "SELECT envelope_key_rotate('pii');",
     "SELECT envelope_key_rewrap('pii')",
     "SELECT envelope_key_rewrap('pii'); " OPENED, "a"},
    {"key_rewrap to two CMKs", SEALED,
     "SELECT envelope_key_rewrap('pii', 'keyring:t.db.keyring',"
     " 'keyring:t.db.keyring#b')",
     OPENED, "a"},
    {"key_destroy", SEALED "SELECT envelope_key_set_state('pii', 'disabled');",
     "SELECT envelope_key_destroy('pii', 'pii')",
     "SELECT (state = 'destroyed') ="
     " ((SELECT count(*) FROM envelope_key_wrap) = 0) FROM envelope_keys",
     "1"},
    {"cmk_destroy",
     SEALED "SELECT envelope_cmk_rotate('keyring:t.db.keyring');"
            "SELECT envelope_key_rewrap('pii');",
     "SELECT envelope_cmk_destroy('keyring:t.db.keyring', 1)", OPENED, "a"},
    {"cmk_rotate", SEALED,
     "SELECT envelope_cmk_rotate((SELECT cmks FROM envelope_keys))",
     "SELECT envelope_key_rotate('pii'); " OPENED, "a"},
    {"create under PEM files", "SELECT 1;",
     "SELECT envelope_key_create('pii', 'pem:rsa.pem', 'pem:x.pem')",
     "SELECT envelope_key_create('new', 'pem:x.pem', 'pem:rsa.pem');"
     " SELECT count(*) FROM envelope_keys WHERE name = 'new'",
     "1"},
    {"open under an RSA key",
     "SELECT envelope_key_create('pii', 'pem:rsa.pem');" TABLE
     "INSERT INTO t VALUES(1, envelope_seal('a', 'pii', 1));",
     PEM_ALLOWED OPENED, PEM_ALLOWED OPENED, "a"},
    {"open under an X25519 key with a passphrase",
     "SELECT envelope_key_create('pii', 'pem:x.pem');" TABLE
     "INSERT INTO t VALUES(1, envelope_seal('a', 'pii', 1));",
     PEM_ALLOWED OPENED, PEM_ALLOWED OPENED, "a"},
    {"blind index", SEALED,
     "SELECT envelope_seal_indexed('a', 'pii', 's', 1),"
     " envelope_blind_index('a', 'pii', 's')",
     "SELECT substr(envelope_seal_indexed('a', 'pii', 's'), 14, 16) ="
     " envelope_blind_index('a', 'pii', 's')",
     "1"},
    {"information", SEALED,
     "SELECT envelope_info(c), envelope_key_id(c), envelope_debug() FROM t;"
     " SELECT * FROM envelope_keys; SELECT * FROM envelope_stats;"
     " SELECT * FROM envelope_providers",
     OPENED, "a"},
    {"audit", SEALED,
     AUDIT "SELECT envelope_key_set_state('pii', 'decrypt-only');"
           " SELECT * FROM envelope_audit_verify",
     AUDIT "SELECT envelope_key_rotate('pii'); SELECT count(problem) ||"
           " group_concat(head IS NULL) FROM envelope_audit_verify",
     "00"},
    {"seal-only", SEALED,
     SEAL_ONLY "SELECT envelope_key_open('pii');"
               "INSERT INTO t VALUES(2, envelope_seal('b', 'pii', 2))",
     SEAL_ONLY "SELECT envelope_key_open('pii');"
               "INSERT INTO t VALUES(3, envelope_seal('b', 'pii', 3));"
               "DELETE FROM t WHERE id = 2; " OPENED,
     "a,b"},
    {"seal-only at the first seal",
     SEALED SEAL_ONLY "SELECT envelope_key_open('pii');"
                      "DELETE FROM envelope_seal_only;",
     SEAL_ONLY "INSERT INTO t VALUES(2, envelope_seal('b', 'pii', 2));"
               "SELECT * FROM envelope_keys",
     SEAL_ONLY "INSERT INTO t VALUES(3, envelope_seal('b', 'pii', 3));"
               "DELETE FROM t WHERE id = 2; " OPENED,
     "a,b"},
    {"open what is seal-only",
     SEALED SEAL_ONLY "SELECT envelope_key_open('pii');"
                      "UPDATE t SET c = envelope_seal('a', 'pii', 1);",
     OPEN_SEAL_ONLY OPENED, OPEN_SEAL_ONLY OPENED, "a"},
    {"destroy what is seal-only",
     SEALED SEAL_ONLY "SELECT envelope_key_open('pii');", END_SEAL_ONLY,
     END_SEAL_ONLY
     "SELECT count(*) || (SELECT envelope_open(c, id) FROM t) FROM"
     " envelope_keys",
     "1a"},
    {"create a subject", SEALED, "SELECT envelope_key_create('pii/1')",
     "SELECT envelope_key_create('pii/2');"
     " SELECT envelope_open(envelope_seal('b', 'pii/2'))",
     "b"},
    {"first seal for subjects", SUBJECTS,
     "INSERT INTO t SELECT i, envelope_seal('a', 'pii/' || i, i) FROM"
     " (SELECT 2 AS i UNION SELECT 3)",
     "DELETE FROM t WHERE id > 1;"
     " INSERT INTO t VALUES(4, envelope_seal('b', 'pii/2', 4)); " OPENED,
     "a,b"},
    {"open for subjects", SUBJECTS, OPENED, OPENED, "a"},
    {"destroy a subject",
     SUBJECTS "SELECT envelope_key_set_state('pii/1', 'disabled');",
     "SELECT envelope_key_destroy('pii/1', 'pii/1')",
     "INSERT INTO t VALUES(2, envelope_seal('b', 'pii/2', 2));"
     " SELECT envelope_open(c, 2) FROM t WHERE id = 2",
     "b"},
    {"rewrap a subject", SUBJECTS "SELECT envelope_key_rotate('pii');",
     "SELECT envelope_key_rewrap('pii/1')",
     "SELECT envelope_key_rewrap('pii/1'); " OPENED, "a"},
    {"settings", SEALED, "SELECT envelope_config('padding', 'on')", OPENED,
     "a"},
    {"a key that is used up", SEALED,
     "SELECT envelope_config('cache_uses', '1'), envelope_config('cache_ttl',"
     " '60s'); " OPENED "; SELECT envelope_rewrap(c) FROM t; " OPENED,
     OPENED, "a"},
    {"a key that is shared", SEALED,
     "SELECT envelope_config('cache_shared', 'on'); " OPENED
     "; SELECT envelope_config('cache_ttl', '60s'),"
     " envelope_config('cache_refresh', '59s'); " OPENED
     "; SELECT envelope_config('cache_shared', 'off')",
     OPENED, "a"},
    {"trust", SEALED,
     "SELECT envelope_config('cmks', ' keyring:t.db.keyring  keyring:x ');"
     "SELECT envelope_config('open_keys', 'pii  main:pay');"
     "SELECT envelope_config('pin', envelope_key_pin('pii'));"
     "SELECT envelope_config(); SELECT envelope_open(c, id) FROM t;"
     "SELECT envelope_config('cmks', ''), envelope_config('pin', '')",
     "SELECT envelope_config('pin', envelope_key_pin('pii')); " OPENED, "a"},
    {"create under providers of another file", "SELECT 1;",
     "SELECT envelope_key_create('pii', 'example:one', 'example://two')",
     "SELECT envelope_key_create('new', 'example:two', 'example:one');"
     " SELECT count(*) FROM envelope_keys WHERE name = 'new'",
     "1"},
    {"open under a provider of another file", FOREIGN, FOREIGN_ALLOWED OPENED,
     FOREIGN_ALLOWED OPENED, "a"},
    {"rewrap by a provider", FOREIGN "SELECT envelope_key_rotate('pii');",
     FOREIGN_ALLOWED "SELECT envelope_key_rewrap('pii')",
     FOREIGN_ALLOWED "SELECT envelope_key_rewrap('pii'); " OPENED, "a"},
    {"ask about CMKs", SEALED,
     "SELECT envelope_cmk_info('example:one'),"
     " envelope_cmk_info('keyring:t.db.keyring');"
     " SELECT envelope_cmk_create('example:fresh')",
     "SELECT length(envelope_cmk_info('example:two')) > 0", "1"},
    {"make a CMK of a keyring", SEALED,
     "SELECT envelope_cmk_create('keyring:t.db.keyring#b')", OPENED, "a"},
};

#endif
