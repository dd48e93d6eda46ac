/* hash_evp.c - the digests of libcrypto: MD5, SHA-1, SHA-2 and BLAKE2b. */

#include "hash.h"
#include "libcrypto.h"

static int evp_open(struct leat_stage *s, const struct leat_hash_algorithm *a, void *state)
{
    return leat_evp_new(s, a->variant, state);
}

static int evp_add(struct leat_stage *s, void *state, const uint8_t *data, size_t n)
{
    (void)s;
    return leat_evp_add(*(struct leat_evp **)state, data, n);
}

static int evp_end(struct leat_stage *s, void *state, uint8_t *digest)
{
    (void)s;
    return leat_evp_end(*(struct leat_evp **)state, digest);
}

static void evp_close(void *state)
{
    struct leat_evp **evp = state;

    leat_evp_free(*evp);
    *evp = NULL;
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
EVP(sha256, "SHA256", NULL, LEAT_SHA256, LEAT_SHA256_BYTES);
EVP(sha512, "SHA512", NULL, "SHA2-512", 64);
EVP(blake2b, "BLAKE2b", "BLAKE2b-512", "BLAKE2B-512", 64);

LEAT_HASH_STAGE(
    md5, sizeof(struct leat_evp *), "MD5 digest of the stream",
    "The MD5 digest. It detects accidental damage, not attacks: two different files with the same "
    "digest can be made.",
    ", as md5sum does");
LEAT_HASH_STAGE(
    sha1, sizeof(struct leat_evp *), "SHA-1 digest of the stream",
    "The SHA-1 digest. It detects accidental damage, not attacks: two different files with the "
    "same digest can be made.",
    ", as sha1sum does");
LEAT_HASH_STAGE(sha256, sizeof(struct leat_evp *), "SHA-256 digest of the stream",
                "The SHA-256 digest.", ", as sha256sum does");
LEAT_HASH_STAGE(sha512, sizeof(struct leat_evp *), "SHA-512 digest of the stream",
                "The SHA-512 digest.", ", as sha512sum does");
LEAT_HASH_STAGE(blake2b, sizeof(struct leat_evp *), "BLAKE2b digest of the stream",
                "The BLAKE2b digest of 512 bits: as good as SHA-512, and faster.",
                ", as b2sum does");
