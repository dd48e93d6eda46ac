/* show.h - make text from outside safe to print, as one line; leat_show is in leat.h. */
#ifndef LEAT_BASE_SHOW_H
#define LEAT_BASE_SHOW_H

#include <stdarg.h>

#include "leat.h"

#define LEAT_SHOW_RAW_MAX 640u /* bytes of a message before it is escaped */

/* leat_show_plain - bytes of the character at `text`; 0 if it needs an escape, or at the end. */
size_t leat_show_plain(const char *text);
/* leat_show_byte - write the escape of one byte, 2 or 4 bytes; returns how many. */
size_t leat_show_byte(char *to, char byte);
/* leat_show_password - find the first password of a URL, `scheme://user:PASSWORD@host`, in the text. Returns its bytes, and
 * where it begins; 0: there is none. */
size_t leat_show_password(const char *text, const char **ret_at);
#define LEAT_SHOW_STARS "***" /* in place of a password */
/* leat_show_v - format a message and write it like leat_show. */
void leat_show_v(char *buf, size_t size, const char *format, va_list args);

#endif
