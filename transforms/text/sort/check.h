/* check.h - are the lines in order? (-c and -C) */
#ifndef LEAT_SORT_CHECK_H
#define LEAT_SORT_CHECK_H

#include "key.h"

struct leat_sort_check {
    struct leat_stage *stage;
    const struct leat_sort_format *format;
    struct leat_sort_keys *keys;
    bool quiet; /* -C */
    uint64_t header, lines;
    uint8_t *last, *next; /* what the line before, and this one, are compared by */
    size_t size;          /* of each */
    size_t last_len;
    bool any; /* there is a line before */
};

void leat_sort_check_open(struct leat_sort_check *check, struct leat_stage *stage,
                          const struct leat_sort_format *format, struct leat_sort_keys *keys,
                          uint64_t header, bool quiet);
void leat_sort_check_close(struct leat_sort_check *check);
/* leat_sort_check_step - a step that consumes lines and outputs nothing. */
int leat_sort_check_step(struct leat_sort_check *check, struct leat_in *in);

#endif
