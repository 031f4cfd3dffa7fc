-- Seal a column, read it back, rotate its key, rewrap the column.
--
-- Run from the top of the repository, with ENVELOPE_KEYFILE set as in
-- README.md:   sqlite3 tour/app.db < sql/examples/tour.sql
-- The tests run it too, and compare what it prints with the lines `-- =>`.
.load build/envelope

CREATE TABLE Customer(
  CustomerId INTEGER PRIMARY KEY,
  Name       TEXT,
  Email,                        -- no declared type: envelopes are BLOBs
  Phone
);
INSERT INTO Customer VALUES
  (1, 'Luís Gonçalves',      'luisg@example.org',     '+55 12 555 0101'),
  (2, 'Leonie Köhler',       'leonekohler@example.org', NULL),
  (3, 'François Tremblay',   'ftremblay@example.org', '+1 514 555 0103'),
  (4, 'František Wichterlová', 'frantisek@example.org', '+420 2 555 0104');

-- A key. Its CMK is made in the keyring app.keyring beside the database.
SELECT envelope_key_create('pii', 'keyring:app.keyring');
-- => <16 hex digits>

-- Load the key before the transaction, so that nothing slow happens inside.
SELECT envelope_key_open('pii');
-- => <16 hex digits>
BEGIN;
UPDATE Customer SET
  Email = envelope_seal(Email, 'pii', 'Customer.Email', CustomerId),
  Phone = envelope_seal(Phone, 'pii', 'Customer.Phone', CustomerId);
COMMIT;

-- What is stored now is an envelope: 110 bytes more than the value.
SELECT CustomerId, typeof(Email), length(Email), typeof(Phone) FROM Customer;
-- => 1|blob|127|blob
-- => 2|blob|133|null
-- => 3|blob|131|blob
-- => 4|blob|131|blob

-- Read it back: the same context, and every value as it was.
SELECT CustomerId, envelope_open(Email, 'Customer.Email', CustomerId),
       envelope_open(Phone, 'Customer.Phone', CustomerId)
  FROM Customer;
-- => 1|luisg@example.org|+55 12 555 0101
-- => 2|leonekohler@example.org|
-- => 3|ftremblay@example.org|+1 514 555 0103
-- => 4|frantisek@example.org|+420 2 555 0104

-- Write one row, by the same function.
INSERT INTO Customer VALUES(5, 'Bjørn Hansen',
  envelope_seal('bjorn@example.org', 'pii', 'Customer.Email', 5),
  envelope_seal('+47 22 55 01 05', 'pii', 'Customer.Phone', 5));
SELECT envelope_open(Email, 'Customer.Email', CustomerId) FROM Customer
 WHERE CustomerId = 5;
-- => bjorn@example.org

-- A new key version. Old rows open as before.
SELECT envelope_key_rotate('pii');
-- => <16 hex digits>
SELECT count(envelope_open(Email, 'Customer.Email', CustomerId)) FROM Customer;
-- => 5

-- Rewrap puts the rows under it: 56 bytes a row change, the data does not.
UPDATE Customer SET Email = envelope_rewrap(Email), Phone = envelope_rewrap(Phone);
SELECT k.version, k.state, count(c.CustomerId) AS rows
  FROM envelope_keys k
  LEFT JOIN Customer c ON envelope_key_id(c.Email) = k.key_id
 GROUP BY k.key_id ORDER BY k.version;
-- => 1|decrypt-only|0
-- => 2|active|5
