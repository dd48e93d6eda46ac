/* acl.h - access control lists of POSIX, as an archive has them and as the kernel takes them. */
#ifndef LEAT_ARCHIVE_ACL_H
#define LEAT_ARCHIVE_ACL_H

#include "reader.h"

#define LEAT_ACL_ENTRIES_MAX 1024u

/* The value of an extended attribute. */
struct leat_acl {
    size_t n; /* bytes; 0: there is no list */
    uint8_t data[4 + 8 * LEAT_ACL_ENTRIES_MAX];
};

/* leat_acl_name - the attribute with the list of a file, or with that which a directory gives to new files. */
const char *leat_acl_name(bool is_default);
/* leat_acl_read - the list of an entry. Names of users and groups that are known here count, else their
 * numbers. Entries for single users without a mask get one. Returns 0, or fails the stage. */
int leat_acl_read(struct leat_reader *reader, const struct leat_reader_entry *entry,
                  bool is_default, struct leat_acl *ret);
/* leat_acl_mode - the permissions that the kernel shows for a file with this list; `mode` if there is none. */
unsigned leat_acl_mode(const struct leat_acl *acl, unsigned mode);

#endif
