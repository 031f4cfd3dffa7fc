-- Every SQL value comes back as it was: storage class, bits and bytes.
.load build/envelope

SELECT envelope_key_create('pii', 'keyring:app.keyring');
-- => <16 hex digits>
CREATE TABLE v(id INTEGER PRIMARY KEY, x);
INSERT INTO v(x) VALUES
  (42), (-9223372036854775808), (9223372036854775807), (0.1), (-1.5e-300), (1e999),
  ('ann'), (''), ('Ærøskøbing 北京'), (char(65, 0, 66)), (x''), (x'FE450101'),
  (NULL);
CREATE TABLE sealed AS SELECT id, envelope_seal(x, 'pii', 'v.x', id) AS x FROM v;
SELECT id, typeof(envelope_open(x, 'v.x', id)), quote(envelope_open(x, 'v.x', id))
  FROM sealed WHERE id NOT IN (10, 6);
-- => 1|integer|42
-- => 2|integer|-9223372036854775808
-- => 3|integer|9223372036854775807
-- => 4|real|0.1
-- => 5|real|-1.5e-300
-- => 7|text|'ann'
-- => 8|text|''
-- => 9|text|'Ærøskøbing 北京'
-- => 11|blob|X''
-- => 12|blob|X'FE450101'
-- => 13|null|NULL
SELECT count(*) FROM v JOIN sealed USING(id)
 WHERE v.x IS envelope_open(sealed.x, 'v.x', id)
   AND typeof(v.x) = typeof(envelope_open(sealed.x, 'v.x', id));
-- => 13

-- NULL is not sealed: it stays NULL, so IS NULL works on a sealed column.
SELECT envelope_seal(NULL, 'pii') IS NULL, envelope_open(NULL) IS NULL;
-- => 1|1

-- What is not an envelope is refused, and never passed through.
SELECT envelope_open('ann@example.org');
-- => Error: envelope_open: not an envelope: an envelope is a BLOB
SELECT envelope_open(x'00112233');
-- => Error: envelope_open: not an envelope: it does not start with fe45
SELECT envelope_open(substr(x, 1, 100), 'v.x', id) FROM sealed WHERE id = 7;
-- => Error: envelope_open: truncated envelope: 100 bytes are too few
SELECT envelope_is_sealed(x), envelope_is_sealed('ann'), envelope_is_sealed(NULL)
  FROM sealed WHERE id = 7;
-- => 1|0|0

-- Padding hides the exact length: in steps of 16 bytes, in larger ones above 256.
SELECT length(envelope_seal('ann', 'pii')), length(envelope_seal('anne', 'pii'));
-- => 113|114
SELECT envelope_config('padding', 'on');
-- => on
SELECT length(envelope_seal('ann', 'pii')), length(envelope_seal('anne', 'pii'));
-- => 125|125
SELECT envelope_open(envelope_seal('ann', 'pii'));
-- => ann
