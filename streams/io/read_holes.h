/* read_holes.h - the holes of a sparse file that is read: zeros are output without reading them.
 *
 * All zeros are one chunk, which is charged to the pipeline's limit outside of the chunks that are set aside for the
 * edges; if there is no memory for it, the file is read as any other one. A file without holes costs no system call.
 */
#ifndef LEAT_IO_READ_HOLES_H
#define LEAT_IO_READ_HOLES_H

#include <sys/stat.h>

#include "memory/chunk.h"
#include "stage/stage_impl.h"

/* Zeroed: there are none. */
struct leat_holes {
    bool sparse;    /* of the open file: it has fewer blocks than its size needs */
    bool is_hole;   /* up to `until`, else there is data */
    uint64_t until; /* known up to this offset */
    bool put;       /* zeros of the open file were output */
    struct leat_chunk *zeros;
};

/* leat_holes_begin - a regular file was opened, and is read from this offset on. */
void leat_holes_begin(struct leat_holes *holes, const struct stat *info, uint64_t at);
/* leat_holes_look - is there a hole at this offset, to which the position of fd is set again? *ret_n is its length, or
 * that of the data, if it is known; UINT64_MAX: no limit. */
bool leat_holes_look(struct leat_holes *holes, int fd, uint64_t at, uint64_t *ret_n);
/* leat_holes_put - output up to n zeros. Returns how many; 0: there is no room; SIZE_MAX: there is no memory for them, so
 * read the hole. */
size_t leat_holes_put(struct leat_stage *stage, struct leat_holes *holes, struct leat_out *out,
                      uint64_t n);
/* leat_holes_done - give the chunk back. */
void leat_holes_done(struct leat_holes *holes);

#endif
