/* SPDX-License-Identifier: MIT
 *
 * kms_request.c: URLs and headers that are refused before anybody is asked.
 */
#include "fake.h"
#include "kms/heap.h"
#include "kms/request.h"
#include "tap.h"

#include <string.h>

static struct fake f;

static int check(const char *url, const char *header, uint32_t flags,
                 struct ee_http_peer *peer)
{
    const char *const headers[] = {header, NULL};
    const struct envelope_http_request r = {.size = sizeof r,
                                            .method = "GET",
                                            .url = url,
                                            .headers = headers,
                                            .flags = flags};

    f.call.message[0] = '\0';
    return ee_request_check(&f.call, &r, peer);
}

static void urls(void)
{
    static const char *const good[] = {
        "https://kms.example/",   "https://kms.example:8200/v1/x",
        "https://127.0.0.1:1/",   "https://[::1]:8200/",
        "https://[2001:db8::1]/",
    };
    static const char *const bad[] = {
        "http://kms.example/",
        "http://127.0.0.1/",
        "HTTPS+x://kms.example/",
        "ftp://kms.example/",
        "file:///etc/passwd",
        "https://user@kms.example/",
        "https://user:pass@kms.example/",
        "https://:pass@kms.example/",
        "https://kms.example/#fragment",
        "https://",
        "kms.example",
        "",
        "https://kms.example:99999/",
        "https://kms example/",
        "https://[::1/",
    };
    struct ee_http_peer peer;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ok(check(good[i], "A: b", 0, &peer) == ENVELOPE_OK, "good: %s",
           good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ok(check(bad[i], "A: b", 0, &peer) == ENVELOPE_CONFIGURATION &&
               strlen(f.call.message) > 20 &&
               strstr(f.call.message, "pass@") == NULL,
           "refused: \"%s\"", bad[i]);
    }
    ok(check("https://kms.example/x", "A: b", 0, &peer) == ENVELOPE_OK &&
           strcmp(peer.shown, "kms.example:443") == 0,
       "messages name host and port: %s", peer.shown);
}

static void local(void)
{
    static const struct {
        const char *url;
        uint32_t flags; /* with which it is allowed */
    } good[] = {
        {"http://127.0.0.1/", EE_HTTP_LOCAL},
        {"http://127.1.2.3:99/", EE_HTTP_LOCAL},
        {"http://localhost:8080/", EE_HTTP_LOCAL},
        {"http://[::1]:80/", EE_HTTP_LOCAL},
        {"http://169.254.169.254/", ENVELOPE_HTTP_INSTANCE},
        {"http://[fd00:ec2::254]/", ENVELOPE_HTTP_INSTANCE},
        {"http://[fd00:ec2:0::0:254]/", ENVELOPE_HTTP_INSTANCE},
        {"http://169.254.170.2/v2", ENVELOPE_HTTP_CONTAINER},
        {"http://169.254.170.23/v1", ENVELOPE_HTTP_CONTAINER},
        {"http://[fd00:ec2::23]/", ENVELOPE_HTTP_CONTAINER},
    };
    static const char *const bad[] = {
        "http://kms.example/",      "http://128.0.0.1/",
        "http://169.253.1.1/",      "http://10.0.0.1/",
        "http://169.254.7.7/",      "http://169.254.169.253/",
        "http://169.254.170.3/",    "http://[fd00:ec2::24]/",
        "http://localhost.evil/",   "http://127.0.0.1.evil/",
        "http://[fd00:ec3::254]/",  "http://[::2]/",
        "http://[::ffff:8.8.8.8]/", "http://8.8.8.8/127.0.0.1",
        "http://127.0.0.1@evil/",
    };
    static const uint32_t flags[] = {0, ENVELOPE_HTTP_CONTAINER,
                                     ENVELOPE_HTTP_INSTANCE};
    struct ee_http_peer peer;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
            const int right = (good[i].flags & flags[k]) != 0
                                  ? ENVELOPE_OK
                                  : ENVELOPE_CONFIGURATION;

            ok(check(good[i].url, "A: b", flags[k], &peer) == right,
               "asked for as %u: %s", flags[k], good[i].url);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ok(check(bad[i], "A: b", EE_HTTP_LOCAL, &peer) ==
               ENVELOPE_CONFIGURATION,
           "not this machine's: %s", bad[i]);
    }
}

static void headers(void)
{
    static const char *const bad[] = {
        "X-Vault-Token: a\r\nX-Evil: 1",
        "X-Vault-Token: a\nb",
        "X-Vault-Token: a\rb",
        "X-Vault-Token: \x1b[31m",
        "X-Vault-Token: caf\xc3\xa9",
        "X-Vault-Token: a\tb",
        "X-Vault-Token:",
        "X-Vault-Token: ",
        "X-Vault-Token;",
        ": value",
        "X Vault: a",
        "",
    };
    struct ee_http_peer peer;

    ok(check("https://kms.example/", "X-Vault-Token: s.abc+/=", 0, &peer) ==
           ENVELOPE_OK,
       "a header");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ok(check("https://kms.example/", bad[i], 0, &peer) ==
                   ENVELOPE_CONFIGURATION &&
               strstr(f.call.message, "evil") == NULL,
           "refused: header %zu", i);
    }
}

int main(void)
{
    fake_init(&f, NULL, 0);
    ok(ee_kms_libraries(&f.call) == ENVELOPE_OK, "the libraries start");
    urls();
    local();
    headers();
    return done();
}
