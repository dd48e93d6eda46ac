/* pack_attributes.h - extended attributes and access control lists of an open file. */
#ifndef LEAT_ARCHIVE_PACK_ATTRIBUTES_H
#define LEAT_ARCHIVE_PACK_ATTRIBUTES_H

#include "pack_entry.h"

struct leat_attributes {
    const char *acl_access, *acl_default; /* text; NULL: none */
    size_t n;
    struct leat_xattr v[];
};

/* leat_attributes_read - one block of leat_alloc; NULL: the file has none, or they cannot be read:
 * *ret_r is an errno, or negative if the stage fails. Without `xattrs` or `acls` these are left out. The attributes of SELinux are, too:
 * they belong to the machine. */
struct leat_attributes *leat_attributes_read(struct leat_stage *stage, int fd, bool xattrs,
                                             bool acls, int *ret_r);

#endif
