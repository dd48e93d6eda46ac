/* fuzz_codec.c - the decoders against each other, and the encoders against the decoders.
 *
 * Byte 0 chooses a pair of decoders that must agree, byte 1 the pieces, bytes 2 to 5 the damage.
 * In one half of the runs the rest is the decoders' input; in the other half it is compressed
 * first, must decode to itself, and is then damaged: so that the damage lies deep inside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leat.h"
#include "stage.h"
#include "syntax/registry.h"

#define OUT_MAX ((size_t)1 << 18)
#define HEAD 6u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    const uint8_t *in;
    size_t in_len, given, piece;
    uint8_t *out; /* OUT_MAX bytes */
    size_t out_len;
    int code;
};
static struct run *current;

static int from_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct run *run = current;
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = run->in_len - run->given;

    (void)stage;
    (void)in;
    if (n > room)
        n = room;
    if (run->piece && n > run->piece)
        n = run->piece;
    if (n)
        memcpy(to, run->in + run->given, n);
    leat_commit(out, n);
    run->given += n;
    return run->given == run->in_len ? LEAT_END : LEAT_MORE;
}

static int into_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct run *run = current;
    size_t n = in->len - in->pos;

    (void)stage;
    (void)out;
    if (n > OUT_MAX - run->out_len)
        n = OUT_MAX - run->out_len;
    if (n)
        memcpy(run->out + run->out_len, in->data + in->pos, n);
    in->pos += n;
    run->out_len += n;
    return run->out_len == OUT_MAX || (in->end && in->pos == in->len) ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type from_type = {
    .name = "from", .summary = "the input", .kind = LEAT_SOURCE, .step = from_step};
static const struct leat_stage_type into_type = {
    .name = "into", .summary = "the output", .kind = LEAT_SINK, .step = into_step};

static const struct {
    const char *encode, *one, *other;
} pairs[] = {
    {"gzip", "gunzip", "gunzip --backend=zlib"},
    {"gzip -1", "gunzip", "gunzip --backend=zlib"},
    {"deflate", "inflate", "inflate --backend=zlib"},
    {"deflate -1", "inflate", "inflate --backend=zlib"},
    {"deflate --backend=zlib -1", "inflate", "inflate --backend=zlib"},
    {"deflate -0", "inflate", "inflate --backend=zlib"},
    {"zlib -9", "unzlib", "unzlib --backend=zlib"},
    {"zstd -1", "unzstd", "unzstd"},
    {"zstd -19 --no-check", "unzstd", "decode"},
    {"gzip -4", "gunzip", "decode"},
    {"gzip --blocks -1", "gunzip", "decode"},
    {"zstd --seekable=1K -1", "unzstd", "decode"},
    {"compress", "uncompress", "decode"},
#if HAVE_BZ2
    {"bzip2 -1", "bunzip2", "decode"},
#endif
#if HAVE_LZ4
    {"lz4", "unlz4", "decode"},
#endif
#if HAVE_LZMA
    {"xz -0 --block-size=4K", "unxz", "decode"},
    {"xz -0", "unxz", "unxz"},
    {"lzma -0", "unlzma", "unlzma"},
    {"lzip -0", "unlzip", "decode"},
#endif
#if HAVE_BROTLI
    {"brotli -1", "unbrotli", "unbrotli"},
#endif
};
#define N_PAIRS (sizeof(pairs) / sizeof(pairs[0]))

static void go(const struct leat_registry *registry, const char *stage, struct run *run,
               size_t room)
{
    struct leat_settings settings = {
        .size = sizeof settings, .threads = 1, .fixed_default_io = true, .room = room};
    struct leat_pipeline *pipeline = NULL;
    char text[128];

    run->given = run->out_len = 0;
    current = run;
    snprintf(text, sizeof(text), "from | %s | into", stage);
    if (leat_pipeline_from_text(registry, text, &settings, &pipeline, NULL) < 0)
        abort();
    run->code = leat_pipeline_run(pipeline);
    leat_pipeline_unref(pipeline);
}

static void disagree(const char *what, const char *one, const char *other, const struct run *a,
                     const struct run *b)
{
    fprintf(stderr, "%s: %s and %s: codes %d %d, bytes %zu %zu\n", what, one, other, a->code,
            b->code, a->out_len, b->out_len);
    abort();
}

/* If data is both cut and damaged, one library may report the cut and another one the damage. */
static int verdict(int code, bool same_library)
{
    return code == LEAT_ETRUNCATED && !same_library ? LEAT_ECORRUPT : code;
}

/* decode passes on what has no signature, so it need not refuse what a stage refuses. */
static void compare(const struct leat_registry *registry, size_t pair, const uint8_t *in,
                    size_t len, uint8_t how, uint8_t *out[2])
{
    struct run a = {.in = in, .in_len = len, .piece = how % 19, .out = out[0]},
               b = {.in = in, .in_len = len, .piece = how / 19 * 5, .out = out[1]};
    bool lax = strcmp(pairs[pair].other, "decode") == 0;
    bool same = strcmp(pairs[pair].one, pairs[pair].other) == 0;

    go(registry, pairs[pair].one, &a, how % 3 ? 0 : 7);
    go(registry, pairs[pair].other, &b, how % 5 ? 0 : 1000);
    if (lax && a.code != 0)
        return;
    if (a.out_len == OUT_MAX || b.out_len == OUT_MAX)
        return; /* no more was looked at, and one may have seen an error beyond it */
    if (verdict(a.code, same) != verdict(b.code, same) ||
        (a.code == 0 && (a.out_len != b.out_len || memcmp(a.out, b.out, a.out_len) != 0)))
        disagree("decoding", pairs[pair].one, pairs[pair].other, &a, &b);
}

static void round_trip(const struct leat_registry *registry, size_t pair, const uint8_t *head,
                       const uint8_t *in, size_t len, uint8_t *out[2])
{
    struct run z = {.in = in, .in_len = len, .piece = head[1] % 23, .out = out[0]}, back;
    uint8_t *copy;

    go(registry, pairs[pair].encode, &z, 0);
    back = (struct run){.in = z.out, .in_len = z.out_len, .out = out[1]};
    if (z.code == 0)
        go(registry, pairs[pair].one, &back, 0);
    if (z.code != 0 || back.code != 0 || back.out_len != len || memcmp(back.out, in, len) != 0)
        disagree("round trip", pairs[pair].encode, pairs[pair].one, &z, &back);
    copy = malloc(z.out_len);
    if (!copy)
        abort();
    memcpy(copy, z.out, z.out_len);
    copy[(head[2] | head[3] << 8) % z.out_len] ^= head[4];
    compare(registry, pair, copy, z.out_len - head[5] % (z.out_len < 8 ? 1 : 8), head[1], out);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leat_registry *registry;
    uint8_t *out[2];
    size_t pair;

    if (size < HEAD || size > OUT_MAX / 2)
        return 0;
    registry = leat_registry_new();
    out[0] = malloc(OUT_MAX);
    out[1] = malloc(OUT_MAX);
    if (!registry || !out[0] || !out[1] || leat_registry_add_plain(registry, &from_type) < 0 ||
        leat_registry_add_plain(registry, &into_type) < 0)
        abort();
    pair = data[0] / 2 % N_PAIRS;
    if (data[0] % 2)
        round_trip(registry, pair, data, data + HEAD, size - HEAD, out);
    else
        compare(registry, pair, data + HEAD, size - HEAD, data[1], out);
    leat_registry_free(registry);
    free(out[0]);
    free(out[1]);
    return 0;
}
