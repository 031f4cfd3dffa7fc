/* SPDX-License-Identifier: MIT
 *
 * tls.c: libcurl's options for TLS, and those of OpenSSL's that libcurl has no
 * name for.
 */
#include "kms/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <string.h>

/* OpenSSL keeps what it decrypted last in a buffer: have it wiped. For
 * SSLKEYLOGFILE libcurl writes the secrets of a connection into a file: have
 * OpenSSL not tell them. libcurl has set that up when it calls this. */
static CURLcode keep_secrets(CURL *easy, void *ctx, void *arg)
{
    (void)easy;
    (void)arg;
    SSL_CTX_set_keylog_callback(ctx, NULL);
    (void)SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT);
    return CURLE_OK;
}

static bool curl_has_openssl(void)
{
    const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

    return v->ssl_version != NULL &&
           strncmp(v->ssl_version, "OpenSSL/3", 9) == 0;
}

/* A CA that is named is the only one: the system's, which libcurl has by
 * default, do not come on top of it. */
static CURLcode believe(CURL *easy, const struct ee_http_tls *tls)
{
    CURLcode rc = CURLE_OK;

    if (tls->ca_file == NULL && tls->ca_dir == NULL) {
        return CURLE_OK;
    }
    rc = curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_file);
    return rc != CURLE_OK ? rc
                          : curl_easy_setopt(easy, CURLOPT_CAPATH, tls->ca_dir);
}

static CURLcode introduce(CURL *easy, const struct ee_http_tls *tls)
{
    struct curl_blob key = {(void *)(uintptr_t)tls->key.p, tls->key.n,
                            CURL_BLOB_NOCOPY};
    CURLcode rc = CURLE_OK;

    if (tls->cert_file == NULL) {
        return CURLE_OK;
    }
    rc = curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert_file);
    return rc != CURLE_OK ? rc
                          : curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
}

CURLcode ee_tls_options(CURL *easy, const struct ee_http_tls *tls)
{
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_SSLVERSION,
                                   (long)CURL_SSLVERSION_TLSv1_2);

    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    }
    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    }
    if (rc == CURLE_OK && curl_has_openssl()) {
        rc = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, keep_secrets);
    }
    if (rc == CURLE_OK && tls != NULL) {
        rc = believe(easy, tls);
    }
    if (rc == CURLE_OK && tls != NULL) {
        rc = introduce(easy, tls);
    }
    return rc;
}

const char *ee_tls_refusal(CURL *easy)
{
    long why = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &why);
    switch (why) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "it has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "it is not valid yet (is this machine's clock right?)";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "no CA that is trusted here signed it (see the setting for the "
               "CA's file)";
    case X509_V_OK: /* libcurl compares the name by itself, and first */
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "it is another host's";
    default:
        return "it is not valid";
    }
}
