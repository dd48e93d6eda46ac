/* repack_holes.c - the holes of a content, from one tar archive to another. */

#include <string.h>

#include "base/invariant.h"
#include "repack.h"

#define REGIONS_MAX 65536u /* with more, holes become zeros */

static int make_room(struct leat_repack *p, size_t n)
{
    size_t size = p->regions_size ? 2 * p->regions_size : 64;
    struct leat_region *grown;

    if (n < p->regions_size)
        return 0;
    grown = leat_alloc_raw(p->stage, size * sizeof *grown);
    if (!grown)
        return LEAT_ENOMEM;
    if (p->regions) {
        memcpy(grown, p->regions, p->regions_size * sizeof *grown);
        leat_free(p->stage, p->regions);
    }
    p->regions = grown;
    p->regions_size = size;
    return 0;
}

/* The archive may say anything. */
static bool follows(const struct leat_region *last, const struct leat_region *next, uint64_t size)
{
    return next->at >= last->at + last->n && next->at <= size && next->n <= size - next->at;
}

int leat_repack_regions(struct leat_repack *p, const struct leat_reader_entry *from,
                        struct leat_entry *e)
{
    struct leat_region last = {0}, next;
    size_t n = 0;
    bool more = p->writer.holds->holes && from->has_size &&
                leat_reader_region(p->reader, from, true, &next.at, &next.n);
    int r;

    for (; more; more = leat_reader_region(p->reader, from, false, &next.at, &next.n)) {
        if (n == REGIONS_MAX || !follows(&last, &next, from->size))
            return 0; /* the content itself is checked */
        r = make_room(p, n + 1);
        if (r < 0)
            return r;
        p->regions[n++] = last = next;
    }
    if (n == 0)
        return 0;
    if (last.at + last.n < from->size) /* as GNU tar has it */
        p->regions[n++] = (struct leat_region){.at = from->size};
    e->regions = p->regions;
    e->n_regions = n;
    return 0;
}

/* The pieces of the reader must be just these regions. */
int leat_repack_copy_regions(struct leat_repack *p, const struct leat_entry *e)
{
    const struct leat_region *region = e->regions, *end = region + e->n_regions;
    uint64_t done = 0; /* of the region */
    int r;

    for (;;) {
        const void *data = NULL;
        uint64_t offset = 0;
        size_t n = 0;

        while (region < end && done == region->n) {
            region++;
            done = 0;
        }
        r = leat_pack_flush(&p->writer.sink);
        if (r == 0)
            r = leat_reader_data(p->reader, &data, &n, &offset);
        if (r <= 0)
            break;
        if (region == end || offset != region->at + done || n > region->n - done)
            return leat_reader_fail(p->reader, LEAT_ECORRUPT,
                                    "its content is not where its map of holes says");
        done += n;
        r = leat_pack_data(&p->writer, data, n);
        if (r < 0)
            break;
    }
    if (r == 0 && region < end)
        return leat_reader_fail(p->reader, LEAT_ETRUNCATED,
                                "its content is shorter than its map of holes says");
    return r;
}
