/* test_codec_lz4.c - unlz4 in lanes: frames of every kind, damage, truncation and what follows come to
 * the same as without lanes. */
#include <stdlib.h>

#include "codec_same.h"

#define FLIPS (test_under_sanitizer() ? 60u : 400u)

static const struct codec_same unlz4 = {.stage = "unlz4"};

static bool in_this_build(void)
{
    return !codec_missing("lz4");
}

/* The text as frames made with these options, behind what is there. */
static void add_frames(struct codec_bytes *to, const char *options, const struct codec_bytes *text)
{
    char stage[64];

    snprintf(stage, sizeof(stage), "lz4 %s", options);
    codec_append_run(to, stage, text);
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
        codec_append(&z, skippable, sizeof(skippable) - 1);
        add_frames(&z, "-B4", &few);
        add_frames(&z, "-B4D", &text);
        add_frames(&z, "", &few);
    }
    free(text.data);
    free(few.data);
    free(noise.data);
    return z;
}

TEST(test_frames_of_every_kind_come_to_the_same_with_lanes)
{
    if (!in_this_build())
        SKIP(1, "built without liblz4");
    for (int others = 0; others < 2; others++) {
        struct codec_bytes z = frames(others, 3500000);

        test_context("others %d", others);
        ASSERT_EQ(codec_same(&unlz4, z.data, z.len, 0), 0);
        ASSERT_EQ(codec_same(&unlz4, z.data, z.len, 4099), 0);
        free(z.data);
        z = frames(others, 3000);
        ASSERT_EQ(codec_same(&unlz4, z.data, z.len, 1), 0);
        ASSERT_EQ(codec_same(&unlz4, z.data, z.len, MEMIO_RANDOM), 0);
        free(z.data);
    }
}

TEST(test_damage_comes_to_the_same_with_lanes)
{
    if (!in_this_build())
        SKIP(1, "built without liblz4");
    for (int others = 0; others < 2; others++) {
        struct codec_bytes z = frames(others, 5000);

        ASSERT_GT(codec_same_damaged(&unlz4, &z, 40, FLIPS), FLIPS / 4);
        free(z.data);
    }
}

TEST(test_truncation_comes_to_the_same_with_lanes)
{
    struct codec_bytes z;

    if (!in_this_build())
        SKIP(1, "built without liblz4");
    z = frames(true, 5000);
    codec_same_cut(&unlz4, &z, FLIPS);
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
    for (int others = 0; others < 2; others++) {
        z = frames(others, 5000);
        codec_same_before(&unlz4, &z, after, sizeof(after) / sizeof(after[0]));
        free(z.data);
    }
    z = frames(false, 5000);
    codec_append(&z, noise.data, noise.len);
    ASSERT_EQ(codec_same(&unlz4, z.data, z.len, 0), LEAT_ECORRUPT);
    ASSERT_EQ(codec_same(&unlz4, noise.data, noise.len, 0), LEAT_ECORRUPT);
    free(z.data);
    free(noise.data);
}

TEST(test_a_frame_that_states_its_size_may_be_cut_in_its_header)
{
    struct codec_bytes text = codec_text(3000, 5), z;

    if (!in_this_build() || !codec_have_tool("lz4"))
        test_skip(1, "no lz4");
    z = codec_shell("lz4 -q -c --content-size \"$IN\"", text.data, text.len);
    for (size_t piece = 1; piece < 24; piece++) {
        for (unsigned threads = 1; threads <= 2; threads++) {
            struct memio io = {.in = z.data, .in_len = z.len, .in_repeat = 3, .piece = piece};

            test_context("pieces of %zu, %u threads", piece, threads);
            io.settings.threads = threads;
            io.settings.chunk = piece; /* for what lies between the stages, too */
            ASSERT_EQ(memio_run(&io, "unlz4"), 0);
            ASSERT_EQ(io.out_len, 3 * text.len);
            ASSERT_BYTES_EQ(io.out, text.len, text.data, text.len);
            memio_free(&io);
        }
    }
    free(text.data);
    free(z.data);
}
