/* last_block.h - verifies a deflate stream that was just made, and finds its last block (RFC 1951).
 *
 * zlib's inflate with Z_BLOCK stops at every block, and so finds the start of the last one. ISA-L
 * is two to three times faster, but tells the place of the final bit only to the byte. With ISA-L
 * in the build, it decodes the data before the last block; then zlib decodes the last block from
 * each bit where it may begin. The bit from which it outputs the rest of the input is the header.
 * If there is not exactly one such bit, or no ISA-L, zlib decodes the whole stream.
 */
#ifndef LEAT_CODEC_GZIP_LAST_BLOCK_H
#define LEAT_CODEC_GZIP_LAST_BLOCK_H

#include "stage.h"

/* The place of the last block, in bits from the start of the stream. */
struct leat_last_block {
    uint64_t header, end;
};

struct leat_verifier;

/* leat_verifier_open - for inputs of at most `most` bytes. Returns 0, or LEAT_ENOMEM. */
int leat_verifier_open(struct leat_stage *stage, size_t most, struct leat_verifier **ret);
void leat_verifier_close(struct leat_stage *stage,
                         struct leat_verifier *verifier); /* NULL is fine */
/* leat_verifier_run - do the n bytes of the stream decode to these len bytes, and end there?
 * Returns 1 and *ret; 0: they do not; LEAT_ENOMEM. */
int leat_verifier_run(struct leat_verifier *verifier, const uint8_t *made, size_t n,
                      const uint8_t *data, size_t len, struct leat_last_block *ret);

/* Decodes the data before the last block; in last_block_isal.c. */
struct leat_approach;

/* leat_approach_open - *ret is NULL if this build lacks ISA-L, or if it does not help for so little
 * data. Returns 0, or LEAT_ENOMEM. */
int leat_approach_open(struct leat_stage *stage, size_t most, struct leat_approach **ret);
void leat_approach_close(struct leat_stage *stage, struct leat_approach *approach);
/* leat_approach_run - the final bit is in the eight bits before byte *ret_byte of the stream, and
 * the stream before it decodes to the first *ret_done bytes of data. Returns false: not known. */
bool leat_approach_run(struct leat_approach *approach, const uint8_t *made, size_t n,
                       const uint8_t *data, size_t len, size_t *ret_byte, size_t *ret_done);

#endif
