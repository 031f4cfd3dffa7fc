-- Keys: several of them, several CMKs for one, states, settings.
.load build/envelope

-- Each CMK alone opens the key: the second one is for recovery.
SELECT envelope_key_create('pii', 'keyring:app.keyring',
                           'keyring:recovery.keyring#offsite');
-- => <16 hex digits>
SELECT name, version, state, current, suite, origin, generation, cmks
  FROM envelope_keys;
-- => pii|1|active|1|aes-256-gcm|local|1|keyring:app.keyring keyring:recovery.keyring#offsite

-- A name is used once, and a key is asked for by name.
SELECT envelope_key_create('pii', 'keyring:app.keyring');
-- => Error: envelope_key_create: key pii exists; for a new version: SELECT envelope_key_rotate('pii')
SELECT envelope_seal('x', 'pay');
-- => Error: envelope_seal: no key of that name here (the value comes first, then the key); SELECT name FROM temp.envelope_keys lists the keys, SELECT envelope_key_create('pii') makes one

-- Without a URI: $ENVELOPE_CMK, else a keyring beside the database file.
SELECT envelope_key_create('pay');
-- => <16 hex digits>
SELECT name, cmks FROM envelope_keys WHERE name = 'pay';
-- => pay|keyring:app.db.keyring

-- A key of the other suite, for machines without AES instructions.
SELECT envelope_config('suite', 'chacha20-poly1305');
-- => chacha20-poly1305
SELECT envelope_key_create('log', 'keyring:app.keyring');
-- => <16 hex digits>
SELECT name, suite FROM envelope_keys ORDER BY name;
-- => log|chacha20-poly1305
-- => pay|aes-256-gcm
-- => pii|aes-256-gcm
SELECT envelope_rewrap(envelope_seal('x', 'pii'), 'log');
-- => Error: envelope_rewrap: key log version 1 has suite chacha20-poly1305, this envelope has suite aes-256-gcm: open it and seal it again

-- Rewrap moves a value to another key of the same suite.
CREATE TABLE t(id INTEGER PRIMARY KEY, v);
INSERT INTO t VALUES(1, envelope_seal('x', 'pii'));
UPDATE t SET v = envelope_rewrap(v, 'pay');
SELECT json_extract(envelope_info(v), '$.key'), envelope_open(v) FROM t;
-- => pay|x

-- States. 'decrypt-only' opens and does not seal; 'disabled' does neither.
SELECT envelope_key_set_state('pay', 'decrypt-only');
-- => decrypt-only
SELECT envelope_open(v) FROM t;
-- => x
SELECT envelope_seal('y', 'pay');
-- => Error: envelope_seal: key pay version 1 is decrypt-only and does not seal; to use it again: SELECT envelope_key_set_state('pay', 'active')
SELECT envelope_key_set_state('pay', 'disabled');
-- => disabled
SELECT envelope_open(v) FROM t;
-- => Error: envelope_open: key pay version 1 is disabled; to use it again: SELECT envelope_key_set_state('pay', 'active')
SELECT envelope_key_set_state('pay', 'active');
-- => active
SELECT envelope_open(v) FROM t;
-- => x
SELECT envelope_key_set_state('pay', 'gone');
-- => Error: envelope_key_set_state: a key state is 'active', 'decrypt-only' or 'disabled'; to destroy a key: SELECT envelope_key_destroy(name, name)

-- The key tables are authenticated. An edited row is noticed.
SAVEPOINT attack;
UPDATE envelope_key SET state = 'disabled' WHERE name = 'pii';
SELECT envelope_seal('x', 'pii');
-- => Error: envelope_seal: key pii version 1: its record in main.envelope_key was altered, so the key is not used; restore the key tables from a backup
ROLLBACK TO attack;
RELEASE attack;
SELECT envelope_open(envelope_seal('x', 'pii'));
-- => x

-- A keyring call inside a write transaction holds the lock while it works.
-- 'refuse' makes that an error; envelope_key_open() before BEGIN avoids it.
.open app.db
.load build/envelope
SELECT envelope_config('provider_in_transaction', 'refuse');
-- => refuse
BEGIN IMMEDIATE;
INSERT INTO t VALUES(2, envelope_seal('y', 'pii'));
-- => Error: envelope_seal: key pii version 1 is not available: a key provider is not called inside a write transaction (provider_in_transaction is 'refuse'): SELECT envelope_key_open(…) before BEGIN, or for a seal-only version envelope_open() of one value
ROLLBACK;
SELECT envelope_key_open('pii');
-- => <16 hex digits>
BEGIN IMMEDIATE;
INSERT INTO t VALUES(2, envelope_seal('y', 'pii'));
COMMIT;
SELECT count(*) FROM t;
-- => 2

-- A new version of the CMK in the keyring. Keys made or rotated from now on
-- are wrapped under it; version 1 still unwraps the others.
SELECT envelope_cmk_rotate('keyring:app.keyring');
-- => 2
SELECT envelope_key_rotate('pii');
-- => <16 hex digits>
.open app.db
.load build/envelope
SELECT envelope_open(v) FROM t WHERE id = 2;
-- => y
