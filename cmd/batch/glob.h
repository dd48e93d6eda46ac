/* glob.h - patterns of file names. */
#ifndef CMD_BATCH_GLOB_H
#define CMD_BATCH_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* glob_has_magic - has the text one of * ? [ that is not escaped? */
bool glob_has_magic(const char *pattern, size_t n);
/* glob_matches - does the pattern match all of the text?
 *
 * * and ? match any bytes but a slash, [a-z] one of a set, [!a-z] none of it, \ takes the next byte as it is, and a
 * component ** matches any number of directories, also none. A dot at the beginning of a component is matched by a dot
 * only. Time is at most the product of both lengths. */
bool glob_matches(const char *pattern, const char *text);

#endif
