/* read_impl.h - shared by the files of the stage `read`. */
#ifndef LEAT_IO_READ_IMPL_H
#define LEAT_IO_READ_IMPL_H

#include <stddef.h>
#include <string.h>

#include "direct.h"
#include "fd.h"
#include "read_holes.h"
#include "read_last.h"
#include "seekable.h"

struct leat_read_params {
    uint64_t offset, length;
    int drop_cache, direct, shrink_ok;
    const char *range, *frames;
};

struct leat_read_state {
    struct leat_range range; /* first: the stage that cuts the content of the frames has it, too */
    struct leat_fd fd;
    size_t next;         /* operand to open next */
    const char *name;    /* of the current file */
    uint64_t skip;       /* bytes to skip; read and dropped if the file cannot seek */
    uint64_t left;       /* bytes left to read, of all files */
    uint64_t file_left;  /* bytes left to read, of the current file */
    uint64_t pos, total; /* of all files; total 0: not known */
    uint64_t dropped;    /* of the current file: bytes dropped from the page cache */
    uint64_t at, size;   /* of a regular file: the next byte, and the size when it was opened */
    bool at_begin;       /* of the current file */
    bool wait_first;     /* a FIFO: before the first writer end of file is no EOF */
    bool lend_tried;     /* a file was looked at for info->lends_to */
    struct leat_direct direct;
    struct leat_holes holes;
    struct leat_read_last last; /* if the next stage needs only the last bytes or records */
};

_Static_assert(offsetof(struct leat_read_state, range) == 0,
               "leat_range_cut takes the state for it");

/* leat_read_files - the operands; none are standard input, whose name is "-". */
const struct leat_strings *leat_read_files(const struct leat_stage *stage);

static inline const char *leat_read_shown(const char *name)
{
    return strcmp(name, "-") == 0 ? "standard input" : name;
}

/* read_open.c - before the first byte: the options, the files and their sizes. */
extern const struct leat_strings leat_read_standard_input;
int leat_read_plan(struct leat_stage *stage);
int leat_read_open(struct leat_stage *stage);
/* leat_read_look_at - check the first bytes of a file: a stage after this one may read compressed data as text. */
void leat_read_look_at(const struct leat_stage *stage, const char *name, const uint8_t *first,
                       size_t n);
/* leat_read_find_last - find where to begin. Returns LEAT_END: that is known; LEAT_MORE: there was no room; LEAT_WAIT. */
int leat_read_find_last(struct leat_stage *stage, struct leat_out *out);

#endif
