/* sized.h - structs of leat.h that begin with their size: a program and the library may be of different ages. */
#ifndef LEAT_BASE_SIZED_H
#define LEAT_BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>

#include "leat.h"

#define LEAT_SIZED_MAX ((size_t)4096) /* a struct with a larger size was never initialised */

/* leat_sized_is_set - has the program set the size of this struct? NULL has no size to set: true. */
bool leat_sized_is_set(const void *given);
/* leat_sized_in - copy a struct of the program into one of `size` bytes. Members that an older program does not know
 * become zero. Returns 0; LEAT_EUSAGE: the size is not set; LEAT_EUNSUPPORTED: a newer program has set a member that
 * this library does not know. *own is written on success only. */
int leat_sized_in(void *own, size_t size, const void *given);
/* leat_sized_out - fill in a struct of the program from one of `size` bytes: the members that it knows, and zero in those
 * that only a newer program knows. Its size stays. Returns 0; LEAT_EUSAGE: the size is not set, and nothing is written. */
int leat_sized_out(void *given, const void *own, size_t size);

#endif
