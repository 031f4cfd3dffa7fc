/* SPDX-License-Identifier: MIT
 *
 * pem_eval.c: wraps and unwraps under PEM files, as it is asked on standard
 * input, one line each, so that tests in Python can compare.
 *
 *     wrap PATH CONTEXT PAYLOAD       prints the wrap
 *     unwrap PATH CONTEXT WRAPPED     prints the payload, or the error's code
 *
 * Bytes are hexadecimal, `-` when there are none; PATH has no blanks.
 */
#include "base/text.h"
#include "provider/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void stop(const char *why)
{
    (void)fprintf(stderr, "pem_eval: %s\n", why);
    exit(2);
}

static struct ee_bytes unhex(uint8_t *out, size_t size, const char *word)
{
    const size_t n = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;

    if (n > size || (n > 0 && !ee_unhex(out, n, word, strlen(word)))) {
        stop("not hexadecimal");
    }
    return ee_bytes(out, n);
}

static void print(const uint8_t *p, size_t n)
{
    static char text[2 * EE_CMK_WRAPPED_MAX + 1];

    ee_hex(text, ee_bytes(p, n));
    (void)printf("%s\n", text);
}

static void run(const char *verb, const char *path, const char *context_word,
                const char *input_word)
{
    static struct ee_providers providers; /* none but those built in */
    static uint8_t context_bytes[1024];
    static uint8_t input_bytes[EE_CMK_WRAPPED_MAX];
    static uint8_t out[EE_CMK_WRAPPED_MAX];
    const struct ee_provider_env env = {.base_dir = NULL};
    const struct ee_bytes context =
        unhex(context_bytes, sizeof context_bytes, context_word);
    const struct ee_bytes input =
        unhex(input_bytes, sizeof input_bytes, input_word);
    struct ee_provider *p = NULL;
    struct ee_cmk_uri uri;
    struct ee_error err;
    char text[EE_CMK_URI_MAX];
    size_t n = EE_PAYLOAD_BYTES;
    int rc = EE_OK;

    (void)snprintf(text, sizeof text, "pem:%s", path);
    if (ee_cmk_uri_parse(&uri, text, &err) != EE_OK ||
        ee_provider_open(&p, &providers, &uri, &env, &err) != EE_OK) {
        stop(err.msg);
    }
    if (strcmp(verb, "wrap") == 0 && input.n == EE_PAYLOAD_BYTES) {
        rc = ee_provider_wrap(p, out, &n, input.p, context, &err);
    } else if (strcmp(verb, "unwrap") == 0) {
        rc = ee_provider_unwrap(p, out, input, context, &err);
    } else {
        stop("not understood");
    }
    if (rc == EE_OK) {
        print(out, n);
    } else {
        (void)printf("error %d\n", rc);
    }
    ee_provider_close(p);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        char *words[4];
        char *rest = line;

        for (size_t i = 0; i < 4; i++) {
            words[i] = strtok_r(NULL, " \n", &rest);
            if (words[i] == NULL) {
                stop("not understood");
            }
        }
        run(words[0], words[1], words[2], words[3]);
    }
    free(line);
    return 0;
}
