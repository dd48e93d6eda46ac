/* prefix.c - XXH64 of what was read, and of a second reading. It finds other content, not an attacker's. */

#define XXH_STATIC_LINKING_ONLY /* for the size of the state */
#include <xxhash.h>

#include "prefix.h"

struct leat_prefix {
    XXH64_state_t first, second;
};

struct leat_prefix *leat_prefix_new(struct leat_stage *s)
{
    struct leat_prefix *p = leat_alloc(s, sizeof *p);

    if (p)
        XXH64_reset(&p->first, 0);
    return p;
}

void leat_prefix_add(struct leat_prefix *p, const void *data, size_t n)
{
    XXH64_update(&p->first, data, n);
}

void leat_prefix_again(struct leat_prefix *p)
{
    XXH64_reset(&p->second, 0);
}

void leat_prefix_compare(struct leat_prefix *p, const void *data, size_t n)
{
    XXH64_update(&p->second, data, n);
}

bool leat_prefix_same(const struct leat_prefix *p)
{
    return XXH64_digest(&p->first) == XXH64_digest(&p->second);
}

void leat_prefix_free(struct leat_stage *s, struct leat_prefix *p)
{
    leat_free(s, p);
}
