/* codec_same.c - a stage in lanes must come to the same as on one thread. */
#include "codec_same.h"

#include <stdlib.h>

#define CUTS 40u

static void run_with(const char *stage, const uint8_t *data, size_t len, unsigned threads,
                     size_t piece, struct memio *ret_io)
{
    /* ISA-L may look for bits after the end of a piece of damaged data, so that its last bytes before the
     * error depend on where a piece ends: both runs use workers, which cut the input alike. */
    *ret_io = (struct memio){.in = data,
                             .in_len = len,
                             .piece = piece,
                             .settings = {.threads = threads, .executor = LEAT_EXECUTOR_POOL}};
    memio_run(ret_io, stage);
    ASSERT_LE(ret_io->stats.memory_peak, ret_io->stats.memory_limit);
}

static void check_output(const struct codec_same *same, const struct memio *serial,
                         const struct memio *lanes)
{
    size_t least = lanes->out_len < serial->out_len ? lanes->out_len : serial->out_len;
    bool all =
        serial->code == 0 || (same->parts & CODEC_SAME_BYTES && serial->code != LEAT_ETRUNCATED);

    if (all)
        ASSERT_EQ(lanes->out_len, serial->out_len);
    if (least > 0)
        ASSERT_BYTES_EQ(lanes->out, least, serial->out, least);
}

int codec_same(const struct codec_same *same, const uint8_t *data, size_t len, size_t piece)
{
    struct memio serial, lanes;
    int code;

    run_with(same->stage, data, len, 1, 0, &serial);
    code = serial.code;
    for (unsigned threads = 2; threads <= 3; threads++) {
        run_with(same->stage, data, len, threads, piece, &lanes);
        if (lanes.code != code)
            FAIL("%s (%s), without lanes: %s (%s)", leat_error_name(lanes.code), lanes.error.text,
                 leat_error_name(code), serial.error.text);
        if (same->parts & CODEC_SAME_TEXT && code != LEAT_ELIMIT) /* that says how much is left */
            ASSERT_STREQ(lanes.error.text, serial.error.text);
        ASSERT_EQ(lanes.error.has_offset, serial.error.has_offset);
        ASSERT_LE(lanes.error.offset, len);
        if (same->parts & CODEC_SAME_OFFSET)
            ASSERT_EQ(lanes.error.offset, serial.error.offset);
        check_output(same, &serial, &lanes);
        memio_free(&lanes);
    }
    memio_free(&serial);
    return code;
}

void codec_same_cut(const struct codec_same *same, const struct codec_bytes *data, unsigned n)
{
    uint64_t random = 7;

    for (size_t len = 0; len < CUTS && len < data->len; len++) {
        test_context("%s, %zu, or %zu less, of %zu bytes", same->stage, len, len, data->len);
        codec_same(same, data->data, len, 1);
        codec_same(same, data->data, data->len - len, 0);
    }
    for (unsigned i = 0; i < n && data->len > 0; i++) {
        size_t len = test_random(&random) % data->len;

        test_context("%s, %zu of %zu bytes", same->stage, len, data->len);
        codec_same(same, data->data, len, 0);
    }
}

unsigned codec_same_damaged(const struct codec_same *same, const struct codec_bytes *data,
                            size_t first, unsigned n)
{
    uint64_t random = 20261123;
    unsigned errors = 0;

    for (unsigned i = 0; i < n; i++) {
        size_t at = i < first ? i : test_random(&random) % data->len;
        uint8_t flip = (uint8_t)(1 + test_random(&random) % 255);

        test_context("%s, byte %zu of %zu ^ 0x%02x", same->stage, at, data->len, flip);
        data->data[at] ^= flip;
        errors += codec_same(same, data->data, data->len, i % 3 ? 0 : MEMIO_RANDOM) != 0;
        data->data[at] ^= flip;
    }
    return errors;
}

void codec_same_before(const struct codec_same *same, const struct codec_bytes *data,
                       const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct codec_bytes all = {.data = NULL};

        test_context("%s, then %s", same->stage, texts[i]);
        codec_append(&all, data->data, data->len);
        codec_append(&all, texts[i], strlen(texts[i]));
        codec_same(same, all.data, all.len, 0);
        codec_same(same, (const uint8_t *)texts[i], strlen(texts[i]), 1);
        free(all.data);
    }
}

void codec_append(struct codec_bytes *to, const void *data, size_t n)
{
    if (to->len + n >= to->room) {
        size_t room = 4096;

        while (room <= to->len + n)
            room *= 2;
        to->data = realloc(to->data, room);
        ASSERT_NOT_NULL(to->data);
        to->room = room;
    }
    memcpy(to->data + to->len, data, n);
    to->len += n;
}

void codec_append_run(struct codec_bytes *to, const char *stages, const struct codec_bytes *plain)
{
    struct memio io;

    if (codec_run(&io, stages, plain->data, plain->len, 0) != 0)
        FAIL("%s: %s", stages, io.error.text);
    codec_append(to, io.out, io.out_len);
    memio_free(&io);
}

bool codec_missing(const char *stage)
{
    struct memio io;
    int r = codec_run(&io, stage, "", 0, 0);

    memio_free(&io);
    return r == LEAT_EUNSUPPORTED;
}
