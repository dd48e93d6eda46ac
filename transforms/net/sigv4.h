/* sigv4.h - the signature of AWS (version 4) for a request, with SHA-256 of libcrypto. */
#ifndef LEAT_NET_SIGV4_H
#define LEAT_NET_SIGV4_H

#include "../check/libcrypto.h"

#define LEAT_SIGV4_HEX                                                                             \
    (2 * LEAT_SHA256_BYTES + 1) /* bytes of a digest in hexadecimal, with the NUL */
#define LEAT_SIGV4_TIME 17      /* bytes of "20130524T000000Z", with the NUL */
#define LEAT_SIGV4_HEADERS_MAX 64

struct leat_sigv4_keys {
    const char *id, *secret;
    const char *region, *service;
};

/* All texts are as they are sent: percent-encoded, without a normalisation. */
struct leat_sigv4_request {
    const char *method, *path;
    const char *query; /* "a=1&b=2", in any order; "": none */
    const char *const *
        headers; /* "Name: value", NULL after the last: all of them are signed, with Host among them */
    const char *body_hash; /* hexadecimal, or another word that the service knows */
    const char *time;      /* "20130524T000000Z": of the header X-Amz-Date */
};

/* leat_sigv4_sign - the value of the header Authorization.
 *
 *   sha  of LEAT_SHA256: any digest that was begun is lost
 *   to   size bytes
 *
 * Returns 0; LEAT_ELIMIT: the request or the result is too long; or fails the stage of `sha`. */
int leat_sigv4_sign(struct leat_evp *sha, const struct leat_sigv4_keys *keys,
                    const struct leat_sigv4_request *request, char *to, size_t size);
/* leat_sigv4_hash - SHA-256 of n bytes, in hexadecimal. Returns 0, or fails the stage of `sha`. */
int leat_sigv4_hash(struct leat_evp *sha, const void *data, size_t n, char to[LEAT_SIGV4_HEX]);
/* leat_sigv4_hex - a digest in hexadecimal. */
void leat_sigv4_hex(const uint8_t digest[LEAT_SHA256_BYTES], char to[LEAT_SIGV4_HEX]);
/* leat_sigv4_time - seconds since 1970 as "20130524T000000Z". */
void leat_sigv4_time(int64_t seconds, char to[LEAT_SIGV4_TIME]);

#endif
