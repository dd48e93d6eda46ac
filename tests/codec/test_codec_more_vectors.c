/* test_codec_more_vectors.c - every bzip2, lz4, xz, lzma and lzip row of the vectors that others
 * made: the same bytes, the same verdict. */
#include <stdlib.h>

#include "vectors.h"

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* The xz tool reads three formats. */
static const char *stage_of(const struct vector *row)
{
    if (strcmp(row->codec, "bz2") == 0)
        return "bunzip2";
    if (strcmp(row->codec, "lz4") == 0)
        return "unlz4";
    if (strcmp(row->codec, "xz") != 0)
        return NULL;
    if (ends_with(row->path, ".lz") || strstr(row->path, "lzip"))
        return "unlzip";
    if (ends_with(row->path, ".lzma") || strstr(row->path, "lzma_"))
        return "unlzma";
    return "unxz";
}

static bool in_this_build(const char *stage)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_pipeline *pipeline = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    int r;

    ASSERT_NOT_NULL(registry);
    r = leat_pipeline_from_text(registry, stage, NULL, &pipeline, &error);
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
    return r != LEAT_EUNSUPPORTED;
}

/* Runs every row of these codecs by its stage, or by `decode` those that are to be decoded. */
static unsigned check_rows(struct memio io, bool decode)
{
    struct vectors vectors = {.text = NULL};
    unsigned n = 0, missing = 0;
    struct vector row;

    while (vectors_next(&vectors, &row)) {
        const char *stage = stage_of(&row);

        if (!stage)
            continue;
        if (!in_this_build(stage)) {
            missing++;
            continue;
        }
        /* decode cannot know lzma with a length, and takes a skippable frame for zstd's */
        if (decode && (strcmp(row.outcome, "ok") != 0 || strstr(row.path, "skippable") ||
                       (strcmp(stage, "unlzma") == 0 && !strstr(row.path, "good-unknown_size"))))
            continue;
        vector_check(&row, decode ? "decode" : stage, io);
        n++;
    }
    test_note("%u rows", n);
    if (missing)
        SKIP(missing, "built without a library");
    return n + missing;
}

TEST(test_vectors_give_what_the_reference_tools_give)
{
    ASSERT_GE(check_rows((struct memio){.settings = {.threads = 1}}, false), 140);
}

TEST(test_vectors_give_the_same_with_threads)
{
    ASSERT_GE(check_rows((struct memio){.settings = {.threads = 3}}, false), 140);
}

TEST(test_vectors_give_the_same_in_small_pieces)
{
    struct memio io = {.piece = 7, .settings = {.threads = 1, .chunk = 4095}};

    ASSERT_GE(check_rows(io, false), 140);
}

TEST(test_vectors_give_the_same_in_pieces_of_any_size)
{
    struct memio io = {
        .piece = MEMIO_RANDOM, .seed = 5, .settings = {.threads = 2, .chunk = 1000, .room = 77}};

    ASSERT_GE(check_rows(io, false), 140);
}

TEST(test_vectors_are_recognised_by_decode)
{
    ASSERT_GE(check_rows((struct memio){.settings = {.threads = 2}}, true), 65);
}
