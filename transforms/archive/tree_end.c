/* tree_end.c - the end of a tree that is written: hard links, and attributes of directories. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree_impl.h"

int leat_tree_link(struct leat_tree_writer *t, const char *name, const char *target, bool has_data)
{
    struct leat_tree_record *record;

    if (strcmp(name, target) == 0)
        return 0;
    record = leat_tree_add_record(t, &t->links, name, target);
    if (!record)
        return LEAT_ENOMEM;
    record->has_data = has_data;
    return 0;
}
/* --- the end ---------------------------------------------------------------------------------- */

/* Give the file `from` the second name `to`. Returns 0, or fails the stage. */
static int link_now(struct leat_tree_writer *t, const char *from, const char *to)
{
    const char *from_base, *base;
    int at = leat_tree_parent(t, from, &from_base), from_at, r = 0;

    if (at < 0)
        return at;
    from_at = fcntl(at, F_DUPFD_CLOEXEC, 0); /* the next call may close the directory */
    if (from_at < 0)
        return leat_reader_fail_errno(t->reader, errno, "%s", to);
    at = leat_tree_parent(t, to, &base);
    for (unsigned i = 0; at >= 0 && r == 0 && i < LEAT_TREE_TRIES; i++) {
        if (linkat(from_at, from_base, at, base, 0) == 0) {
            (void)close(from_at); /* nothing was written, here and below */
            return 0;
        }
        if (errno != EEXIST)
            break;
        r = leat_tree_replace(t, at, base);
    }
    if (at >= 0 && r == 0)
        r = errno == ENOENT
                ? leat_reader_fail(t->reader, LEAT_ECORRUPT,
                                   "%s: is a hard link to %s, which is not there", to, from)
                : leat_reader_fail_errno(t->reader, errno, "%s: cannot link it to %s", to, from);
    (void)close(from_at);
    return at < 0 ? at : r;
}

/* The list is in the order of the archive when it was reversed. */
static struct leat_tree_record *reversed(struct leat_tree_record *list)
{
    struct leat_tree_record *first = NULL;

    while (list) {
        struct leat_tree_record *next = list->next;

        list->next = first;
        first = list;
        list = next;
    }
    return first;
}

/* First the names whose content came with a later link, so that the others link to it. */
static int make_links(struct leat_tree_writer *t)
{
    int r = 0;

    t->links = reversed(t->links);
    for (const struct leat_tree_record *l = t->links; r == 0 && l; l = l->next)
        if (l->has_data)
            r = link_now(t, l->name, l->target);
    for (const struct leat_tree_record *l = t->links; r == 0 && l; l = l->next)
        if (!l->has_data)
            r = link_now(t, l->target, l->name);
    return r;
}

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

static int finish_directory(struct leat_tree_writer *t, const struct leat_tree_record *d)
{
    const char *base;
    int at = leat_tree_parent(t, d->name, &base), r = 0, fd;

    if (at < 0)
        return at;
    fd = openat(at, *base ? base : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return leat_reader_fail_errno(t->reader, errno, "%s", d->name);
    if ((d->uid >= 0 || d->gid >= 0) && fchown(fd, (uid_t)d->uid, (gid_t)d->gid) < 0)
        r = leat_reader_fail_errno(t->reader, errno, "%s: cannot set its owner", d->name);
    if (r == 0 && d->has_mtime)
        r = leat_tree_set_times(t, fd, &d->mtime);
    if (r == 0 && *d->name && fchmod(fd, (mode_t)d->mode) < 0)
        r = leat_reader_fail_errno(t->reader, errno, "%s: cannot set its mode", d->name);
    (void)close(fd);
    return r;
}

int leat_tree_finish(struct leat_tree_writer *t)
{
    int r = make_links(t);
    const char *last = NULL;

    t->directories = sorted(t->directories, t->n_directories);
    for (const struct leat_tree_record *d = t->directories; r == 0 && d; d = d->next) {
        if (!last || strcmp(last, d->name) != 0)
            r = finish_directory(t, d);
        last = d->name;
    }
    return r;
}
