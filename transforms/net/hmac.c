/* hmac.c - HMAC-SHA-256 (RFC 2104) with the digests of libcrypto, and base64, for signatures. */

#include "hmac.h"

#include <string.h>

#include "base/invariant.h"

#define BLOCK ((size_t)64) /* bytes of SHA-256 */

static int hash(struct leat_evp *sha, const void *first, size_t first_n, const void *data, size_t n,
                uint8_t *digest)
{
    int r = leat_evp_begin(sha);

    if (r == 0)
        r = leat_evp_add(sha, first, first_n);
    if (r == 0)
        r = leat_evp_add(sha, data, n);
    return r < 0 ? r : leat_evp_end(sha, digest);
}

int leat_hmac_sha256(struct leat_evp *sha, const void *key, size_t key_n, const void *data,
                     size_t n, uint8_t digest[LEAT_SHA256_BYTES])
{
    uint8_t inner[BLOCK] = {0}, outer[BLOCK];
    int r = 0;

    if (key_n > BLOCK)
        r = hash(sha, "", 0, key, key_n, inner);
    else
        memcpy(inner, key, key_n);
    for (size_t i = 0; i < BLOCK; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    if (r == 0)
        r = hash(sha, inner, sizeof inner, data, n, digest);
    if (r == 0)
        r = hash(sha, outer, sizeof outer, digest, LEAT_SHA256_BYTES, digest);
    explicit_bzero(inner, sizeof inner);
    explicit_bzero(outer, sizeof outer);
    return r;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void leat_base64_encode(const uint8_t *from, size_t n, char *to)
{
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)from[i] << 16;

        bits |= i + 1 < n ? (uint32_t)from[i + 1] << 8 : 0;
        bits |= i + 2 < n ? from[i + 2] : 0;
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = i + 1 < n ? digits[bits >> 6 & 63] : '=';
        *to++ = i + 2 < n ? digits[bits & 63] : '=';
    }
    *to = '\0';
}

bool leat_base64_decode(const char *from, uint8_t *to, size_t size, size_t *ret_n)
{
    size_t length = strlen(from), padding = 0, n = 0;

    while (padding < 2 && padding < length && from[length - 1 - padding] == '=')
        padding++;
    if (length % 4 != 0)
        return false;
    for (size_t i = 0; i < length; i += 4) {
        uint32_t bits = 0;

        for (size_t k = 0; k < 4; k++) {
            const char *at = i + k < length - padding ? strchr(digits, from[i + k]) : digits;

            if (!at)
                return false;
            bits = bits << 6 | (uint32_t)(at - digits);
        }
        for (int shift = 16; shift >= 0; shift -= 8) {
            if (i + 4 == length && (size_t)(16 - shift) / 8 + padding >= 3)
                break;
            if (n == size)
                return false;
            to[n++] = (uint8_t)(bits >> shift);
        }
    }
    leat_assert(n <= size);
    *ret_n = n;
    return true;
}
