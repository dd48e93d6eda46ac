/* claims.c - the files that the outputs of a pipeline claim. */

#include "claims.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"

/* A claim. An existing file has no name here: its inode identifies it. */
struct held {
    dev_t dev; /* of the directory, or of the file */
    ino_t ino;
    const char *name; /* in the same allocation */
    enum leat_claim_kind kind;
    const char *by;
    unsigned users; /* outputs that are open */
    struct leat_appended appended;
};

static int compare(const void *a, const void *b)
{
    const struct held *x = a, *y = b;

    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    if (x->ino != y->ino)
        return x->ino < y->ino ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* May both outputs have it? Two names of one file may both be replaced: each becomes its own file.
 * */
static bool go_together(enum leat_claim_kind a, enum leat_claim_kind b, bool is_name)
{
    if (a == LEAT_CLAIM_REPLACE || a == LEAT_CLAIM_SIDE)
        return (b == LEAT_CLAIM_REPLACE || b == LEAT_CLAIM_SIDE) && !is_name;
    return a == b && a != LEAT_CLAIM_RESERVED;
}

static int add(struct leat_claims *c, const struct held *key)
{
    size_t size = strlen(key->name) + 1;
    struct held *e = malloc(sizeof *e + size);
    struct held **found;

    if (!e)
        return LEAT_ENOMEM;
    *e = *key;
    e->name = memcpy(e + 1, key->name, size);
    found = tsearch(e, &c->tree, compare);
    if (!found || *found != e)
        free(e);
    if (!found)
        return LEAT_ENOMEM;
    if ((*found)->users > 0 && !go_together((*found)->kind, key->kind, size > 1))
        return LEAT_EEXIST;
    if ((*found)->kind == LEAT_CLAIM_REPLACE && key->kind == LEAT_CLAIM_SIDE) {
        (*found)->kind = key->kind; /* the stricter one */
        (*found)->by = key->by;
    }
    if ((*found)->users++ == 0) {
        (*found)->kind = key->kind;
        (*found)->by = key->by;
        (*found)->appended = key->appended;
    }
    return 0;
}

int leat_claims_name(struct leat_claims *c, dev_t dev, ino_t ino, const char *name,
                     enum leat_claim_kind kind, const char *by)
{
    leat_assert(*name != '\0');
    return add(c, &(struct held){.dev = dev, .ino = ino, .name = name, .kind = kind, .by = by});
}

int leat_claims_file(struct leat_claims *c, const struct stat *info, enum leat_claim_kind kind,
                     const char *by)
{
    return add(c, &(struct held){.dev = info->st_dev,
                                 .ino = info->st_ino,
                                 .name = "",
                                 .kind = kind,
                                 .by = by,
                                 .appended.size = (uint64_t)info->st_size});
}

#define PLACED "/" /* the name for placed files: no other name has a slash */

int leat_claims_place(struct leat_claims *c, dev_t dev, ino_t ino)
{
    struct held key = {.dev = dev, .ino = ino, .name = PLACED, .kind = LEAT_CLAIM_APPEND};

    return add(c, &key);
}

static void forget(struct leat_claims *c, dev_t dev, ino_t ino, const char *name)
{
    struct held key = {.dev = dev, .ino = ino, .name = name};
    struct held **found = tfind(&key, &c->tree, compare), *e = found ? *found : NULL;

    if (!e || e->users > 1)
        return;
    (void)tdelete(e, &c->tree, compare); /* it is there */
    free(e);
}

void leat_claims_forget(struct leat_claims *c, dev_t dev, ino_t ino, const char *name,
                        dev_t file_dev, ino_t file_ino)
{
    forget(c, dev, ino, name);
    forget(c, file_dev, file_ino, PLACED);
}

bool leat_claims_is_placed(const struct leat_claims *c, dev_t dev, ino_t ino)
{
    struct held key = {.dev = dev, .ino = ino, .name = PLACED};

    return tfind(&key, &c->tree, compare) != NULL;
}

bool leat_claims_has(const struct leat_claims *c, dev_t dev, ino_t ino, const char *name)
{
    struct held key = {.dev = dev, .ino = ino, .name = name};
    struct held *const *found = tfind(&key, &c->tree, compare);

    return found && (*found)->users > 0;
}

bool leat_claims_keeps(const struct leat_claims *c, dev_t dev, ino_t ino)
{
    struct held key = {.dev = dev, .ino = ino, .name = ""};
    struct held *const *found = tfind(&key, &c->tree, compare);

    return found && (*found)->users > 0 && (*found)->kind != LEAT_CLAIM_REPLACE &&
           (*found)->kind != LEAT_CLAIM_SIDE;
}

static struct held *find_file(const struct leat_claims *c, const struct stat *info)
{
    struct held key = {.dev = info->st_dev, .ino = info->st_ino, .name = ""};
    struct held **found = tfind(&key, &c->tree, compare);

    return found ? *found : NULL;
}

uint64_t leat_claims_size(const struct leat_claims *c, const struct stat *info)
{
    const struct held *file = find_file(c, info);

    if (!file || (file->kind != LEAT_CLAIM_APPEND && file->kind != LEAT_CLAIM_INHERITED))
        return UINT64_MAX;
    return file->appended.size;
}

const char *leat_claims_writer(const struct leat_claims *c, dev_t dev, ino_t ino, const char *name,
                               bool side)
{
    struct held key = {.dev = dev, .ino = ino, .name = name};
    struct held *const *found = tfind(&key, &c->tree, compare);

    if (!found ||
        ((*found)->kind != LEAT_CLAIM_RESERVED && !(side && (*found)->kind == LEAT_CLAIM_SIDE)))
        return NULL;
    return (*found)->by;
}

bool leat_claims_leave(struct leat_claims *c, const struct stat *info, uint64_t n, bool stay,
                       bool created, struct leat_appended *ret)
{
    struct held *file = find_file(c, info);

    if (!file || file->users == 0)
        return false;
    if (stay)
        file->appended.kept = true;
    else
        file->appended.failed += n;
    file->appended.created = file->appended.created || created;
    file->users--;
    *ret = file->appended;
    return file->users == 0;
}

void leat_claims_done(struct leat_claims *c)
{
    tdestroy(c->tree, free);
    *c = (struct leat_claims){.tree = NULL};
}
