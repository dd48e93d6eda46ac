/* outfile_impl.h - an output: shared by the files that open it, write it and commit it. */
#ifndef LEAT_OUTFILE_IMPL_H
#define LEAT_OUTFILE_IMPL_H

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
    const struct leat_stage_info *info; /* whose warnings are told */
    const char *shown;                  /* the path as the user wrote it */
    char *path;                         /* symbolic links resolved */
    struct leat_draft draft;            /* append: only its directory and name */
    bool target_existed;
    bool created; /* append: the file was not there */
    bool appends; /* the claim stands */
    bool committed;
    bool fifo_pending;    /* not open yet: nobody reads it */
    uint64_t size_before; /* append */
    uint64_t written, flushed;
    int writeback_error; /* errno, 0: none */
    bool ends_in_hole;   /* the length must be said */
    const uint8_t *late; /* side output: what is not written yet */
    size_t late_n;
};

/* leat_outfile_resolve - the file that a path means, through symbolic links; if the last of them points
 * nowhere, the name that it points to. free() it. NULL with errno. */
char *leat_outfile_resolve(const char *path);
/* leat_outfile_open_stream - open what is no regular file; a FIFO that nobody reads is pending then. */
int leat_outfile_open_stream(struct leat_stage *stage, struct leat_outfile *file);
/* leat_outfile_check_named - of an append: does the file still have a name? Returns 0, or fails. */
int leat_outfile_check_named(struct leat_stage *stage, const struct leat_outfile *file);
/* leat_outfile_drain - the buffer of --direct to the file, when it is full or this is all. Returns 0 or
 * -errno. */
int leat_outfile_drain(struct leat_outfile *file, bool last);

#endif
