/* range.c - one large file over shards: ranges of it that begin and end with lines.
 *
 * A line belongs to the shard that has its first byte. The ranges are exact: the plan finds the lines, so shards need no
 * rule for their ends. A plain file is read by offsets, zstd in the seekable format by its seek table, and BGZF by its
 * members (range_members.c); other compressed formats can only be read from their beginning.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "range.h"

#define SEEK_FOOTER 9u /* bytes at the end of a seek table: frames, flags, magic */
#define SEEK_MAGIC 0x8F92EAB1u
#define SEEK_FRAMES_MAX 0x8000000u

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
    r->format = RANGED_ZSTD;
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

/* Compressed, and without ranges: tell how to make a file that has them. */
static int refuse(const struct ranged *r, const char *shown, const char *decoder)
{
    bool is_gzip = strcmp(decoder, "gunzip") == 0;

    return message_fail(
        r->batch->config, LEAT_EUSAGE,
        "each: %s can only be read from its beginning, so it has no ranges for shards; "
        "make a file that has: leat read %s : %s : %s : write %s.%s",
        shown, shown, decoder, is_gzip ? "gzip --blocks" : "zstd --seekable", shown,
        is_gzip ? "bgz" : "zst");
}

/* The format of the file must be that which the pipeline reads, and have ranges. */
static int look(struct ranged *r, const struct input *input)
{
    static const char *const decoders[] = {
        [RANGED_PLAIN] = NULL, [RANGED_ZSTD] = "unzstd", [RANGED_BGZF] = "gunzip"};
    uint8_t head[8] = {0};
    char shown[SHOWN_MAX];
    const char *decoder, *wanted;
    bool is_bgzf = false;
    int status = read_at(r, head, input->size < sizeof head ? (size_t)input->size : sizeof head, 0);

    (void)leat_show(r->path, shown, sizeof shown);
    r->size = input->size;
    if (status == 0)
        status = read_seek_table(r, input->size);
    decoder = r->format == RANGED_PLAIN ? format_of(head) : NULL;
    if (status == 0 && decoder && strcmp(decoder, "gunzip") == 0)
        status = range_look_at_members(r, &is_bgzf);
    if (is_bgzf)
        r->format = RANGED_BGZF;
    if (status != 0)
        return status;
    if (decoder && !is_bgzf)
        return refuse(r, shown, decoder);
    wanted = decoders[r->format];
    if (wanted && !is_stage(r->batch, 1, wanted))
        return message_fail(r->batch->config, LEAT_EUSAGE,
                            "each: %s is compressed: %s must be the first stage after read", shown,
                            wanted);
    if (!wanted && (is_stage(r->batch, 1, "unzstd") || is_stage(r->batch, 1, "gunzip")))
        return message_fail(r->batch->config, LEAT_EUSAGE,
                            "each: %s is not compressed: leave out %s", shown,
                            r->batch->pieces.v[1].words[0]);
    return 0;
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

int range_newline(const struct ranged *r, const char *source, const char *decoder, uint64_t at,
                  uint64_t *ret)
{
    char *name = leat_quote(r->path);
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *pipeline = NULL;
    struct buf text = {.n = 0};
    FILE *file = NULL;
    uint64_t n = 0;
    int c = EOF, status = 0;
    const struct leat_error *root;
    bool failed;

    buf_add(&text, "%s -- %s | %s", source, name ? name : "", decoder);
    if (name && !text.failed)
        file = leat_fopen(r->batch->registry, r->context, buf_text(&text), "r", &pipeline, &error);
    free(name);
    buf_free(&text);
    if (!file)
        return message_fail(r->batch->config, error.code ? error.code : LEAT_ENOMEM, "each: %s",
                            error.code ? error.text : "out of memory");
    while ((c = getc_unlocked(file)) != EOF && (n++ < at || c != '\n'))
        continue;
    *ret = n;
    failed = c == EOF && ferror(file);
    failed = fclose(file) == EOF || failed;
    root = failed ? leat_pipeline_error(pipeline) : NULL;
    if (failed)
        status = message_fail(r->batch->config, root ? root->code : LEAT_EIO, "each: %s: %s",
                              r->path, root ? root->text : "cannot be decoded up to its end");
    leat_pipeline_unref(pipeline);
    return status;
}

static int next_line_seekable(const struct ranged *r, uint64_t at, uint64_t *ret)
{
    char source[64];
    int status;

    (void)snprintf(source, sizeof source, "read --range=%" PRIu64 ":", at);
    status = range_newline(r, source, "unzstd", 0, ret);
    *ret += at;
    return status;
}

static int next_line_of(const struct ranged *r, uint64_t at, uint64_t *ret)
{
    return r->format == RANGED_ZSTD ? next_line_seekable(r, at, ret) : next_line_plain(r, at, ret);
}

struct input *range_add(struct ranged *r, uint64_t offset, uint64_t length, uint32_t shard)
{
    struct inputs *inputs = &r->batch->inputs;
    struct input *range = inputs_add(inputs, r->path, r->whole.rel, NULL);

    if (!range) {
        (void)message_fail(r->batch->config, LEAT_ENOMEM, "out of memory");
        return NULL;
    }
    *range = (struct input){.path = range->path,
                            .rel = r->whole.rel,
                            .size = r->whole.size,
                            .mtime_ns = r->whole.mtime_ns,
                            .offset = offset,
                            .length = length,
                            .shard = shard,
                            .number = (uint32_t)inputs->n};
    inputs->bytes += length;
    return range;
}

/* Replace the input by its ranges, of about the same size each. A shard whose bytes are all in a line of another has
 * none. */
static int cut(struct ranged *r)
{
    uint64_t begin = 0, end = 0;
    unsigned shards = r->batch->options->shards;

    for (unsigned i = 0; i < shards; i++, begin = end) {
        uint64_t target = i + 1 == shards ? r->size : r->size / shards * (i + 1);
        int status = target > begin && target < r->size ? next_line_of(r, target - 1, &end) : 0;

        if (status != 0)
            return status;
        end = target >= r->size ? r->size : end;
        if (end > begin && !range_add(r, begin, end - begin, i))
            return leat_exit_status(LEAT_ENOMEM);
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
    struct ranged r = {.batch = b, .fd = -1, .members.index_fd = -1};
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
    if (status == 0 && r.format != RANGED_PLAIN)
        status = begin_context(&r);
    if (status == 0) {
        r.whole = b->inputs.v[0];
        b->inputs.n = 0;
        b->inputs.bytes = 0;
        status = r.format == RANGED_BGZF ? range_cut_members(&r) : cut(&r);
    }
    leat_context_unref(r.context);
    members_done(&r.members);
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
    } else if (is_stage(b, 1, "gunzip")) {
        args[n++] = option("--frames=%" PRIu64 ":%" PRIu64 ":%" PRIu32 ":%" PRIu32, input->offset,
                           input->length, input->extra ? input->extra->skip : 0,
                           input->extra ? input->extra->drop : 0);
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
