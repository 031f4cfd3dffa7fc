/* SPDX-License-Identifier: MIT
 *
 * wipe.h: makes SQLite overwrite what it deletes, and looks for what is left.
 *
 * Deleted content stays in free space, in the WAL and in the journal until
 * something is written over it. What lies in files that were unlinked, in
 * backups and in copies is out of reach.
 */
#ifndef EE_DB_WIPE_H
#define EE_DB_WIPE_H

#include "base/bytes.h"
#include "db/sql.h"

/* Turns PRAGMA secure_delete on for a schema. *was: what to give back to
 * ee_secure_delete_restore(). */
int ee_secure_delete_on(sqlite3 *db, const char *schema, int *was,
                        struct ee_error *err) EE_CHECKED;
void ee_secure_delete_restore(sqlite3 *db, const char *schema, int was);

/* Moves the WAL into the database file and truncates it; nothing where there
 * is none. False when somebody reads or writes, or in a transaction. */
bool ee_wal_truncate(sqlite3 *db, const char *schema);

/* Bytes of the schema's database file; 0 in memory or when it cannot tell. */
int64_t ee_file_size(sqlite3 *db, const char *schema);

/* Does one of the needles stand anywhere in the schema's files: database, WAL,
 * journal? Needles have 1 to 1024 bytes. True also when a file could not be
 * read: what was not seen is not said to be gone. */
bool ee_residue_in_files(sqlite3 *db, const char *schema,
                         const struct ee_bytes *needles, size_t count);

#endif
