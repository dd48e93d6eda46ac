/* decoder.h - a format that can be decoded: what its own stage and `decode` share. */
#ifndef LEAT_CODEC_DECODER_H
#define LEAT_CODEC_DECODER_H

#include "stage.h"

/* The state that is handed to these is zeroed and aligned as by malloc. */
struct leat_decoder {
    const char *name;
    size_t state_size;
    int (*open)(struct leat_stage *stage, void *state);
    int (*step)(struct leat_stage *stage, void *state, struct leat_in *in, struct leat_out *out);
    void (*close)(struct leat_stage *stage, void *state); /* also after a failed open */
};

extern const struct leat_decoder leat_decoder_gzip;
extern const struct leat_decoder leat_decoder_zstd;
extern const struct leat_decoder leat_decoder_compress;
/* These are there if the build has their library: HAVE_LZMA, HAVE_BZ2, HAVE_LZ4. */
extern const struct leat_decoder leat_decoder_xz;
extern const struct leat_decoder leat_decoder_lzma;
extern const struct leat_decoder leat_decoder_lzip;
extern const struct leat_decoder leat_decoder_bzip2;
extern const struct leat_decoder leat_decoder_lz4;

#endif
