/* repack.h - the state of `repack`, shared by its files. */
#ifndef LEAT_ARCHIVE_REPACK_H
#define LEAT_ARCHIVE_REPACK_H

#include "content.h"
#include "pack_writer.h"
#include "select.h"

#define LEAT_REPACK_BUFFER ((size_t)128 << 10)

struct leat_repack_params {
    struct leat_reader_options reader;
    struct leat_select_options select;
    int format;
};

struct leat_repack {
    struct leat_stage *stage;
    struct leat_blocking *blocking;
    const struct leat_repack_params *params;
    struct leat_reader *reader;
    struct leat_select select;
    struct leat_pack_writer writer;
    struct leat_xattr *xattrs;
    size_t xattrs_size;
    int spool;       /* plus 1; 0: there is none */
    uint8_t *buffer; /* LEAT_REPACK_BUFFER bytes, for the spool; NULL: none */
    uint64_t bytes;  /* of contents */
    struct leat_region *regions;
    size_t regions_size;
    uint64_t fractions, attributes, acls; /* entries that lose something */
    uint64_t last_ino;
    char name[LEAT_RENAME_MAX], target[LEAT_RENAME_MAX];
};

/* leat_repack_entry - the entry that is written for one that was read. Names are in the state. Returns 1; 0: it is not
 * wanted; or fails the stage. */
int leat_repack_entry(struct leat_repack *repack, const struct leat_reader_entry *from,
                      struct leat_entry *ret);
/* leat_repack_regions - add the regions that are no holes, if both archives know them. Returns 0, or fails the stage.
 * leat_repack_copy_regions - write their data. Returns 0; LEAT_ECANCELLED; or fails the stage. */
int leat_repack_regions(struct leat_repack *repack, const struct leat_reader_entry *from,
                        struct leat_entry *entry);
int leat_repack_copy_regions(struct leat_repack *repack, const struct leat_entry *entry);
/* leat_repack_losses - warn of what the format cannot hold. */
void leat_repack_losses(const struct leat_repack *repack);

#endif
