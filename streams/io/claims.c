/* claims.c - which files the outputs of a pipeline are to be. */

#include "claims.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../grow.h"

static int stat_directory(const char *path, size_t len, struct stat *ret_info)
{
    char *dir = len > 0 ? strndup(path, len) : strdup(".");
    int r = dir ? 0 : LEAT_ENOMEM;

    if (dir && stat(dir, ret_info) < 0)
        r = LEAT_EIO;
    free(dir);
    return r;
}

static bool is_claimed(const struct leat_claims *c, const struct stat *dir, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].dev == dir->st_dev && c->v[i].ino == dir->st_ino &&
            strcmp(c->v[i].name, name) == 0)
            return true;
    return false;
}

static int append(struct leat_claims *c, const struct stat *dir, const char *name)
{
    struct leat_claim *more = leat_grow(c->v, c->n, &c->room, sizeof *more);

    if (!more)
        return LEAT_ENOMEM;
    c->v = more;
    c->v[c->n] = (struct leat_claim){.dev = dir->st_dev, .ino = dir->st_ino, .name = strdup(name)};
    if (!c->v[c->n].name)
        return LEAT_ENOMEM;
    c->n++;
    return 0;
}

int leat_claims_add(struct leat_claims *c, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat dir;
    int r = stat_directory(path, (size_t)(name - path), &dir);

    if (r < 0)
        return r == LEAT_EIO ? 0 : r;
    return is_claimed(c, &dir, name) ? LEAT_EEXIST : append(c, &dir, name);
}

void leat_claims_done(struct leat_claims *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].name);
    free(c->v);
    *c = (struct leat_claims){.v = NULL};
}
