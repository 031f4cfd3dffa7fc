/* SPDX-License-Identifier: MIT
 *
 * kms_oom.c: vault: and aws-kms: while memory runs out.
 *
 * What fails is each allocation of the module, each call of libcurl that
 * allocates, and what jansson allocates. Each time: the call says out of
 * memory, or succeeds; nothing of the payload or the wrap is there after a
 * failure; nothing leaks; the same CMK works right after.
 */
#include "awskit.h"
#include "base/clock.h"
#include "fault/inject.h"
#include "fault/kms_answers.h"
#include "fault/kms_server.h"
#include "kms/aws_kms.h"
#include "kms/heap.h"
#include "kms/vault.h"
#include "tap.h"

#include <curl/curl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VAULT "vault://vault.example/transit/keys/"

/* ---- a network without one; its memory is the test's ---- */

static int busy; /* so many requests are refused first */

static int exchange(void *arg, struct envelope_call *call,
                    const struct envelope_http_request *request,
                    struct envelope_http_reply *reply)
{
    static char text[65536];
    const char *body = "";
    int n =
        snprintf(text, sizeof text, "%s %s\n", request->method, request->url);

    (void)arg;
    (void)call;
    for (size_t i = 0; request->headers[i] != NULL; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "%s\n",
                      request->headers[i]);
    }
    (void)snprintf(text + n, sizeof text - (size_t)n, "%.*s",
                   (int)request->body_bytes,
                   request->body != NULL ? (const char *)request->body : "");
    *reply = (struct envelope_http_reply){.size = sizeof *reply,
                                          .retry_after_ms = -1};
    if (busy > 0) {
        busy--;
        reply->status = 400;
        body = "{\"__type\":\"ThrottlingException\"}";
    } else {
        reply->status = kms_answers(text, &body);
    }
    inject_pause();
    reply->body = strdup(body);
    inject_resume();
    reply->body_bytes = strlen(body);
    return ENVELOPE_OK;
}

static void release(void *arg, struct envelope_http_reply *reply)
{
    (void)arg;
    inject_pause();
    free(reply->body);
    inject_resume();
    reply->body = NULL;
}

static const struct envelope_transport transport = {
    .size = sizeof transport, .exchange = exchange, .release = release};

static int64_t now_ms(void *arg)
{
    (void)arg;
    return ee_monotonic_ms();
}

static int64_t unix_seconds(void *arg)
{
    (void)arg;
    return (int64_t)time(NULL);
}

/* No jitter, so that nobody waits. */
static int zeros(void *arg, void *out, size_t n)
{
    (void)arg;
    memset(out, 0, n);
    return 0;
}

static struct envelope_call new_call(bool real)
{
    return (struct envelope_call){.size = sizeof(struct envelope_call),
                                  .deadline_ms = ee_monotonic_ms() + 20000,
                                  .now_ms = now_ms,
                                  .unix_seconds = unix_seconds,
                                  .random = zeros,
                                  .transport = real ? NULL : &transport};
}

/* ---- libcurl out of memory ---- */

CURL *__real_curl_easy_init(void);
CURLM *__real_curl_multi_init(void);
CURLMcode __real_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLU *__real_curl_url(void);
CURLUcode __real_curl_url_get(CURLU *url, CURLUPart what, char **out,
                              unsigned flags);
CURLUcode __real_curl_url_set(CURLU *url, CURLUPart what, const char *text,
                              unsigned flags);
struct curl_slist *__real_curl_slist_append(struct curl_slist *list,
                                            const char *text);
CURL *__wrap_curl_easy_init(void);
CURLM *__wrap_curl_multi_init(void);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLU *__wrap_curl_url(void);
CURLUcode __wrap_curl_url_get(CURLU *url, CURLUPart what, char **out,
                              unsigned flags);
CURLUcode __wrap_curl_url_set(CURLU *url, CURLUPart what, const char *text,
                              unsigned flags);
struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list,
                                            const char *text);

CURL *__wrap_curl_easy_init(void)
{
    return inject_must_fail() ? NULL : __real_curl_easy_init();
}

CURLM *__wrap_curl_multi_init(void)
{
    return inject_must_fail() ? NULL : __real_curl_multi_init();
}

CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    return inject_must_fail() ? CURLM_OUT_OF_MEMORY
                              : __real_curl_multi_add_handle(multi, easy);
}

CURLU *__wrap_curl_url(void)
{
    return inject_must_fail() ? NULL : __real_curl_url();
}

CURLUcode __wrap_curl_url_get(CURLU *url, CURLUPart what, char **out,
                              unsigned flags)
{
    return inject_must_fail() ? CURLUE_OUT_OF_MEMORY
                              : __real_curl_url_get(url, what, out, flags);
}

CURLUcode __wrap_curl_url_set(CURLU *url, CURLUPart what, const char *text,
                              unsigned flags)
{
    return inject_must_fail() ? CURLUE_OUT_OF_MEMORY
                              : __real_curl_url_set(url, what, text, flags);
}

struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list,
                                            const char *text)
{
    return inject_must_fail() ? NULL : __real_curl_slist_append(list, text);
}

/* ---- work ---- */

static const struct envelope_provider *const vault = &ee_vault_provider;
static const struct envelope_provider *const aws = &ee_aws_kms_provider;

typedef int operation(const struct envelope_provider *p, envelope_cmk *cmk,
                      struct envelope_call *call);

static bool is_all(const uint8_t *p, size_t n, int c)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != c) {
            return false;
        }
    }
    return true;
}

/* Is what was put out there when it should be, and only then? */
static int outcome(int rc, bool whole, bool nothing)
{
    if (rc == ENVELOPE_OK ? !whole : !nothing) {
        note("result %d, and what was put out is not", rc);
        return -1;
    }
    return rc;
}

static int wrap(const struct envelope_provider *p, envelope_cmk *cmk,
                struct envelope_call *call)
{
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
    uint8_t out[ENVELOPE_WRAPPED_MAX];
    size_t n = 0;
    int rc = 0;

    memset(payload, 'A', sizeof payload);
    rc = p->wrap(cmk, call, payload, (const uint8_t *)"ctx", 3, out, &n);
    return outcome(rc, n > 0, n == 0);
}

static int unwrap(const struct envelope_provider *p, envelope_cmk *cmk,
                  struct envelope_call *call)
{
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES] = {0};
    const int rc = p->unwrap(cmk, call, (const uint8_t *)WRAP, strlen(WRAP),
                             (const uint8_t *)"ctx", 3, payload);

    return outcome(rc, is_all(payload, sizeof payload, 'A'),
                   is_all(payload, sizeof payload, 0));
}

static int both(const struct envelope_provider *p, envelope_cmk *cmk,
                struct envelope_call *call)
{
    const int rc = wrap(p, cmk, call);

    return rc != ENVELOPE_OK ? rc : unwrap(p, cmk, call);
}

static int rewrap(const struct envelope_provider *p, envelope_cmk *cmk,
                  struct envelope_call *call)
{
    static uint8_t out[2][ENVELOPE_WRAPPED_MAX];
    struct envelope_item items[2];

    for (int i = 0; i < 2; i++) {
        items[i] = (struct envelope_item){.context = (const uint8_t *)"ctx",
                                          .context_bytes = 3,
                                          .old = (const uint8_t *)WRAP,
                                          .old_bytes = strlen(WRAP),
                                          .wrapped = out[i]};
    }
    return p->rewrap(cmk, call, items, 2);
}

static int rotate(const struct envelope_provider *p, envelope_cmk *cmk,
                  struct envelope_call *call)
{
    uint32_t version = 0;

    return p->rotate(cmk, call, &version);
}

static int state(const struct envelope_provider *p, envelope_cmk *cmk,
                 struct envelope_call *call)
{
    int now = ENVELOPE_CMK_UNKNOWN;
    const int rc = p->state(cmk, call, &now);

    return outcome(rc, now == ENVELOPE_CMK_ENABLED,
                   now == ENVELOPE_CMK_UNKNOWN);
}

static int describe(const struct envelope_provider *p, envelope_cmk *cmk,
                    struct envelope_call *call)
{
    char text[256] = "";
    const int rc = p->describe(cmk, call, text, sizeof text);

    return outcome(rc, text[0] != '\0', text[0] == '\0');
}

static int canonical(const struct envelope_provider *p, envelope_cmk *cmk,
                     struct envelope_call *call)
{
    char uri[ENVELOPE_URI_MAX] = "";
    const int rc = p->canonical(cmk, call, uri);

    return outcome(rc, strcmp(uri, "aws-kms://" KEY) == 0, uri[0] == '\0');
}

static int create(const struct envelope_provider *p, envelope_cmk *cmk,
                  struct envelope_call *call)
{
    (void)cmk;
    return p->create(call, VAULT "new");
}

struct scenario {
    const char *name;
    const struct envelope_provider *p;
    const char *uri;
    operation *op;
    void (*set_up)(void); /* the environment */
    int expect;           /* what comes of it when nothing fails */
    int busy;
    bool real; /* by libcurl */
};

static int once(const struct scenario *s, envelope_cmk *kept)
{
    struct envelope_call call = new_call(s->real);
    envelope_cmk *cmk = kept;
    int rc = ENVELOPE_OK;

    busy = s->busy;
    if (cmk == NULL) {
        rc = s->p->open(&call, s->uri, &cmk);
    }
    if (rc == ENVELOPE_OK) {
        rc = s->op(s->p, cmk, &call);
    }
    if (cmk != kept) {
        s->p->close(cmk);
    }
    if (rc != s->expect && rc != ENVELOPE_NOMEM) {
        note("%s: result %d: %s", s->name, rc, call.message);
    }
    return rc;
}

/* Under faults, then without. kept: a CMK that was opened before, or NULL. */
static long twice(const struct scenario *s, envelope_cmk *kept, long n,
                  bool for_ever)
{
    long failed = 0;
    int rc = 0;

    inject_start(n, for_ever);
    rc = once(s, kept);
    failed = inject_stop();
    if (rc != s->expect && (rc != ENVELOPE_NOMEM || failed == 0)) {
        return -1;
    }
    if (once(s, kept) != s->expect) {
        note("%s: afterwards", s->name);
        return -1;
    }
    return failed;
}

static long attempt(const void *arg, long n, bool for_ever)
{
    const struct scenario *s = arg;
    const long live = inject_live();
    const long failed = twice(s, NULL, n, for_ever);

    if (inject_live() != live) {
        note("%s: %ld leaks", s->name, inject_live() - live);
        return -1;
    }
    return failed;
}

static long attempt_kept(const void *arg, long n, bool for_ever)
{
    const struct scenario *s = arg;
    const long live = inject_live();
    struct envelope_call call = new_call(s->real);
    envelope_cmk *cmk = NULL;
    long failed = -1;

    if (s->p->open(&call, s->uri, &cmk) == ENVELOPE_OK) {
        failed = twice(s, cmk, n, for_ever);
    }
    s->p->close(cmk);
    if (inject_live() != live) {
        note("%s: %ld leaks", s->name, inject_live() - live);
        return -1;
    }
    return failed;
}

/* ---- where credentials come from ---- */

static char ca[256];
static char vault_uri[128];

static void vault_token(void)
{
    aws_set("VAULT_TOKEN", "s.given");
    aws_set("VAULT_CACERT", ca);
    aws_set("VAULT_NAMESPACE", "team");
}

static void vault_approle(void)
{
    aws_set("VAULT_ROLE_ID", "role");
    aws_set("VAULT_SECRET_ID", "secret");
    aws_set("VAULT_CAPATH", "/nowhere");
}

static void vault_kubernetes(void)
{
    aws_set("VAULT_KUBERNETES_ROLE", "role");
    aws_file("jwt", "ey.J.wt\n", 0600, "VAULT_KUBERNETES_JWT_FILE");
}

static void vault_cert(void)
{
    aws_set("VAULT_CLIENT_CERT", ca);
    aws_file("key", "a key\n", 0600, "VAULT_CLIENT_KEY");
}

static void vault_file(void)
{
    aws_file("vault-token", "s.file\n", 0600, "VAULT_TOKEN_FILE");
}

static void aws_keys(void)
{
    aws_set("AWS_ACCESS_KEY_ID", "AKIA");
    aws_set("AWS_SECRET_ACCESS_KEY", "secret");
    aws_set("AWS_SESSION_TOKEN", "tok");
    aws_set("AWS_CA_BUNDLE", ca);
}

static void aws_process(void)
{
    aws_file("config",
             "[default]\ncredential_process = printf '%s' '{\"Version\":1,"
             "\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"s\"}'\n",
             0600, "AWS_CONFIG_FILE");
}

static void aws_role(void)
{
    aws_file("config",
             "[default]\nrole_arn = arn:aws:iam::1:role/r\n"
             "source_profile = keys\n[profile keys]\n"
             "aws_access_key_id = AKIA\naws_secret_access_key = s\n",
             0600, "AWS_CONFIG_FILE");
}

static void aws_web(void)
{
    aws_file("web", "ey.J.wt\n", 0600, "AWS_WEB_IDENTITY_TOKEN_FILE");
    aws_set("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod");
}

static void aws_task(void)
{
    aws_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/task");
    aws_set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "tok");
}

static void aws_instance(void)
{
    aws_set("AWS_EC2_METADATA_DISABLED", "false");
}

static void clean(void)
{
    static const char *const names[] = {
        "VAULT_TOKEN",
        "VAULT_CACERT",
        "VAULT_NAMESPACE",
        "VAULT_ROLE_ID",
        "VAULT_SECRET_ID",
        "VAULT_CAPATH",
        "VAULT_CLIENT_CERT",
        "VAULT_CLIENT_KEY",
        "VAULT_TOKEN_FILE",
        "VAULT_KUBERNETES_ROLE",
        "VAULT_KUBERNETES_JWT_FILE",
    };

    aws_clean();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        aws_set(names[i], NULL);
    }
}

#define KMS   "aws-kms://" KEY
#define ALIAS "aws-kms://" ARN "alias/app"
#define OFF   "aws-kms://" ARN "key/99999999-cccc-dddd-eeee-ffff00001111"

static const struct scenario scenarios[] = {
    {"vault, a token: wrap", vault, VAULT "app", wrap, vault_token, 0, 0,
     false},
    {"vault, AppRole: unwrap", vault, VAULT "app", unwrap, vault_approle, 0, 0,
     false},
    {"vault, Kubernetes: wrap", vault, VAULT "app", wrap, vault_kubernetes, 0,
     0, false},
    {"vault, a certificate: wrap", vault, VAULT "app", wrap, vault_cert, 0, 0,
     false},
    {"vault, a token's file: unwrap", vault, VAULT "app", unwrap, vault_file, 0,
     0, false},
    {"vault: rewrap", vault, VAULT "app", rewrap, vault_token, 0, 0, false},
    {"vault: create", vault, VAULT "new", create, vault_token, 0, 0, false},
    {"vault: rotate", vault, VAULT "app", rotate, vault_token, 0, 0, false},
    {"vault: state", vault, VAULT "app", state, vault_token, 0, 0, false},
    {"vault: describe", vault, VAULT "app", describe, vault_token, 0, 0, false},
    {"vault: a key that is not there", vault, VAULT "gone", unwrap, vault_token,
     ENVELOPE_NOT_MINE, 0, false},
    {"vault: a version that may not be used", vault, VAULT "shut", wrap,
     vault_token, ENVELOPE_KEY_STATE, 0, false},
    {"aws-kms, keys: wrap", aws, KMS, wrap, aws_keys, 0, 0, false},
    {"aws-kms, a process: unwrap", aws, KMS, unwrap, aws_process, 0, 0, false},
    {"aws-kms, a role: wrap", aws, KMS, wrap, aws_role, 0, 0, false},
    {"aws-kms, a web identity: wrap", aws, KMS, wrap, aws_web, 0, 0, false},
    {"aws-kms, a container: unwrap", aws, KMS, unwrap, aws_task, 0, 0, false},
    {"aws-kms, an instance: wrap", aws, KMS, wrap, aws_instance, 0, 0, false},
    {"aws-kms: an alias", aws, ALIAS, wrap, aws_keys, 0, 0, false},
    {"aws-kms: what an alias means", aws, ALIAS, canonical, aws_keys, 0, 0,
     false},
    {"aws-kms: rewrap", aws, KMS, rewrap, aws_keys, 0, 0, false},
    {"aws-kms: rotate", aws, KMS, rotate, aws_keys, 0, 0, false},
    {"aws-kms: state", aws, KMS, state, aws_keys, 0, 0, false},
    {"aws-kms: a disabled key", aws, OFF, wrap, aws_keys, ENVELOPE_KEY_STATE, 0,
     false},
    {"aws-kms: throttled", aws, KMS, wrap, aws_keys, 0, 2, false},
    {"vault by TLS: wrap, unwrap", vault, vault_uri, both, vault_token, 0, 0,
     true},
    {"vault by TLS: rewrap", vault, vault_uri, rewrap, vault_approle, 0, 0,
     true},
    {"aws-kms by TLS: wrap, unwrap", aws, KMS, both, aws_keys, 0, 0, true},
};

static void run(const struct scenario *s, int port)
{
    char name[96];
    char endpoint[64];

    clean();
    aws_set("AWS_EC2_METADATA_DISABLED", "true");
    s->set_up();
    if (s->real) {
        aws_set("VAULT_CAPATH", NULL);
        aws_set("VAULT_CACERT", ca);
        (void)snprintf(endpoint, sizeof endpoint, "https://127.0.0.1:%d", port);
        aws_set("AWS_ENDPOINT_URL_KMS", endpoint);
    }
    if (once(s, NULL) != s->expect) { /* what is made once in a process */
        ok(0, "%s: without a fault", s->name);
        return;
    }
    inject_sweep(s->name, attempt, s);
    if (s->op != create) {
        (void)snprintf(name, sizeof name, "%s, open before", s->name);
        inject_sweep(name, attempt_kept, s);
    }
}

int main(int argc, char **argv)
{
    int port = 0;
    pid_t server = 0;

    /* the module puts its heap in the place of malloc() alone; here that has
     * another name */
    json_set_alloc_funcs(malloc, free);
    /* libcurl keeps the heap that an application has given it before */
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    aws_clean();
    (void)snprintf(ca, sizeof ca, "%s", aws_file("ca.pem", "", 0644, NULL));
    server = kms_server_start(&port, ca, kms_answers);
    (void)snprintf(vault_uri, sizeof vault_uri,
                   "vault://127.0.0.1:%d/transit/keys/app", port);
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (argc < 2 || strstr(scenarios[i].name, argv[1]) != NULL) {
            run(&scenarios[i], port);
        }
    }
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    return done();
}
