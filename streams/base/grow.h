/* grow.h - room for one more in an array. */
#ifndef LEAT_BASE_GROW_H
#define LEAT_BASE_GROW_H

#include <stdlib.h>

#define LEAT_GROW_FIRST 8u

/* leat_grow - double the room of an array if it is full: it has room for *room members of `size`
 * bytes, n of them in use. Returns its new address. NULL: out of memory, and the array is
 * unchanged. */
static inline void *leat_grow(void *v, size_t n, size_t *room, size_t size)
{
    size_t wanted = *room ? 2 * *room : LEAT_GROW_FIRST;
    void *more;

    if (n < *room)
        return v;
    more = reallocarray(v, wanted, size);
    if (more)
        *room = wanted;
    return more;
}

#endif
