-- What envelope_key_set_policy() keeps for a key name, made with the first of
-- them. FORMAT R37: the manifest's tag covers the row, so an edited, removed or
-- planted one is noticed when the key is next loaded.
CREATE TABLE IF NOT EXISTS main.envelope_key_policy(
  name         TEXT    NOT NULL PRIMARY KEY,
  rotate_after INTEGER NOT NULL CHECK(rotate_after >= 0), -- seconds, 0: never
  min_version  INTEGER NOT NULL CHECK(min_version >= 0)   -- 0: all may open
) WITHOUT ROWID;
