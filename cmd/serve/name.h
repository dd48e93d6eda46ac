/* name.h - names that a client chooses, for files. */
#ifndef SERVE_NAME_H
#define SERVE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_BYTES_MAX ((size_t)200) /* a suffix fits behind it in the 255 bytes of a file's name */

/* name_decode - decode %XX of raw[0..n), and check the name with name_refusal.
 *
 *   ret  receives the name and a NUL; NAME_BYTES_MAX + 1 bytes
 *
 * Returns NULL, or the reason why it is refused; then *ret is not a name. */
const char *name_decode(const char *raw, size_t n, char *ret);
/* name_refusal - why the name cannot be that of a file, or NULL: it is one part of a path, of characters that can be
 * printed, and is neither hidden nor an option. */
const char *name_refusal(const char *name);

#endif
