/* SPDX-License-Identifier: MIT
 *
 * fake.h: a call to a provider with a clock, a die and a network that a test
 * decides about.
 */
#ifndef TESTS_UNIT_FAKE_H
#define TESTS_UNIT_FAKE_H

#include "envelope_provider.h"

#include <stdbool.h>

#define FAKE_REQUESTS 32

/* What comes of one exchange. */
struct fake_reply {
    int result; /* ENVELOPE_OK: the rest is the reply */
    int status;
    const char *body;       /* NULL: empty */
    int64_t retry_after_ms; /* 0: not said */
};

struct fake_request {
    char method[8];
    char url[256];
    char headers[1024]; /* a line for each */
    char body[4096];
};

struct fake {
    struct envelope_call call; /* its transport is this */
    struct envelope_transport transport;
    int64_t now_ms;
    int64_t step_ms;  /* each look at the clock takes so long */
    uint32_t die;     /* all that random() throws */
    int interrupt_in; /* looks until it is; 0: never */
    const struct fake_reply *script;
    size_t script_n;
    size_t sent;     /* requests; the last reply is repeated */
    size_t released; /* replies */
    struct fake_request seen[FAKE_REQUESTS];
};

/* At 1000 ms, with a deadline in 5 s. script is borrowed. */
void fake_init(struct fake *f, const struct fake_reply *script, size_t n);

/* Another script, with nothing seen yet. */
void fake_script(struct fake *f, const struct fake_reply *script, size_t n);

#endif
