-- A key for each person: sealing, searching, shredding one of them.
.load build/envelope
CREATE TABLE patient(id INTEGER PRIMARY KEY, email, note);
SELECT envelope_key_create('pii', 'keyring:app.keyring');
-- => <16 hex digits>

-- A key of a person is made when asked for ...
SELECT envelope_key_create('pii/7');
-- => <16 hex digits>
INSERT INTO patient(id, note) VALUES(7, envelope_seal('allergic', 'pii/7', 'note', 7));
INSERT INTO patient(id, note) VALUES(8, envelope_seal('asthma', 'pii/8', 'note', 8));
-- => Error: envelope_seal: no key pii/8 here; to make it: SELECT envelope_key_create('pii/8')

-- ... or, once that is allowed, at the first seal of a statement that writes.
SELECT envelope_key_create('pii/*');
-- => <16 hex digits>
INSERT INTO patient(id, note) VALUES(8, envelope_seal('asthma', 'pii/8', 'note', 8));
SELECT id, envelope_open(note, 'note', id) FROM patient;
-- => 7|allergic
-- => 8|asthma
SELECT envelope_seal('x', 'pii/9');
-- => Error: envelope_seal: no key pii/9 here, and it is made at the first seal only by a statement that writes to main, or after BEGIN IMMEDIATE; to make it now: SELECT envelope_key_create('pii/9')

-- A blind index is of the name: it finds rows of all persons.
UPDATE patient SET email = envelope_seal_indexed(
  'p' || id || '@example.org', 'pii/' || id, 'patient.email', id);
SELECT id FROM patient WHERE substr(email, 14, 16) =
  envelope_blind_index('p8@example.org', 'pii', 'patient.email');
-- => 8

-- Rotating pii touches no person's key. Rewrapping those moves them.
SELECT envelope_key_rotate('pii');
-- => <16 hex digits>
SELECT cmks, count(*) FROM envelope_keys WHERE name LIKE 'pii/%' GROUP BY 1;
-- => key:pii#1|3
SELECT sum(envelope_key_rewrap(name)) FROM envelope_keys WHERE cmks = 'key:pii#1';
-- => 3
SELECT id, envelope_open(note, 'note', id) FROM patient;
-- => 7|allergic
-- => 8|asthma

-- One person wants to be forgotten.
SELECT envelope_key_set_state('pii/7', 'disabled');
-- => disabled
SELECT envelope_key_destroy('pii/7', 'pii/7');
-- => destroyed
SELECT envelope_open(note, 'note', id) FROM patient WHERE id = 7;
-- => Error: envelope_open: key pii/7 version 1 was destroyed: what is sealed under it cannot be opened any more
INSERT INTO patient(id, note) VALUES(70, envelope_seal('x', 'pii/7', 'note', 70));
-- => Error: envelope_seal: key pii/7 version 1 was destroyed: what is sealed under it cannot be opened any more
SELECT envelope_open(note, 'note', id) FROM patient WHERE id = 8;
-- => asthma
