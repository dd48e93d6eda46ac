/* outfile.h - an output file that appears whole or not at all.
 *
 * A regular file is written as a draft (draft.h) in the same directory, synced, and then gets its
 * name. The file that it replaces is kept under a second name until all outputs of the pipeline are
 * in place, so that a late failure can be undone. Pipes, devices and standard output are written
 * directly.
 */
#ifndef LEAT_IO_OUTFILE_H
#define LEAT_IO_OUTFILE_H

#include "../stage.h"
#include "direct.h"
#include "fd.h"
#include "outcome/checkpoint.h"

struct leat_outfile;

struct leat_outfile_options {
    bool force, append, no_sync, keep_partial;
    bool sparse;                /* blocks of zeros become holes */
    bool waits_full;            /* wait while the disk has no space */
    bool side;                  /* a side output of a stage, not an output of the pipeline */
    bool drop_cache;            /* remove the file from the page cache once it is on the disk */
    struct leat_direct *direct; /* write past the page cache, through this buffer; NULL: no */
    /* The name comes from data: the file must be a new or regular one below this directory, and no
     * symbolic link leads to it. Missing directories are made. below_n: bytes of the path before
     * the name. NULL: the user has given the path. */
    const char *below;
    size_t below_n;
    bool renames; /* with `below`: if the name is taken, the stage is asked for another one */
};

#define LEAT_OUTFILE_RENAMED 1

/* leat_outfile_open - `path` is borrowed until close; "-" is standard output. *ret_file is also set
 * on failure, if the file was allocated. Errors fail the stage. */
int leat_outfile_open(struct leat_stage *stage, const char *path,
                      const struct leat_outfile_options *options, struct leat_outfile **ret_file);
/* leat_outfile_write - returns the bytes written; 0: it has called leat_wait_*, so return
 * LEAT_WAIT; or LEAT_E*. */
ssize_t leat_outfile_write(struct leat_stage *stage, struct leat_outfile *file, const void *data,
                           size_t n);
/* leat_outfile_hole - the next n bytes are zeros: leave a hole for some of them without looking at them. Returns how many;
 * 0: write them; or LEAT_E*. */
ssize_t leat_outfile_hole(struct leat_stage *stage, struct leat_outfile *file, size_t n);
/* leat_outfile_end - nothing more will be written: write out the buffer, and start writing the file
 * to the disk. Returns 0, or LEAT_E*. */
int leat_outfile_end(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_prepare - sync the content (unless no_sync), check that the file system has stored
 * all of it, and copy owner, mode and other attributes of the file that it replaces. */
int leat_outfile_prepare(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_finish - write all of data, then prepare. For small side outputs; if the output goes
 * to a stream, leat_outfile_deliver writes it. `data` is borrowed until close. */
int leat_outfile_finish(struct leat_stage *stage, struct leat_outfile *file, const void *data,
                        size_t n);
/* leat_outfile_commit - give the file its name. The name is safe once leat_directories_sync has
 * synced the directory. Returns 0, LEAT_E*, or with `renames` LEAT_OUTFILE_RENAMED: something else had the name, so the file
 * has another one to come; tell the checkpoint, and call it again. */
int leat_outfile_commit(struct leat_stage *stage, struct leat_outfile *file);
bool leat_outfile_is_committed(const struct leat_outfile *file);
/* leat_outfile_proof - the file that a commit will put in place, for engine_ops.h. Returns false: it is none. */
bool leat_outfile_proof(const struct leat_outfile *file, struct leat_checkpoint_proof *ret_proof);
/* leat_outfile_is_late - is there a side output to a stream that is not written yet? NULL: no. */
bool leat_outfile_is_late(const struct leat_outfile *file);
/* leat_outfile_deliver - after all commits: write the side output to a stream, which cannot be
 * undone. Never blocks. Returns 0; LEAT_WAIT: the stream is full, call again when leat_outfile_fd
 * is writable; or LEAT_E*. */
int leat_outfile_deliver(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_revert - undo a commit: restore the old file, or warn where it is. NULL is fine,
 * here and below. */
void leat_outfile_revert(struct leat_outfile *file);
/* leat_outfile_close - after a commit: remove the old file. Without a commit: undo everything. */
void leat_outfile_close(struct leat_outfile *file);
void leat_outfile_free(struct leat_outfile *file);
/* leat_outfile_fd - the descriptor that is written to; NULL: a FIFO without a reader yet. */
struct leat_fd *leat_outfile_fd(struct leat_outfile *file);
/* leat_outfile_wrote - n bytes were written to it: for transfer.c. */
void leat_outfile_wrote(struct leat_outfile *file, uint64_t n);

#endif
