/* read_last.h - where `read` begins if the next stage needs only the last bytes or records (leat_plan_last).
 *
 * The files are searched from the end of the last one, in blocks, until there are enough record ends. That is given up,
 * and `read` begins at the start, if a file is no regular one or does not have the size that it states, or if the stage
 * after it could not keep so much in memory: then it fails as without the search.
 */
#ifndef LEAT_IO_READ_LAST_H
#define LEAT_IO_READ_LAST_H

#include "stage/stage_impl.h"

/* Zeroed: not begun. */
struct leat_read_last {
    bool begun, done;
    bool found;     /* the results are set; else begin at the start */
    size_t file;    /* the operand that is searched; when found: the first one to be read */
    uint64_t start; /* found: how many of its bytes not to read */
    uint64_t
        bytes; /* found: from there to the end of all files; before: in the files after `file` */
    uint64_t left;     /* bytes or record ends that are still to be found */
    uint64_t looked;   /* bytes that were searched */
    uint64_t base, at; /* of the open file: where its input begins, and what is not searched yet */
    int fd;
    bool own; /* not that of standard input */
};

/* leat_read_last_step - search on. `room` is scratch memory, 1 byte or more.
 * Returns LEAT_MORE: done; or LEAT_WAIT, so that other work is not kept waiting for long: call it again. */
int leat_read_last_step(struct leat_stage *stage, struct leat_read_last *last,
                        const struct leat_strings *files, uint8_t *to, size_t room);

/* leat_read_last_done - close what is open. */
void leat_read_last_done(struct leat_read_last *last);

#endif
