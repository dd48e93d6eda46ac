/* test_codec_more_vectors.c - every bzip2, lz4, xz, lzma and lzip row of the vectors that others
 * made: the same bytes, the same verdict. Rows on which we differ from the reference tool are
 * listed, each with its reason, in codec_more.differs. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define DIFFERS "tests/codec_more.differs"
#define LINE_MAX_BYTES 1024
#define HEX_LEN 64

struct row {
    char path[256], codec[16], outcome[16], sha256[80];
    long long len; /* -1: none, as it is an error */
};

static void sha256_hex(const void *data, size_t n, char *ret)
{
    unsigned char digest[32];

    ASSERT_EQ(EVP_Digest(n ? data : "", n, digest, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static bool parse_row(const char *line, struct row *row)
{
    char len[32];

    if (*line == '#' || sscanf(line, "%255[^\t]\t%15[^\t]\t%15[^\t]\t%31[^\t]\t%79[^\t\n]",
                               row->path, row->codec, row->outcome, len, row->sha256) != 5)
        return false;
    row->len = strcmp(len, "-") == 0 ? -1 : atoll(len);
    return true;
}

/* Our outcome where it is known to differ: a line `path<TAB>outcome<TAB>reason`. */
static void apply_difference(struct row *row)
{
    FILE *f = fopen(DIFFERS, "r");
    char line[LINE_MAX_BYTES], path[256], outcome[16];

    ASSERT_NOT_NULL(f);
    while (fgets(line, sizeof(line), f))
        if (*line != '#' && sscanf(line, "%255[^\t]\t%15[^\t]\t", path, outcome) == 2 &&
            strcmp(path, row->path) == 0)
            snprintf(row->outcome, sizeof(row->outcome), "%s", outcome);
    fclose(f);
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);

    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* The xz tool reads three formats. */
static const char *stage_of(const struct row *row)
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
    struct leat_error error;
    int r;

    ASSERT_NOT_NULL(registry);
    r = leat_pipeline_from_text(registry, stage, NULL, &pipeline, &error);
    leat_pipeline_free(pipeline);
    leat_registry_free(registry);
    return r != LEAT_EUNSUPPORTED;
}

static void check_row(const struct row *row, const char *stage, struct memio io)
{
    char hex[HEX_LEN + 1];
    size_t len;
    uint8_t *data = test_data_read(row->path, &len);

    test_context("%s : %s, threads %u, piece %zu, room %zu", row->path, stage, io.settings.threads,
                 io.piece, io.settings.room);
    io.in = data;
    io.in_len = len;
    memio_run(&io, stage);
    if (strcmp(row->outcome, "ok") == 0) {
        if (io.code != 0)
            FAIL("%s: %s", leat_error_name(io.code), io.error.text);
        ASSERT_EQ(io.out_len, row->len);
        sha256_hex(io.out, io.out_len, hex);
        ASSERT_STREQ(hex, row->sha256);
    } else if (io.code != LEAT_ECORRUPT && io.code != LEAT_ETRUNCATED && io.code != LEAT_ELIMIT) {
        FAIL("the reference tool fails, and this ended with %s", leat_error_name(io.code));
    }
    memio_free(&io);
    free(data);
}

/* Runs every row of these codecs by its stage, or by `decode` those that are to be decoded. */
static unsigned check_rows(struct memio io, bool decode)
{
    size_t len;
    char *text = (char *)test_data_read("codec/EXPECTED.tsv", &len), *line, *save = NULL;
    unsigned n = 0, missing = 0;
    struct row row;

    for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *stage = parse_row(line, &row) ? stage_of(&row) : NULL;

        if (!stage)
            continue;
        if (!in_this_build(stage)) {
            missing++;
            continue;
        }
        apply_difference(&row);
        /* decode cannot know lzma with a length, and takes a skippable frame for zstd's */
        if (decode && (strcmp(row.outcome, "ok") != 0 || strstr(row.path, "skippable") ||
                       (strcmp(stage, "unlzma") == 0 && !strstr(row.path, "good-unknown_size"))))
            continue;
        check_row(&row, decode ? "decode" : stage, io);
        n++;
    }
    free(text);
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
