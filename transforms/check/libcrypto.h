/* libcrypto.h - one digest of libcrypto, which is loaded when it is first needed. */
#ifndef LEAT_CHECK_LIBCRYPTO_H
#define LEAT_CHECK_LIBCRYPTO_H

#include "stage.h"

struct leat_evp;

#define LEAT_SHA256 "SHA2-256" /* name and bytes of a digest */
#define LEAT_SHA256_BYTES ((size_t)32)

/* leat_evp_new - in open: load the library and begin a digest; `name` is that of OpenSSL. Returns 0, or fails the
 * stage. *ret is set in any case. */
int leat_evp_new(struct leat_stage *stage, const char *name, struct leat_evp **ret);
/* leat_evp_begin - begin another digest. Each of these returns 0, or fails the stage. */
int leat_evp_begin(struct leat_evp *evp);
int leat_evp_add(struct leat_evp *evp, const void *data, size_t n);
int leat_evp_end(struct leat_evp *evp, uint8_t *digest);
/* leat_evp_free - in close; NULL is fine. */
void leat_evp_free(struct leat_evp *evp);

#endif
