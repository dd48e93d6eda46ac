/* own.h - a stage type from outside of the library, and its user pointer. */
#ifndef LEAT_SYNTAX_OWN_H
#define LEAT_SYNTAX_OWN_H

#include <stdatomic.h>

#include "stage.h"

/* A checked type. It is counted: a registry, a builder and the trees of pipelines hold it. */
struct leat_own {
    const struct leat_stage_type
        *type; /* the caller's; or a copy, if the caller's header is older */
    void *user;
    void (*drop)(void *user);
    atomic_uint refs;
    const char *from;      /* the file of its plugin; or NULL */
    struct leat_own *next; /* in the list of its registry */
};

/* leat_own_new - check a type, and hold its user pointer.
 *
 *   plain    a type with abi 0, compiled with the library, is fine, and is not called vendor.name
 *   refusal  `size` bytes: the reason of a refusal; else not changed
 *
 * Returns 0 and one reference; LEAT_EUSAGE, LEAT_EUNSUPPORTED (abi is newer) or LEAT_ENOMEM. On failure
 * the user pointer is not held, and drop is not called. */
int leat_own_new(const struct leat_stage_type *type, void *user, bool plain, char *refusal,
                 size_t size, struct leat_own **ret_own);
struct leat_own *leat_own_ref(struct leat_own *own);
/* leat_own_unref - the last one calls drop. NULL is fine. Thread: any. */
void leat_own_unref(struct leat_own *own);
/* leat_own_forget - for an owner that does not take it after all: unref without drop. */
void leat_own_forget(struct leat_own *own);

#endif
