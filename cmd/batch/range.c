/* range.c - one large file over shards: ranges of it that begin and end with lines.
 *
 * A line belongs to the shard that has its first byte. The ranges are exact: the plan finds the lines, so shards need no
 * rule for their ends. A plain file is read by offsets, and zstd in the seekable format by its seek table; other
 * compressed formats can only be read from their beginning.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"

#define SEEK_FOOTER 9u /* bytes at the end of a seek table: frames, flags, magic */
#define SEEK_MAGIC 0x8F92EAB1u
#define SEEK_FRAMES_MAX 0x8000000u

struct ranged {
    const struct batch *batch;
    const char *path;
    int fd;
    uint64_t size;                /* of the content */
    bool seekable;                /* in zstd's format */
    struct leat_context *context; /* of the pipelines that look for lines in it */
};

static int cannot_read(const struct ranged *r, int error)
{
    char shown[SHOWN_MAX];

    return message_fail(r->batch->config, LEAT_EIO, "each: %s: %s",
                        leat_show(r->path, shown, sizeof shown), strerror(error));
}

static int read_at(const struct ranged *r, void *to, size_t n, uint64_t offset)
{
    ssize_t got;

    do
        got = pread(r->fd, to, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return cannot_read(r, errno);
    return (size_t)got < n ? cannot_read(r, EIO) : 0;
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Add up the sizes in the seek table, if the file has one. */
static int read_seek_table(struct ranged *r, uint64_t file_size)
{
    uint8_t footer[SEEK_FOOTER], entry[12];
    uint64_t frames, bytes;
    int status =
        file_size < SEEK_FOOTER ? 0 : read_at(r, footer, sizeof footer, file_size - sizeof footer);
    size_t n;

    if (status != 0 || file_size < SEEK_FOOTER || le32(footer + 5) != SEEK_MAGIC)
        return status;
    n = footer[4] & 0x80 ? 12 : 8;
    frames = le32(footer);
    bytes = frames * n + sizeof footer;
    if (frames > SEEK_FRAMES_MAX || bytes > file_size)
        return 0; /* it is none: read --range would say so */
    r->seekable = true;
    r->size = 0;
    for (uint64_t i = 0; i < frames && status == 0; i++) {
        status = read_at(r, entry, n, file_size - bytes + i * n);
        r->size += le32(entry + 4);
    }
    return status;
}

/* Compressed formats that have no ranges, by their first bytes. */
static const char *format_of(const uint8_t *head)
{
    static const struct {
        const char *name, *magic;
        size_t n;
    } formats[] = {
        {"gunzip", "\x1f\x8b", 2},
        {"unxz",
         "\xfd"
         "7zXZ",
         5},
        {"unzstd", "\x28\xb5\x2f\xfd", 4},
        {"bunzip2", "BZh", 3},
        {"unlz4", "\x04\x22\x4d\x18", 4},
        {"unlzip", "LZIP", 4},
    };

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (memcmp(head, formats[i].magic, formats[i].n) == 0)
            return formats[i].name;
    return NULL;
}

static bool is_stage(const struct batch *b, size_t piece, const char *name)
{
    return piece < b->pieces.n && b->pieces.v[piece].kind == PIECE_STAGE &&
           strcmp(b->pieces.v[piece].words[0], name) == 0;
}

/* The format of the file must be that which the pipeline reads, and have ranges. */
static int look(struct ranged *r, const struct input *input)
{
    uint8_t head[8] = {0};
    char shown[SHOWN_MAX];
    const char *decoder;
    int status = read_at(r, head, input->size < sizeof head ? (size_t)input->size : sizeof head, 0);

    (void)leat_show(r->path, shown, sizeof shown);
    r->size = input->size;
    if (status == 0)
        status = read_seek_table(r, input->size);
    decoder = r->seekable ? NULL : format_of(head);
    if (status == 0 && decoder)
        return message_fail(
            r->batch->config, LEAT_EUSAGE,
            "each: %s can only be read from its beginning, so it has no ranges for shards; "
            "make a file that has: leat read %s : %s : zstd --seekable : write %s.zst",
            shown, shown, decoder, shown);
    if (status == 0 && r->seekable != is_stage(r->batch, 1, "unzstd"))
        return message_fail(
            r->batch->config, LEAT_EUSAGE,
            r->seekable
                ? "each: %s is compressed by zstd: unzstd must be the first stage after read"
                : "each: %s is not compressed: leave out unzstd",
            shown);
    return status;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* The first byte after the first newline at or after `at` of a plain file. */
static int next_line_plain(const struct ranged *r, uint64_t at, uint64_t *ret)
{
    char piece[65536];

    while (at < r->size) {
        size_t n = r->size - at < sizeof piece ? (size_t)(r->size - at) : sizeof piece;
        int status = read_at(r, piece, n, at);
        const char *end = status == 0 ? memchr(piece, '\n', n) : NULL;

        if (status != 0)
            return status;
        if (end) {
            *ret = at + (uint64_t)(end - piece) + 1;
            return 0;
        }
        at += n;
    }
    *ret = r->size;
    return 0;
}

static int next_line_seekable(const struct ranged *r, uint64_t at, uint64_t *ret)
{
    char *name = leat_quote(r->path);
    struct leat_error error = LEAT_INIT(leat_error);
    struct buf text = {.n = 0};
    FILE *file = NULL;
    int c = EOF;

    buf_add(&text, "read --range=%" PRIu64 ": -- %s | unzstd", at, name ? name : "");
    if (name && !text.failed)
        file = leat_fopen(r->batch->registry, r->context, buf_text(&text), "r", NULL, &error);
    free(name);
    buf_free(&text);
    if (!file)
        return message_fail(r->batch->config, error.code ? error.code : LEAT_ENOMEM, "each: %s",
                            error.code ? error.text : "out of memory");
    while ((c = getc(file)) != EOF && c != '\n')
        at++;
    *ret = c == EOF ? r->size : at + 1;
    if (c == EOF && (ferror(file) || at != r->size)) {
        (void)fclose(file); /* the failure is known */
        return message_fail(r->batch->config, LEAT_ECORRUPT,
                            "each: %s cannot be decoded up to its end", r->path);
    }
    return fclose(file) == EOF ? cannot_read(r, errno) : 0;
}

static int next_line_of(const struct ranged *r, uint64_t at, uint64_t *ret)
{
    return r->seekable ? next_line_seekable(r, at, ret) : next_line_plain(r, at, ret);
}

/* Replace the input by its ranges, of about the same size each. A shard whose bytes are all in a line of another has
 * none. */
static int cut(struct batch *b, const struct ranged *r)
{
    const struct input whole = b->inputs.v[0];
    uint64_t begin = 0, end = 0, shards = b->options->shards;
    uint32_t n = 0;

    b->inputs.n = 0;
    b->inputs.bytes = 0;
    for (uint64_t i = 0; i < shards; i++, begin = end) {
        uint64_t target = i + 1 == shards ? r->size : r->size / shards * (i + 1);
        struct input *range;
        int status = target > begin && target < r->size ? next_line_of(r, target - 1, &end) : 0;

        if (status != 0)
            return status;
        end = target >= r->size ? r->size : end;
        if (end == begin)
            continue;
        range = inputs_add(&b->inputs, r->path, whole.rel, NULL);
        if (!range)
            return message_fail(b->config, LEAT_ENOMEM, "out of memory");
        *range = (struct input){.path = range->path,
                                .rel = whole.rel,
                                .size = whole.size,
                                .mtime_ns = whole.mtime_ns,
                                .offset = begin,
                                .length = end - begin,
                                .shard = (uint32_t)i,
                                .number = ++n};
        b->inputs.bytes += range->length;
    }
    return 0;
}

static int begin_context(struct ranged *r)
{
    struct leat_context_settings settings = {.size = sizeof settings, .threads = 1};
    int error = leat_context_new(&settings, &r->context);

    return error < 0 ? message_fail(r->batch->config, error, "cannot begin to look for lines: %s",
                                    leat_strerror(error))
                     : 0;
}

int range_split(struct batch *b)
{
    struct ranged r = {.batch = b, .fd = -1};
    int status;

    if (b->inputs.n != 1)
        return message_fail(b->config, LEAT_EUSAGE,
                            "each: --split is for one input, and there are %zu", b->inputs.n);
    if (!is_stage(b, 0, "read") || b->inputs.v[0].sha256)
        return message_fail(b->config, LEAT_EUSAGE,
                            b->inputs.v[0].sha256
                                ? "each: --split reads ranges, which have no digest in a manifest"
                                : "each: --split needs a pipeline that begins with read {}");
    for (size_t i = 0; i < b->n_outputs; i++)
        if (!strstr(buf_text(&b->outputs[i]), "{shard") && !strstr(buf_text(&b->outputs[i]), "{n"))
            return message_fail(
                b->config, LEAT_EUSAGE,
                "each: the output of each shard needs a name of its own; put {shard} or {n:04} "
                "into it, as in: write '{}.{n:04}'");
    r.path = b->inputs.v[0].path;
    r.fd = open(r.path, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0)
        return cannot_read(&r, errno);
    status = look(&r, &b->inputs.v[0]);
    if (status == 0 && r.seekable)
        status = begin_context(&r);
    if (status == 0)
        status = cut(b, &r);
    leat_context_unref(r.context);
    (void)close(r.fd); /* it was only read */
    return status;
}

LEAT_PRINTF(1, 2) static char *option(const char *format, ...)
{
    va_list ap;
    char *text;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}

int range_append(const struct batch *b, struct leat_builder *builder, const struct input *input,
                 char *(*fill)(void *arg, const char *word), void *arg)
{
    char **words = b->pieces.v[0].words, **args;
    size_t n = 0, all = 0;
    int r = LEAT_ENOMEM;

    while (words[all])
        all++;
    args = calloc(all + 2, sizeof *args);
    if (!args)
        return LEAT_ENOMEM;
    if (is_stage(b, 1, "unzstd")) {
        args[n++] = option("--range=%" PRIu64 ":%" PRIu64, input->offset, input->length);
    } else {
        args[n++] = option("--offset=%" PRIu64, input->offset);
        args[n++] = option("--length=%" PRIu64, input->length);
    }
    for (size_t i = 1; i < all && args[0] && args[n - 1]; i++)
        args[n++] = fill(arg, words[i]);
    if (args[0] && args[n - 1])
        r = leat_builder_stage(builder, words[0], (const char *const *)args);
    for (size_t i = 0; i < n; i++)
        free(args[i]);
    free(args);
    return r;
}
