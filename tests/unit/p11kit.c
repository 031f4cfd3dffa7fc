/* SPDX-License-Identifier: MIT
 *
 * p11kit.c: SoftHSM by its own tools; time and randomness of this program.
 */
#include "p11kit.h"

#include "base/clock.h"
#include "crypto/pool.h"
#include "tap.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const struct envelope_provider *p11kit_provider;
struct p11kit_user p11kit_user;
struct p11kit_faults *p11kit_faults;
char p11kit_said[ENVELOPE_MESSAGE_MAX];
const uint8_t p11kit_payload[ENVELOPE_PAYLOAD_BYTES] =
    "kek-of-32-bytes-canary-0123456.name-secret-of-32-bytes-abcdefg.";

static char dir[200];

static void need(bool condition, const char *what)
{
    if (!condition) {
        (void)printf("Bail out! %s\n", what);
        exit(1);
    }
}

const char *p11kit_softhsm(void)
{
    static const char *const paths[] = {
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (access(paths[i], R_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

const char *p11kit_dir(void)
{
    return dir;
}

void p11kit_write(const char *name, const char *text, unsigned mode)
{
    char path[300];
    FILE *f = NULL;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    need(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0 &&
             chmod(path, (mode_t)mode) == 0,
         "cannot write a file");
}

void p11kit_add_token(const char *label)
{
    char command[500];

    (void)snprintf(command, sizeof command,
                   "softhsm2-util --init-token --free --label '%s' "
                   "--so-pin %s --pin %s > %s/log 2>&1",
                   label, P11KIT_SO_PIN, P11KIT_PIN, dir);
    need(system(command) == 0, "softhsm2-util fails");
}

void p11kit_token(const char *label)
{
    char text[600];

    (void)snprintf(dir, sizeof dir, "%s/ee-p11-XXXXXX",
                   getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    need(mkdtemp(dir) != NULL, "no folder");
    (void)snprintf(text, sizeof text, "%s/tokens", dir);
    need(mkdir(text, 0700) == 0, "no folder for tokens");
    (void)snprintf(text, sizeof text,
                   "directories.tokendir = %s/tokens\n"
                   "objectstore.backend = file\nlog.level = ERROR\n",
                   dir);
    p11kit_write("softhsm2.conf", text, 0600);
    (void)snprintf(text, sizeof text, "%s/softhsm2.conf", dir);
    (void)setenv("SOFTHSM2_CONF", text, 1);
    (void)setenv("ENVELOPE_PKCS11_MODULE", p11kit_softhsm(), 1);
    (void)setenv("ENVELOPE_PKCS11_PIN", P11KIT_PIN, 1);
    p11kit_add_token(label);
}

void p11kit_clear(void)
{
    char command[300];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    need(system(command) == 0, "cannot remove the folder");
}

bool p11kit_tool(const char *token, const char *arguments)
{
    char command[700];

    (void)snprintf(command, sizeof command,
                   "pkcs11-tool --module %s --token-label '%s' --login "
                   "--pin %s %s > %s/log 2>&1",
                   p11kit_softhsm(), token, P11KIT_PIN, arguments, dir);
    return system(command) == 0;
}

bool p11kit_rsa(const char *token, const char *label, const char *id, int bits)
{
    char arguments[200];

    (void)snprintf(arguments, sizeof arguments,
                   "--keypairgen --key-type rsa:%d --label '%s' --id %s", bits,
                   label, id);
    return p11kit_tool(token, arguments);
}

/* ---- faults ---- */

/* The folder of this program has the one of the module beside it. */
bool p11kit_load_faults(void)
{
    char path[4096] = {0};
    char *slash = NULL;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    void *module = NULL;

    slash = n > 0 ? strstr(path, "/tests/unit/") : NULL;
    if (slash == NULL) {
        return false;
    }
    (void)strcpy(slash, "/tests/providers/pkcs11_faults.so");
    module = dlopen(path, RTLD_NOW);
    p11kit_faults = module != NULL ? dlsym(module, "faults") : NULL;
    (void)setenv("EE_FAULTS_MODULE", p11kit_softhsm(), 1);
    (void)setenv("ENVELOPE_PKCS11_MODULE", path, 1);
    return p11kit_faults != NULL;
}

void p11kit_plan(const char *function, unsigned long rv, int times)
{
    (void)snprintf(p11kit_faults->function, sizeof p11kit_faults->function,
                   "%s", function);
    p11kit_faults->rv = rv;
    p11kit_faults->times = times;
}

void p11kit_hang(const char *function)
{
    (void)snprintf(p11kit_faults->hang, sizeof p11kit_faults->hang, "%s",
                   function);
    p11kit_faults->hanging = 1;
}

bool p11kit_come_back(bool (*is_stuck)(void))
{
    const struct timespec moment = {.tv_nsec = 5000000};

    p11kit_faults->hanging = 0;
    for (int i = 0; i < 2000 && is_stuck(); i++) {
        (void)nanosleep(&moment, NULL);
    }
    return !is_stuck() && p11kit_faults->inside == 0;
}

int64_t p11kit_within(int64_t ms)
{
    return scaled(100) < 5 ? 20 * ms : ms;
}

void p11kit_interrupt_soon(void)
{
    p11kit_user.interrupt_ms = ee_monotonic_ms() + 65;
}

void p11kit_calm(void)
{
    p11kit_user.timeout_ms = 0;
    p11kit_user.interrupt_ms = 0;
}

void p11kit_child_ends(void)
{
    (void)execl("/bin/true", "true", (char *)NULL);
}

/* ---- calls ---- */

static int interrupted(void *arg)
{
    struct p11kit_user *user = arg;

    user->looks++;
    return (user->interrupt_at != 0 && user->looks >= user->interrupt_at) ||
           (user->interrupt_ms != 0 && ee_monotonic_ms() >= user->interrupt_ms);
}

static int64_t now_ms(void *arg)
{
    const struct p11kit_user *user = arg;

    return ee_monotonic_ms() + (user->looks > 0 ? user->clock_skew_ms : 0);
}

static int64_t unix_seconds(void *arg)
{
    (void)arg;
    return 1764374400;
}

static int draw(void *arg, void *out, size_t n)
{
    (void)arg;
    ee_random(out, n);
    return 0;
}

struct envelope_call p11kit_call(void)
{
    const int64_t timeout =
        p11kit_user.timeout_ms != 0 ? p11kit_user.timeout_ms : 60000;

    p11kit_user.looks = 0;
    return (struct envelope_call){.size = sizeof(struct envelope_call),
                                  .deadline_ms = ee_monotonic_ms() + timeout,
                                  .arg = &p11kit_user,
                                  .interrupted = interrupted,
                                  .now_ms = now_ms,
                                  .unix_seconds = unix_seconds,
                                  .random = draw};
}

static int said(const struct envelope_call *call, int result)
{
    (void)snprintf(p11kit_said, sizeof p11kit_said, "%s", call->message);
    need((result == ENVELOPE_OK) == (call->message[0] == '\0'),
         "a result without a message, or a message without a failure");
    need(strstr(call->message, "canary") == NULL, "a message holds a secret");
    return result;
}

int p11kit_open(envelope_cmk **cmk, const char *uri)
{
    struct envelope_call call = p11kit_call();

    return said(&call, p11kit_provider->open(&call, uri, cmk));
}

envelope_cmk *p11kit_opened(const char *uri)
{
    envelope_cmk *cmk = NULL;

    if (p11kit_open(&cmk, uri) != ENVELOPE_OK) {
        note("%s: %s", uri, p11kit_said);
    }
    return cmk;
}

int p11kit_wrap(envelope_cmk *cmk, const void *payload, const char *context,
                uint8_t *wrapped, size_t *n)
{
    struct envelope_call call = p11kit_call();

    return said(&call, p11kit_provider->wrap(cmk, &call, payload,
                                             (const uint8_t *)context,
                                             strlen(context), wrapped, n));
}

int p11kit_unwrap(envelope_cmk *cmk, const uint8_t *wrapped, size_t n,
                  const char *context, uint8_t *payload)
{
    struct envelope_call call = p11kit_call();

    return said(&call, p11kit_provider->unwrap(cmk, &call, wrapped, n,
                                               (const uint8_t *)context,
                                               strlen(context), payload));
}

int p11kit_create(const char *uri)
{
    struct envelope_call call = p11kit_call();

    return said(&call, p11kit_provider->create(&call, uri));
}

int p11kit_state(envelope_cmk *cmk, int *state)
{
    struct envelope_call call = p11kit_call();

    return said(&call, p11kit_provider->state(cmk, &call, state));
}

void p11kit_close(envelope_cmk *cmk)
{
    p11kit_provider->close(cmk);
}

int p11kit_round_trip(envelope_cmk *cmk)
{
    uint8_t wrapped[ENVELOPE_WRAPPED_MAX];
    uint8_t payload[ENVELOPE_PAYLOAD_BYTES];
    size_t n = 0;
    int rc = p11kit_wrap(cmk, p11kit_payload, "context", wrapped, &n);

    if (rc == ENVELOPE_OK) {
        rc = p11kit_unwrap(cmk, wrapped, n, "context", payload);
    }
    need(rc != ENVELOPE_OK ||
             memcmp(payload, p11kit_payload, sizeof payload) == 0,
         "another payload came back");
    return rc;
}
