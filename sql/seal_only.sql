-- Versions of keys that a session made which has the public half of a CMK only
-- (the setting seal_only), made by the first of them. FORMAT section 13. The KEK
-- is gone when that session is: only the CMK's private half opens it again.
CREATE TABLE IF NOT EXISTS main.envelope_seal_only(
  key_id      BLOB    NOT NULL PRIMARY KEY CHECK(length(key_id) = 8),
  name        TEXT    NOT NULL,
  suite       INTEGER NOT NULL,
  created     INTEGER NOT NULL, -- seconds since 1970
  fingerprint BLOB    NOT NULL CHECK(length(fingerprint) = 32),
  tag1        BLOB    NOT NULL CHECK(length(tag1) = 32),
  state       TEXT    NOT NULL CHECK(state IN ('active', 'decrypt-only', 'disabled')),
  cmk         TEXT    NOT NULL, -- for people; the session says which is asked
  wrapped     BLOB    NOT NULL
) WITHOUT ROWID;
