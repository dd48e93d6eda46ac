/* azblob_sign.h - the signature of Azure Storage (Shared Key) for a request. */
#ifndef LEAT_NET_AZBLOB_SIGN_H
#define LEAT_NET_AZBLOB_SIGN_H

#include "fixed.h"
#include "hmac.h"

#define LEAT_AZBLOB_TIME 30 /* bytes of "Fri, 23 Sep 2011 01:37:34 GMT", with the NUL */

/* All texts are as they are sent. */
struct leat_azblob_signed {
    const char *method, *account;
    const char *path;           /* percent-encoded, with that of the endpoint */
    const char *query;          /* percent-encoded; "": none */
    const char *const *headers; /* "Name: value", NULL after the last */
    uint64_t size;              /* of the body */
};

/* leat_azblob_text - the text that is signed. `to` is full if it does not fit, or there are too many headers or parameters. */
void leat_azblob_text(const struct leat_azblob_signed *request, struct leat_fixed *to);
/* leat_azblob_sign - the value of the header Authorization.
 *
 *   sha  of LEAT_SHA256: any digest that was begun is lost
 *   to   size bytes
 *
 * Returns 0; LEAT_ELIMIT: the request or the result is too long; or fails the stage of `sha`. */
int leat_azblob_sign(struct leat_evp *sha, const uint8_t *key, size_t key_n,
                     const struct leat_azblob_signed *request, char *to, size_t size);
/* leat_azblob_time - seconds since 1970 as "Fri, 23 Sep 2011 01:37:34 GMT", in any locale. */
void leat_azblob_time(int64_t seconds, char to[LEAT_AZBLOB_TIME]);

#endif
