/* confinement.h - the list of what a process may use, from the needs of its pipelines. */
#ifndef LEAT_CONFINE_CONFINEMENT_H
#define LEAT_CONFINE_CONFINEMENT_H

#include "leat.h"

struct leat_allowed {
    enum leat_access kind;
    bool parts; /* OUTPUT: `path` is a directory; files and directories are made below it */
    char *path; /* NULL: the kind has none */
};

struct leat_confinement {
    struct leat_allowed *v;
    size_t n, room;
    unsigned kinds;         /* bits: 1 << kind */
    char unconfinable[192]; /* why the process must not be confined; "": it may be */
};

/* leat_confinement_has - is something of this kind allowed? */
static inline bool leat_confinement_has(const struct leat_confinement *c, enum leat_access kind)
{
    return (c->kinds & 1u << kind) != 0;
}

/* leat_rules_apply - open all that is allowed, and add it to the rules of Landlock. Returns 0 or -errno. */
int leat_rules_apply(const struct leat_confinement *confinement, int rules, int abi);

#endif
