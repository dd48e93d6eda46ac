/* acl.c - an access control list of an archive's entry, in the form of the kernel's attribute. */

#include "acl.h"

#include <endian.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"

#define VERSION 2u
#define HEAD 4u
#define SIZE 8u
#define NO_ID UINT32_MAX
#define NAMES_SIZE 16384u

/* Tags, in the order in which the kernel wants them. */
#define USER_OBJ 0x01u
#define USER 0x02u
#define GROUP_OBJ 0x04u
#define GROUP 0x08u
#define MASK 0x10u
#define OTHER 0x20u

struct entry {
    uint16_t tag, permissions;
    uint32_t id;
};
_Static_assert(sizeof(struct entry) == SIZE, "an entry has no padding");

const char *leat_acl_name(bool is_default)
{
    return is_default ? "system.posix_acl_default" : "system.posix_acl_access";
}

static unsigned tag_of(const struct leat_reader_acl *from)
{
    static const uint8_t tags[] = {
        [LEAT_ACL_USER_OBJ] = USER_OBJ, [LEAT_ACL_USER] = USER, [LEAT_ACL_GROUP_OBJ] = GROUP_OBJ,
        [LEAT_ACL_GROUP] = GROUP,       [LEAT_ACL_MASK] = MASK, [LEAT_ACL_OTHER] = OTHER,
    };

    return tags[from->tag];
}

/* The number of a name here; -1: it is not known. */
static int64_t id_of_name(const char *name, bool is_group)
{
    char buffer[NAMES_SIZE];
    struct passwd user, *found_user = NULL;
    struct group group, *found_group = NULL;

    if (is_group)
        (void)getgrnam_r(name, &group, buffer, sizeof buffer, &found_group);
    else
        (void)getpwnam_r(name, &user, buffer, sizeof buffer, &found_user);
    return found_group  ? (int64_t)found_group->gr_gid
           : found_user ? (int64_t)found_user->pw_uid
                        : -1;
}

/* Digits in the place of a name; -1: it is a name. */
static int64_t number_of(const char *text)
{
    int64_t n = 0;

    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        n = n > UINT32_MAX ? n : 10 * n + (*text - '0');
    }
    return n;
}

/* libarchive makes INT_MAX of numbers above it. */
static int find_id(struct leat_reader *rd, const struct leat_reader_acl *from, uint32_t *ret)
{
    bool is_group = from->tag == LEAT_ACL_GROUP, is_named = from->name && *from->name;
    int64_t id = is_named ? number_of(from->name) : -1;

    if (id < 0 && is_named)
        id = id_of_name(from->name, is_group);
    if (id < 0 && from->id != INT_MAX)
        id = from->id;
    if (id < 0 || id >= UINT32_MAX)
        return leat_reader_fail(
            rd, LEAT_EUNSUPPORTED,
            "its access control list names the %s '%s', which is not known here",
            is_group ? "group" : "user", from->name ? from->name : "");
    *ret = (uint32_t)id;
    return 0;
}

static int by_tag(const void *a, const void *b)
{
    struct entry x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    if (x.tag != y.tag)
        return le16toh(x.tag) < le16toh(y.tag) ? -1 : 1;
    return (le32toh(x.id) > le32toh(y.id)) - (le32toh(x.id) < le32toh(y.id));
}

static void put(struct leat_acl *acl, unsigned tag, unsigned permissions, uint32_t id)
{
    struct entry e = {.tag = htole16((uint16_t)tag),
                      .permissions = htole16((uint16_t)permissions),
                      .id = htole32(id)};

    leat_assert(acl->n + SIZE <= sizeof acl->data);
    memcpy(acl->data + acl->n, &e, SIZE);
    acl->n += SIZE;
}

/* The permissions of the first entry with this tag; -1: there is none. */
static int permissions_of(const struct leat_acl *acl, unsigned tag)
{
    struct entry e;

    for (size_t at = HEAD; at < acl->n; at += SIZE) {
        memcpy(&e, acl->data + at, SIZE);
        if (le16toh(e.tag) == tag)
            return le16toh(e.permissions) & 7;
    }
    return -1;
}

/* Entries of users and groups need a mask; without one all their permissions count. */
static void complete(struct leat_acl *acl, bool named, unsigned group_class)
{
    if (named && permissions_of(acl, MASK) < 0)
        put(acl, MASK, group_class, NO_ID);
    qsort(acl->data + HEAD, (acl->n - HEAD) / SIZE, SIZE, by_tag);
}

int leat_acl_read(struct leat_reader *rd, const struct leat_reader_entry *e, bool is_default,
                  struct leat_acl *ret)
{
    uint32_t version = htole32(VERSION);
    unsigned group_class = 0;
    struct leat_reader_acl from;
    bool named = false, first = true;

    memcpy(ret->data, &version, sizeof version);
    ret->n = HEAD;
    for (; leat_reader_acl_next(rd, e, is_default, first, &from); first = false) {
        unsigned tag = tag_of(&from);
        uint32_t id = NO_ID;
        int r = tag == USER || tag == GROUP ? find_id(rd, &from, &id) : 0;

        if (r == 0 && ret->n + 2 * (size_t)SIZE > sizeof ret->data) /* and the mask */
            r = leat_reader_fail(rd, LEAT_ELIMIT,
                                 "its access control list has more than %u entries",
                                 LEAT_ACL_ENTRIES_MAX - 1);
        if (r < 0)
            return r;
        if (tag == USER || tag == GROUP || tag == GROUP_OBJ)
            group_class |= from.permissions;
        named = named || tag == USER || tag == GROUP;
        put(ret, tag, from.permissions, id);
    }
    if (ret->n == HEAD)
        ret->n = 0;
    else
        complete(ret, named, group_class);
    return 0;
}

unsigned leat_acl_mode(const struct leat_acl *acl, unsigned mode)
{
    int user = permissions_of(acl, USER_OBJ), other = permissions_of(acl, OTHER);
    int group = permissions_of(acl, MASK);

    if (group < 0)
        group = permissions_of(acl, GROUP_OBJ);
    if (acl->n == 0 || user < 0 || group < 0 || other < 0)
        return mode;
    return (mode & ~0777u) | (unsigned)user << 6 | (unsigned)group << 3 | (unsigned)other;
}
