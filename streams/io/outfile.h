/* outfile.h - an output file that appears whole or not at all.
 *
 * A regular file is written as a draft (draft.h) in the same directory, synced, and put under its name;
 * what it replaces is kept under a second name until all outputs of the pipeline are in place, so that
 * a late failure can be undone. Pipes, devices and standard output are written as they are.
 */
#ifndef LEAT_OUTFILE_H
#define LEAT_OUTFILE_H

#include "../stage.h"
#include "direct.h"
#include "fd.h"

struct leat_outfile;

struct leat_outfile_options {
    bool force, append, no_sync, keep_partial;
    bool sparse;                /* blocks of zeros are left out: holes */
    bool side;                  /* no output of the pipeline, but a stage's word on it */
    bool drop_cache;            /* what is on the disk does not stay in the page cache */
    struct leat_direct *direct; /* past the page cache, through this buffer; NULL: no */
};

/* leat_outfile_open - `path` is borrowed until close; "-" is standard output. The file is
 * returned also on failure, if it was allocated. Errors go to the stage. */
int leat_outfile_open(struct leat_stage *stage, const char *path,
                      const struct leat_outfile_options *options, struct leat_outfile **ret_file);
/* leat_outfile_write - returns bytes written, 0: wait was asked of the stage (return LEAT_WAIT), or
 * LEAT_E*. */
ssize_t leat_outfile_write(struct leat_stage *stage, struct leat_outfile *file, const void *data,
                           size_t n);
/* leat_outfile_end - nothing more will be written: what is buffered goes to the file, which begins to
 * go to the disk. Returns 0, or LEAT_E*. */
int leat_outfile_end(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_prepare - the content is on the disk (unless no_sync), the file system has been asked
 * whether it is whole, and owner, mode and the like are those of the file that it replaces. */
int leat_outfile_prepare(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_finish - write all of data, then prepare. For small side outputs: deliver writes one to a
 * stream. `data` is borrowed until close. */
int leat_outfile_finish(struct leat_stage *stage, struct leat_outfile *file, const void *data,
                        size_t n);
/* leat_outfile_commit - the name is there. It is safe when its directory is on the disk: that is left
 * to leat_directories_sync. */
int leat_outfile_commit(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_is_late - is there a side output to a stream that is not written yet? NULL: no. */
bool leat_outfile_is_late(const struct leat_outfile *file);
/* leat_outfile_deliver - when all names are there: write the side output to a stream, which nothing can
 * take back. Never blocks. Returns 0; LEAT_WAIT: the stream is full, call again when leat_outfile_fd is
 * writable; or LEAT_E*. */
int leat_outfile_deliver(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_revert - after a commit: what was there before is there again, or a warning says where
 * it is. NULL is fine, here and below. */
void leat_outfile_revert(struct leat_outfile *file);
/* leat_outfile_close - after a commit: what was replaced is removed. Without one: everything is left
 * as it was. */
void leat_outfile_close(struct leat_outfile *file);
void leat_outfile_free(struct leat_outfile *file);
/* leat_outfile_fd - the descriptor that bytes go to; NULL: a FIFO that nobody reads yet. */
struct leat_fd *leat_outfile_fd(struct leat_outfile *file);
/* leat_outfile_wrote - n bytes went there: for transfer.c. */
void leat_outfile_wrote(struct leat_outfile *file, uint64_t n);

#endif
