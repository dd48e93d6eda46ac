/* claims.h - which files the outputs of a pipeline are to be, so that no two of them are the same one,
 * and which are written to where they are.
 *
 * Files are known by their directory and their name in it: they may not be there yet.
 */
#ifndef LEAT_CLAIMS_H
#define LEAT_CLAIMS_H

#include <sys/stat.h>

#include "../stage.h"

/* All zero: none. */
struct leat_claims {
    void *tree; /* of tsearch(3) */
};

/* leat_claims_add - `path`, whose symbolic links are resolved, will be an output.
 * Returns 0, also if it has no directory, which its opening will say; LEAT_EEXIST: it is one of
 * them; LEAT_ENOMEM. */
int leat_claims_add(struct leat_claims *claims, const char *path);
/* leat_claims_add_open - this file is written to as it is: what reads it sees it grow. Returns 0 or
 * LEAT_ENOMEM. */
int leat_claims_add_open(struct leat_claims *claims, const struct stat *info);
/* leat_claims_size - how long it was before, if it is one of those; else UINT64_MAX. */
uint64_t leat_claims_size(const struct leat_claims *claims, const struct stat *info);
void leat_claims_done(struct leat_claims *claims);

#endif
