/* show.h - text from outside as one line that a terminal may see; leat_show is in leat.h. */
#ifndef LEAT_SHOW_H
#define LEAT_SHOW_H

#include <stdarg.h>

#include "leat.h"

#define LEAT_SHOW_RAW_MAX 640u /* bytes of a message before it is made fit to show */

/* leat_show_plain - bytes of the character at `text`; 0 if it is to be escaped, or the end. */
size_t leat_show_plain(const char *text);
/* leat_show_byte - writes the escape of one byte, 2 or 4 bytes; returns how many. */
size_t leat_show_byte(char *to, char byte);
/* leat_show_v - a message with its arguments, as leat_show writes it. */
void leat_show_v(char *buf, size_t size, const char *format, va_list args);

#endif
