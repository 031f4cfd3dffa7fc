/* SPDX-License-Identifier: MIT
 *
 * sql_text.h: the calls in a piece of SQL, as SQLite's tokenizer has it; or all
 * its words.
 */
#ifndef EE_SQLITE_SQL_TEXT_H
#define EE_SQLITE_SQL_TEXT_H

#include <stddef.h>

struct ee_sql_name {
    const char *p; /* in the text, without quotes; not ended by a NUL */
    size_t n;
};

/* The next name that an opening parenthesis follows, from *at on, which then
 * goes behind the name. Comments and strings have none. NULL in name->p: there
 * are no more. */
void ee_sql_next_call(const char **at, struct ee_sql_name *name);

/* Likewise, the next run of ASCII letters, digits and '_', wherever it is. */
void ee_sql_next_word(const char **at, struct ee_sql_name *word);

#endif
