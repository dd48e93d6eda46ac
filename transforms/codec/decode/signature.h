/* signature.h - recognises the format of data by its first bytes. */
#ifndef LEAT_CODEC_DECODE_SIGNATURE_H
#define LEAT_CODEC_DECODE_SIGNATURE_H

#include "../shared/decoder.h"

#define LEAT_SIGNATURE_MAX 13u

/* The first bytes of a stream, zeroed before the first one. */
struct leat_first {
    uint8_t bytes[LEAT_SIGNATURE_MAX];
    size_t have, pos; /* bytes: filled, and passed on */
    uint64_t at;      /* byte offset of the first one in the stage's input */
    bool known;       /* the format is known */
    unsigned format;  /* if known: for leat_format_decoder */
};

/* leat_first_look - consume as few of the n next bytes as are needed to recognise the format.
 *
 *   end  nothing follows them
 *
 * Returns how many it consumed: fewer than n only if first->known is set. */
size_t leat_first_look(struct leat_first *first, const uint8_t *data, size_t n, bool end);

/* leat_first_run - call `step` with the first bytes as a separate input before `in`, the input
 * after them. Returns the result of the step. */
int leat_first_run(struct leat_first *first, struct leat_stage *stage,
                   int (*step)(struct leat_stage *stage, void *state, struct leat_in *in,
                               struct leat_out *out),
                   void *state, struct leat_in *in, struct leat_out *out);

/* leat_format_decoder - NULL for 0, which is data in no known format. */
const struct leat_decoder *leat_format_decoder(unsigned format);
#define LEAT_FORMATS_END 64u /* format numbers are less than this */

/* leat_format_of - as `recognise` of a stage type. */
const char *leat_format_of(const uint8_t *first, size_t n);

/* leat_plain_step - for data without a decoder: passes all of it. */
int leat_plain_step(struct leat_stage *stage, void *state, struct leat_in *in,
                    struct leat_out *out);

#endif
