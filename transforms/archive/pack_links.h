/* pack_links.h - the files with several names that are in the archive already. */
#ifndef LEAT_ARCHIVE_PACK_LINKS_H
#define LEAT_ARCHIVE_PACK_LINKS_H

#include <sys/stat.h>

#include "stage.h"

struct leat_pack_link;
/* All zero: none. About 50 bytes and the name for each file, charged to the stage. */
struct leat_pack_links {
    struct leat_pack_link **slots; /* a hash table */
    size_t n, size;
};

/* leat_pack_links_find - the first name of this file in the archive, and its number; NULL: it is not
 * in there. *ret_changed: it is, but its size or time was another one; or it was removed, and a new file
 * has its inode. */
const char *leat_pack_links_find(const struct leat_pack_links *links, const struct stat *st,
                                 uint64_t *ret_ino, bool *ret_changed);
/* leat_pack_links_add - the file is in the archive now, under this name; it replaces an older name.
 * Returns 0, or fails the stage. */
int leat_pack_links_add(struct leat_stage *stage, struct leat_pack_links *links,
                        const struct stat *st, const char *name, uint64_t ino);
void leat_pack_links_free(struct leat_stage *stage, struct leat_pack_links *links);

#endif
