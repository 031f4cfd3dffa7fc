-- What envelope_key_set_policy() keeps for a key name, made with the first of
-- them. FORMAT R37: the manifest's tag covers the row, so an edited, removed or
-- planted one is noticed when the key is next loaded.
CREATE TABLE IF NOT EXISTS main.envelope_key_policy(
  name         TEXT    NOT NULL PRIMARY KEY,
  rotate_after INTEGER NOT NULL CHECK(rotate_after >= 0), -- seconds, 0: never
  min_version  INTEGER NOT NULL CHECK(min_version >= 0),  -- 0: all may open
  rotate_seals INTEGER NOT NULL CHECK(rotate_seals >= 0)  -- 0: not counted
) WITHOUT ROWID;

-- How many values were sealed under the current version of a key that has
-- rotate_seals. FORMAT R39: counted before they are sealed, some at a time.
CREATE TABLE IF NOT EXISTS main.envelope_key_seals(
  key_id   BLOB    NOT NULL PRIMARY KEY CHECK(length(key_id) = 8),
  reserved INTEGER NOT NULL CHECK(reserved >= 0),
  nonce    BLOB    NOT NULL CHECK(length(nonce) = 16),
  tag      BLOB    NOT NULL CHECK(length(tag) = 32)
) WITHOUT ROWID;
