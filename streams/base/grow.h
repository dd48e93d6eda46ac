/* grow.h - room for one more in an array. */
#ifndef LEAT_GROW_H
#define LEAT_GROW_H

#include <stdlib.h>

#define LEAT_GROW_FIRST 8u

/* leat_grow - an array of *room members of `size` bytes, n of them in use, gets twice the room if there
 * is none left. Returns where it is now. NULL: out of memory, and it is as it was. */
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
