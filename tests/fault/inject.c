/* SPDX-License-Identifier: MIT
 *
 * inject.c: counts, and fails.
 */
#include "fault/inject.h"

#include "unit/tap.h"

#include <stddef.h>
#include <stdlib.h>

/* the names that the linker gives, for X: __wrap_X is called, __real_X is X */
void *__real_malloc(size_t n);
void __real_free(void *p);
void *__real_ee_cell_new(void);
void __real_ee_cell_free(void *cell);
void *__real_ee_secret_pages_new(size_t n);
void __real_ee_secret_pages_free(void *pages, size_t n);
void *__wrap_malloc(size_t n);
void __wrap_free(void *p);
void *__wrap_ee_cell_new(void);
void __wrap_ee_cell_free(void *cell);
void *__wrap_ee_secret_pages_new(size_t n);
void __wrap_ee_secret_pages_free(void *pages, size_t n);

static struct {
    bool armed;
    bool paused;
    bool for_ever;
    long countdown;
    long failures;
    long live;
} fault;

void inject_start(long n, bool for_ever)
{
    fault.armed = true;
    fault.for_ever = for_ever;
    fault.countdown = n;
    fault.failures = 0;
}

long inject_stop(void)
{
    fault.armed = false;
    return fault.failures;
}

void inject_pause(void)
{
    fault.paused = true;
}

void inject_resume(void)
{
    fault.paused = false;
}

long inject_live(void)
{
    return fault.live;
}

bool inject_must_fail(void)
{
    if (!fault.armed || fault.paused) {
        return false;
    }
    if (fault.countdown > 1) {
        fault.countdown--;
        return false;
    }
    if (fault.countdown == 1 || fault.for_ever) {
        fault.countdown = 0;
        fault.failures++;
        return true;
    }
    return false;
}

static void *given(void *p)
{
    fault.live += p != NULL && !fault.paused;
    return p;
}

static void taken(const void *p)
{
    fault.live -= p != NULL && !fault.paused;
}

/* jansson 2.14 does not look whether its buffer for a token could grow, which
 * doubles: it overruns it then, or aborts
 * (github.com/akheron/jansson/issues/362). */
static bool is_spared(size_t n)
{
    return n >= 32 && n <= 4096 && (n & (n - 1)) == 0;
}

void *__wrap_malloc(size_t n)
{
    return !is_spared(n) && inject_must_fail() ? NULL : given(__real_malloc(n));
}

void __wrap_free(void *p)
{
    taken(p);
    __real_free(p);
}

void *__wrap_ee_cell_new(void)
{
    return inject_must_fail() ? NULL : given(__real_ee_cell_new());
}

void __wrap_ee_cell_free(void *cell)
{
    taken(cell);
    __real_ee_cell_free(cell);
}

void *__wrap_ee_secret_pages_new(size_t n)
{
    return inject_must_fail() ? NULL : given(__real_ee_secret_pages_new(n));
}

void __wrap_ee_secret_pages_free(void *pages, size_t n)
{
    taken(pages);
    __real_ee_secret_pages_free(pages, n);
}

static void sweep(const char *name, inject_attempt *attempt, const void *arg,
                  bool for_ever)
{
    const long step = scaled(10) < 10 ? 7 : 1;
    long failed = 1;
    long n = 1;

    while (failed > 0 && n < 100000) {
        failed = attempt(arg, n, for_ever);
        n += step;
    }
    if (failed < 0) {
        note("%s: allocation %ld", name, n - step);
    }
    ok(failed == 0, "%s: %ld allocations fail %s, nothing is lost", name,
       n - 1 - step, for_ever ? "for ever" : "once");
}

void inject_sweep(const char *name, inject_attempt *attempt, const void *arg)
{
    sweep(name, attempt, arg, false);
    sweep(name, attempt, arg, true);
}
