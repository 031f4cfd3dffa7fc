-- Search a sealed column by equality, and keep it UNIQUE.
.load build/envelope

SELECT envelope_key_create('pii', 'keyring:app.keyring');
-- => <16 hex digits>
CREATE TABLE Customer(CustomerId INTEGER PRIMARY KEY, Email);

-- The index lies at bytes 14 to 29 of the envelope. Write the expression just
-- so, in the index and in the query; SQLite compares the text.
CREATE UNIQUE INDEX Customer_Email ON Customer(substr(Email, 14, 16));

-- The third argument is the scope: a search must name it again. It is the
-- first part of the context as well.
INSERT INTO Customer VALUES
  (1, envelope_seal_indexed(lower('Ann@example.org'), 'pii', 'Customer.Email', 1)),
  (2, envelope_seal_indexed(lower('Bob@example.org'), 'pii', 'Customer.Email', 2)),
  (3, envelope_seal_indexed(NULL, 'pii', 'Customer.Email', 3));

-- Search. Say what equal means before sealing: here, in lower case.
SELECT CustomerId, envelope_open(Email, 'Customer.Email', CustomerId)
  FROM Customer
 WHERE substr(Email, 14, 16) =
       envelope_blind_index(lower('ANN@example.org'), 'pii', 'Customer.Email');
-- => 1|ann@example.org

EXPLAIN QUERY PLAN
SELECT CustomerId FROM Customer
 WHERE substr(Email, 14, 16) =
       envelope_blind_index('ann@example.org', 'pii', 'Customer.Email');
-- => QUERY PLAN
-- => `--SEARCH Customer USING INDEX Customer_Email (<expr>=?)

-- UNIQUE and UPSERT work on the index.
INSERT INTO Customer VALUES
  (4, envelope_seal_indexed('ann@example.org', 'pii', 'Customer.Email', 4));
-- => Error: UNIQUE constraint failed: index 'Customer_Email'
INSERT INTO Customer VALUES
  (4, envelope_seal_indexed('ann@example.org', 'pii', 'Customer.Email', 4))
ON CONFLICT(substr(Email, 14, 16)) DO NOTHING;
SELECT count(*) FROM Customer;
-- => 3

-- Rotation and rewrap keep the index: it belongs to the key's name.
SELECT envelope_key_rotate('pii');
-- => <16 hex digits>
UPDATE Customer SET Email = envelope_rewrap(Email) WHERE CustomerId = 1;
SELECT CustomerId FROM Customer
 WHERE substr(Email, 14, 16) =
       envelope_blind_index('ann@example.org', 'pii', 'Customer.Email');
-- => 1

-- Another scope, another index: columns cannot be joined by it.
SELECT envelope_blind_index('ann@example.org', 'pii', 'Customer.Email') =
       envelope_blind_index('ann@example.org', 'pii', 'Employee.Email');
-- => 0

-- The index is authenticated: a copied one is noticed when the row is opened.
UPDATE Customer SET Email =
  CAST(substr(Email, 1, 13) ||
       (SELECT substr(Email, 14, 16) FROM Customer WHERE CustomerId = 2) ||
       substr(Email, 30) AS BLOB)
 WHERE CustomerId = 1;
-- => Error: UNIQUE constraint failed: index 'Customer_Email'
DROP INDEX Customer_Email;
UPDATE Customer SET Email =
  CAST(substr(Email, 1, 13) ||
       (SELECT substr(Email, 14, 16) FROM Customer WHERE CustomerId = 2) ||
       substr(Email, 30) AS BLOB)
 WHERE CustomerId = 1;
SELECT envelope_open(Email, 'Customer.Email', CustomerId) FROM Customer
 WHERE CustomerId = 1;
-- => Error: envelope_open: authentication failed under key pii version 2: the envelope, its context or its key is not the one it was sealed with
