/* attributes.c - copy owner, group, mode, ACL and user attributes from one file to another. */

#include "attributes.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACL "system.posix_acl_access"
#define LABEL "security.selinux"
#define USER "user."
#define PATH_SIZE (NAME_MAX + 64) /* of /proc/self/fd/N/NAME */
#define SIZE_TRIES 5u             /* another process may make it longer again and again */

struct value {
    void *data; /* free() it; NULL: there is none */
    size_t n;
};

/* The file system has no extended attributes, or this one does not exist. */
static bool is_absent(int err)
{
    return err == ENODATA || err == EOPNOTSUPP || err == ENOSYS;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* By name, because we may have no permission to read the file. Symbolic links are not followed. */
static ssize_t read_once(const char *path, const char *attribute, void *data, size_t size)
{
    return attribute ? lgetxattr(path, attribute, data, size) : llistxattr(path, data, size);
}

/* Read the attribute; NULL: the list of all attributes. Returns 0 or -errno. */
static int read_value(const char *path, const char *attribute, struct value *ret)
{
    *ret = (struct value){.n = 0};
    for (unsigned i = 0; i < SIZE_TRIES; i++) {
        ssize_t n = read_once(path, attribute, NULL, 0);

        if (n < 0)
            return is_absent(errno) ? 0 : -errno;
        if (n == 0 && !attribute)
            return 0;
        ret->data = malloc((size_t)n + 1);
        if (!ret->data)
            return -ENOMEM;
        n = read_once(path, attribute, ret->data, (size_t)n + 1);
        if (n >= 0) {
            ret->n = (size_t)n;
            return 0;
        }
        free(ret->data);
        ret->data = NULL;
        if (errno != ERANGE)
            return is_absent(errno) ? 0 : -errno;
    }
    return -ERANGE;
}

/* --- permissions of an ACL -------------------------------------------------------------------- */

/* The format of the kernel: a version, then entries, in little endian. */
struct acl_entry {
    uint16_t tag, perm;
    uint32_t id;
};
#define ACL_HEADER ((size_t)4)
#define TAG_OWNER 0x01
#define TAG_OTHER 0x20

/* The permissions common to the group and to all users and groups in the ACL. */
static mode_t common_of(const struct value *acl)
{
    mode_t common = 07;

    for (size_t at = ACL_HEADER; at + sizeof(struct acl_entry) <= acl->n;
         at += sizeof(struct acl_entry)) {
        struct acl_entry e;

        memcpy(&e, (const char *)acl->data + at, sizeof e);
        if (le16toh(e.tag) != TAG_OWNER && le16toh(e.tag) != TAG_OTHER)
            common &= le16toh(e.perm);
    }
    return common;
}

/* The mode without the ACL, or with another group. Members of the new group were `others` before,
 * and members of the old group are now; so both get the permissions common to both. */
static mode_t narrow(mode_t mode, const struct value *acl, bool same_group)
{
    mode_t group = acl->data ? common_of(acl) : mode >> 3 & 07;
    mode_t other = mode & 07 & group;

    return (mode & ~(mode_t)077) | (same_group ? group : other) << 3 | other;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The owner cannot be set: we lack the permission, or the file system, such as FUSE, cannot. */
static bool is_not_allowed(int err)
{
    return err == EPERM || err == EACCES || err == EINVAL || err == ENOSYS || err == EOPNOTSUPP;
}

/* Copy owner and group, if we may. Returns 0 or -errno. */
static int copy_owner(const struct stat *old, int fd, struct stat *ret_new)
{
    bool refused = fchown(fd, old->st_uid, old->st_gid) < 0 &&
                   fchown(fd, (uid_t)-1, old->st_gid) < 0 && !is_not_allowed(errno);

    return refused || fstat(fd, ret_new) < 0 ? -errno : 0;
}

/* Remove an ACL that the draft inherited from its directory. Returns 0 or -errno. */
static int remove_acl(int fd)
{
    return fremovexattr(fd, ACL) < 0 && !is_absent(errno) ? -errno : 0;
}

/* Set-user-ID and set-group-ID are only kept with the same owner or group. */
static mode_t lent(const struct stat *old, const struct stat *new)
{
    mode_t bits = S_ISVTX;

    if (new->st_uid == old->st_uid)
        bits |= S_ISUID;
    if (new->st_gid == old->st_gid)
        bits |= S_ISGID;
    return bits & old->st_mode;
}

/* Returns 0 or -errno. */
static int copy_access(const char *path, const struct stat *old, int fd, const char **ret_what)
{
    struct value acl;
    struct stat new = {0};
    mode_t mode;
    bool same_group, kept = false;
    int r;

    *ret_what = "the owner";
    r = copy_owner(old, fd, &new);
    if (r < 0)
        return r;
    *ret_what = "the access control list";
    r = read_value(path, ACL, &acl);
    if (r < 0)
        return r;
    same_group = new.st_gid == old->st_gid;
    if (acl.data && same_group)
        kept = fsetxattr(fd, ACL, acl.data, acl.n, 0) == 0;
    r = kept ? 0 : remove_acl(fd);
    *ret_what = r == 0 ? "the mode" : *ret_what;
    mode = old->st_mode & 0777;
    if (!same_group || (acl.data && !kept))
        mode = narrow(mode, &acl, same_group);
    if (r == 0 && fchmod(fd, mode | lent(old, &new)) < 0)
        r = -errno;
    free(acl.data);
    return r;
}

/* Returns 0 or -errno. */
static int copy_one(const char *path, const char *attribute, int fd)
{
    struct value value;
    int r = read_value(path, attribute, &value);

    if (r == 0 && value.data && fsetxattr(fd, attribute, value.data, value.n, 0) < 0)
        r = -errno;
    free(value.data);
    return r;
}

/* Returns 0 or -errno. */
static int copy_user(const char *path, int fd)
{
    struct value list;
    int r = read_value(path, NULL, &list);

    for (size_t at = 0; r == 0 && at < list.n; at += strlen((char *)list.data + at) + 1) {
        const char *attribute = (char *)list.data + at;

        if (strncmp(attribute, USER, strlen(USER)) == 0)
            r = copy_one(path, attribute, fd);
    }
    free(list.data);
    return r;
}

/* Attributes first, because the mode may forbid setting them. */
int leat_attributes_copy(int directory, const char *path, const struct stat *info, int fd,
                         const char **ret_what)
{
    const char *slash = strrchr(path, '/');
    char through[PATH_SIZE];
    struct stat found;
    int r;

    snprintf(through, sizeof through, "/proc/self/fd/%d/%s", directory, slash ? slash + 1 : path);
    if (lstat(through, &found) == 0)
        path = through;
    *ret_what = "the extended attributes";
    r = copy_user(path, fd);
    (void)copy_one(path, LABEL, fd); /* the policy may set another label for new files */
    if (r == 0)
        r = copy_access(path, info, fd, ret_what);
    return r;
}
