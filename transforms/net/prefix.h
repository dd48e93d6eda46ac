/* prefix.h - a running hash of what was read, to see whether a second reading begins with the same bytes. */
#ifndef LEAT_NET_PREFIX_H
#define LEAT_NET_PREFIX_H

#include "stage.h"

struct leat_prefix;

/* leat_prefix_new - in open; NULL: recorded as the stage's failure. */
struct leat_prefix *leat_prefix_new(struct leat_stage *stage);
/* leat_prefix_add - n more bytes were read. */
void leat_prefix_add(struct leat_prefix *prefix, const void *data, size_t n);
/* leat_prefix_again - begin to read a second time. leat_prefix_compare - the next n bytes of that. leat_prefix_same - were
 * they the bytes that were added? */
void leat_prefix_again(struct leat_prefix *prefix);
void leat_prefix_compare(struct leat_prefix *prefix, const void *data, size_t n);
bool leat_prefix_same(const struct leat_prefix *prefix);
/* leat_prefix_free - in close; NULL is fine. */
void leat_prefix_free(struct leat_stage *stage, struct leat_prefix *prefix);

#endif
