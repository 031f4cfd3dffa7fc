-- The context ties a value to its place. It is authenticated, not stored, and
-- open must be told it again.
.load build/envelope

SELECT envelope_key_create('pii', 'keyring:app.keyring');
-- => <16 hex digits>
CREATE TABLE Account(AccountId INTEGER PRIMARY KEY, Iban, Note);
INSERT INTO Account VALUES(1, 'DE02120300000000202051', 'mine');
INSERT INTO Account VALUES(2, 'FR1420041010050500013M02606', 'theirs');

-- Three parts: where the value lives, of which row, and the format of the app.
UPDATE Account SET
  Iban = envelope_seal(Iban, 'pii', 'Account.Iban', AccountId, 'v1'),
  Note = envelope_seal(Note, 'pii', 'Account.Note', AccountId, 'v1');
SELECT envelope_open(Iban, 'Account.Iban', AccountId, 'v1') FROM Account;
-- => DE02120300000000202051
-- => FR1420041010050500013M02606

-- Somebody who can write the file copies row 2's IBAN over row 1's.
SAVEPOINT attack;
UPDATE Account SET Iban = (SELECT Iban FROM Account WHERE AccountId = 2)
 WHERE AccountId = 1;
SELECT envelope_open(Iban, 'Account.Iban', AccountId, 'v1') FROM Account
 WHERE AccountId = 1;
-- => Error: envelope_open: authentication failed under key pii version 1: the envelope, its context or its key is not the one it was sealed with
ROLLBACK TO attack;

-- Or a note over the IBAN of the same row.
UPDATE Account SET Iban = Note WHERE AccountId = 1;
SELECT envelope_open(Iban, 'Account.Iban', AccountId, 'v1') FROM Account
 WHERE AccountId = 1;
-- => Error: envelope_open: authentication failed under key pii version 1: the envelope, its context or its key is not the one it was sealed with
ROLLBACK TO attack;
RELEASE attack;

-- Types and borders of the parts count: these are all different contexts.
CREATE TEMP TABLE c AS SELECT envelope_seal('x', 'pii', 'a', 1) AS e;
SELECT envelope_open(e, 'a', 1) FROM c;
-- => x
SELECT envelope_open(e, 'a', '1') FROM c;
-- => Error: envelope_open: authentication failed under key pii version 1: the envelope, its context or its key is not the one it was sealed with
SELECT envelope_open(e, 'a1') FROM c;
-- => Error: envelope_open: authentication failed under key pii version 1: the envelope, its context or its key is not the one it was sealed with
SELECT envelope_open(e, 1, 'a') FROM c;
-- => Error: envelope_open: authentication failed under key pii version 1: the envelope, its context or its key is not the one it was sealed with
SELECT envelope_open(e) FROM c;
-- => Error: envelope_open: authentication failed under key pii version 1: the envelope, its context or its key is not the one it was sealed with

-- A part may be NULL, which is not the same as no part.
SELECT envelope_open(envelope_seal('x', 'pii', NULL), NULL);
-- => x
SELECT envelope_open(envelope_seal('x', 'pii', NULL));
-- => Error: envelope_open: authentication failed under key pii version 1: the envelope, its context or its key is not the one it was sealed with

-- A value moved on purpose: open it with the old context, seal with the new.
UPDATE Account SET AccountId = 3,
  Iban = envelope_seal(envelope_open(Iban, 'Account.Iban', 1, 'v1'),
                       'pii', 'Account.Iban', 3, 'v1'),
  Note = envelope_seal(envelope_open(Note, 'Account.Note', 1, 'v1'),
                       'pii', 'Account.Note', 3, 'v1')
 WHERE AccountId = 1;
SELECT envelope_open(Iban, 'Account.Iban', AccountId, 'v1') FROM Account
 WHERE AccountId = 3;
-- => DE02120300000000202051
