/* tree_attributes.c - extended attributes and access control lists of a tree that is written. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "acl.h"
#include "base/invariant.h"
#include "tree_impl.h"

/* --- extended attributes ---------------------------------------------------------------------- */

/* Those outside of user.* change what the system does with a file, and only root may set them. Others, such as
 * security.selinux, belong to the system that they come from. */
static bool is_privileged(const char *name)
{
    return strncmp(name, "trusted.", 8) == 0 || strcmp(name, "security.capability") == 0;
}

static int set_one(struct leat_tree_writer *t, int fd, const char *name, const void *value,
                   size_t n)
{
    if (strncmp(name, "user.", 5) != 0 && !(t->options.privileged && is_privileged(name))) {
        t->n_xattrs_left++;
        return 0;
    }
    if (fsetxattr(fd, name, value, n, 0) == 0)
        return 0;
    if (errno == EPERM && is_privileged(name))
        return leat_reader_fail(t->reader, LEAT_EIO,
                                "cannot set its attribute %s, which only root may; use --xattrs "
                                "without --privileged-xattrs",
                                name);
    return leat_reader_fail_errno(t->reader, errno, "cannot set its attribute %s", name);
}

static int set_xattrs(struct leat_tree_writer *t, int fd, const struct leat_reader_entry *e)
{
    const char *name;
    const void *value;
    size_t n;
    int r = 0;

    for (leat_reader_xattr(t->reader, e, true, &name, &value, &n); name && r == 0;
         leat_reader_xattr(t->reader, e, false, &name, &value, &n))
        r = set_one(t, fd, name, value, n);
    return r;
}

/* At once, as the owner may write to the directory now. */
int leat_tree_directory_xattrs(struct leat_tree_writer *t, int at, const char *base,
                               const struct leat_reader_entry *e)
{
    const char *name;
    const void *value;
    size_t n;
    int fd, r;

    if (!t->options.xattrs)
        return 0;
    leat_reader_xattr(t->reader, e, true, &name, &value, &n);
    if (!name)
        return 0;
    fd = openat(at, *base ? base : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return leat_reader_fail_errno(t->reader, errno, "cannot set its attributes");
    r = set_xattrs(t, fd, e);
    (void)close(fd); /* a directory is not written through it */
    return r;
}

/* --- access control lists --------------------------------------------------------------------- */

/* NULL: recorded as the stage's failure. */
static struct leat_acl *scratch(struct leat_tree_writer *t)
{
    if (!t->acl)
        t->acl = leat_alloc_raw(t->stage, sizeof *t->acl);
    return t->acl;
}

/* Set the list, or with n == 0 remove one that the directory above gave. */
static int set_acl(struct leat_tree_writer *t, int fd, bool is_default, const void *data, size_t n,
                   const char *name)
{
    const char *attribute = leat_acl_name(is_default);
    int r = n ? fsetxattr(fd, attribute, data, n, 0) : fremovexattr(fd, attribute);

    if (r == 0 || (n == 0 && (errno == ENODATA || errno == EOPNOTSUPP)))
        return 0;
    return leat_reader_fail_errno(t->reader, errno, "%s%scannot set its access control list", name,
                                  *name ? ": " : "");
}

int leat_tree_file_attributes(struct leat_tree_writer *t, int fd, const struct leat_reader_entry *e)
{
    int r = t->options.xattrs ? set_xattrs(t, fd, e) : 0;

    if (r < 0 || !t->options.acls)
        return r;
    t->n_acls_left += e->has_nfs4_acl;
    if (!scratch(t))
        return LEAT_ENOMEM;
    r = leat_acl_read(t->reader, e, false, t->acl);
    return r < 0 ? r : set_acl(t, fd, false, t->acl->data, t->acl->n, "");
}

int leat_tree_record_acls(struct leat_tree_writer *t, struct leat_tree_record *d,
                          const struct leat_reader_entry *e)
{
    if (!t->options.acls)
        return 0;
    if (!scratch(t))
        return LEAT_ENOMEM;
    d->has_acls = true;
    for (unsigned i = 0; i < 2; i++) {
        int r = leat_acl_read(t->reader, e, i == 1, t->acl);

        if (r < 0)
            return r;
        d->acl[i] = t->acl->n ? leat_tree_keep(t, t->acl->data, t->acl->n) : NULL;
        if (t->acl->n && !d->acl[i])
            return LEAT_ENOMEM;
        d->acl_n[i] = t->acl->n;
    }
    return 0;
}

int leat_tree_set_acls(struct leat_tree_writer *t, const struct leat_tree_record *d, int fd)
{
    int r = 0;

    for (unsigned i = 0; i < 2 && r == 0 && d->has_acls; i++)
        r = set_acl(t, fd, i == 1, d->acl[i], d->acl_n[i], d->name);
    return r;
}

int leat_tree_shown_mode(struct leat_tree_writer *t, const struct leat_reader_entry *e,
                         unsigned *ret_mode)
{
    int r;

    if (!t->options.acls)
        return 0;
    if (!scratch(t))
        return LEAT_ENOMEM;
    r = leat_acl_read(t->reader, e, false, t->acl);
    if (r == 0)
        *ret_mode = leat_acl_mode(t->acl, *ret_mode);
    return r;
}

void leat_tree_attributes_end(struct leat_tree_writer *t)
{
    if (t->n_xattrs_left > 0)
        leat_warning(t->stage, "%llu attributes outside of user.* are not set%s",
                     (unsigned long long)t->n_xattrs_left,
                     t->options.privileged
                         ? ""
                         : "; --privileged-xattrs sets trusted.* and security.capability");
    if (t->n_acls_left > 0)
        leat_warning(t->stage,
                     "access control lists of %llu entries are not set: they are of NFS 4, or of "
                     "devices, FIFOs or sockets",
                     (unsigned long long)t->n_acls_left);
    leat_free(t->stage, t->acl);
    t->acl = NULL;
}
