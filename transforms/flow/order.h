/* order.h - the order of lines as sort(1) has it with LC_ALL=C: keys, fields, -b -f -n -r. */
#ifndef LEAT_FLOW_ORDER_H
#define LEAT_FLOW_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_ORDER_KEYS_MAX 32u
#define LEAT_ORDER_WHOLE SIZE_MAX /* instead of a field's number: from the start, to the end */

struct leat_order_key {
    size_t start_field, start_byte; /* from 0 */
    size_t end_field, end_byte;     /* end_byte 0: the whole field */
    bool start_blanks, end_blanks;  /* -b: blanks are skipped before bytes are counted */
    bool numeric, reverse, fold;
};

struct leat_order {
    struct leat_order_key keys[LEAT_ORDER_KEYS_MAX];
    size_t n_keys;  /* 0: whole lines */
    bool separated; /* by `separator`; else by the empty place before blanks */
    uint8_t separator;
    bool reverse;   /* of whole lines, the last resort */
    bool keys_only; /* -s, -u: lines with equal keys are equal */
};

/* A line without its end, and where its first key is. */
struct leat_order_line {
    const uint8_t *text, *key;
    size_t len, key_len;
};

/* leat_order_add - one more key, as after -k: F[.C][bfnr][,F[.C][bfnr]].
 * Returns NULL, or what is wrong with the text. */
const char *leat_order_add(struct leat_order *order, const char *text);
/* leat_order_ready - after all keys: `global` has the options that were given outside of them. */
void leat_order_ready(struct leat_order *order, const struct leat_order_key *global);
/* leat_order_look - find the first key of line->text, line->len. */
void leat_order_look(const struct leat_order *order, struct leat_order_line *line);
/* leat_order_compare - below 0, 0, above 0: the order in which sort puts two lines. */
int leat_order_compare(const struct leat_order *order, const struct leat_order_line *a,
                       const struct leat_order_line *b);
/* leat_order_compare_keys - by the keys alone; without any, whole lines. */
int leat_order_compare_keys(const struct leat_order *order, const struct leat_order_line *a,
                            const struct leat_order_line *b);

#endif
