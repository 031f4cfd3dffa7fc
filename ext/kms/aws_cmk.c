/* SPDX-License-Identifier: MIT */
#include "kms/aws_cmk.h"

#include "base/secret.h"
#include "kms/aws_reply.h"
#include "kms/aws_settings.h"
#include "kms/fail.h"
#include "kms/heap.h"

#include <stdio.h>
#include <string.h>

/* The ARN that is asked: the URI's, or for a multi-Region key its replica in
 * the region of ENVELOPE_AWS_MRK_REGION. */
static int set_arn(envelope_cmk *cmk, struct envelope_call *call)
{
    const char *region = ee_aws_env("ENVELOPE_AWS_MRK_REGION");
    const char *arn = ee_aws_uri_arn(cmk->uri);

    if (arn == NULL) {
        return ee_aws_uri_normalize(call, cmk->uri, cmk->uri);
    }
    (void)ee_aws_arn_parse(&cmk->arn, arn, strlen(arn));
    if (region == NULL || !cmk->arn.multi_region) {
        (void)snprintf(cmk->asked, sizeof cmk->asked, "%s", arn);
    } else if (!ee_aws_region_ok(ee_bytes(region, strlen(region))) ||
               !ee_aws_arn_in_region(cmk->asked, &cmk->arn, region)) {
        return ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                           "ENVELOPE_AWS_MRK_REGION is no region's name: write "
                           "one such as eu-west-1");
    }
    (void)ee_aws_arn_parse(&cmk->arn, cmk->asked, strlen(cmk->asked));
    (void)snprintf(cmk->region, sizeof cmk->region, "%.*s",
                   (int)cmk->arn.region.n, (const char *)cmk->arn.region.p);
    if (!cmk->arn.alias) {
        memcpy(cmk->key, cmk->asked, sizeof cmk->key);
    }
    return ENVELOPE_OK;
}

static int set_ca(envelope_cmk *cmk, struct envelope_call *call,
                  const struct ee_aws_settings *s)
{
    const char *set = ee_aws_env("AWS_CA_BUNDLE");
    int rc = ENVELOPE_OK;

    if (set == NULL) {
        rc = ee_aws_profile_copy(call, s, s->profile, "ca_bundle", cmk->ca_file,
                                 sizeof cmk->ca_file);
    } else if (snprintf(cmk->ca_file, sizeof cmk->ca_file, "%s", set) >=
               EE_AWS_PATH_MAX) {
        rc = ee_kms_fail(call, ENVELOPE_CONFIGURATION,
                         "AWS_CA_BUNDLE is too long");
    }
    cmk->tls.ca_file = cmk->ca_file[0] != '\0' ? cmk->ca_file : NULL;
    return rc;
}

static int set_address(envelope_cmk *cmk, struct envelope_call *call)
{
    struct ee_aws_settings *s = NULL;
    int rc = ee_aws_settings_open(call, &s);

    if (rc == ENVELOPE_OK) {
        rc = ee_aws_endpoint(call, s, "kms", cmk->arn.partition, cmk->region,
                             cmk->url);
    }
    if (rc == ENVELOPE_OK) {
        rc = set_ca(cmk, call, s);
    }
    ee_aws_settings_close(s);
    return rc;
}

int ee_aws_cmk_open(struct envelope_call *call, const char *uri,
                    envelope_cmk **out)
{
    envelope_cmk *cmk = ee_kms_new(sizeof *cmk);
    int rc = ENVELOPE_NOMEM;

    *out = NULL;
    if (cmk == NULL) {
        return rc;
    }
    cmk->chain = ee_secret_pages_new(sizeof *cmk->chain);
    (void)snprintf(cmk->uri, sizeof cmk->uri, "%s", uri);
    if (cmk->chain != NULL) {
        rc = set_arn(cmk, call);
    }
    if (rc == ENVELOPE_OK) {
        rc = set_address(cmk, call);
    }
    if (rc == ENVELOPE_OK) {
        rc = ee_http_open(&cmk->client.http, call, &cmk->tls);
    }
    if (rc != ENVELOPE_OK) {
        ee_aws_cmk_close(cmk);
        return rc;
    }
    cmk->client.partition = cmk->arn.partition;
    cmk->client.region = cmk->region;
    *out = cmk;
    return ENVELOPE_OK;
}

void ee_aws_cmk_close(envelope_cmk *cmk)
{
    if (cmk != NULL) {
        ee_http_close(cmk->client.http);
        ee_secret_pages_free(cmk->chain, sizeof *cmk->chain);
        ee_kms_free(cmk);
    }
}

int ee_aws_cmk_ask(envelope_cmk *cmk, struct envelope_call *call,
                   const struct ee_aws_operation *operation,
                   const struct ee_buffer *body,
                   struct envelope_http_reply *reply)
{
    const struct ee_aws_post post = {
        .url = cmk->url,
        .service = "kms",
        .region = cmk->region,
        .content_type = "application/x-amz-json-1.1",
        .target = operation->target,
        .body = ee_bytes(body->text, body->w.used),
        .harmless = operation->harmless,
    };

    for (bool again = false;; again = true) {
        const struct ee_aws_fault *fault = NULL;
        int64_t date = 0;
        int rc = ee_aws_chain_get(cmk->chain, &cmk->client, call);

        if (rc == ENVELOPE_OK) {
            rc =
                ee_aws_post(&cmk->client, call, &post, &cmk->chain->now, reply);
        }
        if (rc != ENVELOPE_OK || reply->status == 200) {
            return rc;
        }
        fault = ee_aws_fault_of(reply);
        date = reply->date;
        ee_aws_release(&cmk->client, call, reply);
        if (fault->remedy != EE_AWS_REFRESH || again) {
            return ee_aws_refused(call, operation->shown, fault, date);
        }
        ee_aws_chain_forget(cmk->chain);
    }
}
