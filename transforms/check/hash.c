/* hash.c - digests and checksums of a stream, all in one: a row of `algorithms` each.
 *
 * A digest alone takes the stream in and gives a line as sha256sum does. With --to or --expect it
 * is a pass-through: the stream goes on unchanged, and the line goes to a file, or the pipeline
 * fails at the end if the digest is not the expected one, before anything is committed.
 */

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY /* the size of a state, to keep it in ours */
#include <xxhash.h>
#include <zlib.h>

#if HAVE_ISAL
#include <isa-l/crc.h>
#endif

#include "stage.h"

#define DIGEST_MAX 64
#define NAME_MAX_BYTES 8192 /* a longer name is cut in the line */
/* Pieces: a digest is taken of what the last level of the nearest cache still holds. */
#define LINE_MAX_BYTES (2 * DIGEST_MAX + 2 * NAME_MAX_BYTES + 64)

struct hash_params {
    int tag;
    const char *to, *expect;
};

struct hash {
    EVP_MD *md;
    EVP_MD_CTX *evp;
    XXH64_state_t xxh;
    uint32_t crc;
    bool finished;
    char *line; /* the answer */
    size_t line_at, line_len;
};

struct algorithm {
    const char *stage, *tag;
    const char *evp; /* libcrypto's name; NULL: ours to compute */
    size_t size;     /* bytes of the digest */
    bool escapes;    /* names with a newline, a return or a backslash, as coreutils do */
    void (*add)(struct hash *h, const uint8_t *data, size_t n);
    void (*end)(struct hash *h, uint8_t *digest);
};

/* --- checksums of our own ---------------------------------------------------------------------- */

static void put_big_endian(uint8_t *to, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static void crc32_add(struct hash *h, const uint8_t *data, size_t n)
{
#if HAVE_ISAL
    h->crc = crc32_gzip_refl(h->crc, data, n);
#else
    h->crc = (uint32_t)crc32_z(h->crc, data, n);
#endif
}

static void crc32_end(struct hash *h, uint8_t *digest)
{
    put_big_endian(digest, h->crc, 4);
}

static void xxh64_add(struct hash *h, const uint8_t *data, size_t n)
{
    XXH64_update(&h->xxh, data, n);
}

static void xxh64_end(struct hash *h, uint8_t *digest)
{
    put_big_endian(digest, XXH64_digest(&h->xxh), 8);
}

static const struct algorithm algorithms[] = {
    {"md5", "MD5", "MD5", 16, true, NULL, NULL},
    {"sha1", "SHA1", "SHA1", 20, true, NULL, NULL},
    {"sha256", "SHA256", "SHA2-256", 32, true, NULL, NULL},
    {"sha512", "SHA512", "SHA2-512", 64, true, NULL, NULL},
    {"blake2b", "BLAKE2b", "BLAKE2B-512", 64, true, NULL, NULL},
    {"crc32", "CRC32", NULL, 4, true, crc32_add, crc32_end},
    {"xxh64", "XXH64", NULL, 8, false, xxh64_add, xxh64_end},
};
enum { MD5, SHA1, SHA256, SHA512, BLAKE2B, CRC32, XXH64_ };

/* --- the answer -------------------------------------------------------------------------------- */

static void put_hex(char *to, const uint8_t *digest, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        to[2 * i] = digits[digest[i] >> 4];
        to[2 * i + 1] = digits[digest[i] & 15];
    }
    to[2 * size] = '\0';
}

/* Writes the name with its troublesome characters escaped; returns whether there were any. */
static bool put_name(char *to, const char *name, bool escape)
{
    bool escaped = false;

    for (size_t n = 0; *name && n < NAME_MAX_BYTES; n++, name++) {
        const char *code = strchr("\nn\rr\\\\", *name);

        if (!escape || (*name != '\n' && *name != '\r' && *name != '\\')) {
            *to++ = *name;
            continue;
        }
        *to++ = '\\';
        *to++ = code[1];
        escaped = true;
    }
    *to = '\0';
    return escaped;
}

static int make_line(struct leat_stage *s, const struct algorithm *a, const char *hex)
{
    const struct hash_params *p = leat_params(s);
    struct hash *h = leat_state(s);
    char *name = leat_alloc(s, 2 * NAME_MAX_BYTES + 1);
    const char *mark;

    h->line = leat_alloc(s, LINE_MAX_BYTES);
    if (!name || !h->line) {
        leat_free(s, name);
        return LEAT_ENOMEM;
    }
    mark = put_name(name, leat_input_name(s), a->escapes) ? "\\" : "";
    if (p->tag)
        h->line_len =
            (size_t)snprintf(h->line, LINE_MAX_BYTES, "%s%s (%s) = %s\n", mark, a->tag, name, hex);
    else
        h->line_len = (size_t)snprintf(h->line, LINE_MAX_BYTES, "%s%s  %s\n", mark, hex, name);
    leat_free(s, name);
    return 0;
}

static int finish(struct leat_stage *s, const struct algorithm *a)
{
    const struct hash_params *p = leat_params(s);
    struct hash *h = leat_state(s);
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[2 * DIGEST_MAX + 1];
    int r;

    h->finished = true;
    if (!a->evp)
        a->end(h, digest);
    else if (EVP_DigestFinal_ex(h->evp, digest, NULL) != 1)
        return leat_fail(s, LEAT_EINTERNAL, "libcrypto failed to end a %s digest", a->tag);
    put_hex(hex, digest, a->size);
    if (p->expect && strcasecmp(hex, p->expect) != 0)
        return leat_fail(s, LEAT_ECHECKSUM, "%s is %s, expected %s", a->tag, hex, p->expect);
    if (p->expect && !p->to)
        return 0;
    r = make_line(s, a, hex);
    if (r == 0 && p->to)
        r = leat_side(s, h->line, h->line_len);
    return r;
}

/* --- the stage --------------------------------------------------------------------------------- */

static int plan_hash(struct leat_stage *s, const struct algorithm *a)
{
    const struct hash_params *p = leat_params(s);

    if (p->expect && (strlen(p->expect) != 2 * a->size ||
                      strspn(p->expect, "0123456789abcdefABCDEF") != 2 * a->size))
        return leat_fail(s, LEAT_EUSAGE, "--expect: a %s digest is %zu hexadecimal digits", a->tag,
                         2 * a->size);
    if (p->to || p->expect)
        leat_plan_flags(s, LEAT_PASS_THROUGH | LEAT_WANTS_ALL);
    return 0;
}

/* Fetching an algorithm costs time, so it is done here, and only for the one that is used. */
static int open_hash(struct leat_stage *s, const struct algorithm *a)
{
    struct hash *h = leat_state(s);

    if (!a->evp) {
        XXH64_reset(&h->xxh, 0);
        return 0;
    }
    h->md = EVP_MD_fetch(NULL, a->evp, NULL);
    if (!h->md)
        return leat_fail(s, LEAT_EUNSUPPORTED, "libcrypto offers no %s here", a->tag);
    h->evp = EVP_MD_CTX_new();
    if (!h->evp || EVP_DigestInit_ex2(h->evp, h->md, NULL) != 1)
        return leat_fail(s, LEAT_ENOMEM, "libcrypto could not begin a %s digest", a->tag);
    return 0;
}

static void close_hash(struct leat_stage *s)
{
    struct hash *h = leat_state(s);

    EVP_MD_CTX_free(h->evp);
    EVP_MD_free(h->md);
    leat_free(s, h->line);
    h->evp = NULL;
    h->md = NULL;
    h->line = NULL;
}

static int step_hash(struct leat_stage *s, struct leat_in *in, struct leat_out *out,
                     const struct algorithm *a)
{
    const struct hash_params *p = leat_params(s);
    struct hash *h = leat_state(s);
    const uint8_t *data = in->data + in->pos;
    size_t n = in->len - in->pos;
    int r;

    if (p->to || p->expect)
        n = leat_pass(out, in, n);
    else
        in->pos = in->len;
    if (n > 0 && !a->evp)
        a->add(h, data, n);
    else if (n > 0 && EVP_DigestUpdate(h->evp, data, n) != 1)
        return leat_fail(s, LEAT_EINTERNAL, "libcrypto failed in a %s digest", a->tag);
    if (!in->end || in->pos < in->len)
        return LEAT_MORE;
    if (!h->finished) {
        r = finish(s, a);
        if (r < 0)
            return r;
    }
    if (p->to || p->expect)
        return LEAT_END;
    h->line_at += leat_write(out, h->line + h->line_at, h->line_len - h->line_at);
    return h->line_at < h->line_len ? LEAT_MORE : LEAT_END;
}

#define AT(field) offsetof(struct hash_params, field)
static const struct leat_option hash_options[] = {
    {"to", 0, LEAT_OPT_SIDE, AT(to), .metavar = "FILE",
     .help = "pass the stream on, and write the line to FILE (-: standard output)"},
    {"expect", 0, LEAT_OPT_STRING, AT(expect), .metavar = "HEX",
     .help = "pass the stream on, and fail if its digest is another one"},
    {"tag", 0, LEAT_OPT_FLAG, AT(tag), .help = "give the line in BSD form: NAME (FILE) = DIGEST"},
    {0},
};

#define MANUAL(what, form)                                                                         \
    what "\n\n"                                                                                    \
         "Alone, the stage takes the stream in and gives a line of the digest in hexadecimal and " \
         "the name of the file that was read, - if there is none such" form ".\n\n"                \
         "With --to the stream goes on unchanged, and the line is written to a file that is "      \
         "committed with the pipeline's other outputs. With --expect the pipeline fails with "     \
         "exit status 4 if the digest differs, and no output appears."

#define HASH(ident, index, text, what, form)                                                       \
    static int ident##_plan(struct leat_stage *s)                                                  \
    {                                                                                              \
        return plan_hash(s, &algorithms[index]);                                                   \
    }                                                                                              \
    static int ident##_open(struct leat_stage *s)                                                  \
    {                                                                                              \
        return open_hash(s, &algorithms[index]);                                                   \
    }                                                                                              \
    static int ident##_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)        \
    {                                                                                              \
        return step_hash(s, in, out, &algorithms[index]);                                          \
    }                                                                                              \
    const struct leat_stage_type leat_stage_##ident = {                                            \
        .name = #ident,                                                                            \
        .summary = text,                                                                           \
        .manual = MANUAL(what, form),                                                              \
        .examples = #ident "\n" #ident " --to=sum.txt : gzip",                                     \
        .kind = LEAT_TRANSFORM,                                                                    \
        .nature = LEAT_HEAVY,                                                                      \
        .params_size = sizeof(struct hash_params),                                                 \
        .state_size = sizeof(struct hash),                                                         \
        .options = hash_options,                                                                   \
        .plan = ident##_plan,                                                                      \
        .open = ident##_open,                                                                      \
        .step = ident##_step,                                                                      \
        .close = close_hash,                                                                       \
    }

HASH(md5, MD5, "MD5 digest of the stream",
     "The MD5 digest. It finds accidents, not attacks: there are ways to make two files with the "
     "same one.",
     ", as md5sum does");
HASH(sha1, SHA1, "SHA-1 digest of the stream",
     "The SHA-1 digest. It finds accidents, not attacks: there are ways to make two files with "
     "the same one.",
     ", as sha1sum does");
HASH(sha256, SHA256, "SHA-256 digest of the stream", "The SHA-256 digest.", ", as sha256sum does");
HASH(sha512, SHA512, "SHA-512 digest of the stream", "The SHA-512 digest.", ", as sha512sum does");
HASH(blake2b, BLAKE2B, "BLAKE2b digest of the stream",
     "The BLAKE2b digest of 512 bits: as good as SHA-512, and faster.", ", as b2sum does");
HASH(crc32, CRC32, "CRC-32 of the stream",
     "The CRC-32 of gzip, zip and PNG (not the one of the command cksum), as eight hexadecimal "
     "digits. It finds accidents only.",
     "");
HASH(xxh64, XXH64_, "XXH64 checksum of the stream",
     "The XXH64 checksum with seed 0: finds accidents, at the speed of memory.",
     ", as xxh64sum does");
