/* hash.h - the parts that all digests and checksums share; each algorithm is a table. */
#ifndef LEAT_CHECK_HASH_H
#define LEAT_CHECK_HASH_H

#include <stddef.h>

#include "stage.h"

#define LEAT_HASH_DIGEST_MAX ((size_t)64)

/* One algorithm. Its state follows struct leat_hash, zeroed. The callbacks return 0 or fail the
 * stage; `close` may also be called after a failed `open`. */
struct leat_hash_algorithm {
    const char *tag;           /* name in BSD form */
    const char *tag_with_bits; /* name with the size in bits, as b2sum reads it; NULL: none */
    const char *openssl_tag;   /* name that `openssl dgst` of OpenSSL 3 writes; NULL: none, or the
                                * same as tag */
    size_t size;               /* size of the digest in bytes */
    bool plain_names;          /* do not escape names, as xxhsum; else escape them as coreutils */
    const void *variant;       /* for the algorithm's own use */
    int (*open)(struct leat_stage *stage, const struct leat_hash_algorithm *a, void *state);
    int (*add)(struct leat_stage *stage, void *state, const uint8_t *data, size_t n);
    int (*end)(struct leat_stage *stage, void *state, uint8_t *digest);
    void (*close)(void *state); /* may be NULL */
};

/* The state of the stage. */
struct leat_hash {
    bool finished;
    bool passes;  /* the stream passes unchanged */
    char *wanted; /* --check: the expected digest in hexadecimal */
    bool of_stem; /* `wanted` was found by the name without its suffix: it may be that of the
                   * decoded data */
    char *line;   /* the output line */
    size_t line_at, line_len;
    max_align_t state[]; /* state of the algorithm */
};

struct leat_hash_params {
    int tag;
    const char *to, *expect, *check, *name;
};

extern const struct leat_option leat_hash_options[];
int leat_hash_plan(struct leat_stage *stage, const struct leat_hash_algorithm *a);
int leat_hash_open(struct leat_stage *stage, const struct leat_hash_algorithm *a);
int leat_hash_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out,
                   const struct leat_hash_algorithm *a);
void leat_hash_close(struct leat_stage *stage, const struct leat_hash_algorithm *a);
/* leat_digest_list_find - find the digest of a file in a list of checksums. In hash_sums.c.
 *
 *   text   n bytes: a list in the form of sha256sum or of its --tag, or a digest alone
 *   path   path of the list, for messages
 *   name   name of the file as the user wrote it; "-": not known
 *   ret    receives 2 * a->size digits and a NUL
 *   ret_of_stem  the digest was found by the name without its last suffix
 *
 * Returns 0, or fails the stage: no line matches, or lines contradict each other. */
int leat_digest_list_find(struct leat_stage *stage, const struct leat_hash_algorithm *a,
                          const char *text, size_t n, const char *path, const char *name, char *ret,
                          bool *ret_of_stem);
/* Advice for a digest that was found by the name without the suffix of the file. */
#define LEAT_HASH_OF_STEM                                                                          \
    " for the name without its suffix; if that is the digest of the decompressed contents, put "   \
    "`decode` before this stage and set that name with --name"
/* leat_hash_put_big_endian - write the lowest `size` bytes of the value, the highest first. */
void leat_hash_put_big_endian(uint8_t *to, uint64_t value, size_t size);

#define LEAT_HASH_MANUAL(what, form)                                                               \
    what "\n\n"                                                                                    \
         "Without options, the stage consumes the stream and outputs one line: the "               \
         "digest in hexadecimal and the name of the file that was read" form ". The "              \
         "name is - if the input is not the unchanged contents of one file: the "                  \
         "output of a decoder, or several files, have no name. --name sets a name, "               \
         "so that the line can be checked later.\n\n"                                              \
         "With --to the stream passes unchanged, and the line is written to a file, "              \
         "which is committed with the pipeline's other outputs. With --expect or "                 \
         "--check the stream passes unchanged too; if the digest differs, the "                    \
         "pipeline fails with exit status 4 and no output appears.\n\n"                            \
         "The file of --check is a list of checksums in any form that the coreutils "              \
         "tools read or that openssl dgst writes, or a file with only a digest. It "               \
         "is read before the stream begins. The stage looks for the path of the "                  \
         "file that is read (or --name), where ./a and a are the same, and then for "              \
         "the file name without directories. A list of one line needs no name. If "                \
         "the list has no matching line, the pipeline fails at once. To check the "                \
         "contents of a compressed file, put a decoder before the stage and give "                 \
         "--name: `read x.gz : gunzip : sha256 --check=LIST --name=x`."

/* Defines leat_stage_<ident> for `static const struct leat_hash_algorithm <ident>_algorithm`. */
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
