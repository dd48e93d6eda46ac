/* test_codec_lz4.c - unlz4 in lanes: frames of every kind, damage, truncation and what follows come to
 * the same as without lanes. */
#include <stdlib.h>

#include "codec_aid.h"

#define FLIPS (test_under_sanitizer() ? 60u : 400u)

static bool in_this_build(void)
{
    struct memio io;
    int r = codec_run(&io, "lz4", "", 0, 0);

    memio_free(&io);
    return r != LEAT_EUNSUPPORTED;
}

static void add(struct codec_bytes *to, const void *data, size_t n)
{
    to->data = realloc(to->data, to->len + n + 1);
    ASSERT_NOT_NULL(to->data);
    memcpy(to->data + to->len, data, n);
    to->len += n;
}

/* The text as frames made with these options, behind what is there. */
static void add_frames(struct codec_bytes *to, const char *options, const struct codec_bytes *text)
{
    struct memio io;
    char stage[64];

    snprintf(stage, sizeof(stage), "lz4 %s", options);
    ASSERT_EQ(codec_run(&io, stage, text->data, text->len, 0), 0);
    add(to, io.out, io.out_len);
    memio_free(&io);
}

static const char skippable[] = "\x50\x2a\x4d\x18\3\0\0\0abc";

/* Frames of several kinds: with checksums, of few and of many blocks, empty, linked, skippable. */
static struct codec_bytes frames(bool others, size_t noise_len)
{
    struct codec_bytes z = {.data = NULL}, text = codec_text(200000, 1), few = codec_text(700, 2),
                       noise = codec_noise(noise_len, 3), nothing = {.data = (uint8_t[1]){0}};

    add_frames(&z, "-B4", &text);
    add_frames(&z, "-B4X --no-frame-crc", &few);
    add_frames(&z, "", &nothing);
    add_frames(&z, "-B5X", &noise);
    add_frames(&z, "-9 -B4 --no-frame-crc", &text);
    if (others) {
        add(&z, skippable, sizeof(skippable) - 1);
        add_frames(&z, "-B4", &few);
        add_frames(&z, "-B4D", &text);
        add_frames(&z, "", &few);
    }
    free(text.data);
    free(few.data);
    free(noise.data);
    return z;
}

static void run_with(const uint8_t *data, size_t len, unsigned threads, size_t piece,
                     struct memio *ret_io)
{
    *ret_io =
        (struct memio){.in = data, .in_len = len, .piece = piece, .settings = {.threads = threads}};
    memio_run(ret_io, "unlz4");
}

static int check_same(const uint8_t *data, size_t len, size_t piece)
{
    struct memio serial, lanes;
    int code;

    run_with(data, len, 1, 0, &serial);
    code = serial.code;
    for (unsigned threads = 2; threads <= 3; threads++) {
        run_with(data, len, threads, piece, &lanes);
        if (lanes.code != code)
            FAIL("%s (%s), without lanes: %s (%s)", leat_error_name(lanes.code), lanes.error.text,
                 leat_error_name(code), serial.error.text);
        ASSERT_EQ(lanes.error.has_offset, serial.error.has_offset);
        ASSERT_LE(lanes.error.offset, len);
        if (code == 0)
            ASSERT_EQ(lanes.out_len, serial.out_len);
        /* Of a block that is not whole, what is stored comes out without lanes. */
        if (lanes.out_len > 0 && serial.out_len > 0)
            ASSERT_MEM_EQ(lanes.out, serial.out,
                          lanes.out_len < serial.out_len ? lanes.out_len : serial.out_len);
        ASSERT_LE(lanes.stats.memory_peak, lanes.stats.memory_limit);
        memio_free(&lanes);
    }
    memio_free(&serial);
    return code;
}

TEST(test_frames_of_every_kind_come_to_the_same_with_lanes)
{
    if (!in_this_build())
        SKIP(1, "built without liblz4");
    for (int others = 0; others < 2; others++) {
        struct codec_bytes z = frames(others, 3500000);

        test_context("others %d", others);
        ASSERT_EQ(check_same(z.data, z.len, 0), 0);
        ASSERT_EQ(check_same(z.data, z.len, 4099), 0);
        free(z.data);
        z = frames(others, 3000);
        ASSERT_EQ(check_same(z.data, z.len, 1), 0);
        ASSERT_EQ(check_same(z.data, z.len, MEMIO_RANDOM), 0);
        free(z.data);
    }
}

TEST(test_damage_comes_to_the_same_with_lanes)
{
    uint64_t random = 20261123;

    if (!in_this_build())
        SKIP(1, "built without liblz4");
    for (int others = 0; others < 2; others++) {
        struct codec_bytes z = frames(others, 5000);
        unsigned errors = 0;

        for (unsigned i = 0; i < FLIPS; i++) {
            size_t at = i < 40 ? i : test_random(&random) % z.len;
            uint8_t flip = (uint8_t)(1 + test_random(&random) % 255);

            test_context("others %d, byte %zu of %zu ^ 0x%02x", others, at, z.len, flip);
            z.data[at] ^= flip;
            errors += check_same(z.data, z.len, i % 3 ? 0 : MEMIO_RANDOM) != 0;
            z.data[at] ^= flip;
        }
        ASSERT_GT(errors, FLIPS / 4);
        free(z.data);
    }
}

TEST(test_truncation_comes_to_the_same_with_lanes)
{
    struct codec_bytes z;
    uint64_t random = 7;

    if (!in_this_build())
        SKIP(1, "built without liblz4");
    z = frames(true, 5000);
    for (size_t len = 0; len < 40; len++) {
        test_context("%zu, or %zu less, of %zu bytes", len, len, z.len);
        check_same(z.data, len, 1);
        check_same(z.data, z.len - len, 0);
    }
    for (unsigned i = 0; i < FLIPS; i++) {
        size_t len = test_random(&random) % z.len;

        test_context("%zu of %zu bytes", len, z.len);
        check_same(z.data, len, 0);
    }
    free(z.data);
}

TEST(test_what_follows_a_frame_comes_to_the_same_with_lanes)
{
    static const char *const after[] = {"garbage",
                                        "\x04",
                                        "\x04\x22\x4d\x18",
                                        "\x04\x22\x4d\x18\x64\x40",
                                        "\x04\x22\x4d\x18\x64\x70\xb9\x01",
                                        "\x02\x21\x4c\x18",
                                        "GARBAGE or so"};
    struct codec_bytes noise = codec_noise(2500000, 5), z;

    if (!in_this_build())
        SKIP(1, "built without liblz4");
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        test_context("then %zu", i);
        z = frames(i % 2, 5000);
        add(&z, after[i], strlen(after[i]));
        check_same(z.data, z.len, 0);
        check_same((const uint8_t *)after[i], strlen(after[i]), 1);
        free(z.data);
    }
    z = frames(false, 5000);
    add(&z, noise.data, noise.len);
    ASSERT_EQ(check_same(z.data, z.len, 0), LEAT_ECORRUPT);
    ASSERT_EQ(check_same(noise.data, noise.len, 0), LEAT_ECORRUPT);
    free(z.data);
    free(noise.data);
}
