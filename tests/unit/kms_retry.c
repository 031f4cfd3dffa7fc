/* SPDX-License-Identifier: MIT
 *
 * kms_retry.c: what is asked again, how often, and after which wait.
 */
#include "fake.h"
#include "kms/retry.h"
#include "tap.h"

#include <poll.h>

static struct fake f;
static int longest_ms; /* without a look at the clock */

/* In libc's place: time passes while one waits, and only then. */
int poll(struct pollfd *fds, nfds_t n, int ms)
{
    (void)fds;
    (void)n;
    f.now_ms += ms;
    longest_ms = ms > longest_ms ? ms : longest_ms;
    return 0;
}

static int ask(bool harmless, struct envelope_http_reply *reply)
{
    static const char *const headers[] = {NULL};
    const struct envelope_http_request r = {.size = sizeof r,
                                            .method = "POST",
                                            .url = "https://kms.example/",
                                            .headers = headers};

    return ee_retry_exchange(&f.transport, &f.call, &r, ee_retry_by_status,
                             harmless, reply);
}

/* Plays a script; returns the result, and gives the last reply back. */
static int play(const struct fake_reply *script, size_t n, bool harmless,
                int *status)
{
    struct envelope_http_reply reply;
    int rc = 0;

    fake_init(&f, script, n);
    rc = ask(harmless, &reply);
    *status = rc == ENVELOPE_OK ? reply.status : 0;
    if (rc == ENVELOPE_OK) {
        f.transport.release(&f, &reply);
    }
    return rc;
}

static void attempts(void)
{
    static const struct fake_reply good[] = {{0, 200, "{}", 0}};
    static const struct fake_reply denied[] = {{0, 403, "{}", 0}};
    static const struct fake_reply passing[] = {
        {0, 500, "{}", 0}, {ENVELOPE_UNAVAILABLE, 0, NULL, 0}, {0, 200, "", 0}};
    static const struct fake_reply lasting[] = {{0, 503, "{}", 0}};
    static const struct fake_reply gone[] = {{ENVELOPE_UNAVAILABLE, 0, "", 0}};
    static const struct fake_reply wrong[] = {
        {ENVELOPE_CONFIGURATION, 0, "", 0}};
    int status = 0;

    ok(play(good, 1, true, &status) == 0 && status == 200 && f.sent == 1,
       "a good reply is taken");
    ok(play(denied, 1, true, &status) == 0 && status == 403 && f.sent == 1,
       "a denial is not asked again");
    ok(play(passing, 3, true, &status) == 0 && status == 200 && f.sent == 3,
       "passing trouble is asked again");
    ok(f.released == 2, "every reply is released, the last by who asked");
    ok(play(lasting, 1, true, &status) == 0 && status == 503 && f.sent == 4,
       "lasting trouble is asked four times, and its reply given back");
    ok(f.released == 4, "and every reply is released");
    ok(play(gone, 1, true, &status) == ENVELOPE_UNAVAILABLE && f.sent == 4,
       "who is not reached is tried four times");
    ok(play(wrong, 1, true, &status) == ENVELOPE_CONFIGURATION && f.sent == 1,
       "what a user must change is not tried again");
    ok(play(gone, 1, false, &status) == ENVELOPE_UNAVAILABLE && f.sent == 1,
       "what may have been done already is not done again");
    ok(play(lasting, 1, false, &status) == 0 && f.sent == 4,
       "but what the server says it did not do is");
}

static int64_t waited(const struct fake_reply *script, size_t n, uint32_t die)
{
    struct envelope_http_reply reply;
    int64_t start = 0;

    fake_init(&f, script, n);
    f.die = die;
    f.call.deadline_ms = 1000000;
    start = f.now_ms;
    if (ask(true, &reply) == ENVELOPE_OK) {
        f.transport.release(&f, &reply);
    }
    return f.now_ms - start;
}

static void waits(void)
{
    static const struct fake_reply lasting[] = {{0, 500, "", 0}};
    static const struct fake_reply limited[] = {{0, 429, "", 0}};
    static const struct fake_reply later[] = {{0, 503, "", 2000},
                                              {0, 200, "", 0}};
    /* of 101 possible waits the longest */
    const uint32_t most = 100 + 101 * 1000;
    int64_t ms = waited(lasting, 1, 0);

    ok(ms == 0, "a wait may be none at all: %lld ms", (long long)ms);
    ms = waited(lasting, 1, UINT32_MAX);
    ok(ms > 0 && ms <= 100 + 200 + 400,
       "and is at most the doubling one: %lld ms", (long long)ms);
    ms = waited(lasting, 1, most);
    ok(ms == 100 + most % 201 + most % 401, "it is what the die says: %lld ms",
       (long long)ms);
    ms = waited(limited, 1, most);
    ok(ms == most % 501 + most % 1001 + most % 2001,
       "too many requests are waited for longer: %lld ms", (long long)ms);
    ms = waited(later, 2, 0);
    ok(ms == 2000 && f.sent == 2,
       "the server's own time is waited for: %lld ms", (long long)ms);
    ms = waited(later, 2, UINT32_MAX);
    ok(ms >= 2000 && ms <= 2100, "and not much longer: %lld ms", (long long)ms);
    ok(longest_ms == 50, "an interrupt is looked for every %d ms", longest_ms);
}

static void ends(void)
{
    static const struct fake_reply late[] = {{0, 429, "", 5000}};
    static const struct fake_reply never[] = {{0, 429, "", 86400000}};
    static const struct fake_reply lasting[] = {{0, 429, "", 1000}};
    struct envelope_http_reply reply;
    int status = 0;
    int rc = 0;

    ok(play(never, 1, true, &status) == 0 && status == 429 && f.sent == 1 &&
           f.now_ms < 1100,
       "a wait beyond the deadline is not begun");
    ok(play(late, 1, true, &status) == 0 && f.sent == 1,
       "nor one that would end at it");
    fake_init(&f, lasting, 1);
    f.interrupt_in = 3;
    rc = ask(true, &reply);
    ok(rc == ENVELOPE_INTERRUPTED && f.sent == 1, "an interrupt ends a wait");
    ok(f.released == 1, "and the reply is released");
}

int main(void)
{
    attempts();
    waits();
    ends();
    return done();
}
