/* claims.h - the files that the outputs of a pipeline claim, so that no output destroys another one
 * or an input. Appended files are claimed, too.
 *
 * An output is identified by its directory and its name there, because the file may not exist yet.
 * An existing file is also identified by its inode, because it may have several names, or be
 * standard output.
 */
#ifndef LEAT_IO_CLAIMS_H
#define LEAT_IO_CLAIMS_H

#include <sys/stat.h>

#include "../stage.h"

enum leat_claim_kind {
    LEAT_CLAIM_REPLACE,   /* a new file gets the name: one output */
    LEAT_CLAIM_APPEND,    /* the file grows at its end: any number of outputs */
    LEAT_CLAIM_INHERITED, /* the file is already open: the program that opened it may share it */
    LEAT_CLAIM_SIDE,      /* like REPLACE, and it must not replace an input */
    LEAT_CLAIM_RESERVED,  /* the program writes the file itself: see leat_pipeline_reserve */
};

/* All zero: none. */
struct leat_claims {
    void *tree; /* for tsearch(3) */
};

/* The state of a file when the last output that appended to it has been closed. */
struct leat_appended {
    uint64_t size;   /* before all these outputs */
    uint64_t failed; /* bytes of outputs that must be taken back */
    bool kept;       /* the bytes of other outputs stay */
    bool created;    /* one of the outputs created the file */
};

/* leat_claims_name - claim this name in the directory for an output. `by`: the writer, for
 * messages; borrowed, must outlive the claims. Returns 0; LEAT_EEXIST: another output has claimed
 * it, and the two cannot share it; LEAT_ENOMEM. */
int leat_claims_name(struct leat_claims *claims, dev_t dev, ino_t ino, const char *name,
                     enum leat_claim_kind kind, const char *by);
/* leat_claims_file - claim this existing file, which the output replaces or writes to. Returns like
 * leat_claims_name. */
int leat_claims_file(struct leat_claims *claims, const struct stat *info, enum leat_claim_kind kind,
                     const char *by);
/* leat_claims_writer - the writer because of which no stage may read this file (name "") or this
 * name; NULL: there is none. `side`: a side output counts, too. */
const char *leat_claims_writer(const struct leat_claims *claims, dev_t dev, ino_t ino,
                               const char *name, bool side);
/* leat_claims_has - has an output claimed this name in the directory? */
bool leat_claims_has(const struct leat_claims *claims, dev_t dev, ino_t ino, const char *name);
/* leat_claims_keeps - does an output that has claimed this existing file write to it, rather than give its
 * name to a new one? */
bool leat_claims_keeps(const struct leat_claims *claims, dev_t dev, ino_t ino);
/* leat_claims_place - record that the file gets the name of an output now. Returns 0 or
 * LEAT_ENOMEM. */
int leat_claims_place(struct leat_claims *claims, dev_t dev, ino_t ino);
/* leat_claims_forget - the output is in its place, and no other one of the run will ask for its name or its file. */
void leat_claims_forget(struct leat_claims *claims, dev_t dev, ino_t ino, const char *name,
                        dev_t file_dev, ino_t file_ino);
/* leat_claims_is_placed - did the file get the name of an output? */
bool leat_claims_is_placed(const struct leat_claims *claims, dev_t dev, ino_t ino);
/* leat_claims_size - the size of the file before outputs began to write to it; UINT64_MAX: no
 * output writes to it. */
uint64_t leat_claims_size(const struct leat_claims *claims, const struct stat *info);
/* leat_claims_leave - an output that claimed to append to this file is closed. It has appended n
 * bytes; `stay`: they are not taken back. Returns true if it is the last one. */
bool leat_claims_leave(struct leat_claims *claims, const struct stat *info, uint64_t n, bool stay,
                       bool created, struct leat_appended *ret);
void leat_claims_done(struct leat_claims *claims);

#endif
