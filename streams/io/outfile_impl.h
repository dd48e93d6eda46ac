/* outfile_impl.h - an output file: shared by the files that open, write and commit it. */
#ifndef LEAT_IO_OUTFILE_IMPL_H
#define LEAT_IO_OUTFILE_IMPL_H

#include <sys/stat.h>

#include "draft.h"
#include "outfile.h"
#include "run/pipeline.h"

enum leat_outfile_kind {
    LEAT_OUTFILE_REPLACE, /* a draft, which gets the name at commit */
    LEAT_OUTFILE_APPEND,
    LEAT_OUTFILE_STREAM, /* pipe, device, socket, standard output */
};

struct leat_outfile {
    struct leat_fd fd;
    enum leat_outfile_kind kind;
    struct leat_outfile_options options;
    struct leat_pipeline *pipeline;
    const struct leat_stage_info *info; /* the stage, for warnings */
    const char *shown;                  /* the path as the user wrote it */
    char *path;                         /* symbolic links resolved */
    struct leat_draft draft;            /* append: only its directory and name */
    bool target_existed;
    bool created;  /* append: the file did not exist */
    bool appends;  /* append: the claim is active */
    bool in_place; /* append: it counts in the pipeline's n_appending */
    bool committed;
    bool told_full;       /* there is a warning that it waits for space */
    unsigned renames;     /* how often its name was taken */
    bool fifo_pending;    /* not open yet: the FIFO has no reader */
    uint64_t size_before; /* append */
    uint64_t written, flushed;
    int writeback_error; /* errno, 0: none */
    bool ends_in_hole;   /* the length must be set explicitly */
    bool no_punch;       /* append: the file system cannot make holes */
    uint64_t zeros_end;  /* append: the offset where the last hole ends */
    const uint8_t *late; /* side output: the bytes not written yet */
    size_t late_n;
};

/* leat_outfile_resolve - the path with its symbolic links resolved; if the last link is dangling,
 * the name that it points to. free() it. NULL: see errno. */
char *leat_outfile_resolve(const char *path);
/* leat_outfile_check_sync - a new name in a directory is safe only when the directory is synced,
 * which needs read permission. Without it, fail the stage before the work. */
int leat_outfile_check_sync(struct leat_stage *stage, const struct leat_outfile *file,
                            const struct leat_directory *directory);
/* leat_outfile_below - outfile_below.c: find the directory of a file with options.below, and make
 * it if it is missing. Returns 0, or fails the stage. */
int leat_outfile_below(struct leat_stage *stage, const struct leat_outfile *file,
                       struct stat *ret_directory);
/* leat_outfile_rename - options.renames: ask for another name until one is got that no other output of the run has claimed, and
 * claim it. Returns 0, or fails the stage. */
int leat_outfile_rename(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_open_stream - open a file that is not regular; a FIFO without a reader becomes
 * pending. */
int leat_outfile_open_stream(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_check_named - append: does the file still have a name? Returns 0, or fails the
 * stage. */
int leat_outfile_check_named(struct leat_stage *stage, const struct leat_outfile *file);
/* leat_outfile_drain - write the buffer of --direct to the file, if it is full or `last`. Returns 0
 * or -errno. */
int leat_outfile_drain(struct leat_outfile *file, bool last);

#endif
