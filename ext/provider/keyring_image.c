/* SPDX-License-Identifier: MIT
 *
 * keyring_image.c: looks for CMKs in a keyring read into memory.
 */
#include "provider/keyring_image.h"

#include "db/sql.h"

#include <string.h>

const struct ee_cmk *ee_keyring_current(const struct ee_keyring_image *image,
                                        const char *name)
{
    const struct ee_cmk *found = NULL;

    for (size_t i = 0; i < image->count; i++) {
        const struct ee_cmk *cmk = &image->cmks[i];

        if (strcmp(cmk->name, name) == 0 &&
            (found == NULL || cmk->version > found->version)) {
            found = cmk;
        }
    }
    return found;
}

const struct ee_cmk *ee_keyring_find(const struct ee_keyring_image *image,
                                     const char *name, uint32_t version)
{
    for (size_t i = 0; i < image->count; i++) {
        const struct ee_cmk *cmk = &image->cmks[i];

        if (cmk->version == version && strcmp(cmk->name, name) == 0) {
            return cmk;
        }
    }
    return NULL;
}

void ee_keyring_image_clear(struct ee_keyring_image *image)
{
    sqlite3_free(image->cmks);
    memset(image, 0, sizeof *image);
}
