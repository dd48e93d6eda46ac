/* claims.h - which files the outputs of a pipeline are to be, so that no two of them are the same one.
 *
 * Files are known by their directory and their name in it: they may not be there yet.
 */
#ifndef LEAT_CLAIMS_H
#define LEAT_CLAIMS_H

#include <sys/types.h>

#include "../stage.h"

struct leat_claim {
    dev_t dev; /* the directory */
    ino_t ino;
    char *name;
};

/* All zero: none. */
struct leat_claims {
    struct leat_claim *v;
    size_t n, room;
};

/* leat_claims_add - `path`, whose symbolic links are resolved, will be an output.
 * Returns 0, also if it has no directory, which its opening will say; LEAT_EEXIST: it is one of
 * them; LEAT_ENOMEM. */
int leat_claims_add(struct leat_claims *claims, const char *path);
void leat_claims_done(struct leat_claims *claims);

#endif
