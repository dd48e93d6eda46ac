/* bytes.h - maps, deletes and squeezes bytes by table, 32 at a time where the processor can.
 *
 * A table for a byte is looked up by its high half: for each of the 16 rows that a map changes, or a set has, the low
 * half chooses from 16 values. Rows that change nothing cost nothing.
 */
#ifndef LEAT_TEXT_BYTES_H
#define LEAT_TEXT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A map of bytes to bytes. */
struct leat_bytes_map {
    uint8_t to[256];
    unsigned n_rows;
    uint8_t row[16];        /* the high halves of bytes that change */
    uint8_t change[16][16]; /* for each of them: byte ^ to[byte], by the low half */
};

/* A set of bytes. */
struct leat_bytes_set {
    bool in[256];
    uint8_t low[16],
        high[16]; /* by the low half: a bit for each of the high halves 0 to 7, 8 to 15 */
};

void leat_bytes_map_init(struct leat_bytes_map *map, const uint8_t *to);
void leat_bytes_set_init(struct leat_bytes_set *set, const bool *in);

/* leat_bytes_fast - does this processor have what the fast forms need? */
bool leat_bytes_fast(void);

/* The functions below write at most n bytes to `to`, which may be `from` itself.
 *
 *   fast  leat_bytes_fast(), or false for the form that runs anywhere
 *
 * leat_bytes_translate - map n bytes.
 * leat_bytes_delete - copy those that are not in the set; returns how many.
 * leat_bytes_squeeze - copy all but those that are in the set and equal the byte before them; returns how many.
 *   before  the byte before the first one; -1: none */
void leat_bytes_translate(const struct leat_bytes_map *map, const uint8_t *from, uint8_t *to,
                          size_t n, bool fast);
size_t leat_bytes_delete(const struct leat_bytes_set *set, const uint8_t *from, uint8_t *to,
                         size_t n, bool fast);
size_t leat_bytes_squeeze(const struct leat_bytes_set *set, const uint8_t *from, uint8_t *to,
                          size_t n, int before, bool fast);

#endif
