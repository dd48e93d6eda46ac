/* recode.h - converts text between UTF-8, UTF-16, UTF-32 and ISO-8859-1, piece by piece.
 *
 * Runs of ASCII are converted 32 characters at a time, others one by one. What counts as one invalid sequence is
 * as in the GNU C library.
 */
#ifndef LEAT_TEXT_RECODE_H
#define LEAT_TEXT_RECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum leat_charset {
    LEAT_UTF8,
    LEAT_UTF16LE,
    LEAT_UTF16BE,
    LEAT_UTF32LE,
    LEAT_UTF32BE,
    LEAT_LATIN1,
    LEAT_CHARSETS,
};

#define LEAT_CHARACTER_MAX 4u /* bytes, in each of them */

enum leat_recode_stop {
    LEAT_RECODE_DONE,       /* the input is used up */
    LEAT_RECODE_ROOM,       /* the next character does not fit */
    LEAT_RECODE_INCOMPLETE, /* the rest of the input is the start of a character */
    LEAT_RECODE_INVALID,    /* the next bytes are no character of `from` */
    LEAT_RECODE_NONE,       /* `to` does not have the next character */
};

struct leat_recode {
    const uint8_t *in, *in_end; /* moved on by what was used */
    uint8_t *out, *out_end;
};

/* leat_recode - convert as much as possible.
 *
 *   vector   use vector instructions where the processor has them; else, for tests, never */
enum leat_recode_stop leat_recode(enum leat_charset from, enum leat_charset to,
                                  struct leat_recode *r, bool vector);

/* leat_recode_skip - after INVALID or NONE: how many of the n bytes, n >= 1, are to be left out. */
size_t leat_recode_skip(enum leat_charset from, const uint8_t *in, size_t n);

/* leat_recode_put - one character, which `to` must have; returns its length, at most LEAT_CHARACTER_MAX. */
size_t leat_recode_put(enum leat_charset to, uint32_t code, uint8_t *out);

#endif
