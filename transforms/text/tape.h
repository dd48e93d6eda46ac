/* tape.h - bytes that are appended, and read at any offset later: in memory, and then in a temporary file. */
#ifndef LEAT_TEXT_TAPE_H
#define LEAT_TEXT_TAPE_H

#include <stdbool.h>

#include "nameless.h"

#define LEAT_TAPE_BLOCKS 256u

/* The last bytes are in memory, in blocks in their order; those before them are in the file. */
struct leat_tape {
    struct leat_nameless file;
    struct leat_tape_block {
        uint8_t *data;
        size_t size, len;
        uint64_t at; /* offset of its first byte */
    } blocks[LEAT_TAPE_BLOCKS];
    size_t n_blocks;
    uint64_t len;    /* all bytes */
    uint64_t filed;  /* the first of them, which are in the file */
    uint64_t memory; /* most bytes for blocks; 0: not decided yet */
    uint64_t taken;  /* bytes of blocks */
    bool is_input;   /* nothing of this: the bytes are those of leat_input_read */
};

/* leat_tape_init - empty. dir as for leat_nameless_plan. */
void leat_tape_init(struct leat_tape *tape, struct leat_stage *stage, const char *dir);
/* leat_tape_lend - the tape is the input of the stage, of leat_input_size bytes. Nothing was added, nor may be. */
void leat_tape_lend(struct leat_tape *tape, uint64_t size);
/* leat_tape_done - free all. */
void leat_tape_done(struct leat_tape *tape);
/* leat_tape_add - append n bytes. It uses up to three quarters of the spare memory at the first call. Returns 0, or fails the
 * stage. */
int leat_tape_add(struct leat_tape *tape, const uint8_t *data, size_t n);
/* leat_tape_read - copy the n bytes at an offset to `to`. Returns 0, or fails the stage. */
int leat_tape_read(struct leat_tape *tape, uint64_t at, uint8_t *to, size_t n);

#endif
