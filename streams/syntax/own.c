/* own.c - a stage type from outside of the library: check it, fill up what its header lacks, and keep
 * its user pointer until nobody uses it. */
#include "own.h"

#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "type_check.h"

/* Copies of the type and its parts; the engine then sees all members. */
struct copies {
    struct leat_stage_type whole, part[LEAT_TYPE_PARTS];
};

struct own_and_copies {
    struct leat_own own;
    struct copies copies;
};

static const struct leat_stage_type **part_of(struct leat_stage_type *type, size_t i)
{
    const struct leat_stage_type **parts[LEAT_TYPE_PARTS] = {&type->first, &type->last,
                                                             &type->middle_in, &type->middle_out};

    return parts[i];
}

static void fill_up(struct leat_stage_type *to, const struct leat_stage_type *from)
{
    size_t n = from->abi == 0 || from->size > sizeof *to ? sizeof *to : from->size;

    memset(to, 0, sizeof *to);
    memcpy(to, from, n);
}

static bool is_short(const struct leat_stage_type *type)
{
    return type->abi != 0 && type->size < sizeof *type;
}

/* Copy the type and its parts. Sets *ret_needed if one of them lacks members. Returns 0, or why the
 * header of one is refused. */
static int copy(struct copies *copies, const struct leat_stage_type *type, bool plain,
                const struct leat_type_check *check, bool *ret_needed)
{
    int r = leat_type_check_header(check, type, plain);

    if (r < 0)
        return r;
    fill_up(&copies->whole, type);
    *ret_needed = is_short(type);
    for (size_t i = 0; i < LEAT_TYPE_PARTS; i++) {
        const struct leat_stage_type **part = part_of(&copies->whole, i);

        if (!*part)
            continue;
        r = leat_type_check_header(check, *part, type->abi == 0);
        if (r < 0)
            return r;
        *ret_needed = *ret_needed || is_short(*part);
        fill_up(&copies->part[i], *part);
        *part = &copies->part[i];
    }
    return 0;
}

int leat_own_new(const struct leat_stage_type *type, void *user, bool plain, char *refusal,
                 size_t size, struct leat_own **ret_own)
{
    const struct leat_type_check check = {refusal, size};
    struct own_and_copies *own;
    bool needed = false;
    int r;

    if (!type) {
        leat_type_refuse(&check, "the type is NULL");
        return LEAT_EUSAGE;
    }
    own = calloc(1, sizeof *own);
    if (!own)
        return LEAT_ENOMEM;
    r = copy(&own->copies, type, plain, &check, &needed);
    own->own.type = needed ? &own->copies.whole : type;
    if (r == 0 && !leat_type_is_sound(&check, own->own.type))
        r = LEAT_EUSAGE;
    if (r < 0) {
        free(own);
        return r;
    }
    own->own.user = user;
    own->own.drop = own->own.type->drop;
    atomic_init(&own->own.refs, 1);
    *ret_own = &own->own;
    return 0;
}

struct leat_own *leat_own_ref(struct leat_own *own)
{
    unsigned before = atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);

    leat_assert(before > 0);
    return own;
}

void leat_own_unref(struct leat_own *own)
{
    unsigned before = own ? atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) : 0;

    leat_assert(!own || before > 0);
    if (before != 1)
        return;
    if (own->drop)
        own->drop(own->user);
    free(own);
}

void leat_own_forget(struct leat_own *own)
{
    if (own)
        own->drop = NULL;
    leat_own_unref(own);
}
