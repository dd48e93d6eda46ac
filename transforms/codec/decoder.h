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

/* open, step and close of a stage that is one decoder, whose state is the decoder's. */
#define LEAT_DECODER_CALLBACKS(decoder)                                                            \
    static int stage_open(struct leat_stage *stage)                                                \
    {                                                                                              \
        return (decoder).open(stage, leat_state(stage));                                           \
    }                                                                                              \
    static int stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)      \
    {                                                                                              \
        return (decoder).step(stage, leat_state(stage), in, out);                                  \
    }                                                                                              \
    static void stage_close(struct leat_stage *stage)                                              \
    {                                                                                              \
        (decoder).close(stage, leat_state(stage));                                                 \
    }

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
