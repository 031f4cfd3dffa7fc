/* SPDX-License-Identifier: MIT
 *
 * provider_keyring_damage.c: a keyring that was cut or changed gives an error
 * or what it gave before, never another payload, and is never made anew.
 */
#include "provider/keyring_crypto.h"
#include "ring.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ee_error err;
static uint8_t *original; /* the file's bytes */
static size_t size;
static uint8_t wrapped[EE_CMK_WRAPPED_MAX];
static size_t wrapped_len;

enum outcome { SAME, ERROR, WRONG };

/* What a session that may create makes of bytes as the keyring. */
static enum outcome outcome_of(const uint8_t *bytes, size_t n)
{
    struct ee_provider *p = NULL;
    int rc = EE_OK;

    (void)unlink(ring_path("a.keyring"));
    (void)ring_write("a.keyring", bytes, n, 0600);
    rc = ring_open(&p, "a.keyring", true, &err);
    if (rc == EE_OK) {
        rc = ring_unwrap(p, 1, wrapped, wrapped_len, &err);
    }
    ee_provider_close(p);
    if (rc == EE_OK) {
        return SAME;
    }
    return rc > EE_OK && err.msg[0] != '\0' ? ERROR : WRONG;
}

static void setup(void)
{
    struct ee_provider *p = NULL;
    uint32_t version = 0;
    bool good = ring_open(&p, "a.keyring#pii", true, &err) == EE_OK;

    ee_provider_close(p);
    good = good && ring_open(&p, "a.keyring", true, &err) == EE_OK &&
           ring_wrap(p, 1, wrapped, &wrapped_len, &err) == EE_OK &&
           ee_provider_rotate(p, &version, &err) == EE_OK &&
           ee_provider_rotate(p, &version, &err) == EE_OK &&
           ee_provider_destroy(p, 2, &err) == EE_OK;
    ee_provider_close(p);
    original = ring_read("a.keyring", &size);
    ok(good && size > 0 && outcome_of(original, size) == SAME,
       "a keyring of two CMKs, %zu bytes", size);
}

static void truncation(void)
{
    size_t step = size / (scaled(600) + 1) + 1;
    size_t errors = 0;
    size_t cuts = 0;

    for (size_t n = 0; n < size; n += step) {
        errors += outcome_of(original, n) == ERROR;
        cuts++;
    }
    for (size_t n = 4096; n < size; n += 4096) {
        errors += outcome_of(original, n) == ERROR;
        errors += outcome_of(original, n - 1) == ERROR;
        errors += outcome_of(original, n + 1) == ERROR;
        cuts += 3;
    }
    errors += outcome_of(original, 1) == ERROR;
    errors += outcome_of(original, size - 1) == ERROR;
    ok(errors == cuts + 2, "cut at %zu lengths, each an error: %s", cuts + 2,
       err.msg);
}

static void changes(uint8_t mask)
{
    size_t step = size / (scaled(size) + 1) + 1;
    uint8_t *bytes = malloc(size);
    size_t count[3] = {0, 0, 0};

    memcpy(bytes, original, size);
    for (size_t i = 0; i < size; i += step) {
        bytes[i] ^= mask;
        count[outcome_of(bytes, size)]++;
        bytes[i] ^= mask;
    }
    free(bytes);
    ok(count[WRONG] == 0 && count[ERROR] > 0 && count[SAME] > 0,
       "bytes changed by %02x: %zu errors, %zu in free space, %zu wrong", mask,
       count[ERROR], count[SAME], count[WRONG]);
}

/* One change of rows, made with SQL, and the code it must end in. */
static void altered(const char *sql, int code)
{
    struct ee_provider *p = NULL;
    int rc = EE_OK;

    (void)ring_write("a.keyring", original, size, 0600);
    (void)ring_sql("a.keyring", sql);
    rc = ring_open(&p, "a.keyring", true, &err);
    ok(rc == code, "%s: %s", sql, err.msg);
    ee_provider_close(p);
}

static void rows(void)
{
    altered("DELETE FROM cmk WHERE version = 3", EE_DENIED);
    altered("DELETE FROM cmk", EE_DENIED);
    altered("DELETE FROM keyring", EE_TAMPERED);
    altered("UPDATE keyring SET mac = zeroblob(32)", EE_DENIED);
    altered("UPDATE keyring SET mac = x''", EE_DENIED);
    altered("UPDATE keyring SET mac = x'00'", EE_TAMPERED);
    altered("UPDATE keyring SET salt = zeroblob(16)", EE_DENIED);
    altered("UPDATE keyring SET salt = zeroblob(17)", EE_TAMPERED);
    altered("UPDATE keyring SET kind = 'none'", EE_TAMPERED);
    altered("UPDATE keyring SET kind = 'passphrase'", EE_DENIED);
    altered("UPDATE keyring SET passes = 1", EE_TAMPERED);
    altered("UPDATE keyring SET memory_kib = -1", EE_TAMPERED);
    altered("UPDATE keyring SET memory_kib = 'x'", EE_TAMPERED);
    altered("UPDATE cmk SET version = 9 WHERE version = 3", EE_DENIED);
    altered("UPDATE cmk SET version = 4294967296 WHERE version = 3",
            EE_TAMPERED);
    altered("UPDATE cmk SET state = 'destroyed' WHERE version = 1",
            EE_TAMPERED);
    altered("UPDATE cmk SET state = 'enabled' WHERE version = 2", EE_TAMPERED);
    altered("UPDATE cmk SET state = 'destroyed', nonce = NULL, box = NULL "
            "WHERE version = 1",
            EE_DENIED);
    altered("UPDATE cmk SET name = 'x' WHERE name = 'pii'", EE_DENIED);
    altered("UPDATE cmk SET name = x'70' WHERE name = 'pii'", EE_TAMPERED);
    altered("UPDATE cmk SET name = hex(zeroblob(32)) WHERE name = 'pii'",
            EE_TAMPERED);
    altered("UPDATE cmk SET box = (SELECT box FROM cmk WHERE name = 'pii')",
            EE_TAMPERED);
    altered("UPDATE cmk SET box = (SELECT box FROM cmk WHERE name = 'pii') "
            "WHERE version = 1",
            EE_DENIED);
}

static void schema(void)
{
    altered("CREATE TABLE other(a)", EE_TAMPERED);
    altered("CREATE INDEX i ON cmk(created)", EE_TAMPERED);
    altered("CREATE VIEW v AS SELECT 1", EE_TAMPERED);
    altered("CREATE TRIGGER t AFTER UPDATE ON keyring BEGIN SELECT 1; END",
            EE_TAMPERED);
    altered("ALTER TABLE cmk ADD COLUMN a", EE_TAMPERED);
    altered("DROP TABLE cmk", EE_TAMPERED);
    altered("PRAGMA user_version = 2", EE_CONFIG);
    altered("PRAGMA application_id = 0", EE_CONFIG);
    altered("ANALYZE", EE_OK);
    altered("VACUUM", EE_OK);
}

/* Argon2id parameters are judged before any memory is taken. */
static void parameters(void)
{
    static const struct {
        uint32_t memory_kib;
        uint32_t passes;
        int code;
    } cases[] = {
        {EE_ARGON2_MEMORY_KIB_MIN - 1, 3, EE_TAMPERED},
        {EE_ARGON2_MEMORY_KIB_MAX + 1, 3, EE_TAMPERED},
        {UINT32_MAX, 3, EE_TAMPERED},
        {0, 0, EE_TAMPERED},
        {EE_ARGON2_MEMORY_KIB, EE_ARGON2_PASSES_MIN - 1, EE_TAMPERED},
        {EE_ARGON2_MEMORY_KIB, EE_ARGON2_PASSES_MAX + 1, EE_TAMPERED},
        {EE_ARGON2_MEMORY_KIB, UINT32_MAX, EE_TAMPERED},
        {EE_ARGON2_MEMORY_KIB_MAX, 3, EE_TAMPERED}, /* some 6 seconds */
        {EE_ARGON2_MEMORY_KIB_MAX / 8 + 1, EE_ARGON2_PASSES_MAX, EE_TAMPERED},
        {EE_ARGON2_MEMORY_KIB_MIN, EE_ARGON2_PASSES_MIN, EE_DENIED},
        {EE_ARGON2_MEMORY_KIB, EE_ARGON2_PASSES, EE_OK},
    };
    struct ee_provider *p = NULL;
    char sql[100];

    ring_no_secret();
    (void)setenv("ENVELOPE_PASSPHRASE", "correct horse", 1);
    ok(ring_open(&p, "p.keyring", true, &err) == EE_OK, "with a passphrase");
    ee_provider_close(p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int rc = EE_OK;

        (void)snprintf(sql, sizeof sql,
                       "UPDATE keyring SET memory_kib = %u, passes = %u",
                       cases[i].memory_kib, cases[i].passes);
        (void)ring_sql("p.keyring", sql);
        rc = ring_open(&p, "p.keyring", false, &err);
        ok(rc == cases[i].code, "%u KiB, %u passes: %s", cases[i].memory_kib,
           cases[i].passes, err.msg);
        ee_provider_close(p);
    }
}

int main(void)
{
    ring_setup();
    setup();
    truncation();
    changes(0xFF);
    changes(0x01);
    rows();
    schema();
    (void)ring_write("a.keyring", original, size, 0600);
    free(original);
    parameters();
    return done();
}
