/* pack_stat.c - an entry of the archive from what stat says of the file, and the options. */

#include <inttypes.h>
#include <sys/sysmacros.h>

#include "pack_attributes.h"
#include "pack_impl.h"

static bool is_later(const struct leat_entry *e, const struct leat_time *t)
{
    return e->mtime > t->s || (e->mtime == t->s && e->mtime_ns > t->ns);
}

static mode_t normal_mode(mode_t mode)
{
    mode_t type = mode & S_IFMT;

    if (S_ISLNK(mode))
        return type | 0777;
    return type | (S_ISDIR(mode) || (mode & S_IXUSR) ? 0755 : 0644);
}

static void set_owner(struct leat_pack *p, const struct stat *st, struct leat_entry *e)
{
    bool names = !p->params->numeric_owner;

    e->uid = p->owner.known ? p->owner.id : st->st_uid;
    e->gid = p->group.known ? p->group.id : st->st_gid;
    e->user = e->group = "";
    if (names)
        e->user = p->owner.known ? p->owner.name : leat_owner_name(&p->users, e->uid);
    if (names)
        e->group = p->group.known ? p->group.name : leat_owner_name(&p->groups, e->gid);
}

/* cpio stores whether there is another name. That may lie outside of the tree, and differ between machines. */
static uint64_t links_of(const struct leat_pack *p, const struct stat *st)
{
    if (S_ISLNK(st->st_mode))
        return 1;
    return S_ISDIR(st->st_mode) || st->st_nlink > 1 || p->params->reproducible ? 2 : 1;
}

static void set_stat(struct leat_pack *p, const struct stat *st, struct leat_entry *e)
{
    e->mode = st->st_mode;
    e->mtime = st->st_mtim.tv_sec;
    e->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    e->major = major(st->st_rdev);
    e->minor = minor(st->st_rdev);
    e->links = links_of(p, st);
    set_owner(p, st, e);
    if (p->has_mtime && (!p->clamps || is_later(e, &p->mtime))) {
        e->mtime = p->mtime.s;
        e->mtime_ns = p->mtime.ns;
    }
    if (p->params->reproducible)
        e->mode = normal_mode(e->mode);
}

void leat_pack_entry_set(struct leat_pack *p, const struct leat_walk_entry *found,
                         struct leat_entry *e)
{
    const struct leat_attributes *a = found->extra;

    *e = (struct leat_entry){.name = found->name, .link = found->target};
    set_stat(p, &found->st, e);
    if (S_ISREG(found->st.st_mode))
        e->size = (uint64_t)found->st.st_size;
    if (a) {
        e->xattrs = a->v;
        e->n_xattrs = a->n;
        e->acl_access = a->acl_access;
        e->acl_default = a->acl_default;
    }
}

int leat_pack_entry_check(struct leat_pack *p, const struct leat_walk_entry *found,
                          const struct leat_entry *e)
{
    int r = leat_pack_check(&p->writer, e, found->path);

    p->bytes += e->size;
    if (r < 0 || p->params->format != LEAT_PACK_7Z || p->bytes <= p->params->spool_size)
        return r;
    /* libarchive makes a 7z archive in a temporary file; what it compresses is larger than that. */
    return leat_fail(p->stage, LEAT_ELIMIT,
                     "%s: with it the files exceed --spool=%" PRIu64
                     ", which bounds the temporary file of --format=7z; raise it, or use another "
                     "format",
                     leat_pack_shown(found->path), p->params->spool_size);
}

int leat_pack_entry_again(struct leat_pack *p, const struct leat_walk_entry *found, uint64_t size,
                          struct leat_entry *e)
{
    p->bytes -= e->size;
    set_stat(p, &found->st, e);
    e->size = size;
    return leat_pack_entry_check(p, found, e);
}
