/* inflater.h - raw deflate decoding by ISA-L or by zlib, behind one interface.
 *
 * The formats around deflate (gzip, zlib, none) read their own headers and trailers through it: a
 * library may read ahead past the end of the deflate data, even past the end of an input chunk.
 * leat_inflater_byte first returns the bytes that the library read but did not use.
 */
#ifndef LEAT_CODEC_GZIP_INFLATER_H
#define LEAT_CODEC_GZIP_INFLATER_H

#include "stage.h"

/* In the order of the choices of --backend. */
enum leat_inflater_backend {
    LEAT_INFLATER_AUTO, /* ISA-L if this build has it */
    LEAT_INFLATER_ZLIB,
    LEAT_INFLATER_ISAL,
};
#define LEAT_INFLATER_CHOICES "auto|zlib|isal"

enum leat_inflater_check {
    LEAT_INFLATER_NO_CHECK,
    LEAT_INFLATER_CRC32,
    LEAT_INFLATER_ADLER32,
};

/* The most bytes that a library reads ahead. */
#define LEAT_INFLATER_BACK_MAX 8u

/* Input and output of a library call. */
struct leat_inflater_io {
    const uint8_t *in;
    size_t in_len;
    uint8_t *to;
    size_t room;
    size_t used, made;                    /* bytes, filled in */
    uint8_t back[LEAT_INFLATER_BACK_MAX]; /* at the end: bytes that were read ahead, in order */
    size_t n_back;
    const char *problem; /* if it returns LEAT_ECORRUPT: a string literal */
};

/* One library. */
struct leat_inflater_ops {
    int (*open)(struct leat_stage *stage, void **ret_lib);
    void (*reset)(void *lib);
    /* Continues until the input is used up, the room is full or the deflate data ends.
     * Returns LEAT_MORE, LEAT_END, LEAT_ECORRUPT or LEAT_ENOMEM. */
    int (*run)(void *lib, struct leat_inflater_io *io);
    void (*close)(struct leat_stage *stage, void *lib);
};

extern const struct leat_inflater_ops leat_inflater_zlib;
extern const struct leat_inflater_ops leat_inflater_isal; /* all NULL if this build lacks it */

struct leat_inflater {
    const struct leat_inflater_ops *ops;
    void *lib;
    enum leat_inflater_check kind;
    uint32_t check; /* of the data decoded since the last reset */
    uint64_t total; /* bytes decoded since the last reset */
    uint8_t back[LEAT_INFLATER_BACK_MAX];
    size_t back_pos, n_back;
};

/* leat_inflater_available - is this backend in this build? */
bool leat_inflater_available(enum leat_inflater_backend backend);

/* leat_inflater_open - after a failure closing is allowed, but not needed. */
int leat_inflater_open(struct leat_inflater *inflater, struct leat_stage *stage,
                       enum leat_inflater_backend backend, enum leat_inflater_check kind);
void leat_inflater_close(struct leat_inflater *inflater, struct leat_stage *stage);

/* leat_inflater_reset - new deflate data begins at the input cursor. */
void leat_inflater_reset(struct leat_inflater *inflater);

/* leat_inflater_step - decode into the output.
 *
 * Returns LEAT_END   the deflate data has ended; read the bytes after it with leat_inflater_byte.
 *         LEAT_MORE  needs more input, or more room.
 *         < 0        failed: corrupt, truncated, or out of memory. */
int leat_inflater_step(struct leat_inflater *inflater, struct leat_stage *stage, struct leat_in *in,
                       struct leat_out *out);

/* leat_inflater_byte - the next byte after the deflate data; false: the input is used up. */
static inline bool leat_inflater_byte(struct leat_inflater *inflater, struct leat_in *in,
                                      uint8_t *ret_byte)
{
    if (inflater->back_pos < inflater->n_back) {
        *ret_byte = inflater->back[inflater->back_pos++];
        return true;
    }
    if (in->pos == in->len)
        return false;
    *ret_byte = in->data[in->pos++];
    return true;
}

/* leat_inflater_after - check that nothing follows `what`. Returns LEAT_END at the end of the
 * input, or LEAT_MORE, or fails the stage. */
int leat_inflater_after(struct leat_inflater *inflater, struct leat_stage *stage,
                        struct leat_in *in, const char *what);

/* leat_inflater_offset - the offset of the next byte in the stage's input. */
static inline uint64_t leat_inflater_offset(const struct leat_inflater *inflater,
                                            const struct leat_in *in)
{
    return in->offset + in->pos - (inflater->n_back - inflater->back_pos);
}

#endif
