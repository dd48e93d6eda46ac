/* key.h - the keys of sort: their definitions, where they lie in a line, and the bytes that they are compared by. */
#ifndef LEAT_SORT_KEY_H
#define LEAT_SORT_KEY_H

#include <locale.h>

#include "format.h"
#include "stage.h"

enum leat_sort_kind {
    LEAT_SORT_TEXT = 0,
    LEAT_SORT_GENERAL, /* in the order of --sort */
    LEAT_SORT_HUMAN,
    LEAT_SORT_MONTH,
    LEAT_SORT_NUMERIC,
    LEAT_SORT_RANDOM,
    LEAT_SORT_VERSION,
};

/* Options of a key, or global ones. */
struct leat_sort_order {
    unsigned kinds; /* bits: 1 << enum leat_sort_kind; only one of them in a good key */
    bool dictionary, printing, fold, blanks, end_blanks, reverse;
};

struct leat_sort_key {
    struct leat_sort_order order;
    bool to_end;                  /* it ends with the line */
    uint64_t field, byte;         /* from 0: where it begins */
    uint64_t end_field, end_byte; /* from 0: the field where it ends; bytes of that, 0: all */
};

struct leat_sort_options {
    int blanks, dictionary, fold, general, human, printing, month, numeric, random, reverse,
        version;
    int sort; /* --sort: enum leat_sort_kind */
    int unique, stable, zero;
    const char *separator;
    struct leat_strings keys;
    uint64_t seed, top;
};

/* leat_sort_keys_check - in plan: are the options good? Returns 0, or fails the stage. */
int leat_sort_keys_check(struct leat_stage *stage, const struct leat_sort_options *options);

struct leat_sort_keys {
    struct leat_stage *stage;
    struct leat_sort_key *v; /* n; none: lines are compared as they are */
    size_t n;
    bool reverse;  /* the global order, against which a key may be reversed */
    int separator; /* -1: fields begin with blanks */
    uint64_t seed;
    locale_t numbers; /* how numbers of -g are written */
};

/* leat_sort_keys_open - of options that are good. Sets *ret_format, too. Returns 0, or fails the stage. */
int leat_sort_keys_open(struct leat_sort_keys *keys, struct leat_stage *stage,
                        const struct leat_sort_options *options,
                        struct leat_sort_format *ret_format);
void leat_sort_keys_close(struct leat_sort_keys *keys);
/* leat_sort_keys_make - a leat_sort_key_make (block.h); arg is the keys. */
size_t leat_sort_keys_make(void *keys, uint8_t *line, size_t n, uint8_t *to, size_t room);

/* leat_sort_encode - the bytes by which the text of a key is compared, so that they do not begin those of another one. The
 * byte after the text may be changed during the call. Returns as leat_sort_key_make. */
size_t leat_sort_encode(const struct leat_sort_keys *keys, const struct leat_sort_order *order,
                        uint8_t *text, size_t n, uint8_t *to, size_t room);
/* leat_sort_encode_version - the same for names with versions (filevercmp). */
size_t leat_sort_encode_version(const uint8_t *text, size_t n, uint8_t *to, size_t room);
/* leat_sort_put_count - a count, in one byte from `base` on, or after a byte that is `base` + LEAT_SORT_SMALL, in four. */
#define LEAT_SORT_SMALL 62u
static inline uint8_t *leat_sort_put_count(uint8_t *to, size_t n, uint8_t base)
{
    if (n < LEAT_SORT_SMALL) {
        *to++ = (uint8_t)(base + n);
        return to;
    }
    *to++ = (uint8_t)(base + LEAT_SORT_SMALL);
    for (int shift = 24; shift >= 0; shift -= 8)
        *to++ = (uint8_t)(n >> shift);
    return to;
}

#endif
