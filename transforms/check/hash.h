/* hash.h - what the digests and checksums share: the stage is one, the algorithm its own. */
#ifndef LEAT_CHECK_HASH_H
#define LEAT_CHECK_HASH_H

#include <stddef.h>

#include "stage.h"

#define LEAT_HASH_DIGEST_MAX ((size_t)64)

/* One algorithm. Its state follows struct leat_hash, zeroed. The callbacks return 0 or fail the
 * stage; `close` may come after an `open` that failed. */
struct leat_hash_algorithm {
    const char *tag;     /* its name in BSD form */
    size_t size;         /* bytes of the digest */
    bool plain_names;    /* names are never escaped, as xxhsum does; else as coreutils do */
    const void *variant; /* the algorithm's own */
    int (*open)(struct leat_stage *stage, const struct leat_hash_algorithm *a, void *state);
    int (*add)(struct leat_stage *stage, void *state, const uint8_t *data, size_t n);
    int (*end)(struct leat_stage *stage, void *state, uint8_t *digest);
    void (*close)(void *state); /* may be NULL */
};

/* The stage's own state. */
struct leat_hash {
    bool finished;
    char *line; /* the answer */
    size_t line_at, line_len;
    max_align_t state[]; /* the algorithm's */
};

struct leat_hash_params {
    int tag;
    const char *to, *expect;
};

extern const struct leat_option leat_hash_options[];
int leat_hash_plan(struct leat_stage *stage, const struct leat_hash_algorithm *a);
int leat_hash_open(struct leat_stage *stage, const struct leat_hash_algorithm *a);
int leat_hash_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out,
                   const struct leat_hash_algorithm *a);
void leat_hash_close(struct leat_stage *stage, const struct leat_hash_algorithm *a);
/* leat_hash_put_big_endian - the value's lowest `size` bytes, the highest first. */
void leat_hash_put_big_endian(uint8_t *to, uint64_t value, size_t size);

#define LEAT_HASH_MANUAL(what, form)                                                               \
    what "\n\n"                                                                                    \
         "Alone, the stage takes the stream in and gives a line of the digest in hexadecimal and " \
         "the name of the file that was read, - if there is none such" form ".\n\n"                \
         "With --to the stream goes on unchanged, and the line is written to a file that is "      \
         "committed with the pipeline's other outputs. With --expect the pipeline fails with "     \
         "exit status 4 if the digest differs, and no output appears."

/* Defines leat_stage_<ident> on a `static const struct leat_hash_algorithm <ident>_algorithm`. */
#define LEAT_HASH_STAGE(ident, algorithm_state_size, text, what, form)                             \
    extern const struct leat_stage_type leat_stage_##ident;                                        \
    static int ident##_plan(struct leat_stage *s)                                                  \
    {                                                                                              \
        return leat_hash_plan(s, &ident##_algorithm);                                              \
    }                                                                                              \
    static int ident##_open(struct leat_stage *s)                                                  \
    {                                                                                              \
        return leat_hash_open(s, &ident##_algorithm);                                              \
    }                                                                                              \
    static int ident##_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)        \
    {                                                                                              \
        return leat_hash_step(s, in, out, &ident##_algorithm);                                     \
    }                                                                                              \
    static void ident##_close(struct leat_stage *s)                                                \
    {                                                                                              \
        leat_hash_close(s, &ident##_algorithm);                                                    \
    }                                                                                              \
    const struct leat_stage_type leat_stage_##ident = {                                            \
        .name = #ident,                                                                            \
        .summary = text,                                                                           \
        .manual = LEAT_HASH_MANUAL(what, form),                                                    \
        .examples = #ident "\n" #ident " --to=sum.txt : gzip",                                     \
        .kind = LEAT_TRANSFORM,                                                                    \
        .nature = LEAT_HEAVY,                                                                      \
        .params_size = sizeof(struct leat_hash_params),                                            \
        .state_size = sizeof(struct leat_hash) + (algorithm_state_size),                           \
        .options = leat_hash_options,                                                              \
        .plan = ident##_plan,                                                                      \
        .open = ident##_open,                                                                      \
        .step = ident##_step,                                                                      \
        .close = ident##_close,                                                                    \
    }

#endif
