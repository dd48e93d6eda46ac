/* decoder.h - a format that can be decoded: shared by its own stage and `decode`. */
#ifndef LEAT_CODEC_SHARED_DECODER_H
#define LEAT_CODEC_SHARED_DECODER_H

#include "stage.h"

/* A format that is decoded in lanes: the functions of struct leat_lanes, with a state in place of
 * the stage's. The lanes, the cutter and the join each have a state; those of the cutter and the
 * join are not opened. */
struct leat_decoder_lanes {
    size_t state_size;
    size_t result_size; /* at most LEAT_DECODER_RESULT_MAX */
    size_t history;
    uint64_t memory_min; /* with a smaller memory limit of the pipeline there are no lanes */
    uint64_t holds;      /* bytes that a lane holds, at most, without the windows of frames */
    /* The first cut is at or after the end of the format's first bytes. *ret_note: as for
     * leat_note; set if it returns 1; less than LEAT_DECODER_NOTE_END. */
    int (*cut)(struct leat_stage *stage, void *state, const uint8_t *data, size_t len,
               size_t *ret_take, uint64_t *ret_note);
    int (*open)(struct leat_stage *stage, void *state);
    int (*begin)(struct leat_stage *stage, void *state, const struct leat_in *in);
    int (*step)(struct leat_stage *stage, void *state, struct leat_in *in, struct leat_out *out);
    int (*merge)(struct leat_stage *stage, void *state, struct leat_in *in, const void *result,
                 struct leat_out *out); /* NULL: the outputs are concatenated */
    int (*join)(struct leat_stage *stage, void *state, enum leat_join when, const void *result,
                struct leat_out *out);                    /* for LEAT_JOIN_HEAD it does nothing */
    void (*close)(struct leat_stage *stage, void *state); /* also for a state that was not opened */
};
#define LEAT_DECODER_RESULT_MAX ((size_t)32)
#define LEAT_DECODER_NOTE_END ((uint64_t)1 << 56)

/* The state passed to these is zeroed and aligned as by malloc. */
struct leat_decoder {
    const char *name;
    size_t state_size;
    int (*open)(struct leat_stage *stage, void *state);
    int (*step)(struct leat_stage *stage, void *state, struct leat_in *in, struct leat_out *out);
    void (*close)(struct leat_stage *stage, void *state); /* also after a failed open */
    const struct leat_decoder_lanes *lanes;               /* NULL: no lanes */
    uint64_t later; /* bytes that it usually charges after it has seen its input */
};

/* open, step and close of a stage that is one decoder; its state is that of the decoder. */
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
/* Defined if the build has their library: HAVE_LZMA, HAVE_BZ2, HAVE_LZ4. */
extern const struct leat_decoder leat_decoder_xz;
extern const struct leat_decoder leat_decoder_lzma;
extern const struct leat_decoder leat_decoder_lzip;
extern const struct leat_decoder leat_decoder_bzip2;
extern const struct leat_decoder leat_decoder_lz4;

#endif
