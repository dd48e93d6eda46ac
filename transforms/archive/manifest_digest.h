/* manifest_digest.h - SHA-256 of the contents of entries, in hexadecimal. */
#ifndef LEAT_ARCHIVE_MANIFEST_DIGEST_H
#define LEAT_ARCHIVE_MANIFEST_DIGEST_H

#include "manifest.h"

struct leat_evp;

/* leat_manifest_digest_new - in open. leat_manifest_digest_free - in close; NULL is fine. */
int leat_manifest_digest_new(struct leat_stage *stage, struct leat_evp **ret);
void leat_manifest_digest_free(struct leat_evp *evp);
/* leat_manifest_add - add a piece to the content of the item. leat_manifest_end - end the content: set the digest. Each
 * returns 0, or fails the stage. */
int leat_manifest_add(struct leat_evp *evp, struct leat_manifest_item *item, const void *data,
                      size_t n);
/* leat_manifest_add_zeros - add the hole up to this offset in the content, if there is one. */
int leat_manifest_add_zeros(struct leat_evp *evp, struct leat_manifest_item *item,
                            struct leat_blocking *blocking, uint64_t offset);
int leat_manifest_end(struct leat_evp *evp, struct leat_manifest_item *item);

#endif
