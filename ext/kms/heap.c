/* SPDX-License-Identifier: MIT
 *
 * heap.c: malloc() and a free() that wipes.
 *
 * The application may use the same libcurl and jansson. So what is allocated
 * here is an ordinary piece of the C library's heap, whose length the library
 * tells: the application may free() it, and what it allocated before can be
 * freed here. An application that gave them a heap of its own keeps it.
 */
#include "kms/heap.h"

#include "base/secret.h"
#include "kms/fail.h"

#include <curl/curl.h>
#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_ulong failures;
static CURLcode curl_ready = CURLE_FAILED_INIT;

static void *plain_new(size_t n)
{
    void *p = malloc(n > 0 ? n : 1); /* lint: malloc, the module's one heap */

    if (p == NULL) {
        failures++;
    }
    return p;
}

void *ee_kms_new(size_t n)
{
    void *p = plain_new(n);

    if (p != NULL) {
        memset(p, 0, n);
    }
    return p;
}

unsigned long ee_kms_heap_failures(void)
{
    return failures;
}

void ee_kms_free(void *p)
{
    if (p != NULL) {
        ee_wipe(p, malloc_usable_size(p));
        free(p); /* lint: free, after it was wiped */
    }
}

static void *curl_zeroed(size_t count, size_t size)
{
    return size != 0 && count > SIZE_MAX / size ? NULL
                                                : ee_kms_new(count * size);
}

/* realloc() would leave the old bytes behind when it moves them. */
static void *curl_resized(void *old, size_t n)
{
    const size_t had = old != NULL ? malloc_usable_size(old) : 0;
    void *p = plain_new(n);

    if (p != NULL && old != NULL) {
        memcpy(p, old, had < n ? had : n);
        ee_kms_free(old);
    }
    return p;
}

static char *curl_copied(const char *text)
{
    const size_t n = strlen(text) + 1;
    char *p = plain_new(n);

    if (p != NULL) {
        memcpy(p, text, n);
    }
    return p;
}

static void set_up(void)
{
    json_malloc_t json_new = NULL;
    json_free_t json_free = NULL;

    curl_ready =
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, plain_new, ee_kms_free,
                             curl_resized, curl_copied, curl_zeroed);
    json_get_alloc_funcs(&json_new, &json_free);
    /* lint: malloc, free: compared, not called */
    if (json_new == malloc && json_free == free) {
        json_set_alloc_funcs(plain_new, ee_kms_free);
    }
}

int ee_kms_libraries(struct envelope_call *call)
{
    if (pthread_once(&once, set_up) != 0 || curl_ready != CURLE_OK) {
        return ee_kms_fail(call, ENVELOPE_NOMEM, "libcurl cannot start");
    }
    return ENVELOPE_OK;
}
