/* manifest_digest.c - SHA-256 of the contents of entries. */

#include "manifest_digest.h"

#include "../check/libcrypto.h"
#include "base/invariant.h"

#define ZEROS ((size_t)65536)

_Static_assert(LEAT_MANIFEST_HEX == 2 * LEAT_SHA256_BYTES + 1, "two digits a byte");

int leat_manifest_digest_new(struct leat_stage *s, struct leat_evp **ret)
{
    return leat_evp_new(s, LEAT_SHA256, ret);
}

void leat_manifest_digest_free(struct leat_evp *evp)
{
    leat_evp_free(evp);
}

int leat_manifest_add(struct leat_evp *evp, struct leat_manifest_item *item, const void *data,
                      size_t n)
{
    item->size += n;
    return leat_evp_add(evp, data, n);
}

int leat_manifest_add_zeros(struct leat_evp *evp, struct leat_manifest_item *item,
                            struct leat_blocking *b, uint64_t offset)
{
    static const uint8_t zeros[ZEROS];
    int r = 0;

    while (r == 0 && item->size < offset) {
        uint64_t left = offset - item->size;

        if (leat_is_cancelled(b))
            return LEAT_ECANCELLED;
        r = leat_manifest_add(evp, item, zeros, left < ZEROS ? (size_t)left : ZEROS);
    }
    return r;
}

int leat_manifest_end(struct leat_evp *evp, struct leat_manifest_item *item)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[LEAT_SHA256_BYTES];
    int r = leat_evp_end(evp, digest);

    leat_assert(!*item->digest);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof digest; i++) {
        item->digest[2 * i] = digits[digest[i] >> 4];
        item->digest[2 * i + 1] = digits[digest[i] & 15];
    }
    item->digest[2 * sizeof digest] = '\0';
    return leat_evp_begin(evp);
}
