-- Rotate a key, rewrap in batches, then switch the old version off.
.load build/envelope

SELECT envelope_key_create('pii', 'keyring:app.keyring');
-- => <16 hex digits>
CREATE TABLE Visit(VisitId INTEGER PRIMARY KEY, Diagnosis);
WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO Visit
SELECT i, envelope_seal('diagnosis ' || i, 'pii', 'Visit.Diagnosis', i) FROM n;

-- A rotation that is rolled back did not happen, in the cache neither.
BEGIN;
SELECT envelope_key_rotate('pii');
-- => <16 hex digits>
ROLLBACK;
SELECT version, state, current FROM envelope_keys;
-- => 1|active|1

SELECT envelope_key_rotate('pii');
-- => <16 hex digits>
SELECT version, state, current FROM envelope_keys ORDER BY version;
-- => 1|decrypt-only|0
-- => 2|active|1

-- New values go under version 2; the 1000 old ones still open.
INSERT INTO Visit
VALUES(1001, envelope_seal('diagnosis 1001', 'pii', 'Visit.Diagnosis', 1001));
SELECT count(envelope_open(Diagnosis, 'Visit.Diagnosis', VisitId)) FROM Visit;
-- => 1001
SELECT k.name, k.version, count(*) AS rows
  FROM Visit v JOIN envelope_keys k ON k.key_id = envelope_key_id(v.Diagnosis)
 GROUP BY k.key_id ORDER BY k.version;
-- => pii|1|1000
-- => pii|2|1

-- Rewrap in batches, each a short transaction. Run it until it changes 0 rows:
-- it picks up where it stopped, after a crash as well.
UPDATE Visit SET Diagnosis = envelope_rewrap(Diagnosis)
 WHERE VisitId IN (
   SELECT VisitId FROM Visit
    WHERE envelope_key_id(Diagnosis) <>
          (SELECT key_id FROM envelope_keys WHERE name = 'pii' AND current)
    LIMIT 600);
SELECT changes();
-- => 600
UPDATE Visit SET Diagnosis = envelope_rewrap(Diagnosis)
 WHERE VisitId IN (
   SELECT VisitId FROM Visit
    WHERE envelope_key_id(Diagnosis) <>
          (SELECT key_id FROM envelope_keys WHERE name = 'pii' AND current)
    LIMIT 600);
SELECT changes();
-- => 400

-- Nothing is under version 1 any more; disable it.
SELECT envelope_key_set_state(key_id, 'disabled')
  FROM envelope_keys WHERE name = 'pii' AND version = 1;
-- => disabled
SELECT version, state FROM envelope_keys ORDER BY version;
-- => 1|disabled
-- => 2|active
SELECT count(envelope_open(Diagnosis, 'Visit.Diagnosis', VisitId)) FROM Visit;
-- => 1001

-- Rewrap changed the key id and the wrapped DEK, and not the sealed data. A
-- stolen DEK or KEK therefore still opens it: then seal again, with a new DEK.
UPDATE Visit SET Diagnosis =
  envelope_seal(envelope_open(Diagnosis, 'Visit.Diagnosis', VisitId),
                'pii', 'Visit.Diagnosis', VisitId)
 WHERE VisitId <= 10;
SELECT envelope_open(Diagnosis, 'Visit.Diagnosis', VisitId) FROM Visit
 WHERE VisitId = 10;
-- => diagnosis 10
