/* part_sizes.h - the sizes of the parts of an upload, by the rule of a service. */
#ifndef LEAT_NET_PART_SIZES_H
#define LEAT_NET_PART_SIZES_H

#include "stage.h"

/* Parts of a stream whose length is not known grow: `calm` parts have the first size, and then the size is doubled for every
 * `step` parts, up to `size_max`. */
struct leat_part_rule {
    unsigned parts_max; /* of one upload */
    unsigned calm, step;
    uint64_t size_max; /* bytes */
};

/* S3: 10,000 parts of 8 MiB and more hold 5 TiB. */
#define LEAT_S3_PARTS_MAX 10000u
#define LEAT_S3_PART_MIN ((uint64_t)5 << 20)   /* bytes; the last part may be smaller */
#define LEAT_S3_PART_FIRST ((uint64_t)8 << 20) /* bytes of the first parts, by default */
#define LEAT_S3_PART_MAX ((uint64_t)1 << 30)   /* of the last ones */
#define LEAT_S3_OBJECT_MAX ((uint64_t)5 << 40)
extern const struct leat_part_rule leat_s3_parts;

/* Azure: 50,000 blocks of 8 MiB and more hold 100 TiB. */
#define LEAT_AZBLOB_BLOCKS_MAX 50000u
#define LEAT_AZBLOB_BLOCK_MIN ((uint64_t)1 << 20)
#define LEAT_AZBLOB_BLOCK_FIRST ((uint64_t)8 << 20)
#define LEAT_AZBLOB_BLOCK_MAX ((uint64_t)4000 << 20)
extern const struct leat_part_rule leat_azblob_blocks;

/* leat_upload_part_size - bytes of a part of a stream whose length is not known.
 *
 *   number  1 to rule->parts_max
 *   first   at most rule->size_max
 *   most    no part has more, but for memory */
uint64_t leat_upload_part_size(const struct leat_part_rule *rule, unsigned number, uint64_t first,
                               uint64_t most);
/* leat_upload_part_first - of a stream of `size` bytes: the size of all its parts, at least `first`. */
uint64_t leat_upload_part_first(const struct leat_part_rule *rule, uint64_t size, uint64_t first);
/* leat_upload_parts_hold - bytes that the parts from this one on can hold. */
uint64_t leat_upload_parts_hold(const struct leat_part_rule *rule, unsigned number, uint64_t first,
                                uint64_t most);

#endif
