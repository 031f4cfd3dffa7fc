/* SPDX-License-Identifier: MIT
 *
 * vault_auth.c: finds the method, and reads its secrets.
 */
#include "kms/vault_auth.h"

#include "kms/fail.h"
#include "kms/vault_request.h"
#include "kms/vault_settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_MAX 16384 /* a service account token has 1 to 2 KB */
#define POD_TOKEN  "/var/run/secrets/kubernetes.io/serviceaccount/token"

static const char *const names[] = {
    [EE_VAULT_NONE] = "none",       [EE_VAULT_TOKEN] = "token",
    [EE_VAULT_APPROLE] = "approle", [EE_VAULT_KUBERNETES] = "kubernetes",
    [EE_VAULT_CERT] = "cert",
};

const char *ee_vault_method_name(enum ee_vault_method method)
{
    return names[method];
}

static bool is_set(const char *name)
{
    return ee_vault_setting(name).value != NULL;
}

/* ~/.vault-token, where `vault login` puts it. False: there is none. */
static bool token_of_home(char *path, size_t size)
{
    const char *home = secure_getenv("HOME");
    const int n = home != NULL && home[0] == '/'
                      ? snprintf(path, size, "%s/.vault-token", home)
                      : 0;

    return n > 0 && (size_t)n < size && access(path, F_OK) == 0;
}

/* The first that is set. */
static enum ee_vault_method first_set(bool has_certificate)
{
    char path[PATH_MAX];

    if (is_set("TOKEN") || is_set("TOKEN_FILE")) {
        return EE_VAULT_TOKEN;
    }
    if (is_set("ROLE_ID") || is_set("ROLE_ID_FILE")) {
        return EE_VAULT_APPROLE;
    }
    if (is_set("KUBERNETES_ROLE")) {
        return EE_VAULT_KUBERNETES;
    }
    if (token_of_home(path, sizeof path)) {
        return EE_VAULT_TOKEN;
    }
    return has_certificate ? EE_VAULT_CERT : EE_VAULT_NONE;
}

static int choose(enum ee_vault_method *method, struct envelope_call *call,
                  bool has_certificate)
{
    const struct ee_vault_setting s = ee_vault_setting("AUTH_METHOD");

    *method = EE_VAULT_NONE;
    if (s.value == NULL) {
        *method = first_set(has_certificate);
        return ENVELOPE_OK;
    }
    for (int m = EE_VAULT_TOKEN; m <= EE_VAULT_CERT; m++) {
        if (strcmp(s.value, names[m]) == 0) {
            *method = (enum ee_vault_method)m;
            return ENVELOPE_OK;
        }
    }
    return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                       "%s must be token, approle, kubernetes or cert", s.name);
}

static int read_token(struct ee_vault_credential *c, struct envelope_call *call)
{
    char path[PATH_MAX];
    bool found = false;
    int rc = ee_vault_read_secret(&c->token, call, "TOKEN", &found);

    if (rc != ENVELOPE_OK || found) {
        return rc;
    }
    if (!token_of_home(path, sizeof path)) {
        return ee_kms_fail(call, ENVELOPE_DENIED,
                           "there is no Vault token: set VAULT_TOKEN or "
                           "VAULT_TOKEN_FILE, or run `vault login`");
    }
    return ee_vault_read_file(&c->token, call, path, "~/.vault-token",
                              EE_VAULT_FILE_SECRET);
}

static struct ee_bytes text_of(const struct ee_buffer *b)
{
    return ee_bytes(b->text, b->w.used);
}

/* A role may be made so that it needs no secret ID. */
static int read_approle(struct ee_vault_credential *c,
                        struct envelope_call *call)
{
    struct ee_buffer role = {0};   /* freed below, which wipes */
    struct ee_buffer secret = {0}; /* likewise */
    bool has_role = false;
    bool has_secret = false;
    int rc = ENVELOPE_NOMEM;

    if (!ee_buffer_new(&role, SECRET_MAX) ||
        !ee_buffer_new(&secret, SECRET_MAX)) {
        goto out;
    }
    rc = ee_vault_read_secret(&role, call, "ROLE_ID", &has_role);
    if (rc == ENVELOPE_OK) {
        rc = ee_vault_read_secret(&secret, call, "SECRET_ID", &has_secret);
    }
    if (rc == ENVELOPE_OK && !has_role) {
        rc = ee_kms_fail(call, ENVELOPE_DENIED,
                         "there is no AppRole: set VAULT_ROLE_ID and "
                         "VAULT_SECRET_ID, or their _FILEs");
    }
    if (rc == ENVELOPE_OK) {
        ee_vault_put_pairs(&c->body, "role_id", text_of(&role),
                           has_secret ? "secret_id" : NULL, text_of(&secret));
    }
out:
    ee_buffer_free(&role);
    ee_buffer_free(&secret);
    return rc;
}

static int read_kubernetes(struct ee_vault_credential *c,
                           struct envelope_call *call)
{
    const struct ee_vault_setting role = ee_vault_setting("KUBERNETES_ROLE");
    const struct ee_vault_setting file =
        ee_vault_setting("KUBERNETES_JWT_FILE");
    struct ee_buffer jwt = {0}; /* freed below, which wipes */
    int rc = ENVELOPE_NOMEM;

    if (role.value == NULL) {
        return ee_kms_fail(call, ENVELOPE_DENIED,
                           "set VAULT_KUBERNETES_ROLE to the role of Vault's "
                           "Kubernetes auth method");
    }
    if (ee_buffer_new(&jwt, SECRET_MAX)) {
        rc = ee_vault_read_file(
            &jwt, call, file.value != NULL ? file.value : POD_TOKEN,
            file.value != NULL ? file.name : POD_TOKEN, EE_VAULT_FILE_MOUNTED);
    }
    if (rc == ENVELOPE_OK) {
        ee_vault_put_pairs(&c->body, "role",
                           ee_bytes(role.value, strlen(role.value)), "jwt",
                           text_of(&jwt));
    }
    ee_buffer_free(&jwt);
    return rc;
}

/* The role is optional: Vault tries all that the certificate fits. */
static void read_cert(struct ee_vault_credential *c)
{
    const struct ee_vault_setting role = ee_vault_setting("CERT_ROLE");

    if (role.value == NULL) {
        ee_buffer_put(&c->body, "{}");
    } else {
        ee_vault_put_pairs(&c->body, "name",
                           ee_bytes(role.value, strlen(role.value)), NULL,
                           ee_bytes(NULL, 0));
    }
}

static bool is_mount(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/";

    return text[strspn(text, allowed)] == '\0' && text[0] != '/';
}

static int write_path(struct ee_vault_credential *c, struct envelope_call *call)
{
    const struct ee_vault_setting mount = ee_vault_setting("AUTH_MOUNT");
    const int n =
        snprintf(c->path, sizeof c->path, "auth/%s/login",
                 mount.value != NULL ? mount.value : names[c->method]);

    if (n < 0 || (size_t)n >= sizeof c->path ||
        (mount.value != NULL && !is_mount(mount.value))) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "%s is no path of an auth method: write it as "
                           "`vault auth list` shows it, without auth/",
                           mount.name);
    }
    return ENVELOPE_OK;
}

static int read_for(struct ee_vault_credential *c, struct envelope_call *call)
{
    switch (c->method) {
    case EE_VAULT_TOKEN:
        return read_token(c, call);
    case EE_VAULT_APPROLE:
        return read_approle(c, call);
    case EE_VAULT_KUBERNETES:
        return read_kubernetes(c, call);
    case EE_VAULT_CERT:
        read_cert(c);
        return ENVELOPE_OK;
    default:
        return ee_kms_fail(call, ENVELOPE_DENIED,
                           "there is no credential for Vault: set VAULT_TOKEN, "
                           "or VAULT_ROLE_ID and VAULT_SECRET_ID "
                           "(ext/provider/VAULT.md has the others)");
    }
}

int ee_vault_credential_read(struct ee_vault_credential *c,
                             struct envelope_call *call, bool has_certificate)
{
    int rc = ENVELOPE_OK;

    *c = (struct ee_vault_credential){.method = EE_VAULT_NONE};
    rc = choose(&c->method, call, has_certificate);
    if (rc == ENVELOPE_OK && (!ee_buffer_new(&c->token, EE_VAULT_TOKEN_MAX) ||
                              !ee_buffer_new(&c->body, 4 * SECRET_MAX))) {
        rc = ENVELOPE_NOMEM;
    }
    if (rc == ENVELOPE_OK) {
        rc = read_for(c, call);
    }
    if (rc == ENVELOPE_OK && c->method != EE_VAULT_TOKEN) {
        rc = c->body.w.bad ? ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                                         "the Vault credential is too long")
                           : write_path(c, call);
    }
    return rc;
}

void ee_vault_credential_free(struct ee_vault_credential *c)
{
    ee_buffer_free(&c->token);
    ee_buffer_free(&c->body);
    *c = (struct ee_vault_credential){.method = EE_VAULT_NONE};
}
