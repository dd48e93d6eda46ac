/* confine.c - leat_confine: the process gives up all that its pipelines do not need.
 *
 * The rules name files and directories, and are made before any stage opens its own: Landlock confines
 * only the calling thread and those that it starts, so all workers must come after it, and stages are
 * opened by a worker. A descriptor that is open already keeps working.
 */

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/message.h"
#include "base/sized.h"
#include "confinement.h"
#include "filter.h"
#include "landlock.h"

struct confine {
    const struct leat_confinement *list;
    unsigned required, done; /* LEAT_CONFINED_* */
    struct leat_error *error;
};

/* It cannot be had: an error only if it is required. */
static int lacks(const struct confine *c, unsigned what, const char *text, int r)
{
    if (!(c->required & what))
        return 0;
    return leat_error_set(c->error, LEAT_EUNSUPPORTED, "%s: %s", text, strerrordesc_np(-r));
}

/* Landlock of ABI 1 denies every rename to another directory. */
static int usable_abi(const struct leat_confinement *list)
{
    unsigned moves = 1u << LEAT_ACCESS_TREE | 1u << LEAT_ACCESS_NEW_TREE;
    int abi = leat_landlock_version();

    return abi == 1 && (list->kinds & moves) ? -EOPNOTSUPP : abi;
}

static int confine_files(struct confine *c)
{
    int abi = usable_abi(c->list), rules, r;

    if (abi < 0)
        return lacks(c, LEAT_CONFINED_FILES, "the kernel cannot confine files (Landlock)", abi);
    rules = leat_landlock_new(abi, leat_confinement_has(c->list, LEAT_ACCESS_NETWORK),
                              leat_confinement_has(c->list, LEAT_ACCESS_USERS) ||
                                  leat_confinement_has(c->list, LEAT_ACCESS_PORT));
    r = rules < 0 ? rules : leat_rules_apply(c->list, rules, abi);
    if (r == 0)
        r = leat_landlock_enter(rules);
    if (rules >= 0)
        (void)close(rules); /* nothing was written */
    if (r < 0)
        return lacks(c, LEAT_CONFINED_FILES, "cannot confine files (Landlock)", r);
    c->done |= LEAT_CONFINED_FILES;
    return 0;
}

static unsigned filter_bits(const struct leat_confinement *list)
{
    static const struct {
        enum leat_access kind;
        unsigned bits;
    } table[] = {
        {LEAT_ACCESS_USERS, LEAT_FILTER_USERS},
        {LEAT_ACCESS_NETWORK, LEAT_FILTER_USERS | LEAT_FILTER_NETWORK},
        {LEAT_ACCESS_SOCKET, LEAT_FILTER_USERS}, /* the same sockets */
        {LEAT_ACCESS_PORT, LEAT_FILTER_USERS | LEAT_FILTER_NETWORK},
        {LEAT_ACCESS_TREE, LEAT_FILTER_NAMES},
        {LEAT_ACCESS_NEW_TREE, LEAT_FILTER_NAMES},
        {LEAT_ACCESS_NODES, LEAT_FILTER_NODES},
    };
    unsigned bits = 0;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        bits |= leat_confinement_has(list, table[i].kind) ? table[i].bits : 0;
    return bits;
}

static int confine_calls(struct confine *c)
{
    int r = leat_filter_load(filter_bits(c->list));

    if (r < 0)
        return lacks(c, LEAT_CONFINED_CALLS, "the kernel cannot filter system calls (seccomp)", r);
    c->done |= LEAT_CONFINED_CALLS;
    return 0;
}

static int confine(struct confine *c)
{
    int r;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return lacks(c, c->required, "cannot give up new privileges", -errno);
    r = confine_files(c);
    return r == 0 ? confine_calls(c) : r;
}

int leat_confine(const struct leat_confinement *list, unsigned required, unsigned *ret_confined,
                 struct leat_error *ret_error)
{
    struct leat_error error = {0};
    struct confine c = {.list = list, .required = required, .error = &error};
    int r = 0;

    if (!leat_sized_is_set(ret_error))
        return LEAT_EUSAGE;
    if (!list)
        r = leat_error_set(&error, LEAT_EUSAGE, "confinement is NULL");
    else if (!list->unconfinable[0])
        r = confine(&c);
    else if (required)
        r = leat_error_set(&error, LEAT_EUSAGE, "cannot be confined, because %s",
                           list->unconfinable);
    if (r < 0)
        (void)leat_error_give(ret_error, &error);
    if (ret_confined)
        *ret_confined = c.done;
    return r;
}
