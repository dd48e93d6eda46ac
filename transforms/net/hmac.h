/* hmac.h - HMAC-SHA-256 (RFC 2104) with the digests of libcrypto, and base64, for signatures. */
#ifndef LEAT_NET_HMAC_H
#define LEAT_NET_HMAC_H

#include "../check/libcrypto.h"

/* leat_hmac_sha256 - of n bytes.
 *
 *   sha     of LEAT_SHA256: any digest that was begun is lost
 *   digest  may be the key
 *
 * Returns 0, or fails the stage of `sha`. */
int leat_hmac_sha256(struct leat_evp *sha, const void *key, size_t key_n, const void *data,
                     size_t n, uint8_t digest[LEAT_SHA256_BYTES]);

#define LEAT_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1) /* characters of n bytes, with the NUL */
/* leat_base64_encode - `to` has LEAT_BASE64_SIZE(n) characters. */
void leat_base64_encode(const uint8_t *from, size_t n, char *to);
/* leat_base64_decode - with its padding. Returns false if it is malformed, or has more than size bytes. */
bool leat_base64_decode(const char *from, uint8_t *to, size_t size, size_t *ret_n);

#endif
