/* rotate_name.h - the names of the parts of rotate: a template with a time and a number. */
#ifndef LEAT_ROTATE_NAME_H
#define LEAT_ROTATE_NAME_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define ROTATE_NAME_MAX ((size_t)NAME_MAX + 1)

/* leat_rotate_name_check - is this a template of a name, without a directory? It has {n} or {n:WIDTH} once, and may have
 * {time} or {time:FORMAT}. Returns NULL, or why not. */
const char *leat_rotate_name_check(const char *template);
/* leat_rotate_name - the name with this time and number; `to` has ROTATE_NAME_MAX bytes. Returns false: it is too long, or
 * has a slash. */
bool leat_rotate_name(const char *template, const struct tm *time, uint64_t n, char *to);
/* leat_rotate_name_fits - is `name` one of the template's, with any time and number? `time` not NULL: with this time.
 * *ret_n is its number; ret_n may be NULL. A time that strptime(3) does not read back fits no name. */
bool leat_rotate_name_fits(const char *template, const char *name, const struct tm *time,
                           uint64_t *ret_n);

#endif
