/* test_codec_more_tools.c - what we compress, the standard tools read, at every level and with 1 to
 * 4 workers, which give the same bytes; and what they compress, we read. */
#include <stdlib.h>

#include "codec_aid.h"

#define MEMORY ((uint64_t)3 << 30)
#define WORKERS_MAX 4u

/* A stage, and the tool that reads what it makes. */
struct coder {
    const char *name, *stage, *back, *tool, *pack;
    int level_min, level_max;
};

static const struct coder coders[] = {
    {"xz", "xz --block-size=64K", "unxz", "xz -dc", "xz -T2 --block-size=65536 -c", 0, 9},
    {"xz", "xz -e", "unxz", "xz -dc", "xz -e -c", 0, 4},
    {"xz", "lzma", "unlzma", "xz --format=lzma -dc", "xz --format=lzma -c", 0, 9},
    {"lzip", "lzip", "unlzip", "lzip -dc", "lzip -c", 0, 9},
    {"bzip2", "bzip2", "bunzip2", "bzip2 -dc", "bzip2 -c", 1, 9},
    {"lbzip2", "bzip2", "bunzip2", "lbzip2 -dc", "lbzip2 -c", 1, 9},
    {"lz4", "lz4", "unlz4", "lz4 -dc", "lz4 -c", 1, 12},
    {"lz4", "lz4 -B4 -BD -BX", "unlz4", "lz4 -dc", "lz4 -q -B5 -BD -BX -c", 1, 12},
    {"lz4", "lz4", "unlz4", "lz4 -dc", "lz4 -l -c", 1, 1},
    {"brotli", "brotli", "unbrotli", "brotli -dc", "brotli -c -q", 0, 11},
};

#define N_CODERS (sizeof(coders) / sizeof(coders[0]))

static const char *const corpora[] = {
    "corpora/a.txt",
    "corpora/alice29.txt",
    "corpora/geo.protodata",
    "corpora/random.txt",
};

#define N_CORPORA (sizeof(corpora) / sizeof(corpora[0]))

static bool in_this_build(const char *stage)
{
    struct memio io;
    int r = codec_run(&io, stage, "", 0, 0);

    memio_free(&io);
    return r != LEAT_EUNSUPPORTED;
}

static struct codec_bytes run(const char *stage, const struct codec_bytes *from, unsigned threads)
{
    struct memio io = {
        .in = from->data, .in_len = from->len, .settings = {.threads = threads, .memory = MEMORY}};

    test_context("%s of %zu bytes, threads %u", stage, from->len, threads);
    if (memio_run(&io, stage) != 0)
        FAIL("%s", io.error.text);
    return (struct codec_bytes){.data = io.out, .len = io.out_len};
}

/* One worker at most: more threads than one change nothing but the schedule. */
static bool is_serial(const struct coder *c)
{
    return strcmp(c->stage, "lzma") == 0 || strcmp(c->stage, "xz -e") == 0 ||
           strcmp(c->stage, "brotli") == 0;
}

/* One level, over one input: 1 to 4 workers, the tool, and the tool's own output. */
static void check_level(const struct coder *c, int level, const struct codec_bytes *plain)
{
    struct codec_bytes z = {.data = NULL}, back;
    char stage[128], pack[128];

    snprintf(stage, sizeof(stage), "%s -%d", c->stage, level);
    snprintf(pack, sizeof(pack), strcmp(c->name, "brotli") ? "%s -%d" : "%s %d", c->pack, level);
    for (unsigned threads = 1; threads <= WORKERS_MAX;
         threads += is_serial(c) || level > c->level_min ? WORKERS_MAX - 1 : 1) {
        struct codec_bytes other = run(stage, plain, threads);

        if (threads == 1) {
            z = other;
            continue;
        }
        ASSERT_BYTES_EQ(other.data, other.len, z.data, z.len);
        free(other.data);
    }
    test_context("%s : %s", stage, c->tool);
    back = codec_filter(c->tool, z.data, z.len);
    ASSERT_BYTES_EQ(back.data, back.len, plain->data, plain->len);
    free(back.data);
    free(z.data);
    test_context("%s : %s", pack, c->back);
    z = codec_filter(pack, plain->data, plain->len);
    for (unsigned threads = 1; threads <= WORKERS_MAX; threads += WORKERS_MAX - 1) {
        back = run(c->back, &z, threads);
        ASSERT_BYTES_EQ(back.data, back.len, plain->data, plain->len);
        free(back.data);
    }
    free(z.data);
}

static void check_coder(const struct coder *c, const struct codec_bytes *plain)
{
    /* A level is the library's, in which a sanitizer sees nothing: the ends and the middle do. */
    int step = test_under_sanitizer() ? (c->level_max - c->level_min + 1) / 2 : 1;

    for (int level = c->level_min; level <= c->level_max; level += step ? step : 1)
        check_level(c, level, plain);
}

static bool runs_here(const struct coder *c, unsigned *missing)
{
    if (codec_have_tool(c->name) && in_this_build(c->stage))
        return true;
    ++*missing;
    return false;
}

/* One coder at all levels; see register_coders. */
static void test_coder(void)
{
    struct codec_bytes nothing = {.data = (uint8_t[1]){0}, .len = 0};
    const struct coder *c = test_argument();
    unsigned missing = 0;

    if (!runs_here(c, &missing))
        SKIP(missing, "no such tool, or built without a library");
    check_level(c, c->level_min, &nothing);
    for (size_t k = 0; k < (test_under_sanitizer() ? 2 : N_CORPORA); k++) {
        struct codec_bytes plain;

        plain.data = test_data_read(corpora[k], &plain.len);
        check_coder(c, &plain);
        free(plain.data);
    }
}

__attribute__((constructor)) static void register_coders(void)
{
    char name[256];

    for (size_t i = 0; i < N_CODERS; i++) {
        snprintf(name, sizeof(name), "test_each_level_of_%s_is_read_by_%s_and_back",
                 coders[i].stage, coders[i].name);
        for (char *p = name; *p; p++)
            if (strchr(" -=", *p))
                *p = '_';
        test_register_with(__FILE__, name, test_coder, &coders[i]);
    }
}

/* Several blocks, members and frames, of which the last is short. */
TEST(test_tools_and_stages_read_each_other_with_several_blocks)
{
    static const struct coder large[] = {
        {"xz", "xz --block-size=1M", "unxz", "xz -T2 -dc", "xz -T2 --block-size=1M -c", 1, 1},
        {"xz", "xz", "unxz", "xz -T2 -dc", "xz -T2 -c", 0, 1},
        {"lzip", "lzip", "unlzip", "lzip -dc", "lzip -c", 0, 1},
        {"bzip2", "bzip2", "bunzip2", "bzip2 -dc", "bzip2 -c", 9, 9},
        {"lbzip2", "bzip2", "bunzip2", "lbzip2 -dc", "lbzip2 -c", 9, 9},
        {"lz4", "lz4", "unlz4", "lz4 -dc", "lz4 -c", 1, 3},
    };
    struct codec_bytes plain = codec_text(test_under_sanitizer() ? 2000001 : 5000001, 5);
    unsigned missing = 0;

    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
        if (runs_here(&large[i], &missing))
            check_coder(&large[i], &plain);
    free(plain.data);
    if (missing)
        SKIP(missing, "no such tool, or built without a library");
}

TEST(test_bzip2_is_no_larger_than_that_of_bzip2)
{
    static const char *const inputs[] = {"corpora/world192.txt", "corpora/bible.txt"};

    if (!codec_have_tool("bzip2") || !in_this_build("bzip2"))
        SKIP(1, "no bzip2, or built without libbz2");
    for (size_t i = 0; i < (test_under_sanitizer() ? 1 : 2); i++) {
        for (int level = 1; level <= 9; level += 4) {
            struct codec_bytes plain, ours, theirs;
            char stage[64], command[64];

            plain.data = test_data_read(inputs[i], &plain.len);
            snprintf(stage, sizeof(stage), "bzip2 -%d", level);
            snprintf(command, sizeof(command), "bzip2 -c -%d", level);
            ours = run(stage, &plain, 2);
            theirs = codec_filter(command, plain.data, plain.len);
            test_context("%s of %s", stage, inputs[i]);
            ASSERT_LE(ours.len, theirs.len + theirs.len / 100);
            free(ours.data);
            free(theirs.data);
            free(plain.data);
        }
    }
}

/* gzip reads .Z; compress writes it with codes of any width. */
TEST(test_compress_and_its_readers)
{
    unsigned missing = 0;

    for (size_t k = 0; k < N_CORPORA; k++) {
        struct codec_bytes plain, z, back;

        plain.data = test_data_read(corpora[k], &plain.len);
        z = run("compress", &plain, 2);
        if (codec_have_tool("gzip")) {
            test_context("compress : gzip -dc of %s", corpora[k]);
            back = codec_filter("gzip -dc", z.data, z.len);
            ASSERT_BYTES_EQ(back.data, back.len, plain.data, plain.len);
            free(back.data);
        } else {
            missing++;
        }
        free(z.data);
        for (int bits = 10; bits <= 16 && codec_have_tool("compress"); bits++) {
            char command[64];

            snprintf(command, sizeof(command), "compress -f -b %d -c", bits);
            z = codec_filter(command, plain.data, plain.len);
            back = run("uncompress", &z, 1);
            test_context("%s of %s", command, corpora[k]);
            ASSERT_BYTES_EQ(back.data, back.len, plain.data, plain.len);
            free(back.data);
            free(z.data);
        }
        free(plain.data);
    }
    if (missing || !codec_have_tool("compress"))
        SKIP(missing + !codec_have_tool("compress"), "no gzip or compress");
}
