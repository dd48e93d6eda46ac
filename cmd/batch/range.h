/* range.h - between range.c and the formats of a file that is cut. */
#ifndef CMD_BATCH_RANGE_H
#define CMD_BATCH_RANGE_H

#include "batch.h"
#include "members.h"

struct ranged {
    struct batch *batch;
    const char *path;
    int fd;
    uint64_t size; /* of what ranges count: the content, or of all members in the file */
    enum { RANGED_PLAIN, RANGED_ZSTD, RANGED_BGZF } format;
    struct members members;       /* of RANGED_BGZF */
    struct leat_context *context; /* of the pipelines that look for lines in it */
    struct input whole;           /* the input that is cut */
};

/* range_add - append a range of the input, for the shard. NULL: out of memory, after a message. */
struct input *range_add(struct ranged *ranged, uint64_t offset, uint64_t length, uint32_t shard);
/* range_newline - in the output of a pipeline, the byte after the first newline at or after `at`, or the end of the output.
 * The text `source` is followed by the name of the file, and that by the text `decoder`. Returns 0, or an exit status after a
 * message. */
int range_newline(const struct ranged *ranged, const char *source, const char *decoder, uint64_t at,
                  uint64_t *ret);
/* range_cut_members - as range_split, for BGZF. range_look_at_members - is it BGZF, and whole? *ret: it begins as BGZF does.
 * Both return 0, or an exit status after a message. */
int range_cut_members(struct ranged *ranged);
int range_look_at_members(struct ranged *ranged, bool *ret);

#endif
