-- The key tables of one database, made by the first envelope_key_create().
-- FORMAT section 8 says how the tags are computed. None of it is secret. An edit
-- of a version or a manifest is noticed when the key is next used. A wrap proves
-- itself by what it opens to; that one was removed is not noticed.

-- One row a key version. key_id is what an envelope carries.
CREATE TABLE IF NOT EXISTS main.envelope_key(
  key_id      BLOB    NOT NULL PRIMARY KEY CHECK(length(key_id) = 8),
  name        TEXT    NOT NULL,
  version     INTEGER NOT NULL CHECK(version > 0),
  suite       INTEGER NOT NULL,
  state       TEXT    NOT NULL CHECK(state IN ('active', 'decrypt-only', 'disabled', 'destroyed')),
  created     INTEGER NOT NULL, -- seconds since 1970
  origin      TEXT    NOT NULL CHECK(origin IN ('local', 'imported')),
  fingerprint BLOB    NOT NULL CHECK(length(fingerprint) = 32),
  generation  INTEGER NOT NULL, -- the manifest's, when this row last changed
  tag1        BLOB    NOT NULL CHECK(length(tag1) = 32),
  tag2        BLOB    NOT NULL CHECK(length(tag2) = 32),
  UNIQUE(name, version)
) WITHOUT ROWID;

-- The KEK and its name's secret, wrapped under each CMK that can open them.
CREATE TABLE IF NOT EXISTS main.envelope_key_wrap(
  key_id   BLOB    NOT NULL,
  position INTEGER NOT NULL, -- in the order the CMKs were given
  cmk      TEXT    NOT NULL, -- the URI of the CMK
  wrapped  BLOB    NOT NULL, -- empty: not yet, its CMK could not be reached
  PRIMARY KEY(key_id, position)
) WITHOUT ROWID;

-- One row a key name: which version seals, and a tag over all its versions.
CREATE TABLE IF NOT EXISTS main.envelope_key_manifest(
  name       TEXT    NOT NULL PRIMARY KEY,
  generation INTEGER NOT NULL,
  current    INTEGER NOT NULL, -- version
  tag        BLOB    NOT NULL CHECK(length(tag) = 32)
) WITHOUT ROWID;
