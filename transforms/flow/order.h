/* order.h - the order of lines as in sort(1) with LC_ALL=C: keys, fields, -b -f -n -r. */
#ifndef LEAT_FLOW_ORDER_H
#define LEAT_FLOW_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_ORDER_KEYS_MAX 32u
#define LEAT_ORDER_WHOLE SIZE_MAX /* in place of a field's number: from the start, or to the end */

struct leat_order_key {
    size_t start_field, start_byte; /* counted from 0 */
    size_t end_field, end_byte;     /* end_byte 0: the whole field */
    bool start_blanks, end_blanks;  /* -b: skip blanks before counting bytes */
    bool numeric, reverse, fold;
};

struct leat_order {
    struct leat_order_key keys[LEAT_ORDER_KEYS_MAX];
    size_t n_keys;  /* 0: whole lines */
    bool separated; /* by `separator`; else by the change from non-blank to blank */
    uint8_t separator;
    bool reverse;   /* for whole lines, the last comparison */
    bool keys_only; /* -s, -u: lines with equal keys are equal */
};

/* A line without its line end, and its first key. */
struct leat_order_line {
    const uint8_t *text, *key;
    size_t len, key_len;
};

/* leat_order_add - add a key in the syntax of -k: F[.C][bfnr][,F[.C][bfnr]].
 * Returns NULL, or the problem as text. */
const char *leat_order_add(struct leat_order *order, const char *text);
/* leat_order_ready - call after all keys are added; `global` has the options outside of the
 * keys. */
void leat_order_ready(struct leat_order *order, const struct leat_order_key *global);
/* leat_order_look - find the first key of line->text, line->len. */
void leat_order_look(const struct leat_order *order, struct leat_order_line *line);
/* leat_order_compare - below 0, 0 or above 0: the order of two lines in sort. */
int leat_order_compare(const struct leat_order *order, const struct leat_order_line *a,
                       const struct leat_order_line *b);
/* leat_order_compare_keys - compare by the keys only; without keys, by whole lines. */
int leat_order_compare_keys(const struct leat_order *order, const struct leat_order_line *a,
                            const struct leat_order_line *b);

#endif
