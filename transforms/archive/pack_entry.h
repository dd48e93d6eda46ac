/* pack_entry.h - one entry of an archive that is written, independent of its format. */
#ifndef LEAT_ARCHIVE_PACK_ENTRY_H
#define LEAT_ARCHIVE_PACK_ENTRY_H

#include <sys/stat.h>

#include "stage.h"

/* A part of a file that is no hole. */
struct leat_region {
    uint64_t at, n;
};

struct leat_xattr {
    const char *name; /* with its namespace: user.x */
    const void *value;
    size_t n;
};

/* All pointers are borrowed. */
struct leat_entry {
    const char *name;  /* raw bytes; a directory without a `/` at its end */
    const char *link;  /* target of a symbolic link, or of a hard link; else NULL */
    bool is_hard_link; /* to `link`, an earlier entry */
    mode_t mode;       /* with the type */
    uint64_t uid, gid;
    const char *user, *group;          /* "": not known */
    int64_t mtime;                     /* seconds; may be before 1970 */
    uint32_t mtime_ns;                 /* after mtime */
    uint64_t size;                     /* of the content, with holes; 0 if there is none */
    unsigned major, minor;             /* devices */
    uint64_t ino;                      /* a number for entries that are one file, from 1 */
    uint64_t links;                    /* how many names the file has */
    const struct leat_region *regions; /* ascending; NULL: no holes */
    size_t n_regions;
    const struct leat_xattr *xattrs;
    size_t n_xattrs;
    const char *acl_access, *acl_default; /* text of POSIX.1e; NULL: none */
};

#endif
