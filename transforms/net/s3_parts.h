/* s3_parts.h - the sizes of the parts of an upload. */
#ifndef LEAT_NET_S3_PARTS_H
#define LEAT_NET_S3_PARTS_H

#include "stage.h"

#define LEAT_S3_PARTS_MAX 10000u               /* of one upload */
#define LEAT_S3_PART_MIN ((uint64_t)5 << 20)   /* bytes; the last part may be smaller */
#define LEAT_S3_PART_FIRST ((uint64_t)8 << 20) /* bytes of the first parts, by default */
#define LEAT_S3_PART_MAX ((uint64_t)1 << 30)   /* of the last ones */
#define LEAT_S3_OBJECT_MAX ((uint64_t)5 << 40)

/* leat_s3_part_size - bytes of a part of a stream whose length is not known: `first` up to part 1,000, and then twice as many
 * after each 500 parts, so that 10,000 parts of 8 MiB and more hold 5 TiB.
 *
 *   number  1 to LEAT_S3_PARTS_MAX
 *   first   LEAT_S3_PART_MIN to LEAT_S3_PART_MAX
 *   most    no part has more, but for memory */
uint64_t leat_s3_part_size(unsigned number, uint64_t first, uint64_t most);
/* leat_s3_part_first - of a stream of `size` bytes: the size of all its parts, at least `first`. */
uint64_t leat_s3_part_first(uint64_t size, uint64_t first);
/* leat_s3_parts_hold - bytes that the parts from this one on can hold. */
uint64_t leat_s3_parts_hold(unsigned number, uint64_t first, uint64_t most);

#endif
