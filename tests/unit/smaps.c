/* SPDX-License-Identifier: MIT
 *
 * smaps.c: reads /proc/self/smaps, see proc_pid_smaps(5).
 */
#include "smaps.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool is_within(const char *line, uintptr_t at, bool *header)
{
    unsigned long start = 0;
    unsigned long end = 0;

    *header = sscanf(line, "%lx-%lx ", &start, &end) == 2;
    return *header && at >= start && at < end;
}

bool smaps_has(const void *p, const char *flag)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[4096];
    char word[8];
    bool inside = false;
    bool found = false;

    (void)snprintf(word, sizeof word, " %s ", flag);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        bool header = false;
        const bool here = is_within(line, (uintptr_t)p, &header);

        if (header) {
            inside = here;
        }
        if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            line[strcspn(line, "\n")] = ' ';
            found = strstr(line, word) != NULL;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}
