/* SPDX-License-Identifier: MIT
 *
 * foreign.h: makes a provider of another file, which keeps to
 * envelope_provider.h, look like one of ours (provider.h).
 *
 * Nothing that it does is taken on trust: lengths, texts, codes and URIs are
 * checked here, and what it says is cut, made printable and, where
 * cryptography failed, not repeated. It runs in our process, so this is about
 * mistakes; malice could not be held off.
 *
 * files: foreign.c (the calls), foreign_call.c (what they are given, what came
 * of them), foreign_keep.c (CMKs that stay open).
 */
#ifndef EE_PROVIDER_FOREIGN_H
#define EE_PROVIDER_FOREIGN_H

#include "provider/registry.h"

#include <sys/types.h>

struct ee_foreign {
    struct ee_foreign *next;
    const struct envelope_provider *given; /* to know it again */
    struct envelope_provider api;          /* zero where the given one ends */
    struct ee_provider_class cls;
    char scheme[sizeof((struct ee_cmk_uri *)NULL)->scheme];
};

/* *out: for ee_foreign_free(). EE_CONFIG where it is not of this ABI, or lacks
 * what every provider has. */
int ee_foreign_new(struct ee_foreign **out,
                   const struct envelope_provider *given,
                   struct ee_error *err) EE_CHECKED;
void ee_foreign_free(struct ee_foreign *f);

int ee_foreign_open(struct ee_provider **out, const struct ee_foreign *f,
                    struct ee_providers *home, const struct ee_cmk_uri *uri,
                    const struct ee_provider_env *env,
                    struct ee_error *err) EE_CHECKED;
int ee_foreign_create(const struct ee_foreign *f, const struct ee_cmk_uri *uri,
                      const struct ee_provider_env *env,
                      struct ee_error *err) EE_CHECKED;

/* The one spelling of a URI. out: EE_CMK_URI_MAX chars. Contacts nothing. */
int ee_foreign_normalize(char *out, const struct ee_foreign *f,
                         const struct ee_cmk_uri *uri,
                         struct ee_error *err) EE_CHECKED;

/* ---- between the files of this adapter ---- */

/* An open CMK. */
struct ee_foreign_cmk {
    struct ee_provider base; /* must be first */
    const struct ee_foreign *of;
    struct ee_providers *home;
    envelope_cmk *cmk;
    pid_t pid;                         /* of the process that opened it */
    bool healthy;                      /* may it stay open? */
    const struct ee_provider_env *env; /* of this piece of work */
    char *base_dir;                    /* it was opened with; or NULL */
    char uri[EE_CMK_URI_MAX];          /* normalized */
};

/* One call of a provider. */
struct ee_foreign_call {
    struct envelope_call api;
    const struct ee_provider_env *env;
};

/* A new call; its time begins. */
void ee_foreign_begin(struct ee_foreign_call *c,
                      const struct ee_provider_env *env);
/* What came of it, an enum envelope_result, as an ee_status. uri: of the CMK,
 * for the message. */
int ee_foreign_end(struct ee_foreign_call *c, const char *uri, int result,
                   struct ee_error *err) EE_CHECKED;

/* One that is open for this URI, or NULL; it is in use now. */
struct ee_foreign_cmk *ee_foreign_kept(const struct ee_foreign *f,
                                       struct ee_providers *home,
                                       const char *uri, const char *base_dir);
/* Closes it, or keeps it open. */
void ee_foreign_close(struct ee_provider *p);
/* Closes it. NULL-safe. */
void ee_foreign_discard(struct ee_provider *p);

#endif
