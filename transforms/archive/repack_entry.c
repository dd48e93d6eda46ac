/* repack_entry.c - an entry that was read, as one that is written. */

#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "repack.h"

#define XATTRS_MAX 1024u

static mode_t type_of(const struct leat_reader_entry *e)
{
    switch (e->kind) {
    case LEAT_ENTRY_DIRECTORY:
        return S_IFDIR;
    case LEAT_ENTRY_SYMLINK:
        return S_IFLNK;
    case LEAT_ENTRY_DEVICE:
        return e->is_block ? S_IFBLK : S_IFCHR;
    case LEAT_ENTRY_FIFO:
        return S_IFIFO;
    default:
        return S_IFREG;
    }
}

/* --- names ------------------------------------------------------------------------------------ */

static void drop_slashes(char *name)
{
    size_t n = strlen(name);

    while (n > 1 && name[n - 1] == '/')
        name[--n] = '\0';
}

/* The file that the link names must be in the new archive, under its new name. */
static int set_hard_link(struct leat_repack *p, const struct leat_reader_entry *from,
                         struct leat_entry *e)
{
    const struct leat_pack_holds *holds = p->writer.holds;
    int r;

    if (!holds->links || p->writer.format == LEAT_PACK_CPIO)
        return leat_reader_fail(
            p->reader, LEAT_EUSAGE,
            "is a hard link to %s, which repack cannot store in --format=%s; use "
            "--format=pax, or --exclude it",
            from->target, holds->name);
    r = leat_select_entry(p->stage, &p->select, from->target, p->target);
    if (r == 0)
        return leat_reader_fail(p->reader, LEAT_EUSAGE,
                                "is a hard link to %s, which is left out; --include that, or "
                                "--exclude this one",
                                from->target);
    drop_slashes(p->target);
    e->is_hard_link = true;
    e->link = p->target;
    e->size = 0;
    return r < 0 ? r : 0;
}

/* --- attributes ------------------------------------------------------------------------------- */

static bool is_known(const struct leat_repack *p, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(p->xattrs[i].name, name) == 0)
            return true;
    return false;
}

static int make_room(struct leat_repack *p, size_t n)
{
    size_t size = p->xattrs_size ? 2 * p->xattrs_size : 16;
    struct leat_xattr *grown;

    if (n < p->xattrs_size)
        return 0;
    if (n >= XATTRS_MAX)
        return leat_reader_fail(p->reader, LEAT_ELIMIT, "has more than %u extended attributes",
                                XATTRS_MAX);
    grown = leat_alloc(p->stage, size * sizeof *grown);
    if (!grown)
        return LEAT_ENOMEM;
    if (n > 0)
        memcpy(grown, p->xattrs, n * sizeof *grown);
    if (p->xattrs)
        leat_free(p->stage, p->xattrs);
    p->xattrs = grown;
    p->xattrs_size = size;
    return 0;
}

/* A tar archive may have an attribute in two notations. */
static int set_xattrs(struct leat_repack *p, const struct leat_reader_entry *from,
                      struct leat_entry *e)
{
    struct leat_xattr x;
    size_t n = 0;
    int r = 0;

    leat_reader_xattr(p->reader, from, true, &x.name, &x.value, &x.n);
    for (; x.name && r == 0; leat_reader_xattr(p->reader, from, false, &x.name, &x.value, &x.n)) {
        if (is_known(p, n, x.name))
            continue;
        r = make_room(p, n);
        if (r == 0)
            p->xattrs[n++] = x;
    }
    if (n > 0 && !p->writer.holds->xattrs) {
        p->attributes++;
        n = 0;
    }
    e->xattrs = p->xattrs;
    e->n_xattrs = n;
    return r;
}

/* --- the entry -------------------------------------------------------------------------------- */

int leat_repack_entry(struct leat_repack *p, const struct leat_reader_entry *from,
                      struct leat_entry *ret)
{
    int r = leat_select_entry(p->stage, &p->select, from->name, p->name);

    if (r <= 0)
        return r;
    drop_slashes(p->name);
    if (from->kind == LEAT_ENTRY_SOCKET)
        return leat_reader_fail(p->reader, LEAT_EUSAGE,
                                "is a socket, which no archive holds; --exclude it");
    *ret = (struct leat_entry){.name = p->name,
                               .link = from->kind == LEAT_ENTRY_SYMLINK ? from->target : NULL,
                               .mode = type_of(from) | from->mode,
                               .uid = (uint64_t)from->uid,
                               .gid = (uint64_t)from->gid,
                               .user = from->user ? from->user : "",
                               .group = from->group ? from->group : "",
                               .size = from->kind == LEAT_ENTRY_FILE ? from->size : 0,
                               .ino = ++p->last_ino,
                               .links = from->kind == LEAT_ENTRY_DIRECTORY ? 2 : 1};
    if (from->has_mtime) {
        ret->mtime = from->mtime.tv_sec;
        ret->mtime_ns = (uint32_t)from->mtime.tv_nsec;
    }
    if (from->kind == LEAT_ENTRY_DEVICE) {
        ret->major = major(from->device);
        ret->minor = minor(from->device);
    }
    p->acls += from->has_acl;
    p->fractions += ret->mtime_ns % p->writer.holds->time_unit != 0;
    r = from->kind == LEAT_ENTRY_LINK ? set_hard_link(p, from, ret) : set_xattrs(p, from, ret);
    return r < 0 ? r : 1;
}

void leat_repack_losses(const struct leat_repack *p)
{
    const char *format = p->writer.holds->name;

    if (p->fractions > 0)
        leat_warning(p->stage,
                     "%" PRIu64 " entries lose the fraction of a second of their time, which "
                     "--format=%s does not hold",
                     p->fractions, format);
    if (p->acls > 0)
        leat_warning(p->stage, "%" PRIu64 " entries lose access control lists", p->acls);
    if (p->attributes > 0)
        leat_warning(p->stage,
                     "%" PRIu64
                     " entries lose extended attributes, which --format=%s does not hold",
                     p->attributes, format);
}
