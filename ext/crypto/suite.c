/* SPDX-License-Identifier: MIT
 *
 * suite.c: finds a suite (FORMAT R4).
 */
#include "crypto/suite.h"

#include <string.h>

static const struct ee_suite *const suites[] = {
    &ee_suite_aes,
    &ee_suite_chacha,
};

#define SUITE_COUNT (sizeof suites / sizeof suites[0])

const struct ee_suite *ee_suite_by_id(uint8_t id)
{
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (suites[i]->id == id) {
            return suites[i];
        }
    }
    return NULL;
}

const struct ee_suite *ee_suite_by_name(const char *name)
{
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (strcmp(suites[i]->name, name) == 0) {
            return suites[i];
        }
    }
    return NULL;
}
