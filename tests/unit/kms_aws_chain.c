/* SPDX-License-Identifier: MIT
 *
 * kms_aws_chain.c: where credentials come from, in which order, and when they
 * are renewed.
 */
#include "awskit.h"
#include "base/secret.h"
#include "fakehttp.h"
#include "kms/aws_chain.h"
#include "kms/heap.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STS_REPLY(id)                                                          \
    "<R><Credentials><AccessKeyId>" id "</AccessKeyId><SecretAccessKey>s-" id  \
    "</SecretAccessKey><SessionToken>t-" id "</SessionToken>"                  \
    "<Expiration>2026-01-02T04:04:05Z</Expiration></Credentials></R>"
#define JSON_REPLY(id, expires)                                                \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":"    \
    "\"s-" id "\",\"Token\":\"t-" id "\",\"Expiration\":\"" expires "\"}"

static struct fake *f;
static struct ee_aws_chain *chain;
static const struct ee_aws_client client = {
    .partition = {(const uint8_t *)"aws", 3}, .region = "eu-west-1"};

static void fresh(void)
{
    aws_clean();
    aws_set("AWS_EC2_METADATA_DISABLED", "true");
    ee_aws_chain_forget(chain);
    fake_clear(f);
}

static int get(void)
{
    f->call.message[0] = '\0';
    return ee_aws_chain_get(chain, &client, &f->call);
}

static void gives(const char *key_id, const char *what)
{
    const int rc = get();
    const int right =
        rc == ENVELOPE_OK && strcmp(chain->now.key_id, key_id) == 0;

    ok(right, "%s", what);
    if (!right) {
        note("%d %s %s", rc, chain->now.key_id, f->call.message);
    }
}

static void fails(int result, const char *says, const char *what)
{
    const int rc = get();
    const int right = rc == result && strstr(f->call.message, says) != NULL;

    ok(right, "%s", what);
    if (!right) {
        note("%d %s", rc, f->call.message);
    }
}

static int asked(size_t n, const char *url, const char *body)
{
    const struct fake_request *r = fake_request(f, n);

    if (strcmp(r->url, url) == 0 && strstr(r->body, body) != NULL) {
        return 1;
    }
    note("%s %s", r->url, r->body);
    return 0;
}

static void environment(void)
{
    fresh();
    fails(ENVELOPE_DENIED, "AWS_ACCESS_KEY_ID", "none at all");
    aws_set("AWS_ACCESS_KEY_ID", "AKIAENV");
    fails(ENVELOPE_DENIED, "AWS_SECRET_ACCESS_KEY", "half of a pair");
    aws_set("AWS_SECRET_ACCESS_KEY", "s");
    aws_file("credentials",
             "[default]\naws_access_key_id=AKIAFILE\n"
             "aws_secret_access_key=f\n",
             0600, "AWS_SHARED_CREDENTIALS_FILE");
    gives("AKIAENV", "the environment comes before the files");
    ok(chain->now.token[0] == '\0' && chain->now.expires == 0,
       "without a token they do not end");
    aws_set("AWS_SESSION_TOKEN", "tok\nen");
    ee_aws_chain_forget(chain);
    fails(ENVELOPE_DENIED, "AWS_SESSION_TOKEN", "a token with a line end");
    aws_set("AWS_ACCESS_KEY_ID", NULL);
    gives("AKIAFILE", "the credentials file");
    ok(f->asked == 0, "nobody was asked");
}

static void files(void)
{
    fresh();
    aws_file("credentials",
             "[default]\naws_access_key_id=AKIADEFAULT\n"
             "aws_secret_access_key=f\n[app]\naws_access_key_id=AKIAAPP\n"
             "aws_secret_access_key=s\naws_session_token=t\n"
             "[half]\naws_access_key_id=AKIAHALF\n",
             0600, "AWS_SHARED_CREDENTIALS_FILE");
    aws_file("config",
             "[profile app]\naws_access_key_id=AKIALOSER\n"
             "aws_secret_access_key=c\n"
             "[profile run]\ncredential_process = printf '%s' "
             "'{\"Version\":1,\"AccessKeyId\":\"AKIARUN\","
             "\"SecretAccessKey\":\"s\"}'\n"
             "[profile junk]\ncredential_process = echo no\n"
             "[profile sso]\nsso_session = me\n"
             "[profile nothing]\nregion = eu-west-1\n",
             0600, "AWS_CONFIG_FILE");
    aws_set("AWS_PROFILE", "app");
    gives("AKIAAPP", "the credentials file comes before the config file");
    ok(strcmp(chain->now.token, "t") == 0, "with its session token");
    aws_set("AWS_PROFILE", "run");
    ee_aws_chain_forget(chain);
    gives("AKIARUN", "a credential_process");
    aws_set("AWS_PROFILE", "junk");
    ee_aws_chain_forget(chain);
    fails(ENVELOPE_DENIED, "credential_process of AWS profile junk",
          "one that prints no credentials");
    aws_set("AWS_PROFILE", "half");
    fails(ENVELOPE_DENIED, "AWS profile half", "half of a pair");
    aws_set("AWS_PROFILE", "sso");
    fails(ENVELOPE_DENIED, "export-credentials --profile sso",
          "what needs a browser says how it goes");
    aws_set("AWS_PROFILE", "nothing");
    fails(ENVELOPE_DENIED, "no AWS credentials", "a profile without any");
}

static void role_files(void)
{
    fresh();
    aws_file("config",
             "[profile keys]\naws_access_key_id=AKIAKEYS\n"
             "aws_secret_access_key=f\nregion = us-east-2\n"
             "[profile middle]\nrole_arn = arn:aws:iam::1:role/middle\n"
             "source_profile = keys\n"
             "[profile top]\nrole_arn = arn:aws:iam::1:role/top\n"
             "source_profile = middle\nexternal_id = a&b\n"
             "role_session_name = me@here\nregion = eu-north-1\n"
             "[profile self]\nrole_arn = arn:aws:iam::1:role/self\n"
             "source_profile = self\naws_access_key_id=AKIASELF\n"
             "aws_secret_access_key=f\n"
             "[profile a]\nrole_arn = r\nsource_profile = b\n"
             "[profile b]\nrole_arn = r\nsource_profile = a\n"
             "[profile alone]\nrole_arn = r\n"
             "[profile lost]\nrole_arn = r\nsource_profile = nowhere\n"
             "[profile env]\nrole_arn = r\ncredential_source = Environment\n"
             "[profile odd]\nrole_arn = r\ncredential_source = Elsewhere\n"
             "[profile mfa]\nrole_arn = r\nsource_profile = keys\n"
             "mfa_serial = x\n",
             0600, "AWS_CONFIG_FILE");
}

static void roles(void)
{
    role_files();
    aws_set("AWS_PROFILE", "top");
    (void)fake_answer(f, 200, STS_REPLY("ASIAMIDDLE"));
    (void)fake_answer(f, 200, STS_REPLY("ASIATOP"));
    gives("ASIATOP", "roles are assumed one with the other");
    ok(asked(0, "https://sts.eu-north-1.amazonaws.com/",
             "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2F"
             "middle&RoleSessionName=sqlite-envelope") &&
           asked(1, "https://sts.eu-north-1.amazonaws.com/",
                 "role%2Ftop&RoleSessionName=me%40here&ExternalId=a%26b"),
       "in the region of the session's profile");
    ok(strcmp(fake_request(f, 0)->signing,
              "aws:amz:eu-north-1:sts|AKIAKEYS|f") == 0 &&
           strcmp(fake_request(f, 1)->signing,
                  "aws:amz:eu-north-1:sts|ASIAMIDDLE|s-ASIAMIDDLE") == 0 &&
           strstr(fake_request(f, 1)->headers,
                  "X-Amz-Security-Token: t-ASIAMIDDLE\n") != NULL,
       "each request is signed by the credentials before it");
    ee_aws_chain_forget(chain);
    fake_clear(f);
    aws_set("AWS_PROFILE", "self");
    (void)fake_answer(f, 200, STS_REPLY("ASIASELF"));
    gives("ASIASELF", "a profile may be its own source");
    ok(strcmp(fake_request(f, 0)->signing,
              "aws:amz:eu-west-1:sts|AKIASELF|f") == 0,
       "and without another the key's region is asked");
}

static void bad_roles(void)
{
    role_files();
    aws_set("AWS_PROFILE", "a");
    fails(ENVELOPE_CONFIGURATION, "circle", "profiles in a circle");
    aws_set("AWS_PROFILE", "alone");
    fails(ENVELOPE_CONFIGURATION, "source_profile", "a role without a source");
    aws_set("AWS_PROFILE", "lost");
    fails(ENVELOPE_DENIED, "without credentials", "a source that is not there");
    aws_set("AWS_PROFILE", "odd");
    fails(ENVELOPE_CONFIGURATION, "credential_source", "an unknown source");
    aws_set("AWS_PROFILE", "mfa");
    fails(ENVELOPE_DENIED, "mfa_serial", "a one-time password");
    aws_set("AWS_PROFILE", "env");
    fails(ENVELOPE_DENIED, "Environment", "an empty environment as source");
    ok(f->asked == 0, "nobody was asked by those");
}

static void sts_failures(void)
{
    fresh();
    aws_file("config",
             "[default]\nrole_arn = r\ncredential_source = Environment\n", 0600,
             "AWS_CONFIG_FILE");
    aws_file("token", "ey.J.wt\n", 0444, "AWS_WEB_IDENTITY_TOKEN_FILE");
    aws_set("AWS_CONFIG_FILE", NULL);
    aws_set("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod");
    aws_set("AWS_ROLE_SESSION_NAME", "pod-7");
    (void)fake_answer(f, 200, STS_REPLY("ASIAPOD"));
    gives("ASIAPOD", "a web identity");
    ok(asked(0, "https://sts.eu-west-1.amazonaws.com/",
             "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1"
             "%3Arole%2Fpod&RoleSessionName=pod-7&WebIdentityToken=ey.J.wt") &&
           fake_request(f, 0)->signing[0] == '\0',
       "is sent without its line end, and not signed");
    ee_aws_chain_forget(chain);
    fake_clear(f);
    (void)fake_answer(f, 403,
                      "<ErrorResponse><Error><Code>AccessDenied</Code><Message>"
                      "canary</Message></Error></ErrorResponse>");
    fails(ENVELOPE_DENIED,
          "AssumeRoleWithWebIdentity: AccessDenied:", "STS refuses");
    ok(strstr(f->call.message, "canary") == NULL, "its words are not shown");
    fake_clear(f);
    (void)fake_answer(f, 200, "<html>");
    fails(ENVELOPE_UNAVAILABLE, "AWS_ENDPOINT_URL_STS",
          "another server's reply");
    fake_clear(f);
    (void)fake_answer(f, 400,
                      "<E><Error><Code>IDPCommunicationError</Code>"
                      "</Error></E>");
    (void)fake_answer(f, 503, "");
    (void)fake_answer(f, 200, STS_REPLY("ASIAPOD"));
    gives("ASIAPOD", "is asked again when it is busy");
    ee_aws_chain_forget(chain);
    fake_clear(f);
    aws_set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere");
    fails(ENVELOPE_DENIED, "AWS_WEB_IDENTITY_TOKEN_FILE", "no token's file");
}

/* As AWS's SDK for Python has it. */
static void order(void)
{
    role_files();
    aws_file("credentials",
             "[default]\naws_access_key_id=AKIADEFAULT\n"
             "aws_secret_access_key=f\n",
             0600, "AWS_SHARED_CREDENTIALS_FILE");
    aws_file("token", "ey.J.wt\n", 0444, "AWS_WEB_IDENTITY_TOKEN_FILE");
    aws_set("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod");
    (void)fake_answer(f, 200, STS_REPLY("ASIAPOD"));
    gives("ASIAPOD", "a web identity comes before a profile's keys");
    aws_set("AWS_PROFILE", "keys");
    ee_aws_chain_forget(chain);
    (void)fake_answer(f, 200, STS_REPLY("ASIAPOD"));
    gives("ASIAPOD", "of a profile that AWS_PROFILE names, too");
    aws_set("AWS_PROFILE", "self");
    ee_aws_chain_forget(chain);
    (void)fake_answer(f, 200, STS_REPLY("ASIASELF"));
    gives("ASIASELF", "but after a role that the profile assumes");
    aws_set("AWS_ROLE_ARN", NULL);
    aws_set("AWS_PROFILE", "keys");
    ee_aws_chain_forget(chain);
    gives("AKIAKEYS", "without a role there is no web identity");
}

static void container(void)
{
    fresh();
    aws_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
    aws_set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/y");
    (void)fake_answer(f, 200, JSON_REPLY("ASIATASK", "2026-01-02T04:04:05Z"));
    gives("ASIATASK", "a container's role");
    ok(asked(0, "http://169.254.170.2/v2/x", "") &&
           fake_request(f, 0)->headers[0] == '\0' &&
           fake_request(f, 0)->flags == ENVELOPE_HTTP_CONTAINER,
       "the relative URI wins; it is this machine's own");
    ee_aws_chain_forget(chain);
    fake_clear(f);
    aws_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", NULL);
    aws_set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "loser");
    aws_file("auth", "pod-token\n", 0444,
             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    (void)fake_answer(f, 200, JSON_REPLY("ASIAPOD", "2026-01-02T04:04:05Z"));
    gives("ASIAPOD", "EKS's endpoint");
    ok(asked(0, "http://127.0.0.1:1/y", "") &&
           strcmp(fake_request(f, 0)->headers, "Authorization: pod-token\n") ==
               0,
       "gets the token of the file");
    ee_aws_chain_forget(chain);
    fake_clear(f);
    (void)fake_answer(f, 404, "no");
    aws_set("AWS_EC2_METADATA_DISABLED", NULL);
    fails(ENVELOPE_DENIED, "task or pod",
          "one that gives none is no reason to go on");
    ok(f->asked == 1, "as somebody else");
}

static void instance(void)
{
    fresh();
    aws_set("AWS_EC2_METADATA_DISABLED", NULL);
    aws_set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6");
    (void)fake_answer(f, 200, "tok-en==\n");
    (void)fake_answer(f, 200, "the-role\n");
    (void)fake_answer(f, 200, JSON_REPLY("ASIAEC2", "2026-01-02T04:04:05Z"));
    gives("ASIAEC2", "an instance's role");
    ok(asked(0, "http://[fd00:ec2::254]/latest/api/token", "") &&
           strcmp(fake_request(f, 0)->method, "PUT") == 0 &&
           asked(2,
                 "http://[fd00:ec2::254]/latest/meta-data/iam/"
                 "security-credentials/the-role",
                 "") &&
           strcmp(fake_request(f, 2)->headers,
                  "X-aws-ec2-metadata-token: tok-en==\n") == 0,
       "asked with a token of version 2");
    ee_aws_chain_forget(chain);
    fake_clear(f);
    aws_set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", NULL);
    (void)fake_answer(f, 200, "token");
    (void)fake_answer(f, 200, "../../evil");
    fails(ENVELOPE_DENIED, "no AWS credentials", "a role's name is one word");
    fake_clear(f);
    (void)fake_answer(f, 404, "");
    fails(ENVELOPE_DENIED, "no AWS credentials",
          "version 1 of the service is not used");
    ok(f->asked == 1, "nor asked");
    fake_clear(f);
    fails(ENVELOPE_DENIED, "no AWS credentials", "no such service");
    fake_clear(f);
    fake_failure(f, ENVELOPE_INTERRUPTED);
    fails(ENVELOPE_INTERRUPTED, "", "interrupted");
}

static void answer_times(int n, int status, const char *body)
{
    for (int i = 0; i < n; i++) {
        (void)fake_answer(f, status, body);
    }
}

/* Whoever is there and fails may not fail the next time. */
static void instance_in_trouble(void)
{
    static const int statuses[] = {429, 500, 503};

    for (size_t i = 0; i < 3; i++) {
        for (int step = 0; step < 3; step++) {
            fresh();
            aws_set("AWS_EC2_METADATA_DISABLED", NULL);
            answer_times(step > 0, 200, "token");
            answer_times(step > 1, 200, "the-role");
            answer_times(4, statuses[i], "");
            fails(ENVELOPE_UNAVAILABLE, "try again", "status at a step");
        }
    }
    fresh();
    aws_set("AWS_EC2_METADATA_DISABLED", NULL);
    for (int i = 0; i < 4; i++) {
        fake_failure(f, ENVELOPE_UNAVAILABLE);
        f->answers[i].reply.connected = 1;
    }
    fails(ENVELOPE_UNAVAILABLE, "", "one who takes connections is there");
    fresh();
    aws_set("AWS_EC2_METADATA_DISABLED", NULL);
    (void)fake_answer(f, 200, "token");
    fails(ENVELOPE_UNAVAILABLE, "", "so is one who gave a token");
    fresh();
    aws_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
    answer_times(4, 503, "");
    fails(ENVELOPE_UNAVAILABLE, "try again", "a container's endpoint, too");
}

static void later(int64_t seconds)
{
    f->unix_seconds += seconds;
    f->now_ms += seconds * 1000;
    f->call.deadline_ms = f->now_ms + 5000;
}

/* The clock says 03:04:05. */
static void renewal(void)
{
    fresh();
    aws_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
    (void)fake_answer(f, 200, JSON_REPLY("ONE", "2026-01-02T03:10:00Z"));
    gives("ONE", "they end in 355 s");
    gives("ONE", "and are used");
    ok(f->asked == 1, "and not asked for again");
    later(60);
    (void)fake_answer(f, 200, JSON_REPLY("TWO", "2026-01-02T04:00:00Z"));
    gives("TWO", "295 s before their end they are renewed");
    later(3300 - 60);
    (void)fake_answer(f, 400, "no");
    gives("TWO", "what has not ended stays in use when that fails");
    ok(f->call.message[0] == '\0', "nothing is said of it");
    gives("TWO", "and for a minute");
    ok(f->asked == 3, "nobody is asked again");
    later(61);
    (void)fake_answer(f, 200, JSON_REPLY("THREE", "2026-01-02T05:00:00Z"));
    gives("THREE", "then somebody is");
    later(7200);
    (void)fake_answer(f, 400, "no");
    fails(ENVELOPE_DENIED, "task or pod", "what has ended is not used");
    (void)fake_answer(f, 200, JSON_REPLY("FOUR", "2026-01-02T03:00:00Z"));
    fails(ENVELOPE_DENIED, "have expired", "nor what had ended before");
}

int main(void)
{
    f = fake_new();
    chain = ee_secret_pages_new(sizeof *chain);
    ok(chain != NULL && ee_kms_libraries(&f->call) == ENVELOPE_OK, "set up");
    environment();
    files();
    roles();
    bad_roles();
    sts_failures();
    order();
    container();
    instance();
    instance_in_trouble();
    renewal();
    ok(f->open_replies == 0, "every reply was released");
    ee_secret_pages_free(chain, sizeof *chain);
    fake_free(f);
    return done();
}
