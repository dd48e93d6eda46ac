/* pack_holes.c - where the holes of a file are. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pack_impl.h"

#define REGIONS_MAX 65536u /* what is after the last one counts as data */

/* Room for one more region, and for one after it. */
static int make_room(struct leat_pack *p)
{
    size_t size = p->regions_size ? 2 * p->regions_size : 64;
    struct leat_region *grown;

    if (p->n_regions + 2 <= p->regions_size)
        return 0;
    grown = leat_alloc_raw(p->stage, size * sizeof *grown);
    if (!grown)
        return LEAT_ENOMEM;
    if (p->n_regions > 0)
        memcpy(grown, p->regions, p->n_regions * sizeof *grown);
    leat_free(p->stage, p->regions);
    p->regions = grown;
    p->regions_size = size;
    return 0;
}

static int add(struct leat_pack *p, uint64_t at, uint64_t n)
{
    int r = make_room(p);

    if (r == 0)
        p->regions[p->n_regions++] = (struct leat_region){.at = at, .n = n};
    return r;
}

/* The file may change, so each answer is checked. */
int leat_pack_holes(struct leat_pack *p, int fd, const struct stat *st)
{
    off_t at = 0, size = st->st_size;
    int r;

    p->n_regions = 0;
    r = make_room(p);
    if (r < 0)
        return r;
    if (st->st_blocks * 512 >= size) /* as many blocks as bytes: no holes */
        return add(p, 0, (uint64_t)size);
    while (at < size && r == 0) {
        off_t data = lseek(fd, at, SEEK_DATA), hole = size;

        if (data < 0 && errno == ENXIO)
            break; /* only a hole is left */
        if (data < 0)
            data = at; /* the file system does not say it */
        else if (p->n_regions < REGIONS_MAX)
            hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0 || hole > size)
            hole = size;
        if (data >= hole)
            break;
        r = add(p, (uint64_t)data, (uint64_t)(hole - data));
        at = hole;
    }
    return r;
}
