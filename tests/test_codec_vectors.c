/* test_codec_vectors.c - every gzip and zstd row of the vectors that others made, and the zlib
 * files beside them: the same bytes, the same verdict. Rows on which we differ from the reference
 * tool are listed, each with its reason, in codec_vectors.differs. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define DIFFERS "tests/codec_vectors.differs"
#define ROW_MAX 1024
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
    char line[ROW_MAX], path[256], outcome[16];

    ASSERT_NOT_NULL(f);
    while (fgets(line, sizeof(line), f))
        if (*line != '#' && sscanf(line, "%255[^\t]\t%15[^\t]\t", path, outcome) == 2 &&
            strcmp(path, row->path) == 0)
            snprintf(row->outcome, sizeof(row->outcome), "%s", outcome);
    fclose(f);
}

static void check_row(const struct row *row, const char *stage, struct memio *io)
{
    char hex[HEX_LEN + 1];
    size_t len;
    uint8_t *data = test_data_read(row->path, &len);

    test_context("%s : %s, threads %u, piece %zu, room %zu", row->path, stage, io->settings.threads,
                 io->piece, io->settings.room);
    io->in = data;
    io->in_len = len;
    memio_run(io, stage);
    if (strcmp(row->outcome, "ok") == 0) {
        if (io->code != 0)
            FAIL("%s: %s", leat_error_name(io->code), io->error.text);
        ASSERT_EQ(io->out_len, row->len);
        sha256_hex(io->out, io->out_len, hex);
        ASSERT_STREQ(hex, row->sha256);
    } else if (io->code == LEAT_EUSAGE) {
        ASSERT_STR_HAS(io->error.text, "dictionary");
    } else if (io->code != LEAT_ECORRUPT && io->code != LEAT_ETRUNCATED &&
               io->code != LEAT_ELIMIT) {
        FAIL("the reference tool fails, and this ended with %s", leat_error_name(io->code));
    }
    memio_free(io);
    free(data);
}

/* Runs `stage` over all rows of a codec; returns how many there were. */
static unsigned check_codec(const char *codec, const char *stage, struct memio io)
{
    size_t len;
    char *text = (char *)test_data_read("codec/EXPECTED.tsv", &len), *line, *save = NULL;
    struct row row;
    unsigned n = 0;

    for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (!parse_row(line, &row) || strcmp(row.codec, codec) != 0)
            continue;
        apply_difference(&row);
        check_row(&row, stage, &io);
        n++;
    }
    free(text);
    test_note("%u rows", n);
    return n;
}

TEST(test_gzip_vectors_give_what_gzip_gives)
{
    ASSERT_GE(check_codec("gz", "gunzip", (struct memio){.in_len = 0}), 70);
}

TEST(test_gzip_vectors_give_the_same_by_zlib)
{
    ASSERT_GE(check_codec("gz", "gunzip --backend=zlib", (struct memio){.in_len = 0}), 70);
}

TEST(test_gzip_vectors_give_the_same_in_small_pieces)
{
    struct memio io = {.piece = 7, .settings = {.threads = 1, .room = 5}};

    ASSERT_GE(check_codec("gz", "gunzip", io), 70);
}

TEST(test_zstd_vectors_give_what_zstd_gives)
{
    ASSERT_GE(check_codec("zst", "unzstd", (struct memio){.in_len = 0}), 50);
}

TEST(test_zstd_vectors_give_the_same_in_small_pieces)
{
    struct memio io = {.piece = 7, .settings = {.threads = 1, .room = 5}};

    ASSERT_GE(check_codec("zst", "unzstd", io), 50);
}

/* An empty or unrecognised file is plain data to decode, so only what has a signature is compared;
 * the rows that differ are those. */
TEST(test_decode_gives_what_the_stage_of_the_codec_gives)
{
    static const char *const codecs[][2] = {{"gz", "gunzip"}, {"zst", "unzstd"}};
    size_t len;
    char *text, *line, *save = NULL;
    struct row row;

    text = (char *)test_data_read("codec/EXPECTED.tsv", &len);
    for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        for (size_t i = 0; i < 2; i++) {
            if (!parse_row(line, &row) || strcmp(row.codec, codecs[i][0]) != 0)
                continue;
            apply_difference(&row);
            if (strcmp(row.outcome, "ok") != 0)
                continue;
            check_row(&row, "decode", &(struct memio){.settings = {.threads = 1}});
        }
    }
    free(text);
}

TEST(test_zlib_vectors_give_the_file_beside_them)
{
    static const char *const names[] = {
        "1B",
        "256B-extended-ASCII-table-in-utf8-dynamic-Huffman",
        "256B-extended-ASCII-table-uncompressed",
        "32A-fixed-Huffman",
        "base64-256KiB",
        "base64-32KiB",
        "dolorem-ipsum.txt",
        "empty",
        "numbers-10,65-90",
        "random-128KiB",
        "zeros",
    };
    static const char *const stages[] = {"unzlib", "unzlib --backend=zlib"};
    char path[256];

    for (size_t i = 0; i < 2 * sizeof(names) / sizeof(names[0]); i++) {
        struct memio io = {.settings = {.threads = 1}};
        size_t len, plain_len;
        uint8_t *data, *plain;

        test_context("%s : %s", names[i / 2], stages[i % 2]);
        snprintf(path, sizeof(path), "codec/rapidgzip/%s", names[i / 2]);
        plain = test_data_read(path, &plain_len);
        snprintf(path, sizeof(path), "codec/rapidgzip/%s.zlib", names[i / 2]);
        data = test_data_read(path, &len);
        io.in = data;
        io.in_len = len;
        ASSERT_EQ(memio_run(&io, stages[i % 2]), 0);
        ASSERT_BYTES_EQ(io.out, io.out_len, plain, plain_len);
        memio_free(&io);
        free(data);
        free(plain);
    }
}
