/* pack_links.c - a hash table from a file's device and inode to its first name. */

#include "pack_links.h"

#include <string.h>

#include "base/invariant.h"

struct leat_pack_link {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
    uint64_t number;
    char name[];
};

/* The slot of the file, or the free one for it. */
static size_t slot_of(const struct leat_pack_links *l, dev_t dev, ino_t ino)
{
    size_t i = (size_t)((ino ^ (uint64_t)dev << 32) * UINT64_C(0x9e3779b97f4a7c15) >> 20);

    for (;; i++) {
        const struct leat_pack_link *link = l->slots[i & (l->size - 1)];

        if (!link || (link->dev == dev && link->ino == ino))
            return i & (l->size - 1);
    }
}

const char *leat_pack_links_find(const struct leat_pack_links *l, const struct stat *st,
                                 uint64_t *ret_ino, bool *ret_changed)
{
    const struct leat_pack_link *link =
        l->size ? l->slots[slot_of(l, st->st_dev, st->st_ino)] : NULL;

    *ret_changed = link && (link->size != st->st_size || link->mtime.tv_sec != st->st_mtim.tv_sec ||
                            link->mtime.tv_nsec != st->st_mtim.tv_nsec);
    if (!link || *ret_changed)
        return NULL;
    *ret_ino = link->number;
    return link->name;
}

static int grow(struct leat_stage *s, struct leat_pack_links *l)
{
    struct leat_pack_links larger = {.n = l->n, .size = l->size ? 2 * l->size : 64};

    larger.slots = leat_alloc(s, larger.size * sizeof(struct leat_pack_link *));
    if (!larger.slots)
        return LEAT_ENOMEM;
    for (size_t i = 0; i < l->size; i++)
        if (l->slots[i])
            larger.slots[slot_of(&larger, l->slots[i]->dev, l->slots[i]->ino)] = l->slots[i];
    leat_free(s, l->slots);
    *l = larger;
    return 0;
}

int leat_pack_links_add(struct leat_stage *s, struct leat_pack_links *l, const struct stat *st,
                        const char *name, uint64_t ino)
{
    size_t n = strlen(name) + 1, slot;
    struct leat_pack_link *link;
    int r = 2 * l->n >= l->size ? grow(s, l) : 0;

    if (r < 0)
        return r;
    slot = slot_of(l, st->st_dev, st->st_ino);
    link = leat_alloc(s, sizeof *link + n);
    if (!link)
        return LEAT_ENOMEM;
    *link = (struct leat_pack_link){.dev = st->st_dev,
                                    .ino = st->st_ino,
                                    .size = st->st_size,
                                    .mtime = st->st_mtim,
                                    .number = ino};
    memcpy(link->name, name, n);
    l->n += !l->slots[slot];
    leat_free(s, l->slots[slot]);
    l->slots[slot] = link;
    return 0;
}

void leat_pack_links_free(struct leat_stage *s, struct leat_pack_links *l)
{
    for (size_t i = 0; i < l->size; i++)
        leat_free(s, l->slots[i]);
    leat_free(s, l->slots);
    *l = (struct leat_pack_links){.n = 0};
}
