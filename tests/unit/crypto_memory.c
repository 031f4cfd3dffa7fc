/* SPDX-License-Identifier: MIT
 *
 * crypto_memory.c: after a call, no DEK is left anywhere in the process, nor
 * its key schedule, nor the plaintext; and a KEK is in the arena only.
 *
 * Whole mappings are read: the heap with what was freed, the stack below the
 * stack pointer, the arena, and the data of every library.
 */
#include "base/secret.h"
#include "crypto/kdf.h"
#include "envelope/unwrap.h"
#include "kit.h"
#include "scan.h"
#include "tap.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LONGEST  8192
#define VALUE_IS 77 /* seeds of what the value and the keys are filled with */
#define KEK_IS   78
#define S_IS     79

enum act {
    SEAL,
    OPEN,
    OPEN_DAMAGED,
    REWRAP,
    REWRAP_SAME, /* already under the target: checked only, FORMAT R24 */
    LEAK_DEK,
    LEAK_TEXT
};

/* Shared by victim and scanner. Nothing in it is secret. */
struct job {
    enum act act;
    uint8_t suite;
    size_t value_n;
    size_t blob_n;
    uint8_t blob[LONGEST + EE_OVERHEAD];
};

static struct job *job;

/* ---- the victim ---- */

static struct {
    struct ee_engine engine;
    struct ee_kek *kek;
    struct ee_kek *target;
    struct ee_envelope e;
    struct ee_value value;
    struct ee_context context;
    uint8_t *scratch;
} v;

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

static void must(int rc, int expected)
{
    if (rc != expected) {
        abort();
    }
}

/* The keys of this test are not constants: those lie in the program's data. */
static struct ee_kek *new_kek(struct ee_engine *e, uint32_t seed)
{
    uint8_t bytes[EE_KEY_BYTES];
    uint8_t secret[EE_KEY_BYTES];
    struct ee_kek *kek = NULL;
    struct ee_error err;

    kit_fill(bytes, sizeof bytes, seed);
    kit_fill(secret, sizeof secret, S_IS);
    must(ee_kek_new(&kek, &e->ossl, ee_suite_by_id(job->suite), bytes, secret,
                    &err),
         EE_OK);
    ee_wipe(bytes, sizeof bytes);
    ee_wipe(secret, sizeof secret);
    return kek;
}

static int load_keks(void)
{
    v.target = new_kek(&v.engine, KEK_IS + 100);
    v.kek = new_kek(&v.engine, KEK_IS);
    return EE_OK;
}

static void parse(struct ee_envelope *e)
{
    struct ee_error err;

    must(ee_envelope_parse(e, ee_bytes(job->blob, job->blob_n), &err), EE_OK);
}

static int seal_now(void)
{
    return ee_seal(&v.engine, v.kek, job->blob, &v.value, &v.context, 0, NULL);
}

static int open_now(void)
{
    return ee_open(&v.engine, v.kek, v.scratch, &v.value, &v.e, &v.context);
}

static int rewrap_now(void)
{
    const struct ee_kek *to = job->act == REWRAP ? v.target : v.kek;

    return ee_rewrap(&v.engine, v.kek, to, v.scratch, &v.e);
}

static void victim_seals(void)
{
    uint8_t *text = kit_alloc(job->value_n);

    kit_fill(text, job->value_n, VALUE_IS);
    v.value = ee_value_text(ee_bytes(text, job->value_n));
    job->blob_n = ee_seal_size(&v.value, 0);
    must(far_down(32, seal_now), EE_OK);
    if (job->act != LEAK_TEXT) {
        ee_wipe(text, job->value_n);
        free(text);
    }
}

static void victim_opens(void)
{
    parse(&v.e);
    v.scratch = kit_alloc(ee_open_size(&v.e));
    must(far_down(32, open_now), job->act == OPEN ? EE_OK : EE_AUTH);
    if (job->act == OPEN) {
        ee_wipe(v.scratch, ee_open_size(&v.e)); /* as ee_open() asks */
        ee_value_wipe(&v.value);
    }
    free(v.scratch);
}

static void victim_rewraps(void)
{
    parse(&v.e);
    v.scratch = kit_alloc(job->blob_n);
    memcpy(v.scratch, job->blob, job->blob_n);
    must(far_down(32, rewrap_now), EE_OK);
}

static void victim_leaks(void)
{
    static uint8_t dek[EE_KEY_BYTES];

    parse(&v.e);
    must(ee_unwrap_dek(&v.engine, v.kek, dek, &v.e), EE_OK);
}

static void victim(void *arg)
{
    struct ee_value parts[] = {ee_value_text(ee_bytes("Customer.Email", 14)),
                               ee_value_integer(7)};
    struct ee_error err;

    (void)arg;
    must(ee_engine_init(&v.engine, &err), EE_OK);
    (void)kit_context(&v.context, parts, 2);
    must(far_down(64, load_keks), EE_OK);
    switch (job->act) {
    case SEAL:
    case LEAK_TEXT:
        victim_seals();
        break;
    case OPEN:
    case OPEN_DAMAGED:
        victim_opens();
        break;
    case REWRAP:
    case REWRAP_SAME:
        victim_rewraps();
        break;
    case LEAK_DEK:
        victim_leaks();
        break;
    }
}

/* ---- what the scanner looks for ---- */

static uint8_t times_two(uint8_t x)
{
    return (uint8_t)(x << 1 ^ (x >> 7) * 0x1b);
}

static uint8_t times(uint8_t x, uint8_t y)
{
    uint8_t product = 0;

    for (; y != 0; y >>= 1, x = times_two(x)) {
        product ^= (uint8_t)((y & 1) * x);
    }
    return product;
}

/* FIPS 197 section 5.1.1: the inverse, x^254, then the affine map. */
static uint8_t s_box(uint8_t x)
{
    uint8_t inverse = 1;
    uint8_t out = 0x63;

    for (int i = 0; i < 254; i++) {
        inverse = times(inverse, x);
    }
    for (int i = 0; i < 5; i++) {
        out ^= (uint8_t)(inverse << i | inverse >> (8 - i));
    }
    return out;
}

/* FIPS 197 section 5.2, for AES-256: 15 round keys. */
static void expand(uint8_t *w, const uint8_t *key)
{
    uint8_t rcon = 1;

    memcpy(w, key, EE_KEY_BYTES);
    for (size_t i = 8; i < 60; i++) {
        uint8_t t[4];

        for (size_t k = 0; k < 4; k++) {
            const size_t from = i % 8 == 0 ? (k + 1) % 4 : k;

            t[k] = w[4 * (i - 1) + from];
            t[k] = i % 4 == 0 ? s_box(t[k]) : t[k];
        }
        t[0] ^= (uint8_t)(i % 8 == 0 ? rcon : 0);
        rcon = i % 8 == 0 ? times_two(rcon) : rcon;
        for (size_t k = 0; k < 4; k++) {
            w[4 * i + k] = (uint8_t)(w[4 * (i - 8) + k] ^ t[k]);
        }
    }
}

/* Libraries also keep the bytes of words, or of all 16, in reverse. */
static void add_block(struct scan_needles *n, enum scan_kind kind,
                      const uint8_t *block)
{
    uint8_t words[16];
    uint8_t whole[16];

    for (size_t i = 0; i < 16; i++) {
        words[i] = block[i / 4 * 4 + (3 - i % 4)];
        whole[i] = block[15 - i];
    }
    scan_add(n, kind, block, 16);
    scan_add(n, kind, words, 16);
    scan_add(n, kind, whole, 16);
}

static const uint8_t zeros[64];

static void run_evp(const EVP_CIPHER *cipher, uint8_t *out, const uint8_t *in,
                    size_t n, const uint8_t *key)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;

    if (ctx == NULL || EVP_EncryptInit_ex(ctx, cipher, NULL, key, zeros) != 1 ||
        EVP_EncryptUpdate(ctx, out, &len, in, (int)n) != 1) {
        abort();
    }
    EVP_CIPHER_CTX_free(ctx);
}

/* A key, its round keys, and GCM's hash key AES(key, 0). */
static void add_aes(struct scan_needles *n, enum scan_kind kind,
                    const uint8_t *key)
{
    uint8_t w[15 * 16];
    uint8_t h[16];

    expand(w, key);
    for (size_t i = 0; i < 15; i++) {
        add_block(n, kind, w + 16 * i);
    }
    run_evp(EVP_aes_256_ecb(), h, zeros, sizeof h, key);
    add_block(n, kind, h);
}

/* GCM's key stream for a nonce of zeros, at the blocks that a context may
 * still hold: the one that hides the tag, and the last of P (n bytes). */
static void add_key_stream(struct scan_needles *n, const uint8_t *dek,
                           size_t plain_n)
{
    const size_t last = 2 + (plain_n - 1) / 16;
    const uint8_t counters[32] = {
        [15] = 1, [30] = (uint8_t)(last >> 8), [31] = (uint8_t)last};
    uint8_t stream[32];

    run_evp(EVP_aes_256_ecb(), stream, counters, sizeof stream, dek);
    add_block(n, SCAN_DEK, stream);
    add_block(n, SCAN_DEK, stream + 16);
}

/* A key, and Poly1305's one-time key: the first 32 bytes of block 0. */
static void add_chacha(struct scan_needles *n, enum scan_kind kind,
                       const uint8_t *key)
{
    uint8_t poly[32];

    run_evp(EVP_chacha20(), poly, zeros, sizeof poly, key);
    scan_add(n, kind, key, EE_KEY_BYTES);
    scan_add(n, kind, poly, sizeof poly);
}

static void add_key(struct scan_needles *n, enum scan_kind kind,
                    const uint8_t *key)
{
    if (job->suite == 1) {
        add_aes(n, kind, key);
    } else {
        add_chacha(n, kind, key);
    }
}

/* XAES's Kx for this W, from its definition (FORMAT section 2). */
static void add_xaes_key(struct scan_needles *n, const struct ee_kek *kek,
                         const uint8_t *kw, const uint8_t *nonce)
{
    uint8_t m[32] = {0, 1, 0x58, 0};
    uint8_t kx[32];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;

    memcpy(m + 4, nonce, 12);
    memcpy(m + 16, m, 16);
    m[17] = 2;
    for (size_t i = 0; i < sizeof m; i++) {
        m[i] ^= kek->wrap.k1[i % 16];
    }
    if (ctx == NULL ||
        EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL, kw, NULL) != 1 ||
        EVP_EncryptUpdate(ctx, kx, &len, m, sizeof m) != 1) {
        abort();
    }
    EVP_CIPHER_CTX_free(ctx);
    add_aes(n, SCAN_WRAP, kx);
}

static void needles(void *arg, struct scan_needles *n)
{
    const uint8_t *text = NULL;
    uint8_t plain[LONGEST];
    uint8_t dek[EE_KEY_BYTES];
    uint8_t kw[EE_KEY_BYTES];
    struct ee_engine engine;
    struct ee_envelope e;
    struct ee_error err;
    const struct ee_kek *kek = NULL;

    (void)arg;
    must(ee_engine_init(&engine, &err), EE_OK);
    kek = new_kek(&engine, KEK_IS);
    parse(&e);
    must(ee_unwrap_dek(&engine, kek, dek, &e), EE_OK);
    add_key(n, SCAN_DEK, dek);
    ee_kdf(kw, kek->kek, "kek-wrap", ee_bytes(&job->suite, 1));
    if (job->suite == 1) {
        add_key_stream(n, dek, job->value_n + 33);
        add_xaes_key(n, kek, kw, e.data.p);
    }
    add_key(n, SCAN_KEK, kw);
    scan_add(n, SCAN_KEK, kek->kek, EE_KEY_BYTES);
    scan_add(n, SCAN_KEK, kek->name_secret, EE_KEY_BYTES);
    kit_fill(plain, job->value_n, VALUE_IS);
    text = plain + job->value_n - (job->value_n < 256 ? job->value_n : 256);
    scan_add(n, SCAN_PLAINTEXT, plain, job->value_n < 256 ? job->value_n : 256);
    scan_add(n, SCAN_PLAINTEXT, text, job->value_n < 256 ? job->value_n : 256);
}

/* ---- statements ---- */

static struct scan_hits hits_after(enum act act)
{
    struct scan_hits hits = {0};

    job->act = act;
    scan_victim(victim, needles, NULL, &hits);
    return hits;
}

static size_t all(const struct scan_hits *h, enum scan_kind kind)
{
    return h->in_arena[kind] + h->elsewhere[kind];
}

static void leaves_nothing(enum act act, const char *what)
{
    const struct scan_hits h = hits_after(act);
    const size_t text = all(&h, SCAN_PLAINTEXT);

    ok(h.readable && all(&h, SCAN_DEK) == 0 && all(&h, SCAN_WRAP) == 0,
       "suite %d, %zu bytes: %s leaves no DEK and no key of the wrap",
       job->suite, job->value_n, what);
    ok(h.readable && text == 0, "suite %d, %zu bytes: %s leaves no plaintext",
       job->suite, job->value_n, what);
    if (all(&h, SCAN_DEK) + all(&h, SCAN_WRAP) + text + h.elsewhere[SCAN_KEK] >
        0) {
        note("found: DEK %zu, wrap %zu, text %zu, KEK outside %zu",
             all(&h, SCAN_DEK), all(&h, SCAN_WRAP), text,
             h.elsewhere[SCAN_KEK]);
    }
    ok(h.in_arena[SCAN_KEK] > 0 && h.elsewhere[SCAN_KEK] == 0,
       "suite %d, %zu bytes: after %s the KEK is in the arena only", job->suite,
       job->value_n, what);
}

static void scanner_finds(void)
{
    const struct scan_hits dek = hits_after(LEAK_DEK);
    const struct scan_hits text = hits_after(LEAK_TEXT);

    ok(all(&dek, SCAN_DEK) > 0, "suite %d, %zu bytes: a DEK left is found",
       job->suite, job->value_n);
    ok(all(&text, SCAN_PLAINTEXT) > 0,
       "suite %d, %zu bytes: plaintext left is found", job->suite,
       job->value_n);
}

static void calls_leave_nothing(uint8_t suite, size_t n)
{
    job->suite = suite;
    job->value_n = n;
    leaves_nothing(SEAL, "seal");
    leaves_nothing(OPEN, "open");
    leaves_nothing(REWRAP, "rewrap");
    leaves_nothing(REWRAP_SAME, "a rewrap to the same key");
    scanner_finds();
    job->blob[job->blob_n - 1] ^= 1;
    leaves_nothing(OPEN_DAMAGED, "a refused open");
}

/* The extension is linked with -z now. Where a call is bound when it is first
 * made, the dynamic linker saves the vector registers on the stack. */
static void bind_now(char **argv)
{
    if (getenv("LD_BIND_NOW") == NULL && setenv("LD_BIND_NOW", "1", 1) == 0) {
        (void)execv("/proc/self/exe", argv);
    }
}

int main(int argc, char **argv)
{
    const char *why = scan_is_pointless();
    struct scan_hits probe;

    (void)argc;
    if (why != NULL) {
        skip(why, "no secret is left in memory");
        return done();
    }
    bind_now(argv);
    job = mmap(NULL, sizeof *job, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (job == MAP_FAILED) {
        return 1;
    }
    job->suite = 1;
    job->value_n = 22;
    probe = hits_after(SEAL);
    if (!probe.readable) {
        skip("/proc/PID/mem cannot be read", "no secret is left in memory");
        return done();
    }
    for (uint8_t suite = 1; suite <= 2; suite++) {
        calls_leave_nothing(suite, 22);
        calls_leave_nothing(suite, 95); /* with 33 before it, eight blocks */
        calls_leave_nothing(suite, 700);
        calls_leave_nothing(suite, 5000);
    }
    return done();
}
