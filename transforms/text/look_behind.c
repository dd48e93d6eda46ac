/* look_behind.c - a queue of bytes in one growing block.
 *
 * Space at the front is reused: once at least half of the block is free, the held bytes move down.
 * A byte is therefore moved about once, and the block is at most twice as large as the held bytes.
 * When the block grows, the old and the new one exist together for a moment, and both are charged.
 */

#include "look_behind.h"

#include <string.h>

#define SIZE_FIRST ((size_t)64 << 10)

static int grow(struct leat_stage *s, struct leat_look_behind *h, size_t need)
{
    size_t len = leat_look_behind_len(h), size = h->size ? h->size : SIZE_FIRST;
    uint8_t *data;

    while (size < need && size <= SIZE_MAX / 2)
        size *= 2;
    /* Near the memory limit, allocate only the needed size. */
    if (size > leat_memory_left(s) && need < size)
        size = need;
    data = leat_alloc(s, size);
    if (!data)
        return LEAT_ENOMEM;
    if (len > 0)
        memcpy(data, leat_look_behind_bytes(h), len);
    leat_free(s, h->data);
    *h = (struct leat_look_behind){.data = data, .to = len, .size = size};
    return 0;
}

int leat_look_behind_add(struct leat_stage *s, struct leat_look_behind *h, const uint8_t *data,
                         size_t n)
{
    size_t len = leat_look_behind_len(h);
    int r;

    if (n == 0)
        return 0;
    if (n > h->size - h->to && h->size / 2 >= len && n <= h->size - len) {
        memmove(h->data, leat_look_behind_bytes(h), len);
        h->from = 0;
        h->to = len;
    }
    if (n > h->size - h->to) {
        r = grow(s, h, len + n);
        if (r < 0)
            return r;
    }
    memcpy(h->data + h->to, data, n);
    h->to += n;
    return 0;
}

void leat_look_behind_drop(struct leat_look_behind *h, size_t n)
{
    h->from += n;
    if (h->from == h->to)
        h->from = h->to = 0;
}

void leat_look_behind_done(struct leat_stage *s, struct leat_look_behind *h)
{
    leat_free(s, h->data);
    *h = (struct leat_look_behind){.size = 0};
}
