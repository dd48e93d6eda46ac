/* hash_evp.c - the digests of libcrypto: MD5, SHA-1, SHA-2 and BLAKE2b. */

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "hash.h"

/* libcrypto takes longer to start than leat itself, so it is loaded only when a digest needs it. */
#define FUNCTIONS(X)                                                                               \
    X(OPENSSL_init_crypto)                                                                         \
    X(OSSL_LIB_CTX_get0_global_default)                                                            \
    X(EVP_MD_fetch)                                                                                \
    X(EVP_MD_free)                                                                                 \
    X(EVP_MD_CTX_new)                                                                              \
    X(EVP_MD_CTX_free)                                                                             \
    X(EVP_DigestInit_ex2)                                                                          \
    X(EVP_DigestUpdate)                                                                            \
    X(EVP_DigestFinal_ex)

struct libcrypto {
    FUNCTIONS(LEAT_LOADED_MEMBER)
};
static const char *const functions[] = {FUNCTIONS(LEAT_LOADED_NAME) NULL};

struct evp_state {
    struct libcrypto lib;
    EVP_MD *md;
    EVP_MD_CTX *ctx;
};

/* Fetching an algorithm costs time, so only the one that is used is fetched. */
static int evp_open(struct leat_stage *s, const struct leat_hash_algorithm *a, void *state)
{
    struct evp_state *e = state;
    int r = leat_load(s, LIBCRYPTO_SO, "libssl3", functions, &e->lib);

    if (r < 0)
        return r;
    /* EVP_MD_fetch does not check that the library could start, and would write through NULL. */
    if (e->lib.OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 ||
        !e->lib.OSSL_LIB_CTX_get0_global_default())
        return leat_fail(s, LEAT_ENOMEM, "libcrypto cannot start: out of memory");
    e->md = e->lib.EVP_MD_fetch(NULL, a->variant, NULL);
    if (!e->md)
        return leat_fail(s, LEAT_EUNSUPPORTED, "libcrypto offers no %s here", a->tag);
    e->ctx = e->lib.EVP_MD_CTX_new();
    if (!e->ctx || e->lib.EVP_DigestInit_ex2(e->ctx, e->md, NULL) != 1)
        return leat_fail(s, LEAT_ENOMEM, "libcrypto could not begin a %s digest", a->tag);
    return 0;
}

static int evp_add(struct leat_stage *s, void *state, const uint8_t *data, size_t n)
{
    struct evp_state *e = state;

    if (e->lib.EVP_DigestUpdate(e->ctx, data, n) != 1)
        return leat_fail(s, LEAT_EINTERNAL, "libcrypto failed in a digest");
    return 0;
}

static int evp_end(struct leat_stage *s, void *state, uint8_t *digest)
{
    struct evp_state *e = state;

    if (e->lib.EVP_DigestFinal_ex(e->ctx, digest, NULL) != 1)
        return leat_fail(s, LEAT_EINTERNAL, "libcrypto failed to end a digest");
    return 0;
}

static void evp_close(void *state)
{
    struct evp_state *e = state;

    if (e->ctx)
        e->lib.EVP_MD_CTX_free(e->ctx);
    if (e->md)
        e->lib.EVP_MD_free(e->md);
    e->ctx = NULL;
    e->md = NULL;
}

#define EVP(ident, bsd_tag, bits_tag, evp_name, bytes)                                             \
    static const struct leat_hash_algorithm ident##_algorithm = {                                  \
        .tag = bsd_tag,                                                                            \
        .tag_with_bits = bits_tag,                                                                 \
        .openssl_tag = evp_name,                                                                   \
        .size = bytes,                                                                             \
        .variant = evp_name,                                                                       \
        .open = evp_open,                                                                          \
        .add = evp_add,                                                                            \
        .end = evp_end,                                                                            \
        .close = evp_close,                                                                        \
    }

EVP(md5, "MD5", NULL, "MD5", 16);
EVP(sha1, "SHA1", NULL, "SHA1", 20);
EVP(sha256, "SHA256", NULL, "SHA2-256", 32);
EVP(sha512, "SHA512", NULL, "SHA2-512", 64);
EVP(blake2b, "BLAKE2b", "BLAKE2b-512", "BLAKE2B-512", 64);

LEAT_HASH_STAGE(
    md5, sizeof(struct evp_state), "MD5 digest of the stream",
    "The MD5 digest. It detects accidental damage, not attacks: two different files with the same "
    "digest can be made.",
    ", as md5sum does");
LEAT_HASH_STAGE(
    sha1, sizeof(struct evp_state), "SHA-1 digest of the stream",
    "The SHA-1 digest. It detects accidental damage, not attacks: two different files with the "
    "same digest can be made.",
    ", as sha1sum does");
LEAT_HASH_STAGE(sha256, sizeof(struct evp_state), "SHA-256 digest of the stream",
                "The SHA-256 digest.", ", as sha256sum does");
LEAT_HASH_STAGE(sha512, sizeof(struct evp_state), "SHA-512 digest of the stream",
                "The SHA-512 digest.", ", as sha512sum does");
LEAT_HASH_STAGE(blake2b, sizeof(struct evp_state), "BLAKE2b digest of the stream",
                "The BLAKE2b digest of 512 bits: as good as SHA-512, and faster.",
                ", as b2sum does");
