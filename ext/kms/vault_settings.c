/* SPDX-License-Identifier: MIT
 *
 * vault_settings.c: reads the environment and the files that it names.
 */
#include "kms/vault_settings.h"

#include "base/secret_file.h"
#include "kms/fail.h"
#include "kms/heap.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE_MAX (64 * 1024)

static const char *variable(char *full, size_t size, const char *prefix,
                            const char *name)
{
    const char *value = NULL;

    (void)snprintf(full, size, "%s%s", prefix, name);
    value = secure_getenv(full);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

struct ee_vault_setting ee_vault_setting(const char *name)
{
    struct ee_vault_setting s = {.name = ""};

    s.value = variable(s.name, sizeof s.name, "BAO_", name);
    if (s.value == NULL) {
        s.value = variable(s.name, sizeof s.name, "VAULT_", name);
    }
    return s;
}

int ee_vault_read_file(struct ee_buffer *out, struct envelope_call *call,
                       const char *path, const char *what,
                       enum ee_vault_file rule)
{
    struct ee_error err = {0};
    char real[PATH_MAX];
    size_t n = 0;

    if (realpath(path, real) == NULL) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "cannot find the file of %s: %s", what,
                           strerror(errno));
    }
    if (ee_secret_file_read(out->w.p, out->w.left, &n, real, what,
                            rule == EE_VAULT_FILE_MOUNTED ? EE_FILE_PUBLIC
                                                          : EE_FILE_CREDENTIAL,
                            &err) != EE_OK) {
        ee_buffer_reset(out);
        return ee_kms_fail_as(call, &err);
    }
    if (n > 0 && out->w.p[n - 1] == '\n') {
        out->w.p[--n] = '\0';
    }
    if (n > 0 && out->w.p[n - 1] == '\r') {
        out->w.p[--n] = '\0';
    }
    (void)ee_write_room(&out->w, n);
    if (n == 0) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "the file of %s is empty", what);
    }
    return ENVELOPE_OK;
}

int ee_vault_read_secret(struct ee_buffer *out, struct envelope_call *call,
                         const char *name, bool *found)
{
    struct ee_vault_setting s = ee_vault_setting(name);
    char file[64];

    *found = true;
    if (s.value != NULL) {
        ee_buffer_put(out, s.value);
        return out->w.bad ? ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                                        "%s is too long", s.name)
                          : ENVELOPE_OK;
    }
    (void)snprintf(file, sizeof file, "%s_FILE", name);
    s = ee_vault_setting(file);
    if (s.value != NULL) {
        return ee_vault_read_file(out, call, s.value, s.name,
                                  EE_VAULT_FILE_SECRET);
    }
    *found = false;
    return ENVELOPE_OK;
}

/* prefix and value; NULL where there is no value. False: out of memory. */
static bool copy(char **out, const char *prefix, const char *value)
{
    const size_t n = value != NULL ? strlen(prefix) + strlen(value) + 1 : 0;

    *out = NULL;
    if (n == 0) {
        return true;
    }
    *out = ee_kms_new(n);
    if (*out != NULL) {
        (void)snprintf(*out, n, "%s%s", prefix, value);
    }
    return *out != NULL;
}

/* The private key is read here, and not by libcurl, since here it is seen who
 * else may read it. */
static int read_client_key(struct ee_vault_settings *s,
                           struct envelope_call *call)
{
    const struct ee_vault_setting key = ee_vault_setting("CLIENT_KEY");
    int rc = ENVELOPE_OK;

    if (s->cert_file == NULL) {
        return ENVELOPE_OK;
    }
    if (key.value == NULL) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "VAULT_CLIENT_CERT is set: set VAULT_CLIENT_KEY to "
                           "the file of its private key, too");
    }
    if (!ee_buffer_new(&s->key, KEY_FILE_MAX)) {
        return ENVELOPE_NOMEM;
    }
    rc = ee_vault_read_file(&s->key, call, key.value, key.name,
                            EE_VAULT_FILE_SECRET);
    s->tls.key = ee_bytes(s->key.text, s->key.w.used);
    return rc;
}

int ee_vault_settings_read(struct ee_vault_settings *s,
                           struct envelope_call *call)
{
    *s = (struct ee_vault_settings){.ca_file = NULL};
    if (!copy(&s->ca_file, "", ee_vault_setting("CACERT").value) ||
        !copy(&s->ca_dir, "", ee_vault_setting("CAPATH").value) ||
        !copy(&s->cert_file, "", ee_vault_setting("CLIENT_CERT").value) ||
        !copy(&s->namespace_header,
              "X-Vault-Namespace: ", ee_vault_setting("NAMESPACE").value)) {
        return ENVELOPE_NOMEM;
    }
    s->tls.ca_file = s->ca_file;
    s->tls.ca_dir = s->ca_dir;
    s->tls.cert_file = s->cert_file;
    return read_client_key(s, call);
}

void ee_vault_settings_free(struct ee_vault_settings *s)
{
    ee_kms_free(s->ca_file);
    ee_kms_free(s->ca_dir);
    ee_kms_free(s->cert_file);
    ee_kms_free(s->namespace_header);
    ee_buffer_free(&s->key);
    *s = (struct ee_vault_settings){.ca_file = NULL};
}
