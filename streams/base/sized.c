/* sized.c - copy structs that begin with their size between a program and the library. */

#include "sized.h"

#include <string.h>

#include "invariant.h"

static size_t size_of(const void *given)
{
    size_t size;

    memcpy(&size, given, sizeof size);
    return size;
}

bool leat_sized_is_set(const void *given)
{
    /* A size alone is no struct: sizeof of a pointer is a common mistake. */
    return !given || (size_of(given) > sizeof(size_t) && size_of(given) <= LEAT_SIZED_MAX);
}

int leat_sized_in(void *own, size_t size, const void *given)
{
    const unsigned char *bytes = given;

    leat_assert(given && size <= LEAT_SIZED_MAX);
    if (!leat_sized_is_set(given))
        return LEAT_EUSAGE;
    for (size_t i = size; i < size_of(given); i++)
        if (bytes[i] != 0)
            return LEAT_EUNSUPPORTED;
    memset(own, 0, size);
    memcpy(own, given, size_of(given) < size ? size_of(given) : size);
    memcpy(own, &size, sizeof size);
    return 0;
}

int leat_sized_out(void *given, const void *own, size_t size)
{
    unsigned char *bytes = given;
    size_t known;

    leat_assert(given && size <= LEAT_SIZED_MAX);
    if (!leat_sized_is_set(given))
        return LEAT_EUSAGE;
    known = size_of(given) < size ? size_of(given) : size;
    memcpy(bytes + sizeof size, (const unsigned char *)own + sizeof size, known - sizeof size);
    memset(bytes + known, 0, size_of(given) - known);
    return 0;
}
