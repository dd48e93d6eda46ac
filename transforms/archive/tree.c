/* tree.c - entries of a tree that is written: directories, files, links. */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/invariant.h"
#include "tree_impl.h"

#define HOLE_BYTES ((size_t)4096)
#define NAMES_SIZE 16384u /* for an entry of the list of users or groups */

/* --- attributes ------------------------------------------------------------------------------- */

/* The owner of the same name here; a name that is not known here does not count. */
static int64_t id_of_user(const struct leat_reader_entry *e)
{
    struct passwd user, *found = NULL;
    char buffer[NAMES_SIZE];

    if (e->user && *e->user)
        (void)getpwnam_r(e->user, &user, buffer, sizeof buffer, &found);
    return found ? (int64_t)found->pw_uid : e->uid;
}

static int64_t id_of_group(const struct leat_reader_entry *e)
{
    struct group group, *found = NULL;
    char buffer[NAMES_SIZE];

    if (e->group && *e->group)
        (void)getgrnam_r(e->group, &group, buffer, sizeof buffer, &found);
    return found ? (int64_t)found->gr_gid : e->gid;
}

/* A number that this system cannot hold must not become root's. */
static int find_owner(struct leat_tree_writer *t, const struct leat_reader_entry *e,
                      int64_t *ret_uid, int64_t *ret_gid)
{
    int64_t uid = id_of_user(e), gid = id_of_group(e);

    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return leat_reader_fail(t->reader, LEAT_EUNSUPPORTED,
                                "its owner %lld or group %lld is not possible here", (long long)uid,
                                (long long)gid);
    *ret_uid = uid;
    *ret_gid = gid;
    return 0;
}

static int set_owner(struct leat_tree_writer *t, int at, const char *base, int fd,
                     const struct leat_reader_entry *e)
{
    int64_t uid, gid;
    int r = find_owner(t, e, &uid, &gid);

    if (r < 0)
        return r;
    r = fd >= 0 ? fchown(fd, (uid_t)uid, (gid_t)gid)
                : fchownat(at, base, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW);
    return r < 0 ? leat_reader_fail_errno(t->reader, errno, "cannot set its owner") : 0;
}

int leat_tree_set_times(struct leat_tree_writer *t, int fd, const struct timespec *mtime)
{
    struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, *mtime};

    return futimens(fd, times) < 0 ? leat_reader_fail_errno(t->reader, errno, "cannot set its time")
                                   : 0;
}

/* The mode with which something is created; the umask applies. */
static mode_t mode_of(const struct leat_reader_entry *e)
{
    return (mode_t)e->mode & 0777;
}

/* --- directories of entries ------------------------------------------------------------------- */

static int record_directory(struct leat_tree_writer *t, const char *name,
                            const struct leat_reader_entry *e, int at, bool is_new)
{
    const char *slash = strrchr(name, '/');
    struct leat_tree_record *record = leat_tree_add_record(t, &t->directories, name, NULL);
    int r;

    if (!record)
        return LEAT_ENOMEM;
    record->order = t->n_directories++;
    record->mode = t->options.same_permissions ? e->mode : e->mode & 0777 & ~t->options.mask;
    /* A new directory has the mode already, but for what its owner needs until the end. */
    record->has_mode =
        *name && (!is_new || record->mode != ((mode_of(e) | 0700) & ~t->options.mask));
    record->has_mtime = e->has_mtime;
    record->mtime = e->mtime;
    t->n_acls_left += t->options.acls && e->has_nfs4_acl;
    r = t->options.same_owner ? find_owner(t, e, &record->uid, &record->gid) : 0;
    if (r == 0)
        r = leat_tree_record_acls(t, record, e);
    return r < 0 ? r : leat_tree_directory_xattrs(t, at, slash ? slash + 1 : name, e);
}

int leat_tree_directory(struct leat_tree_writer *t, const char *name,
                        const struct leat_reader_entry *e)
{
    const char *base;
    struct stat info;
    int r = leat_tree_small_settle(t, name), at = r < 0 ? r : leat_tree_parent(t, name, &base);

    if (at < 0)
        return at;
    if (!*base) /* the root; its mode is the caller's */
        return record_directory(t, name, e, at, false);
    if (mkdirat(at, base, mode_of(e) | 0700) == 0) /* until the end the owner must have access */
        return record_directory(t, name, e, at, true);
    if (errno != EEXIST)
        return leat_reader_fail_errno(t->reader, errno, "cannot make the directory");
    if (fstatat(at, base, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return leat_reader_fail_errno(t->reader, errno, "%s", "");
    if (!S_ISDIR(info.st_mode))
        return leat_reader_fail(t->reader, LEAT_ECORRUPT,
                                "it is a directory, and a file or link has its name already");
    /* In place, a directory of the user keeps its attributes. */
    return t->unfinished < 0 ? record_directory(t, name, e, at, false) : 0;
}

/* --- files ------------------------------------------------------------------------------------ */

static bool is_newer(int at, const char *base, const struct leat_reader_entry *e)
{
    struct stat info;

    return fstatat(at, base, &info, AT_SYMLINK_NOFOLLOW) == 0 && e->has_mtime &&
           (info.st_mtim.tv_sec > e->mtime.tv_sec ||
            (info.st_mtim.tv_sec == e->mtime.tv_sec && info.st_mtim.tv_nsec >= e->mtime.tv_nsec));
}

int leat_tree_is_kept(struct leat_tree_writer *t, const char *name,
                      const struct leat_reader_entry *e)
{
    const char *base;
    int at = t->options.keep_newer ? leat_tree_parent(t, name, &base) : 0;

    return at < 0 || !t->options.keep_newer ? at : is_newer(at, base, e);
}

static void temporary_name(const struct leat_tree_writer *t, char to[LEAT_TREE_TEMPORARY])
{
    snprintf(to, LEAT_TREE_TEMPORARY, "%llu", (unsigned long long)t->temporary);
}

void leat_tree_temporary(struct leat_tree_writer *t, char to[LEAT_TREE_TEMPORARY])
{
    t->temporary++;
    temporary_name(t, to);
}

int leat_tree_file_open(struct leat_tree_writer *t, const char *name,
                        const struct leat_reader_entry *e)
{
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    char temporary[LEAT_TREE_TEMPORARY];
    const char *base;
    int r = leat_tree_small_settle(t, name), at = r < 0 ? r : leat_tree_parent(t, name, &base);

    leat_assert(t->fd < 0);
    if (at < 0)
        return at;
    r = leat_tree_set_text(t->stage, &t->name, &t->name_size, name, strlen(name));
    if (r < 0)
        return r;
    if (t->unfinished >= 0) {
        leat_tree_temporary(t, temporary);
        at = t->unfinished;
        base = temporary;
    }
    for (unsigned i = 0; i < LEAT_TREE_TRIES; i++) {
        do
            t->fd = openat(at, base, flags, mode_of(e));
        while (t->fd < 0 && leat_tree_small_frees(t, errno));
        if (t->fd >= 0 || errno != EEXIST)
            break;
        r = leat_tree_replace(t, at, base);
        if (r < 0)
            return r;
    }
    t->end = 0;
    return t->fd < 0 ? leat_reader_fail_errno(t->reader, errno, "cannot create the file") : 0;
}

static int write_all(struct leat_tree_writer *t, const uint8_t *data, size_t n, uint64_t offset)
{
    while (n > 0) {
        ssize_t done = pwrite(t->fd, data, n, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return leat_reader_fail_errno(t->reader, errno, "cannot write the file");
        data += done;
        n -= (size_t)done;
        offset += (uint64_t)done;
    }
    return 0;
}

static bool is_zero(const uint8_t *data, size_t n)
{
    return data[0] == 0 && memcmp(data, data + 1, n - 1) == 0;
}

/* Write all but the blocks of zeros. */
static int write_sparse(struct leat_tree_writer *t, const uint8_t *data, size_t n, uint64_t offset)
{
    size_t from = 0, at = 0;
    int r = 0;

    while (r == 0 && at < n) {
        size_t block = HOLE_BYTES - (size_t)((offset + at) % HOLE_BYTES);

        if (block > n - at)
            block = n - at;
        if (block == HOLE_BYTES && is_zero(data + at, block)) {
            if (at > from)
                r = write_all(t, data + from, at - from, offset + from);
            from = at + block;
        }
        at += block;
    }
    return r == 0 && n > from ? write_all(t, data + from, n - from, offset + from) : r;
}

int leat_tree_file_write(struct leat_tree_writer *t, const uint8_t *data, size_t n, uint64_t offset)
{
    leat_assert(t->fd >= 0);
    if (n == 0)
        return 0;
    if (offset > INT64_MAX - n)
        return leat_reader_fail(t->reader, LEAT_ECORRUPT, "its content is too far from its start");
    if (offset + n > t->end)
        t->end = offset + n;
    return t->options.sparse ? write_sparse(t, data, n, offset) : write_all(t, data, n, offset);
}

/* Holes at the end are only seen in the length. */
static int set_length(struct leat_tree_writer *t, const struct leat_reader_entry *e)
{
    bool counts = e->has_size && e->kind == LEAT_ENTRY_FILE;
    uint64_t length = counts ? e->size : t->end;

    /* Only these formats have holes. */
    if (length > t->end && strcmp(leat_reader_format(t->reader), "tar") != 0 &&
        strcmp(leat_reader_format(t->reader), "iso") != 0)
        return leat_reader_fail(t->reader, LEAT_ECORRUPT,
                                "its content is shorter than its header says");
    if (length < t->end)
        return leat_reader_fail(t->reader, LEAT_ECORRUPT,
                                "its content is longer than its header says");
    if (length > INT64_MAX)
        return leat_reader_fail(t->reader, LEAT_ECORRUPT, "its size is out of range");
    if ((t->options.sparse || length > t->end) && ftruncate(t->fd, (off_t)length) < 0)
        return leat_reader_fail_errno(t->reader, errno, "cannot set its length");
    return 0;
}

int leat_tree_place(struct leat_tree_writer *t, const char *name)
{
    char temporary[LEAT_TREE_TEMPORARY];
    const char *base;
    int at = leat_tree_parent(t, name, &base);

    if (at < 0)
        return at;
    temporary_name(t, temporary);
    if (renameat(t->unfinished, temporary, at, base) == 0)
        return 0;
    if (errno == EISDIR)
        return leat_reader_fail(t->reader, LEAT_ECORRUPT, "a directory has this name already");
    return leat_reader_fail_errno(t->reader, errno, "cannot put the file in its place");
}

int leat_tree_file_close(struct leat_tree_writer *t, const struct leat_reader_entry *e)
{
    int fd = t->fd, r = set_length(t, e);

    leat_assert(fd >= 0);
    if (r == 0 && t->options.same_owner)
        r = set_owner(t, -1, NULL, fd, e);
    if (r == 0 && t->options.same_permissions && fchmod(fd, (mode_t)e->mode) < 0)
        r = leat_reader_fail_errno(t->reader, errno, "cannot set its mode");
    if (r == 0 && (t->options.xattrs || t->options.acls))
        r = leat_tree_file_attributes(t, fd, e);
    if (r == 0 && e->has_mtime)
        r = leat_tree_set_times(t, fd, &e->mtime);
    t->fd = -1;
    if (close(fd) < 0 && r == 0)
        r = leat_reader_fail_errno(t->reader, errno, "cannot write the file");
    return r == 0 && t->unfinished >= 0 ? leat_tree_place(t, t->name) : r;
}

/* --- links and special files ------------------------------------------------------------------ */

/* mknodat of a directory is refused by the kernel, so `mode` chooses what is made. 0: a link. */
static int make_node(int at, const char *base, const struct leat_reader_entry *e)
{
    switch (e->kind) {
    case LEAT_ENTRY_SYMLINK:
        return symlinkat(e->target, at, base);
    case LEAT_ENTRY_FIFO:
        return mknodat(at, base, S_IFIFO | mode_of(e), 0);
    case LEAT_ENTRY_SOCKET:
        return mknodat(at, base, S_IFSOCK | mode_of(e), 0);
    default:
        return mknodat(at, base, (e->is_block ? S_IFBLK : S_IFCHR) | mode_of(e), (dev_t)e->device);
    }
}

static int node_attributes(struct leat_tree_writer *t, int at, const char *base,
                           const struct leat_reader_entry *e)
{
    struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, e->mtime};
    int r = t->options.same_owner ? set_owner(t, at, base, -1, e) : 0;

    t->n_acls_left += t->options.acls && (e->has_acl || e->has_nfs4_acl);

    if (r == 0 && t->options.same_permissions && e->kind != LEAT_ENTRY_SYMLINK &&
        fchmodat(at, base, (mode_t)e->mode, 0) < 0)
        r = leat_reader_fail_errno(t->reader, errno, "cannot set its mode");
    if (r == 0 && e->has_mtime && utimensat(at, base, times, AT_SYMLINK_NOFOLLOW) < 0)
        r = leat_reader_fail_errno(t->reader, errno, "cannot set its time");
    return r;
}

static int special(struct leat_tree_writer *t, const char *name, const struct leat_reader_entry *e)
{
    char temporary[LEAT_TREE_TEMPORARY];
    const char *base = temporary;
    int at = t->unfinished, r = leat_tree_small_settle(t, name);

    if (r < 0)
        return r;
    if (at >= 0)
        leat_tree_temporary(t, temporary);
    else
        at = leat_tree_parent(t, name, &base);
    if (at < 0)
        return at;
    for (unsigned i = 0; r == 0 && i < LEAT_TREE_TRIES; i++) {
        if (make_node(at, base, e) == 0) {
            r = node_attributes(t, at, base, e);
            return r == 0 && t->unfinished >= 0 ? leat_tree_place(t, name) : r;
        }
        if (errno != EEXIST)
            break;
        r = leat_tree_replace(t, at, base);
    }
    return r < 0 ? r : leat_reader_fail_errno(t->reader, errno, "cannot create it");
}

int leat_tree_symlink(struct leat_tree_writer *t, const char *name,
                      const struct leat_reader_entry *e)
{
    leat_assert(e->kind == LEAT_ENTRY_SYMLINK && e->target);
    return special(t, name, e);
}

int leat_tree_special(struct leat_tree_writer *t, const char *name,
                      const struct leat_reader_entry *e)
{
    return special(t, name, e);
}
