/* compress.c - compress (.Z, adaptive LZW), by libarchive. */

#include <archive.h>
#include <archive_entry.h>

#include "stage.h"

#define LIBRARY_BYTES ((uint64_t)1 << 20) /* memory of libarchive: tables, a buffer, other */

/* libarchive and its dependencies take longer to start than leat itself, and few use .Z; so it is
 * loaded only when needed. */
#define FUNCTIONS(X)                                                                               \
    X(archive_error_string)                                                                        \
    X(archive_entry_new)                                                                           \
    X(archive_entry_set_pathname)                                                                  \
    X(archive_entry_set_filetype)                                                                  \
    X(archive_write_add_filter_compress)                                                           \
    X(archive_write_set_format_raw)                                                                \
    X(archive_write_set_bytes_in_last_block)                                                       \
    X(archive_write_open)                                                                          \
    X(archive_write_header)                                                                        \
    X(archive_entry_free)                                                                          \
    X(archive_write_new)                                                                           \
    X(archive_write_data)                                                                          \
    X(archive_write_close)                                                                         \
    X(archive_write_free)

struct libarchive {
    FUNCTIONS(LEAT_LOADED_MEMBER)
};
static const char *const functions[] = {FUNCTIONS(LEAT_LOADED_NAME) NULL};

/* The argument of the callback. */
struct target {
    struct libarchive lib;
    struct leat_blocking *blocking;
    int failed; /* what leat_push returned */
};

/* Never tell the library that its output is not wanted: if the callback fails, the library leaves
 * its buffer full, and writes past the end of the buffer when it is freed. Seen in 3.6.2. */
static la_ssize_t push(struct archive *a, void *arg, const void *data, size_t n)
{
    struct target *t = arg;

    (void)a;
    if (t->failed == 0)
        t->failed = leat_push(t->blocking, data, n);
    return (la_ssize_t)n;
}

static int fail_archive(struct leat_stage *stage, struct archive *a, const struct target *t)
{
    const char *text = t->lib.archive_error_string(a);

    if (t->failed < 0)
        return t->failed;
    return leat_fail(stage, LEAT_EINTERNAL, "libarchive: %s", text ? text : "unknown error");
}

/* Begins an archive whose only entry is the data itself, in raw format. */
static int begin(struct archive *a, struct target *t)
{
    struct archive_entry *entry = t->lib.archive_entry_new();
    int r;

    if (!entry)
        return ARCHIVE_FATAL;
    t->lib.archive_entry_set_pathname(entry, "data");
    t->lib.archive_entry_set_filetype(entry, AE_IFREG);
    r = t->lib.archive_write_add_filter_compress(a);
    if (r == ARCHIVE_OK)
        r = t->lib.archive_write_set_format_raw(a);
    if (r == ARCHIVE_OK)
        r = t->lib.archive_write_set_bytes_in_last_block(a, 1); /* no padding */
    if (r == ARCHIVE_OK)
        r = t->lib.archive_write_open(a, t, NULL, push, NULL);
    if (r == ARCHIVE_OK)
        r = t->lib.archive_write_header(a, entry);
    t->lib.archive_entry_free(entry);
    return r;
}

static int compress_run(struct leat_stage *stage, struct leat_blocking *blocking)
{
    static const char nothing[] = "\x1f\x9d\x90"; /* a header, with no codes */
    struct target t = {.blocking = blocking};
    struct archive *a;
    const uint8_t *data;
    size_t n;
    int r = leat_pull(blocking, &data, &n);

    if (r == 0) /* for empty input libarchive makes a code that no decoder reads */
        r = leat_push(blocking, nothing, sizeof nothing - 1);
    if (r <= 0)
        return r < 0 ? r : LEAT_END;
    r = leat_charge(stage, LIBRARY_BYTES);
    if (r == 0)
        r = leat_load(stage, LIBARCHIVE_SO, "libarchive13", functions, &t.lib);
    if (r != 0)
        return r;
    a = t.lib.archive_write_new();
    if (!a)
        return leat_fail(stage, LEAT_ENOMEM, "out of memory for libarchive");
    if (begin(a, &t) != ARCHIVE_OK || t.failed) {
        r = fail_archive(stage, a, &t);
        goto out;
    }
    do {
        if (t.lib.archive_write_data(a, data, n) != (la_ssize_t)n || t.failed) {
            r = fail_archive(stage, a, &t);
            goto out;
        }
        r = leat_pull(blocking, &data, &n);
    } while (r > 0);
    if (r < 0) {
        t.failed = r; /* further output of libarchive is discarded */
        goto out;
    }
    if (t.lib.archive_write_close(a) == ARCHIVE_OK && t.failed == 0)
        r = LEAT_END;
    else
        r = fail_archive(stage, a, &t);
out:
    if (r < 0 && t.failed == 0)
        t.failed = r;
    t.lib.archive_write_free(a);
    return r;
}

const struct leat_stage_type leat_stage_compress = {
    .name = "compress",
    .summary = "compress to .Z, as the old compress command",
    .manual =
        "Adaptive LZW with codes of up to 16 bits, by libarchive; for readers that support "
        "nothing else. The format has neither a length nor a checksum: damage goes unnoticed, "
        "and truncation usually too. compress cannot flush: its data is complete only at the end.",
    .examples = "read big.log : compress : write --force big.copy.Z",
    .suffixes = ".Z .taZ",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_NO_STDOUT_TTY,
    .run = compress_run,
};
