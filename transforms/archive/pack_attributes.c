/* pack_attributes.c - reads extended attributes; access control lists are two of them, as bytes. */

#include "pack_attributes.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/invariant.h"

#define LIST_MAX 65536u /* XATTR_LIST_MAX of Linux, and of a value */
#define CHANGE_TRIES 5u /* another process may change them again and again */
#define ACL_ENTRIES_MAX 1024u
#define ACL_ENTRY_TEXT 32u /* "default" has its own list, so: user:4294967295:rwx, */
#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

struct acl_entry {
    uint16_t tag, permissions;
    uint32_t id;
};

/* The collected names, one after another, and the bytes of all that is to be kept. */
struct list {
    char names[LIST_MAX];
    size_t n;
};

static bool is_acl(const char *name)
{
    return strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0;
}

static bool is_kept(const char *name, bool xattrs, bool acls)
{
    if (is_acl(name))
        return acls;
    return xattrs && strncmp(name, "system.", 7) != 0 && strcmp(name, "security.selinux") != 0;
}

/* --- access control lists --------------------------------------------------------------------- */

static const char *tag_name(unsigned tag)
{
    switch (tag) {
    case 0x01:
    case 0x02:
        return "user";
    case 0x04:
    case 0x08:
        return "group";
    case 0x10:
        return "mask";
    case 0x20:
        return "other";
    default:
        return NULL;
    }
}

static bool has_id(unsigned tag)
{
    return tag == 0x02 || tag == 0x08;
}

/* The bytes that the kernel gives: a version, then entries, all little-endian. Returns the length of
 * the text, 0: they are not understood. */
static size_t acl_text(const uint8_t *data, size_t n, char *to)
{
    size_t len = 0;
    uint32_t version;

    if (n < sizeof version)
        return 0;
    memcpy(&version, data, sizeof version);
    if (le32toh(version) != 2 || (n - 4) % 8 != 0 || (n - 4) / 8 > ACL_ENTRIES_MAX)
        return 0;
    for (size_t at = 4; at < n; at += 8) {
        struct acl_entry e;
        unsigned tag, p;

        memcpy(&e, data + at, sizeof e);
        tag = le16toh(e.tag);
        p = le16toh(e.permissions);
        if (!tag_name(tag))
            return 0;
        len += (size_t)snprintf(to + len, ACL_ENTRY_TEXT, "%s%s:", len ? "," : "", tag_name(tag));
        if (has_id(tag))
            len += (size_t)snprintf(to + len, ACL_ENTRY_TEXT, "%" PRIu32, le32toh(e.id));
        len += (size_t)snprintf(to + len, ACL_ENTRY_TEXT, ":%c%c%c", p & 4 ? 'r' : '-',
                                p & 2 ? 'w' : '-', p & 1 ? 'x' : '-');
    }
    return len;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Bytes that the attributes need, and how many there are besides the lists. Returns 0 or an errno. */
static int measure(int fd, const struct list *list, bool xattrs, bool acls, size_t *ret_n,
                   size_t *ret_bytes)
{
    for (const char *name = list->names; name < list->names + list->n; name += strlen(name) + 1) {
        ssize_t n;

        if (!is_kept(name, xattrs, acls))
            continue;
        n = fgetxattr(fd, name, NULL, 0);
        if (n < 0)
            return errno;
        *ret_n += !is_acl(name);
        *ret_bytes += (size_t)n + strlen(name) + 1;
        if (is_acl(name))
            *ret_bytes += ((size_t)n / 8 + 1) * ACL_ENTRY_TEXT + 3 * ACL_ENTRY_TEXT;
    }
    return 0;
}

/* One attribute into the block at `to`, whose end is `end`. Returns the bytes used, or -errno. */
static ssize_t read_one(int fd, const char *name, struct leat_attributes *a, char *to,
                        const char *end)
{
    size_t name_n = strlen(name) + 1;
    ssize_t n = fgetxattr(fd, name, to + name_n, (size_t)(end - to) - name_n);
    char *text = to + name_n + (n > 0 ? n : 0);

    if (n < 0)
        return -errno;
    memcpy(to, name, name_n);
    if (!is_acl(name)) {
        a->v[a->n++] = (struct leat_xattr){.name = to, .value = to + name_n, .n = (size_t)n};
        return (ssize_t)name_n + n;
    }
    if (text + ((size_t)n / 8 + 3) * ACL_ENTRY_TEXT > end)
        return -ERANGE;
    text[acl_text((const uint8_t *)to + name_n, (size_t)n, text)] = '\0';
    if (!*text)
        return -EINVAL;
    *(strcmp(name, ACL_ACCESS) == 0 ? &a->acl_access : &a->acl_default) = text;
    return (ssize_t)name_n + n + (ssize_t)strlen(text) + 1;
}

static int read_all(int fd, const struct list *list, bool xattrs, bool acls, char *to,
                    const char *end, struct leat_attributes *a)
{
    for (const char *name = list->names; name < list->names + list->n; name += strlen(name) + 1) {
        ssize_t n;

        if (!is_kept(name, xattrs, acls))
            continue;
        n = read_one(fd, name, a, to, end);
        if (n < 0)
            return (int)-n;
        to += n;
        leat_assert(to <= end);
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct leat_xattr *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static struct leat_attributes *read_list(struct leat_stage *s, int fd, const struct list *list,
                                         bool xattrs, bool acls, int *ret_r)
{
    struct leat_attributes *a = NULL;
    size_t n = 0, bytes = 0, head;
    int error = measure(fd, list, xattrs, acls, &n, &bytes);

    if (error == 0 && bytes == 0)
        return NULL;
    if (error == 0) {
        head = sizeof *a + n * sizeof *a->v;
        a = leat_alloc(s, head + bytes);
        if (!a)
            *ret_r = LEAT_ENOMEM;
        else
            error = read_all(fd, list, xattrs, acls, (char *)a + head, (char *)a + head + bytes, a);
        if (a && error == 0)
            qsort(a->v, a->n, sizeof *a->v, by_name);
    }
    if (error != 0) { /* ENODATA, ERANGE: they have changed since the list was read */
        leat_free(s, a);
        a = NULL;
        *ret_r = error;
    }
    return a;
}

struct leat_attributes *leat_attributes_read(struct leat_stage *s, int fd, bool xattrs, bool acls,
                                             int *ret_r)
{
    struct leat_attributes *a = NULL;
    struct list *list;
    ssize_t n = flistxattr(fd, NULL, 0);

    *ret_r = 0;
    if (n == 0 || (n < 0 && errno == EOPNOTSUPP))
        return NULL;
    list = leat_alloc_raw(s, sizeof *list);
    if (!list) {
        *ret_r = LEAT_ENOMEM;
        return NULL;
    }
    for (unsigned i = 0; i < CHANGE_TRIES; i++) {
        *ret_r = 0;
        n = flistxattr(fd, list->names, sizeof list->names);
        list->n = n > 0 ? (size_t)n : 0;
        if (n < 0)
            *ret_r = errno;
        else if (n > 0)
            a = read_list(s, fd, list, xattrs, acls, ret_r);
        if (*ret_r != ENODATA && *ret_r != ERANGE)
            break;
    }
    leat_free(s, list);
    return a;
}
