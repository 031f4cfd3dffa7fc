/* SPDX-License-Identifier: MIT
 *
 * provider_pem_memory.c: once a PEM file is closed, neither its private key
 * nor its passphrase nor what was wrapped is left anywhere in the process.
 */
#include "base/secret.h"
#include "ring.h"
#include "scan.h"
#include "tap.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRIVATE SCAN_KEK
#define PAYLOAD SCAN_PLAINTEXT
#define PHRASE  SCAN_DEK

#define SEED       7
#define RSA_BYTES  384
#define HEAD_BYTES 34

enum act { USE, USE_DAMAGED, LEAVE_OPEN, LEAVE_PAYLOAD };

/* Shared by maker, victim and scanner. Nothing in it is secret. */
struct job {
    enum act act;
    char file[16];
    size_t n;
    uint8_t wrapped[EE_CMK_WRAPPED_MAX];
};

static struct job *job;

/* The scanner's own test: what is found when it is left here. */
extern uint8_t left_behind[EE_PAYLOAD_BYTES];
uint8_t left_behind[EE_PAYLOAD_BYTES];

static void must(int good)
{
    if (!good) {
        abort();
    }
}

/* ---- the maker: keys that no other process has seen ---- */

static void put(const char *name, EVP_PKEY *key, const char *phrase)
{
    FILE *f = fopen(ring_write(name, "", 0, 0600), "w");

    must(f != NULL &&
         PEM_write_PKCS8PrivateKey(
             f, key, phrase != NULL ? EVP_aes_256_cbc() : NULL, phrase,
             phrase != NULL ? (int)strlen(phrase) : 0, NULL, NULL) == 1);
    (void)fclose(f);
}

static void make_files(void)
{
    char phrase[65] = "";
    EVP_PKEY *key = NULL;

    for (size_t i = 0; i < 64; i++) {
        phrase[i] = (char)('a' + (i * 7 + (size_t)getpid() * (i + 3)) % 26);
    }
    (void)ring_write("phrase", phrase, 64, 0600);
    key = EVP_RSA_gen(RSA_BYTES * 8);
    put("rsa.pem", key, NULL);
    put("rsa.enc", key, phrase);
    key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    put("x.pem", key, NULL);
    put("x.enc", key, phrase);
}

static void in_another_process(void (*work)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        work();
        _exit(0);
    }
    ring_must(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- the victim ---- */

static struct ee_provider *open_it(void)
{
    const struct ee_provider_env env = {.base_dir = ring_dir};
    struct ee_provider *p = NULL;
    struct ee_cmk_uri uri;
    struct ee_error err;
    char text[64];

    (void)snprintf(text, sizeof text, "pem:%s", job->file);
    must(ee_cmk_uri_parse(&uri, text, &err) == EE_OK &&
         ee_provider_open(&p, &ring_providers, &uri, &env, &err) == EE_OK);
    return p;
}

static void wrap_it(void)
{
    struct ee_error err;
    struct ee_provider *p = open_it();

    must(ring_wrap(p, SEED, job->wrapped, &job->n, &err) == EE_OK);
    ee_provider_close(p);
}

static int use_it(void)
{
    uint8_t payload[EE_PAYLOAD_BYTES];
    struct ee_provider *p = open_it();
    struct ee_error err;
    size_t n = 0;
    int rc = EE_OK;

    rc = ee_provider_unwrap(p, payload, ee_bytes(job->wrapped, job->n),
                            RING_CONTEXT, &err);
    must(rc == (job->act == USE_DAMAGED ? EE_AUTH : EE_OK));
    if (job->act != USE_DAMAGED) {
        must(ee_provider_wrap(p, job->wrapped, &n, payload, RING_CONTEXT,
                              &err) == EE_OK);
    }
    if (job->act == LEAVE_PAYLOAD) {
        memcpy(left_behind, payload, sizeof left_behind);
    }
    ee_wipe(payload, sizeof payload);
    if (job->act != LEAVE_OPEN) {
        ee_provider_close(p);
    }
    return rc;
}

/* Runs what far down the stack, where nothing that follows overwrites what it
 * leaves behind. */
__attribute__((noinline)) static int far_down(size_t kib, int (*what)(void))
{
    volatile uint8_t frame[1024];
    int rc = 0;

    frame[0] = 0;
    rc = kib > 1 ? far_down(kib - 1, what) : what();
    frame[sizeof frame - 1] = (uint8_t)rc;
    return rc;
}

static void victim(void *arg)
{
    (void)arg;
    (void)far_down(64, use_it);
}

/* ---- what the scanner looks for ---- */

/* As files have it, and as OpenSSL's numbers lie in memory. */
static void add_number(struct scan_needles *n, const EVP_PKEY *key,
                       const char *name)
{
    uint8_t bytes[RSA_BYTES];
    BIGNUM *number = NULL;
    int size = 0;

    must(EVP_PKEY_get_bn_param(key, name, &number) == 1);
    size = BN_bn2bin(number, bytes);
    scan_add(n, PRIVATE, bytes, (size_t)size);
    must(BN_bn2lebinpad(number, bytes, size) == size);
    scan_add(n, PRIVATE, bytes, (size_t)size);
}

/* The padded message: who finds it needs no key to read the payload. */
static void add_padded(struct scan_needles *n, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    uint8_t em[RSA_BYTES];
    size_t size = sizeof em;

    must(EVP_PKEY_decrypt_init(ctx) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
         EVP_PKEY_decrypt(ctx, em, &size, job->wrapped + HEAD_BYTES,
                          RSA_BYTES) == 1);
    scan_add(n, PAYLOAD, em, size);
}

static void add_key(struct scan_needles *n, EVP_PKEY *key)
{
    static const char *const numbers[] = {
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    uint8_t scalar[32];
    size_t size = sizeof scalar;

    if (EVP_PKEY_is_a(key, "X25519")) {
        must(EVP_PKEY_get_raw_private_key(key, scalar, &size) == 1);
        scan_add(n, PRIVATE, scalar, size);
        return;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        add_number(n, key, numbers[i]);
    }
    add_padded(n, key);
}

static void needles(void *arg, struct scan_needles *n)
{
    const char *plain = job->file[0] == 'r' ? "rsa.pem" : "x.pem";
    uint8_t payload[EE_PAYLOAD_BYTES];
    size_t size = 0;
    uint8_t *text = ring_read(plain, &size);
    uint8_t *phrase = NULL;
    BIO *in = BIO_new_mem_buf(text, (int)size);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    uint8_t *body = memmem(text, size, "KEY-----\n", 9);

    (void)arg;
    must(key != NULL && body != NULL);
    body += 9;
    scan_add(n, PRIVATE, body + 64, strcspn((char *)body + 64, "-"));
    add_key(n, key);
    phrase = ring_read("phrase", &size);
    scan_add(n, PHRASE, phrase, size);
    ring_payload(payload, SEED);
    scan_add(n, PAYLOAD, payload, sizeof payload);
}

/* ---- statements ---- */

static size_t all(const struct scan_hits *h, enum scan_kind kind)
{
    return h->in_arena[kind] + h->elsewhere[kind];
}

static struct scan_hits hits_after(const char *file, enum act act)
{
    struct scan_hits hits = {0};

    (void)snprintf(job->file, sizeof job->file, "%s", file);
    job->act = act;
    scan_victim(victim, needles, NULL, &hits);
    return hits;
}

static void leaves_nothing(const char *file, enum act act, const char *what)
{
    const struct scan_hits h = hits_after(file, act);

    ok(h.readable && all(&h, PRIVATE) == 0 && all(&h, PHRASE) == 0 &&
           all(&h, PAYLOAD) == 0,
       "%s: %s leaves no private key, no passphrase, no payload", file, what);
    if (all(&h, PRIVATE) + all(&h, PHRASE) + all(&h, PAYLOAD) > 0) {
        note("found: private %zu, passphrase %zu, payload %zu",
             all(&h, PRIVATE), all(&h, PHRASE), all(&h, PAYLOAD));
    }
}

static void one_file(const char *file)
{
    struct scan_hits h;

    (void)snprintf(job->file, sizeof job->file, "%s", file);
    in_another_process(wrap_it);
    leaves_nothing(file, USE, "unwrap and wrap");
    h = hits_after(file, LEAVE_OPEN);
    ok(all(&h, PRIVATE) > 0, "%s: a key that is still open is found", file);
    h = hits_after(file, LEAVE_PAYLOAD);
    ok(all(&h, PAYLOAD) > 0, "%s: a payload that is left is found", file);
    job->wrapped[job->n - 1] ^= 1;
    job->wrapped[HEAD_BYTES] = 0; /* of RSA: stays below the modulus */
    leaves_nothing(file, USE_DAMAGED, "a refused unwrap");
}

int main(int argc, char **argv)
{
    const char *why = scan_is_pointless();

    (void)argc;
    if (why != NULL) {
        skip(why, "no private key is left in memory");
        return done();
    }
    if (getenv("LD_BIND_NOW") == NULL && setenv("LD_BIND_NOW", "1", 1) == 0) {
        (void)execv("/proc/self/exe", argv); /* see crypto_memory.c */
    }
    job = mmap(NULL, sizeof *job, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ring_setup();
    ring_must(job != MAP_FAILED);
    in_another_process(make_files);
    (void)setenv("ENVELOPE_PEM_PASSPHRASE_FILE", ring_path("phrase"), 1);
    job->act = USE;
    (void)snprintf(job->file, sizeof job->file, "x.pem");
    in_another_process(wrap_it);
    if (!hits_after("x.pem", USE).readable) {
        skip("/proc/PID/mem cannot be read",
             "no private key is left in memory");
        return done();
    }
    one_file("rsa.pem");
    one_file("rsa.enc");
    one_file("x.pem");
    one_file("x.enc");
    return done();
}
