/* lines.h - sorts references to records by the bytes that they are compared by. */
#ifndef LEAT_SORT_LINES_H
#define LEAT_SORT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A record in an arena. */
struct leat_sort_line {
    uint64_t word; /* 8 bytes of the key */
    uint32_t at;   /* offset of the key in the arena */
    uint32_t len;  /* bytes that are compared */
};

/* leat_sort_lines - sort n records. `word` has the first 8 bytes of each key (leat_sort_word), and is undefined after.
 * Equal records are in the order of `at`, or with `descends` in the opposite one. */
void leat_sort_lines(const uint8_t *arena, struct leat_sort_line *lines, size_t n, bool descends);

#endif
