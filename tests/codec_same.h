/* codec_same.h - a stage in lanes must come to the same as on one thread, whatever the data. */
#ifndef LEAT_CODEC_SAME_H
#define LEAT_CODEC_SAME_H

#include "codec_aid.h"

/* The parts of a failure that must be the same, besides the code. */
enum codec_same_parts {
    CODEC_SAME_TEXT = 1, /* unless a limit was exceeded: how much is left depends on the lanes */
    CODEC_SAME_OFFSET = 2,
    CODEC_SAME_BYTES =
        4, /* what came out before; unless the data was cut, then one may have less */
    CODEC_SAME_ALL = 7,
};

struct codec_same {
    const char *stage;
    unsigned parts; /* enum codec_same_parts */
};

/* codec_same - runs the stage on one thread, and on 2 and 3 with input pieces of a size. What comes out
 * before a failure agrees as far as both go. Returns the code, which is the same. */
int codec_same(const struct codec_same *same, const uint8_t *data, size_t len, size_t piece);
/* codec_same_cut - the same of the data cut in its first 40 bytes, in its last 40, and in n places. */
void codec_same_cut(const struct codec_same *same, const struct codec_bytes *data, unsigned n);
/* codec_same_damaged - the same with one byte changed, for each of the first `first` bytes and then in
 * places by chance, n times. Returns how many of them were errors. */
unsigned codec_same_damaged(const struct codec_same *same, const struct codec_bytes *data,
                            size_t first, unsigned n);
/* codec_same_before - the same with each of n texts behind the data, and of the text alone. */
void codec_same_before(const struct codec_same *same, const struct codec_bytes *data,
                       const char *const *texts, size_t n);

/* codec_append - adds n bytes; *to begins zeroed. Free to->data. */
void codec_append(struct codec_bytes *to, const void *data, size_t n);
/* codec_append_run - adds what `stages` make of the plain data. */
void codec_append_run(struct codec_bytes *to, const char *stages, const struct codec_bytes *plain);
/* codec_missing - does this build lack the library of a stage? */
bool codec_missing(const char *stage);

#endif
