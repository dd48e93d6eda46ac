/* key_hash.h - the lines of a buffer and their hashes.
 *
 * The hash is XXH3, and for lines of up to 16 bytes two multiplications without a branch. Both have a secret of this
 * process, so no input can be made to collide. All stages of a process use the
 * same secret: a lane may hash for the table of another instance. No output depends on it.
 */
#ifndef LEAT_TEXT_KEY_HASH_H
#define LEAT_TEXT_KEY_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage.h"

#define LEAT_KEY_BATCH 64u /* lines that are looked up together */

/* One line, without its delimiter. */
struct leat_key_line {
    const uint8_t *data;
    size_t len;
    uint64_t hash;
    uint64_t words[2]; /* a line of up to LEAT_KEY_SHORT bytes, with zeros after it */
};
#define LEAT_KEY_SHORT 16u

/* Zeroed at first; leat_key_hasher_init makes it ready, and is cheap to call again. */
struct leat_key_hasher {
    bool ready, fold;
    uint64_t seed, keys[2];
    uint8_t secret[192];
    uint8_t *folded; /* a line in upper case */
    size_t folded_size;
};

/* leat_key_hasher_init - fold: letters A to Z in both cases have the same hash. */
void leat_key_hasher_init(struct leat_key_hasher *hasher, bool fold);
/* leat_key_hasher_fixed - the same with a fixed secret: for estimates, which depend on the hashes. */
void leat_key_hasher_fixed(struct leat_key_hasher *hasher, bool fold);
void leat_key_hasher_done(struct leat_stage *stage, struct leat_key_hasher *hasher);

/* leat_key_hash - set the hash and the words of a line.
 *
 *   end  of the bytes that may be read: at or after the end of the line
 *
 * Returns 0, or fails the stage: no memory to fold a long line. */
int leat_key_hash(struct leat_stage *stage, struct leat_key_hasher *hasher,
                  struct leat_key_line *line, const uint8_t *end);
/* leat_key_hash_all - the same for n lines. */
int leat_key_hash_all(struct leat_stage *stage, struct leat_key_hasher *hasher,
                      struct leat_key_line *lines, unsigned n, const uint8_t *end);

/* leat_key_lines - the first lines of n bytes, at most LEAT_KEY_BATCH, without their hashes. The last one may lack its
 * delimiter. Returns how many. leat_key_lines_portable is the same function without vector code, for a test. */
unsigned leat_key_lines(const uint8_t *data, size_t n, uint8_t delimiter,
                        struct leat_key_line *lines);
unsigned leat_key_lines_portable(const uint8_t *data, size_t n, uint8_t delimiter,
                                 struct leat_key_line *lines);

/* leat_key_upper - a letter a to z in upper case; other bytes as they are. */
static inline uint8_t leat_key_upper(uint8_t c)
{
    return (uint8_t)(c - (c >= 'a' && c <= 'z' ? 'a' - 'A' : 0));
}

/* leat_key_same - are n bytes equal, with fold except for the case of the letters A to Z? */
bool leat_key_same(const uint8_t *a, const uint8_t *b, size_t n, bool fold);

#endif
