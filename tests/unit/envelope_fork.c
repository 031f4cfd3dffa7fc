/* SPDX-License-Identifier: MIT
 *
 * envelope_fork.c: a forked child has no keys, and never repeats a DEK.
 *
 * The first 32 bytes of C are a function of the DEK alone, so a repeated DEK
 * shows as a repeated commitment.
 */
#include "child.h"
#include "kit.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS 4000

static struct kit kit;

static void child_has_no_keys(void *arg, void *out, size_t n)
{
    bool usable = false;

    (void)arg;
    (void)n;
    for (size_t s = 1; s < KIT_SUITES; s++) {
        usable =
            usable || ee_kek_usable(kit.kek[s]) || ee_kek_usable(kit.target[s]);
    }
    *(bool *)out = usable;
}

static void keks_stay_behind(void)
{
    bool usable = true;
    bool ended = child_ask(child_has_no_keys, NULL, &usable, sizeof usable);

    ok(ended && !usable, "a child that forked after the load has no KEK");
    ok(ee_kek_usable(kit.kek[1]) && ee_kek_usable(kit.kek[2]) &&
           !ee_kek_usable(NULL),
       "the parent keeps its own");
}

/* ---- sealing on both sides of a fork ---- */

/* The commitment of a fresh seal of always the same value. */
static void seal_same(uint8_t suite, struct ee_kek *kek, uint8_t *commitment)
{
    const struct ee_value value = ee_value_integer(5);
    uint8_t out[EE_OVERHEAD + 8];
    uint8_t buf[EE_CONTEXT_HEADROOM];
    struct ee_context c;

    ee_context_init(&c, buf, sizeof buf);
    if (ee_seal(&kit.engine, kek, out, &value, &c, 0, NULL) != EE_OK) {
        abort();
    }
    (void)suite;
    memcpy(commitment, out + EE_HEADER_BYTES + EE_WRAPPED_BYTES,
           EE_COMMIT_BYTES);
}

/* The child loads the KEK again, as a connection used after fork does. */
static void child_seals(uint8_t suite, uint8_t *commitment)
{
    struct ee_kek *kek = NULL;
    struct ee_error err;

    if (ee_kek_new(&kek, &kit.engine.ossl, ee_suite_by_id(suite), kit_kek_bytes,
                   kit_target_bytes, &err) != EE_OK) {
        _exit(1);
    }
    seal_same(suite, kek, commitment);
    ee_kek_free(kek);
}

static bool fork_and_seal(uint8_t suite, uint8_t *ours, uint8_t *theirs)
{
    int status = -1;
    const pid_t pid = fork();

    if (pid == 0) {
        child_seals(suite, theirs);
        _exit(0);
    }
    seal_same(suite, kit.kek[suite], ours);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, EE_COMMIT_BYTES);
}

static bool all_differ(uint8_t *list, size_t n)
{
    bool differ = true;

    qsort(list, n, EE_COMMIT_BYTES, compare);
    for (size_t i = 1; i < n; i++) {
        differ = differ && compare(list + i * EE_COMMIT_BYTES,
                                   list + (i - 1) * EE_COMMIT_BYTES) != 0;
    }
    return differ;
}

static void no_dek_repeats(uint8_t suite)
{
    const size_t forks = scaled(FORKS / 2);
    const size_t size = 2 * forks * EE_COMMIT_BYTES;
    uint8_t *list = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool ended = list != MAP_FAILED;

    for (size_t i = 0; ended && i < forks; i++) {
        uint8_t *pair = list + 2 * i * EE_COMMIT_BYTES;

        ended = fork_and_seal(suite, pair, pair + EE_COMMIT_BYTES);
    }
    ok(ended, "suite %d: %zu children seal after loading the KEK again", suite,
       forks);
    ok(ended && all_differ(list, 2 * forks),
       "suite %d: no DEK repeats, in the children or the parent", suite);
    if (list != MAP_FAILED) {
        (void)munmap(list, size);
    }
}

/* ---- what a child cannot open, the parent still can ---- */

static void child_opens(void *arg, void *out, size_t n)
{
    const struct ee_bytes *blob = arg;
    struct shape s = {.value = ee_value_integer(5)};
    struct kit fresh;
    bool equal = false;

    (void)n;
    kit_init(&fresh);
    *(bool *)out =
        kit_opens(&fresh, fresh.kek[1], *blob, &s, &equal) == EE_OK && equal;
    kit_clear(&fresh);
}

static void keys_loaded_again_open(void)
{
    struct shape s = {.suite = 1, .value = ee_value_integer(5)};
    struct ee_bytes blob = kit_seal(&kit, &s);
    bool opened = false;
    bool equal = false;

    ok(child_ask(child_opens, &blob, &opened, sizeof opened) && opened,
       "a child that loads its keys opens what the parent sealed");
    ok(kit_opens(&kit, kit.kek[1], blob, &s, &equal) == EE_OK && equal,
       "and so does the parent after that");
    free((void *)blob.p);
}

int main(void)
{
    kit_init(&kit);
    keks_stay_behind();
    keys_loaded_again_open();
    no_dek_repeats(1);
    no_dek_repeats(2);
    kit_clear(&kit);
    return done();
}
