-- The keys of data subjects of one database ('pii/42'), made with the first of
-- them. FORMAT section 12 says what the record holds, and how one AEAD under
-- the parent key authenticates the whole row.

-- A rowid table, unlike the other key tables: rows are only ever appended, and
-- overwritten in place by a record of the same length, so a wrap lies in the
-- file once. In a WITHOUT ROWID table every split of a page leaves copies of
-- rows behind in its slack, which a destroyed key would live on in.
CREATE TABLE IF NOT EXISTS main.envelope_subject(
  id     INTEGER NOT NULL PRIMARY KEY,
  name   TEXT    NOT NULL UNIQUE,
  record BLOB    NOT NULL CHECK(length(record) = 97) -- its first 8 bytes: key id
);

CREATE UNIQUE INDEX IF NOT EXISTS main.envelope_subject_key_id
  ON envelope_subject(substr(record, 1, 8));
