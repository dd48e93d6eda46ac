/* part_name.h - the names of the files of parts: from a template, or given by the stage. */
#ifndef LEAT_PARTS_PART_NAME_H
#define LEAT_PARTS_PART_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* leat_part_name - the template with {n} or {n:04} replaced; free() it. NULL: out of memory. */
char *leat_part_name(const char *template, uint64_t n);
/* leat_part_is_template - does it contain {n}? */
bool leat_part_is_template(const char *template);

/* leat_part_path - check a name of n bytes that comes from data, and clean it: a path below a
 * directory, without empty and `.` components.
 * Returns NULL if the name is good; *ret_path is then the path (free() it), or NULL: out of memory.
 * Else it returns the reason, for a message: the name is empty, absolute or too long, ends with a
 * slash, or has a `..` or a NUL. */
const char *leat_part_path(const char *name, size_t n, char **ret_path);

#endif
