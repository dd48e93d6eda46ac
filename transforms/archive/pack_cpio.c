/* pack_cpio.c - cpio archives in the format "newc", as for the initramfs of Linux.
 *
 * The first name of a file with several comes with the content, the others without: then each reader
 * has the content when it meets a link.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pack_writer.h"

#define BLOCK 512u
#define HEADER 110u
#define TRAILER "TRAILER!!!"

static int put_header(struct leat_pack_writer *w, const struct leat_entry *e, uint64_t size)
{
    char head[2 * HEADER]; /* fields of 8 digits take no more, but the compiler does not know */
    size_t n = strlen(e->name) + 1;
    int r;

    snprintf(head, sizeof head,
             "070701%08" PRIX32 "%08X%08" PRIX32 "%08" PRIX32 "%08" PRIX32 "%08" PRIX32 "%08" PRIX32
             "%08X%08X%08X%08X%08zX%08X",
             (uint32_t)e->ino, (unsigned)e->mode, (uint32_t)e->uid, (uint32_t)e->gid,
             (uint32_t)e->links, (uint32_t)e->mtime, (uint32_t)size, 0, 0, e->major, e->minor, n,
             0);
    r = leat_pack_write(&w->sink, head, HEADER);
    if (r == 0)
        r = leat_pack_write(&w->sink, e->name, n);
    return r < 0 ? r : leat_pack_zeros(&w->sink, -(HEADER + n) % 4);
}

static int cpio_header(struct leat_pack_writer *w, const struct leat_entry *e)
{
    bool is_link = S_ISLNK(e->mode) && e->link && !e->is_hard_link;
    uint64_t size = e->is_hard_link ? 0 : is_link ? strlen(e->link) : e->size;
    int r;

    if (strcmp(e->name, TRAILER) == 0)
        return leat_fail(w->sink.stage, LEAT_ELIMIT,
                         "%s: this name ends an archive in --format=cpio; use --format=pax",
                         e->name);
    w->padding = -size % 4;
    r = put_header(w, e, size);
    return r == 0 && is_link ? leat_pack_write(&w->sink, e->link, strlen(e->link)) : r;
}

static int cpio_finish_entry(struct leat_pack_writer *w)
{
    uint64_t n = w->padding;

    w->padding = 0;
    return leat_pack_zeros(&w->sink, n);
}

static int cpio_end(struct leat_pack_writer *w)
{
    const struct leat_entry trailer = {.name = TRAILER, .links = 1};
    int r = put_header(w, &trailer, 0);

    return r < 0 ? r : leat_pack_zeros(&w->sink, -w->sink.written % BLOCK);
}

const struct leat_pack_ops leat_pack_cpio = {
    .header = cpio_header,
    .finish_entry = cpio_finish_entry,
    .end = cpio_end,
};
