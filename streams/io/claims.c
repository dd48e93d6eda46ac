/* claims.c - which files the outputs of a pipeline are to be. */

#include "claims.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* A file that is written to as it is has no name here: it is there, so it has a number. */
struct claim {
    dev_t dev; /* of the directory, or of such a file */
    ino_t ino;
    const char *name; /* in the same memory */
    uint64_t size;    /* of such a file, when it was opened */
};

static int compare(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;

    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    if (x->ino != y->ino)
        return x->ino < y->ino ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int stat_directory(const char *path, size_t len, struct stat *ret_info)
{
    char *dir = len > 0 ? strndup(path, len) : strdup(".");
    int r = dir ? 0 : LEAT_ENOMEM;

    if (dir && stat(dir, ret_info) < 0)
        r = LEAT_EIO;
    free(dir);
    return r;
}

static struct claim *claim_new(const struct stat *info, const char *name)
{
    size_t size = strlen(name) + 1;
    struct claim *claim = malloc(sizeof *claim + size);

    if (claim)
        *claim = (struct claim){.dev = info->st_dev,
                                .ino = info->st_ino,
                                .name = memcpy(claim + 1, name, size),
                                .size = (uint64_t)info->st_size};
    return claim;
}

/* Returns 0, LEAT_EEXIST, or LEAT_ENOMEM. */
static int add(struct leat_claims *c, const struct stat *info, const char *name)
{
    struct claim *claim = claim_new(info, name);
    struct claim *const *found = claim ? tsearch(claim, &c->tree, compare) : NULL;

    if (found && *found == claim)
        return 0;
    free(claim);
    return found ? LEAT_EEXIST : LEAT_ENOMEM;
}

int leat_claims_add(struct leat_claims *c, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat dir;
    int r = stat_directory(path, (size_t)(name - path), &dir);

    if (r < 0)
        return r == LEAT_EIO ? 0 : r;
    return add(c, &dir, name);
}

int leat_claims_add_open(struct leat_claims *c, const struct stat *info)
{
    int r = add(c, info, "");

    return r == LEAT_EEXIST ? 0 : r;
}

uint64_t leat_claims_size(const struct leat_claims *c, const struct stat *info)
{
    struct claim key = {.dev = info->st_dev, .ino = info->st_ino, .name = ""};
    struct claim *const *found = tfind(&key, &c->tree, compare);

    return found ? (*found)->size : UINT64_MAX;
}

void leat_claims_done(struct leat_claims *c)
{
    tdestroy(c->tree, free);
    *c = (struct leat_claims){.tree = NULL};
}
