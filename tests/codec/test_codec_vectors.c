/* test_codec_vectors.c - every gzip and zstd row of the vectors that others made, and the zlib
 * files beside them: the same bytes, the same verdict. */
#include <stdlib.h>

#include "vectors.h"

/* Runs `stage` over all rows of a codec; returns how many there were. */
static unsigned check_codec(const char *codec, const char *stage, struct memio io)
{
    struct vectors vectors = {.text = NULL};
    struct vector row;
    unsigned n = 0;

    while (vectors_next(&vectors, &row)) {
        if (strcmp(row.codec, codec) != 0)
            continue;
        vector_check(&row, stage, io);
        n++;
    }
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
    struct vectors vectors = {.text = NULL};
    struct vector row;
    unsigned n = 0;

    while (vectors_next(&vectors, &row)) {
        if ((strcmp(row.codec, "gz") != 0 && strcmp(row.codec, "zst") != 0) ||
            strcmp(row.outcome, "ok") != 0)
            continue;
        vector_check(&row, "decode", (struct memio){.settings = {.threads = 1}});
        n++;
    }
    test_note("%u rows", n);
    ASSERT_GE(n, 60);
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
