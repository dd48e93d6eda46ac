/* signature.h - which format data is in, by its first bytes. */
#ifndef LEAT_CODEC_SIGNATURE_H
#define LEAT_CODEC_SIGNATURE_H

#include "../shared/decoder.h"

#define LEAT_SIGNATURE_MAX 13u

/* The first bytes of a stream, zeroed before the first one. */
struct leat_first {
    uint8_t bytes[LEAT_SIGNATURE_MAX];
    size_t have, pos; /* bytes: that are there, and that are handed on */
    uint64_t at;      /* byte offset of the first one in the stage's input */
    bool known;       /* what they begin */
    unsigned format;  /* then: for leat_format_decoder */
};

/* leat_first_look - takes of the n bytes that come next as few as tell what the data is.
 *
 *   end  nothing follows them
 *
 * Returns how many it took: fewer than n only if first->known is set. */
size_t leat_first_look(struct leat_first *first, const uint8_t *data, size_t n, bool end);

/* leat_first_run - `step`, with the first bytes as an input of their own before `in`, which is what
 * follows them. Returns what the step does. */
int leat_first_run(struct leat_first *first, struct leat_stage *stage,
                   int (*step)(struct leat_stage *stage, void *state, struct leat_in *in,
                               struct leat_out *out),
                   void *state, struct leat_in *in, struct leat_out *out);

/* leat_format_decoder - NULL for 0, which is data of no known format. */
const struct leat_decoder *leat_format_decoder(unsigned format);
#define LEAT_FORMATS_END 64u /* they are less */

/* leat_format_of - as `recognise` of a stage type. */
const char *leat_format_of(const uint8_t *first, size_t n);

/* leat_plain_step - what has no decoder: all of it goes through. */
int leat_plain_step(struct leat_stage *stage, void *state, struct leat_in *in,
                    struct leat_out *out);

#endif
