/* shape_ops.c - the stages that shapes are made of, and what a simple one gives. */
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

#include "leat.h"
#include "test.h"

#define GIB ((uint64_t)1 << 30)

size_t shape_line_end(struct shape_bytes in, uint64_t n)
{
    size_t at = 0;

    for (; n > 0 && at < in.len; n--) {
        const uint8_t *hit = memchr(in.data + at, '\n', in.len - at);

        at = hit ? (size_t)(hit - in.data) + 1 : in.len;
    }
    return at;
}

/* A last line without its end is one. */
static uint64_t count_lines(struct shape_bytes in)
{
    uint64_t n = 0;

    for (size_t at = 0; at < in.len; n++)
        at += shape_line_end((struct shape_bytes){in.data + at, in.len - at}, 1);
    return n;
}

static struct shape_bytes first(struct shape_bytes in, uint64_t n)
{
    return (struct shape_bytes){in.data, n < in.len ? (size_t)n : in.len};
}

static struct shape_bytes without_first(struct shape_bytes in, uint64_t n)
{
    size_t skip = n < in.len ? (size_t)n : in.len;

    return (struct shape_bytes){in.data + skip, in.len - skip};
}

static struct shape_bytes printed(struct shape *shape, const char *text)
{
    size_t n = strlen(text);
    char *to = shape_alloc(shape, n + 1);

    memcpy(to, text, n + 1);
    return (struct shape_bytes){(const uint8_t *)to, n};
}

/* --- the models ------------------------------------------------------------------------------- */

static struct shape_bytes nothing(struct shape *shape, long long n, struct shape_bytes in)
{
    (void)shape;
    (void)n;
    return first(in, 0);
}

static struct shape_bytes first_lines(struct shape *shape, long long n, struct shape_bytes in)
{
    (void)shape;
    return first(in, shape_line_end(in, (uint64_t)n));
}

static struct shape_bytes first_bytes(struct shape *shape, long long n, struct shape_bytes in)
{
    (void)shape;
    return first(in, (uint64_t)n);
}

static struct shape_bytes but_last_lines(struct shape *shape, long long n, struct shape_bytes in)
{
    uint64_t lines = count_lines(in);

    return first_lines(shape, lines > (uint64_t)n ? (long long)lines - n : 0, in);
}

static struct shape_bytes but_last_bytes(struct shape *shape, long long n, struct shape_bytes in)
{
    (void)shape;
    return first(in, in.len > (uint64_t)n ? in.len - (uint64_t)n : 0);
}

static struct shape_bytes last_lines(struct shape *shape, long long n, struct shape_bytes in)
{
    uint64_t lines = count_lines(in);

    (void)shape;
    return without_first(in, shape_line_end(in, lines > (uint64_t)n ? lines - (uint64_t)n : 0));
}

static struct shape_bytes last_bytes(struct shape *shape, long long n, struct shape_bytes in)
{
    (void)shape;
    return without_first(in, in.len > (uint64_t)n ? in.len - (uint64_t)n : 0);
}

static struct shape_bytes from_line(struct shape *shape, long long n, struct shape_bytes in)
{
    (void)shape;
    return without_first(in, shape_line_end(in, n > 0 ? (uint64_t)n - 1 : 0));
}

static struct shape_bytes from_byte(struct shape *shape, long long n, struct shape_bytes in)
{
    (void)shape;
    return without_first(in, n > 0 ? (uint64_t)n - 1 : 0);
}

/* grep: lines that begin with the tag, or the others, each with its end. */
static struct shape_bytes selected(struct shape *shape, long long n, struct shape_bytes in,
                                   bool with)
{
    uint8_t *to = shape_alloc(shape, in.len + 1);
    size_t len = 0;
    char tag[16];

    snprintf(tag, sizeof tag, "c%02lld", n);
    for (size_t at = 0; at < in.len;) {
        struct shape_bytes rest = without_first(in, at);
        size_t line = shape_line_end(rest, 1), n_tag = strlen(tag);

        if ((line >= n_tag && memcmp(rest.data, tag, n_tag) == 0) == with) {
            memcpy(to + len, rest.data, line);
            len += line;
            if (rest.data[line - 1] != '\n')
                to[len++] = '\n';
        }
        at += line;
    }
    return (struct shape_bytes){to, len};
}

static struct shape_bytes with_tag(struct shape *shape, long long n, struct shape_bytes in)
{
    return selected(shape, n, in, true);
}

static struct shape_bytes without_tag(struct shape *shape, long long n, struct shape_bytes in)
{
    return selected(shape, n, in, false);
}

static struct shape_bytes ended_lines(struct shape *shape, long long n, struct shape_bytes in)
{
    (void)n;
    return selected(shape, 100000, in, false); /* a tag that no line has */
}

static struct shape_bytes number_of_lines(struct shape *shape, long long n, struct shape_bytes in)
{
    char text[32];
    size_t ends = count_lines(in);

    (void)n;
    if (in.len && in.data[in.len - 1] != '\n')
        ends--;
    snprintf(text, sizeof text, "%zu\n", ends);
    return printed(shape, text);
}

static struct shape_bytes number_of_bytes(struct shape *shape, long long n, struct shape_bytes in)
{
    char text[32];

    (void)n;
    snprintf(text, sizeof text, "%zu\n", in.len);
    return printed(shape, text);
}

static struct shape_bytes digest_crc32(struct shape *shape, long long n, struct shape_bytes in)
{
    char text[32];

    (void)n;
    snprintf(text, sizeof text, "%08lx  x\n", crc32(0, in.data, (uInt)in.len));
    return printed(shape, text);
}

static struct shape_bytes digest_xxh64(struct shape *shape, long long n, struct shape_bytes in)
{
    char text[32];

    (void)n;
    snprintf(text, sizeof text, "%016" PRIx64 "  x\n", (uint64_t)XXH64(in.data, in.len, 0));
    return printed(shape, text);
}

static int fails_above(long long n, struct shape_bytes in)
{
    return in.len > (uint64_t)n ? LEAT_ELIMIT : 0;
}

/* --- the table -------------------------------------------------------------------------------- */

#define SAME(text, weight, flags)                                                                  \
    {                                                                                              \
        text, SHAPE_NONE, weight, flags, SHAPE_SIMPLE, NULL, NULL, {0}, 0, 0                       \
    }
#define GIVES(text, number, weight, flags, model)                                                  \
    {                                                                                              \
        text, number, weight, flags, SHAPE_SIMPLE, model, NULL, {0}, 0, 0                          \
    }
#define FAILS(text, flags, model, ...)                                                             \
    {                                                                                              \
        text, SHAPE_NONE, 3, SHAPE_FAILS | (flags), SHAPE_SIMPLE, model, NULL, {__VA_ARGS__}, 0, 0 \
    }
#define FANS(text, number, weight, flags, kind, most)                                              \
    {                                                                                              \
        text, number, weight, flags, kind, NULL, NULL, {0}, 1, most                                \
    }

/* The first one is what a draw without choices left takes. */
const struct shape_op shape_ops[] = {
    SAME("pass", 6, 0),
    SAME("timeout 1h", 1, 0),
    SAME("buffer -s 100K", 2, 0),
    SAME("limit --rate=16G", 1, 0),
    SAME("require --min-bytes=0", 2, SHAPE_ALL),
    GIVES("flush --lines=%lld", SHAPE_SMALL_LINES, 2, 0, NULL),
    GIVES("grep ''", SHAPE_NONE, 3, 0, ended_lines),
    GIVES("grep -v ^c%02lld", SHAPE_TAG, 3, 0, without_tag),
    GIVES("grep ^c%02lld", SHAPE_TAG, 1, SHAPE_SHRINKS, with_tag),
    GIVES("head -n %lld", SHAPE_LINES, 8, SHAPE_EARLY, first_lines),
    GIVES("head -c %lld", SHAPE_BYTES, 4, SHAPE_EARLY, first_bytes),
    GIVES("limit -n %lld", SHAPE_LINES, 1, SHAPE_EARLY, first_lines),
    GIVES("limit -c %lld", SHAPE_BYTES, 1, SHAPE_EARLY, first_bytes),
    GIVES("head -n -%lld", SHAPE_SMALL_LINES, 1, 0, but_last_lines),
    GIVES("head -c -%lld", SHAPE_SMALL_LINES, 1, 0, but_last_bytes),
    GIVES("tail -n %lld", SHAPE_SMALL_LINES, 1, 0, last_lines),
    GIVES("tail -c %lld", SHAPE_BYTES, 1, 0, last_bytes),
    GIVES("tail -n +%lld", SHAPE_LINES, 2, 0, from_line),
    GIVES("tail -c +%lld", SHAPE_BYTES, 2, 0, from_byte),
    GIVES("count -l", SHAPE_NONE, 1, SHAPE_SHRINKS, number_of_lines),
    GIVES("count -c", SHAPE_NONE, 1, SHAPE_SHRINKS, number_of_bytes),
    GIVES("crc32 --name=x", SHAPE_NONE, 1, SHAPE_SHRINKS, digest_crc32),
    GIVES("xxh64 --name=x", SHAPE_NONE, 1, SHAPE_SHRINKS, digest_xxh64),
    SAME("zstd -1 : unzstd", 3, 0),
    SAME("lz4 : unlz4", 3, 0),
    SAME("gzip -1 : gunzip", 2, SHAPE_HEAVY),
    SAME("zlib -1 : unzlib", 1, SHAPE_HEAVY),
    SAME("deflate -1 : inflate", 1, SHAPE_HEAVY),
    SAME("gzip -1 : decode", 1, SHAPE_HEAVY),
    SAME("zstd -1 : decode", 1, SHAPE_HEAVY),
    SAME("flush -c 20K : zstd -1 : unzstd", 1, SHAPE_HEAVY),
    SAME("compress : uncompress", 1, SHAPE_HEAVY),
    SAME("bzip2 -1 : bunzip2", 1, SHAPE_HEAVY),
    SAME("xz -0 : unxz", 1, SHAPE_HEAVY),
    SAME("lzip -0 : unlzip", 1, SHAPE_HEAVY),
    SAME("brotli -1 : unbrotli", 1, SHAPE_HEAVY),
    SAME("exec cat", 8, SHAPE_CHILD),
    GIVES("exec head -c %lld", SHAPE_BYTES, 4, SHAPE_CHILD | SHAPE_EARLY, first_bytes),
    GIVES("exec sh -c 'cat >/dev/null'", SHAPE_NONE, 2, SHAPE_CHILD | SHAPE_SHRINKS, nothing),
    FAILS("gunzip", 0, nothing, LEAT_ECORRUPT, LEAT_ETRUNCATED),
    FAILS("unlz4", 0, nothing, LEAT_ECORRUPT, LEAT_ETRUNCATED),
    FAILS("gzip -1 : head -c 15 : gunzip", 0, NULL, LEAT_ETRUNCATED, LEAT_ECORRUPT),
    FAILS("zstd -1 : head -c 7 : unzstd", 0, NULL, LEAT_ETRUNCATED, LEAT_ECORRUPT),
    FAILS("crc32 --expect=ffffffff", SHAPE_ALL, NULL, LEAT_ECHECKSUM),
    FAILS("require --min-bytes=1G", SHAPE_ALL, NULL, LEAT_ETRUNCATED),
    {"require --max-bytes=%lld",
     SHAPE_BYTES,
     6,
     SHAPE_FAILS | SHAPE_ALL,
     SHAPE_SIMPLE,
     NULL,
     fails_above,
     {0},
     0,
     0},
    FAILS("exec false", SHAPE_CHILD, nothing, LEAT_ECHILD),
    FAILS("exec sh -c 'exit 3'", SHAPE_CHILD, nothing, LEAT_ECHILD),
    FAILS("exec sh -c 'cat; exit 3'", SHAPE_CHILD, NULL, LEAT_ECHILD),
    FANS("tee", SHAPE_NONE, 12, 0, SHAPE_TEE, SHAPE_BRANCHES_MAX),
    FANS("tee --on-error=detach", SHAPE_NONE, 4, SHAPE_DETACH, SHAPE_TEE, SHAPE_BRANCHES_MAX),
    FANS("tee --slow=spill", SHAPE_NONE, 1, SHAPE_SPILL, SHAPE_TEE, 8),
    FANS("tee --slow=drop", SHAPE_NONE, 1, SHAPE_DROP, SHAPE_TEE, SHAPE_BRANCHES_MAX),
    FANS("route", SHAPE_NONE, 14, 0, SHAPE_ROUTE, SHAPE_BRANCHES_MAX),
    FANS("split -n %lld", SHAPE_PART_LINES, 2, 0, SHAPE_SPLIT, 1),
    FANS("split -b %lld", SHAPE_PART_BYTES, 1, 0, SHAPE_SPLIT, 1),
    FANS("split -C %lld", SHAPE_PART_BYTES, 1, 0, SHAPE_SPLIT, 1),
    FANS("concat", SHAPE_NONE, 6, 0, SHAPE_CONCAT, SHAPE_BRANCHES_MAX),
    FANS("merge", SHAPE_NONE, 5, 0, SHAPE_MERGE, SHAPE_BRANCHES_MAX),
    FANS("paste", SHAPE_NONE, 5, 0, SHAPE_PASTE, SHAPE_BRANCHES_MAX),
};
const size_t shape_n_ops = sizeof shape_ops / sizeof *shape_ops;
