/* claims.h - which files the outputs of a pipeline are to be, so that no output spoils another one or an
 * input, and which of them are written to where they are.
 *
 * An output is known by its directory and its name in it, as the file may not be there yet; a file that
 * is there is known by its inode, too, as it may have several names, or be standard output.
 */
#ifndef LEAT_CLAIMS_H
#define LEAT_CLAIMS_H

#include <sys/stat.h>

#include "../stage.h"

enum leat_claim_kind {
    LEAT_CLAIM_REPLACE,   /* a new file gets the name: one output */
    LEAT_CLAIM_APPEND,    /* the file grows at its end: any number of outputs */
    LEAT_CLAIM_INHERITED, /* the file is open already: whoever opened it may share it */
    LEAT_CLAIM_SIDE,      /* as REPLACE, and no input is to be lost to it */
    LEAT_CLAIM_RESERVED,  /* the program writes the file itself: see leat_pipeline_reserve */
};

/* All zero: none. */
struct leat_claims {
    void *tree; /* of tsearch(3) */
};

/* The state of a file when the last output that appended to it has been closed. */
struct leat_appended {
    uint64_t size;   /* before any of them */
    uint64_t failed; /* bytes of outputs that are to be taken back */
    bool kept;       /* there are others, whose bytes stay */
    bool created;    /* one of them made the file */
};

/* leat_claims_name - the output is to be this name in the directory. `by`: who writes it, for messages;
 * borrowed, and it outlives the claims. Returns 0; LEAT_EEXIST: another output has claimed it, and the two
 * do not go together; LEAT_ENOMEM. */
int leat_claims_name(struct leat_claims *claims, dev_t dev, ino_t ino, const char *name,
                     enum leat_claim_kind kind, const char *by);
/* leat_claims_file - the output replaces or writes to this file, which is there. Returns as above. */
int leat_claims_file(struct leat_claims *claims, const struct stat *info, enum leat_claim_kind kind,
                     const char *by);
/* leat_claims_writer - who writes this file (name: "") or name so that no stage may read it; NULL: nobody
 * does. `side`: a side output counts, too. */
const char *leat_claims_writer(const struct leat_claims *claims, dev_t dev, ino_t ino,
                               const char *name, bool side);
/* leat_claims_place - the file is to get the name of an output now. Returns 0 or LEAT_ENOMEM. */
int leat_claims_place(struct leat_claims *claims, dev_t dev, ino_t ino);
/* leat_claims_is_placed - has the file got the name of an output? */
bool leat_claims_is_placed(const struct leat_claims *claims, dev_t dev, ino_t ino);
/* leat_claims_size - how long the file was before outputs began to write to it; UINT64_MAX: none
 * does. */
uint64_t leat_claims_size(const struct leat_claims *claims, const struct stat *info);
/* leat_claims_leave - an output that has claimed to append to this file is closed; it has appended n
 * bytes, which stay or do not. Returns true if it is the last one. */
bool leat_claims_leave(struct leat_claims *claims, const struct stat *info, uint64_t n, bool stay,
                       bool created, struct leat_appended *ret);
void leat_claims_done(struct leat_claims *claims);

#endif
