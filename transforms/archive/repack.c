/* repack.c - `repack`: an archive becomes another one, entry by entry, without a file on the disk.
 *
 * Every format stores the size of an entry before its content, so a content whose size is not known is
 * first copied to a temporary file.
 */

#include "repack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/invariant.h"
#include "input.h"

extern const struct leat_stage_type leat_stage_repack;

#define MEMORY_7Z ((uint64_t)96 << 20)

/* --- contents --------------------------------------------------------------------------------- */

/* The writer must not have room of the stream while the reader takes input. */
static int next_piece(struct leat_repack *p, struct leat_content *content, const uint8_t **ret_data,
                      size_t *ret_n)
{
    int r = leat_pack_flush(&p->writer.sink);

    return r < 0 ? r : leat_content_next(content, ret_data, ret_n);
}

static int copy_content(struct leat_repack *p, struct leat_content *content,
                        const struct leat_entry *e)
{
    uint64_t copied = 0;
    const uint8_t *data;
    size_t n;
    int r;

    while ((r = next_piece(p, content, &data, &n)) == 1) {
        leat_assert(n <= e->size - copied);
        copied += n;
        r = leat_pack_data(&p->writer, data, n);
        if (r < 0)
            return r;
    }
    leat_assert(r < 0 || copied == e->size);
    return r;
}

static int open_spool(struct leat_repack *p)
{
    int fd;

    if (!p->buffer)
        p->buffer = leat_alloc_raw(p->stage, LEAT_REPACK_BUFFER);
    if (!p->buffer)
        return LEAT_ENOMEM;
    if (p->spool) {
        if (ftruncate(p->spool - 1, 0) < 0)
            return leat_fail_errno(p->stage, errno, "the temporary file");
        return 0;
    }
    fd = leat_archive_temporary(p->stage);
    p->spool = fd < 0 ? 0 : fd + 1;
    return fd < 0 ? fd : 0;
}

/* Append to the temporary file, which has *size bytes. */
static int spool_piece(struct leat_repack *p, const uint8_t *data, size_t n, uint64_t *size)
{
    int r;

    if (n > p->params->reader.spool - *size)
        return leat_reader_fail(p->reader, LEAT_ELIMIT,
                                "its size is not known before its end, and its temporary copy "
                                "would be larger than %" PRIu64 " bytes; raise --spool",
                                p->params->reader.spool);
    r = leat_archive_write_all(p->stage, p->spool - 1, data, n, *size);
    *size += n;
    return r;
}

/* Copy the content to the temporary file, to learn its size. */
static int spool_content(struct leat_repack *p, struct leat_content *content, uint64_t *ret_size)
{
    const uint8_t *data;
    size_t n;
    int r = open_spool(p);

    *ret_size = 0;
    while (r == 0 && (r = next_piece(p, content, &data, &n)) == 1)
        r = spool_piece(p, data, n, ret_size);
    return r;
}

/* --- the branch ------------------------------------------------------------------------------- */

struct through {
    struct leat_repack *repack;
    struct leat_content *content;
    uint64_t size;
    bool failed; /* outside of the branch */
};

static int next_of_content(void *arg, const uint8_t **ret_data, size_t *ret_n)
{
    struct through *t = arg;
    int r = next_piece(t->repack, t->content, ret_data, ret_n);

    t->failed = r < 0;
    return r;
}

static int put_to_spool(void *arg, const uint8_t *data, size_t n)
{
    struct through *t = arg;
    int r = spool_piece(t->repack, data, n, &t->size);

    t->failed = r < 0;
    return r;
}

/* Run the branch on the content. Its output has another size, which is known when it has ended. */
static int spool_through(struct leat_repack *p, struct leat_content *content, uint64_t *ret_size)
{
    struct through through = {.repack = p, .content = content};
    const struct leat_inner_io io = {.arg = &through, .next = next_of_content, .put = put_to_spool};
    int r = open_spool(p);

    if (r == 0)
        r = leat_inner_run(p->stage, &io);
    *ret_size = through.size;
    if (r == 0 || through.failed || r == LEAT_ECANCELLED)
        return r;
    return leat_fail_within(p->stage, ", at the entry %s", p->name);
}

static int copy_spool(struct leat_repack *p, uint64_t size)
{
    uint64_t at = 0;

    while (at < size) {
        size_t want = size - at < LEAT_REPACK_BUFFER ? (size_t)(size - at) : LEAT_REPACK_BUFFER;
        ssize_t n = pread(p->spool - 1, p->buffer, want, (off_t)at);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return leat_fail_errno(p->stage, n < 0 ? errno : EIO, "the temporary file");
        r = leat_pack_data(&p->writer, p->buffer, (size_t)n);
        if (r < 0)
            return r;
        at += (uint64_t)n;
    }
    return 0;
}

/* libarchive makes a 7z archive in a temporary file of its own; what it compresses is larger. */
static int check_spool(struct leat_repack *p, const struct leat_entry *e)
{
    if (e->size > UINT64_MAX - p->bytes)
        return leat_reader_fail(p->reader, LEAT_ECORRUPT, "its size cannot be true");
    p->bytes += e->size;
    if (p->writer.format != LEAT_PACK_7Z || p->bytes <= p->params->reader.spool)
        return 0;
    return leat_reader_fail(p->reader, LEAT_ELIMIT,
                            "with it the files exceed --spool=%" PRIu64
                            ", which bounds the temporary file of --format=7z",
                            p->params->reader.spool);
}

static int start(struct leat_repack *p, struct leat_entry *e)
{
    int r = leat_pack_check(&p->writer, e, e->name);

    if (r == 0)
        r = check_spool(p, e);
    return r < 0 ? r : leat_pack_header(&p->writer, e);
}

static int put_file(struct leat_repack *p, const struct leat_reader_entry *from,
                    struct leat_entry *e)
{
    bool has_branch = leat_branches(p->stage) > 0, spooled = has_branch || !from->has_size;
    struct leat_content content;
    int r;

    leat_content_begin(&content, p->reader, p->blocking, from);
    if (has_branch)
        r = spool_through(p, &content, &e->size);
    else if (spooled)
        r = spool_content(p, &content, &e->size);
    else
        r = leat_repack_regions(p, from, e);
    if (r == 0)
        r = start(p, e);
    if (r == 0 && e->regions)
        r = leat_repack_copy_regions(p, e);
    else if (r == 0)
        r = spooled ? copy_spool(p, e->size) : copy_content(p, &content, e);
    return r < 0 ? r : leat_pack_finish_entry(&p->writer);
}

/* cpio archives of some programs have the content at the last name of a file. */
static int put_link(struct leat_repack *p, const struct leat_reader_entry *from,
                    struct leat_entry *e)
{
    struct leat_content content;
    const uint8_t *data;
    size_t n;
    int r;

    leat_content_begin(&content, p->reader, p->blocking, from);
    r = next_piece(p, &content, &data, &n);
    if (r == 1)
        return leat_reader_fail(p->reader, LEAT_EUNSUPPORTED,
                                "is a hard link that has the content of its file, after the name "
                                "without it; use extract and pack");
    if (r == 0)
        r = start(p, e);
    return r < 0 ? r : leat_pack_finish_entry(&p->writer);
}

/* --- the stage -------------------------------------------------------------------------------- */

static int put_entry(struct leat_repack *p, const struct leat_reader_entry *from)
{
    struct leat_entry e;
    int r = leat_repack_entry(p, from, &e);

    if (r <= 0)
        return r;
    if (from->kind == LEAT_ENTRY_FILE)
        return put_file(p, from, &e);
    if (from->kind == LEAT_ENTRY_LINK)
        return put_link(p, from, &e);
    r = start(p, &e);
    return r < 0 ? r : leat_pack_finish_entry(&p->writer);
}

static int put_all(struct leat_repack *p)
{
    struct leat_reader_entry from;
    int r;

    while ((r = leat_pack_flush(&p->writer.sink)) == 0 &&
           (r = leat_reader_next(p->reader, &from)) == 1) {
        r = put_entry(p, &from);
        if (r < 0)
            return r;
    }
    if (r == 0)
        r = leat_select_end(p->stage, &p->select);
    return r < 0 ? r : leat_pack_end(&p->writer);
}

static int repack_run(struct leat_stage *s, struct leat_blocking *b)
{
    struct leat_repack *p = leat_state(s);
    int r;

    p->stage = s;
    p->blocking = b;
    p->params = leat_params(s);
    r = leat_reader_begin(p->reader, b, &p->params->reader);
    if (r == 0) {
        r = leat_pack_writer_init(&p->writer, s, b, (enum leat_pack_format)p->params->format,
                                  false);
        p->writer.repacks = true;
        if (r == 0)
            r = put_all(p);
        if (r == 0)
            leat_repack_losses(p);
        leat_pack_writer_done(&p->writer); /* before the reader: each restores the locale */
    }
    leat_reader_end(p->reader);
    return r < 0 ? r : LEAT_END;
}

static int repack_plan(struct leat_stage *s)
{
    const struct leat_repack_params *p = leat_params(s);
    const char *temporary = getenv("TMPDIR");
    int r = leat_select_check(s, &p->select);

    if (r == 0)
        r = leat_plan_access(s, NULL, LEAT_ACCESS_TEMPORARY);
    if (r < 0 || p->format != LEAT_PACK_7Z)
        return r;
    leat_plan_later(s, MEMORY_7Z);
    if (temporary && *temporary)
        return 0;
    return leat_plan_access(s, "/tmp", LEAT_ACCESS_TEMPORARY);
}

static int repack_open(struct leat_stage *s)
{
    const struct leat_repack_params *params = leat_params(s);
    struct leat_repack *p = leat_state(s);
    int r = leat_reader_open(s, &p->reader);

    return r < 0 ? r : leat_select_open(s, &params->select, &p->select);
}

static void repack_close(struct leat_stage *s)
{
    struct leat_repack *p = leat_state(s);

    leat_select_close(s, &p->select);
    leat_reader_free(s, p->reader);
    if (p->xattrs)
        leat_free(s, p->xattrs);
    if (p->regions)
        leat_free(s, p->regions);
    if (p->buffer)
        leat_free(s, p->buffer);
    (void)(p->spool && close(p->spool - 1)); /* a temporary file */
}

#define AT(field) offsetof(struct leat_repack_params, field)
static const struct leat_option repack_options[] = {
    {.name = "format",
     .kind = LEAT_OPT_ENUM,
     .offset = AT(format),
     .metavar = "FORMAT",
     .choices = LEAT_PACK_FORMATS,
     .help = "the format of the new archive; pax if not given"},
    LEAT_SELECT_OPTIONS(AT(select)),
    LEAT_READER_FORMAT_OPTION(AT(reader), "from"),
    LEAT_READER_DATA_OPTIONS(AT(reader)),
    {0},
};

const struct leat_stage_type leat_stage_repack = {
    .name = "repack",
    .summary = "output an archive in another format, or with other entries or names",
    .manual =
        "Reads a tar, zip, cpio, 7z or ar archive, or an ISO 9660 image with --from=iso, and outputs "
        "an archive with its entries, in the same order. Nothing is extracted to the disk. A "
        "compressed archive is decompressed first; a stage after this one compresses the new one: "
        "`read app.zip : repack : zstd : write app.tar.zst`.\n\n"
        "--include and --exclude take the patterns of GNU tar: `*` matches `/`, too, and a pattern "
        "matches from any component on. They, then --strip-components, then --rename apply to "
        "each name.\n\n"
        "The formats are those of pack. What the new one cannot hold is an error that names the "
        "entry; fractions of seconds and extended attributes are lost with a warning. Hard links can "
        "be written to the tar formats only, and fail if the file that they name is left out. Holes of a "
        "tar archive stay in --format=pax, and become zeros in the others. Access control lists are lost "
        "with a warning.\n\n"
        "With a branch, the content of each file goes through its stages, which begin anew for each file: "
        "`repack --include='*.log' --rename='$=.zst' [ zstd ]`. The branch has a quarter of --memory, and cannot write files. The size "
        "of what it puts out is known at its end, so that is first copied to a temporary file.\n\n"
        "All formats store the size of a file before its content. Where the old archive does not "
        "tell it, the content is first copied to a temporary file in TMPDIR, or /var/tmp. The "
        "table of contents of zip and 7z is at the end of the archive. If `read FILE` stands "
        "directly before this stage, it is read from the file; otherwise the archive is first "
        "copied to a temporary file. Each is of at most --spool bytes.",
    .examples =
        "read app.tar.gz : repack --format=zip : write app.zip\n"
        "read app.tar.gz : repack --exclude='*.log' --rename='^=app/' : gzip : write small.tar.gz\n"
        "read app.tar.gz : repack [ exec sed s/old/new/ ] : gzip : write new.tar.gz",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_WANTS_DECODED | LEAT_NO_STDOUT_TTY | LEAT_INNER,
    .params_size = sizeof(struct leat_repack_params),
    .state_size = sizeof(struct leat_repack),
    .options = repack_options,
    .branches_max = 1,
    .plan = repack_plan,
    .open = repack_open,
    .run = repack_run,
    .close = repack_close,
};
