-- Keys live in the database file that uses them. With several files attached,
-- a key is found by name, or by 'schema:name', and an envelope by its key id.
.load build/envelope

SELECT envelope_key_create('pii', 'keyring:app.keyring');
-- => <16 hex digits>
CREATE TABLE Customer(CustomerId INTEGER PRIMARY KEY, Email);
INSERT INTO Customer
VALUES(1, envelope_seal('ann@example.org', 'pii', 'Customer.Email', 1));

-- A database for the archive, with a key of its own. Its keyring is looked
-- for beside the archive, not beside app.db.
ATTACH 'archive.db' AS archive;
SELECT envelope_key_create('archive:old', 'keyring:archive.keyring');
-- => <16 hex digits>
SELECT schema, name, cmks FROM envelope_keys ORDER BY schema;
-- => archive|old|keyring:archive.keyring
-- => main|pii|keyring:app.keyring

-- A name that only one of them has needs no schema.
CREATE TABLE archive.Customer(CustomerId INTEGER PRIMARY KEY, Email);
INSERT INTO archive.Customer
SELECT CustomerId, envelope_rewrap(Email, 'old') FROM main.Customer;
SELECT envelope_open(Email, 'Customer.Email', CustomerId) FROM archive.Customer;
-- => ann@example.org
SELECT json_extract(envelope_info(Email), '$.key') FROM archive.Customer;
-- => old

-- A name that both have is refused until it says which.
SELECT envelope_key_create('archive:pii', 'keyring:archive.keyring');
-- => <16 hex digits>
SELECT envelope_seal('x', 'pii');
-- => Error: envelope_seal: key name pii is ambiguous: say 'main:pii' or 'archive:pii'
SELECT envelope_open(envelope_seal('x', 'archive:pii'));
-- => x

-- Without the database that has the key, its envelopes do not open.
CREATE TEMP TABLE kept AS SELECT Email FROM archive.Customer;
DETACH archive;
SELECT envelope_open(Email, 'Customer.Email', 1) FROM kept;
-- => Error: envelope_open: key unavailable: no key <16 hex digits> in this database or the attached ones; ATTACH the database it was sealed in; a seal-only version that was destroyed leaves no row
