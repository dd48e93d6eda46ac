/* words.h - counts words, characters and columns in a stream of UTF-8, piece by piece. */
#ifndef LEAT_TEXT_WORDS_H
#define LEAT_TEXT_WORDS_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words: runs of anything that is not white space. Zeroed: nothing seen. */
struct leat_words {
    uint64_t words;
    bool in_word;
    uint8_t state; /* in a multi-byte white space character that has begun */
};

void leat_words_add(struct leat_words *words, const uint8_t *data, size_t n);
/* leat_words_end - call at the end of the input; then words->words is final. */
void leat_words_end(struct leat_words *words);

/* A decoder of UTF-8, one byte at a time. Zeroed: at the start of a character. */
struct leat_utf8 {
    uint32_t code;
    uint8_t left;      /* bytes of the character that are still to come */
    uint8_t low, high; /* range of the next one */
};

/* leat_utf8_add - true if the byte completes a character, which is then in utf8->code. A byte that
 * belongs to no character is skipped. */
bool leat_utf8_add(struct leat_utf8 *utf8, uint8_t byte);

/* leat_utf8_count - the number of characters that n bytes complete. */
uint64_t leat_utf8_count(struct leat_utf8 *utf8, const uint8_t *data, size_t n);

/* Columns: the widest line as a terminal shows it. Zeroed, except for the locale: nothing seen. */
struct leat_columns {
    struct leat_utf8 utf8;
    uint64_t column, widest;
    locale_t locale; /* for the widths */
};

void leat_columns_add(struct leat_columns *columns, const uint8_t *data, size_t n);
/* leat_columns_end - call at the end of the input; then columns->widest is final. */
void leat_columns_end(struct leat_columns *columns);

#endif
