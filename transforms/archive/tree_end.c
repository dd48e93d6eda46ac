/* tree_end.c - the end of a tree that is written: hard links, and attributes of directories. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree_impl.h"

/* --- the order of records ------------------------------------------------------------------- */

/* Names below come before those above them, and of one name the last entry. */
static bool comes_before(const struct leat_tree_record *a, const struct leat_tree_record *b)
{
    int order = strcmp(a->name, b->name);

    return order != 0 ? order > 0 : a->order > b->order;
}

static struct leat_tree_record *merge(struct leat_tree_record *a, struct leat_tree_record *b)
{
    struct leat_tree_record *first = NULL, **end = &first;

    while (a && b) {
        struct leat_tree_record **from = comes_before(b, a) ? &b : &a;

        *end = *from;
        *from = (*from)->next;
        end = &(*end)->next;
    }
    *end = a ? a : b;
    return first;
}

/* Merge sort of a list of n. */
static struct leat_tree_record *sorted(struct leat_tree_record *list, size_t n)
{
    struct leat_tree_record *last = list, *rest;

    if (n < 2)
        return list;
    for (size_t i = 1; i < n / 2; i++)
        last = last->next;
    rest = last->next;
    last->next = NULL;
    return merge(sorted(list, n / 2), sorted(rest, n - n / 2));
}

/* --- hard links ------------------------------------------------------------------------------- */

/* Returns 0, or fails the stage. */
static int link_free(struct leat_tree_writer *t, int from_at, const char *from, const char *to)
{
    char temporary[LEAT_TREE_TEMPORARY];
    const char *base = temporary;
    int at = t->unfinished;

    if (at >= 0)
        leat_tree_temporary(t, temporary);
    else
        at = leat_tree_parent(t, to, &base);
    if (at < 0)
        return at;
    for (unsigned i = 0; i < LEAT_TREE_TRIES; i++) {
        int r;

        if (linkat(from_at, from, at, base, 0) == 0)
            return t->unfinished >= 0 ? leat_tree_place(t, to) : 0;
        if (errno != EEXIST)
            break;
        r = leat_tree_replace(t, at, base);
        if (r < 0)
            return r;
    }
    return errno == ENOENT
               ? leat_reader_fail(t->reader, LEAT_ECORRUPT,
                                  "%s is a hard link to %s, which is not there", to, from)
               : leat_reader_fail_errno(t->reader, errno, "cannot make the hard link %s", to);
}

/* Give the file `from` the second name `to`. Returns 0, or fails the stage. */
static int link_now(struct leat_tree_writer *t, const char *from, const char *to)
{
    const char *base;
    int at = leat_tree_parent(t, from, &base), r, copy;

    if (at < 0)
        return at;
    do
        copy = fcntl(at, F_DUPFD_CLOEXEC, 0); /* the next call may close the directory */
    while (copy < 0 && leat_tree_small_frees(t, errno));
    if (copy < 0)
        return leat_reader_fail_errno(t->reader, errno, "%s", "");
    r = link_free(t, copy, base, to);
    (void)close(copy); /* nothing was written */
    return r;
}

/* Returns 1 and what is known of a name; 0: there is nothing of this name; or fails the stage. */
static int look(struct leat_tree_writer *t, const char *name, struct stat *ret_info)
{
    const char *base;
    int at = leat_tree_parent(t, name, &base);

    if (at < 0)
        return at;
    if (fstatat(at, base, ret_info, AT_SYMLINK_NOFOLLOW) == 0)
        return 1;
    return errno == ENOENT ? 0 : leat_reader_fail_errno(t->reader, errno, "%s", name);
}

/* A link to an empty file, or the empty file that was replaced: see leat_tree_link. */
static int record_link(struct leat_tree_writer *t, bool has_data, const char *name,
                       const char *target, const struct stat *info)
{
    struct leat_tree_record *record =
        leat_tree_add_record(t, has_data ? &t->filled : &t->links, target, name);

    if (!record)
        return LEAT_ENOMEM;
    record->order = has_data ? t->n_filled++ : t->n_links++;
    record->dev = info->st_dev;
    record->ino = info->st_ino;
    return 0;
}

/* Archives of the cpio family have the content of a file with several links either with each of
 * them, or only with the last one; then the others are empty until that one comes. */
int leat_tree_link(struct leat_tree_writer *t, const char *name, const char *target, bool has_data)
{
    struct stat info = {0};
    bool is_empty;
    int r;

    if (strcmp(name, target) == 0)
        return 0;
    r = leat_tree_small_settle(t, target);
    if (r == 0)
        r = leat_tree_small_settle(t, name);
    if (r == 0)
        r = look(t, target, &info);
    if (r < 0 || (r == 0 && has_data)) /* its first name was not wanted */
        return r;
    if (r == 1 && has_data && !S_ISREG(info.st_mode))
        return leat_reader_fail(t->reader, LEAT_ECORRUPT,
                                "is a hard link to %s, which is no file, but has data", target);
    is_empty = r == 1 && S_ISREG(info.st_mode) && info.st_size == 0;
    r = is_empty && has_data ? link_now(t, name, target) : link_now(t, target, name);
    return r == 0 && is_empty ? record_link(t, has_data, name, target, &info) : r;
}

/* The file `target` was empty, and has been replaced: replace the other links to the empty one. */
static int fill_links(struct leat_tree_writer *t)
{
    const struct leat_tree_record *l = t->links = sorted(t->links, t->n_links);
    int r = 0;

    t->filled = sorted(t->filled, t->n_filled);
    for (const struct leat_tree_record *f = t->filled; r >= 0 && f; f = f->next) {
        while (l && strcmp(l->name, f->name) > 0)
            l = l->next;
        for (; r >= 0 && l && strcmp(l->name, f->name) == 0; l = l->next) {
            struct stat info;

            r = look(t, l->target, &info);
            if (r == 1 && info.st_dev == f->dev && info.st_ino == f->ino)
                r = link_now(t, f->name, l->target);
        }
    }
    return r < 0 ? r : 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Through a descriptor, as modes cannot be set by a name that must not be a link. */
static int set_attributes(struct leat_tree_writer *t, const struct leat_tree_record *d, int fd)
{
    int r = 0;

    if ((d->uid >= 0 || d->gid >= 0) && fchown(fd, (uid_t)d->uid, (gid_t)d->gid) < 0)
        r = leat_reader_fail_errno(t->reader, errno, "%s: cannot set its owner", d->name);
    if (r == 0 && d->has_mtime)
        r = leat_tree_set_times(t, fd, &d->mtime);
    if (r == 0 && d->has_mode && fchmod(fd, (mode_t)d->mode) < 0)
        r = leat_reader_fail_errno(t->reader, errno, "%s: cannot set its mode", d->name);
    return r < 0 ? r : leat_tree_set_acls(t, d, fd);
}

static int finish_directory(struct leat_tree_writer *t, const struct leat_tree_record *d)
{
    struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, d->mtime};
    const char *base;
    int at = leat_tree_parent(t, d->name, &base), r, fd;

    if (at < 0)
        return at;
    if (*base && d->uid < 0 && d->gid < 0 && !d->has_mode && !d->has_acls) {
        if (d->has_mtime && utimensat(at, base, times, AT_SYMLINK_NOFOLLOW) < 0)
            return leat_reader_fail_errno(t->reader, errno, "%s: cannot set its time", d->name);
        return 0;
    }
    fd = openat(at, *base ? base : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return leat_reader_fail_errno(t->reader, errno, "%s", d->name);
    r = set_attributes(t, d, fd);
    (void)close(fd); /* a directory is not written through it */
    return r;
}

int leat_tree_finish(struct leat_tree_writer *t)
{
    int r = leat_tree_small_wait(t);
    const char *last = NULL;

    if (r == 0)
        r = fill_links(t);
    t->directories = sorted(t->directories, t->n_directories);
    for (const struct leat_tree_record *d = t->directories; r == 0 && d; d = d->next) {
        if (leat_reader_is_cancelled(t->reader))
            r = LEAT_ECANCELLED;
        else if (!last || strcmp(last, d->name) != 0)
            r = finish_directory(t, d);
        last = d->name;
    }
    return r;
}
