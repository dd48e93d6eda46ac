/* la_write.c - zip and 7z archives, written by libarchive.
 *
 * libarchive takes names as text of the thread's locale, so the thread gets a locale of UTF-8, and for
 * a name that is not UTF-8 the C locale, in which zip stores the bytes as they are.
 */

#include "la_write.h"

#include <locale.h>
#include <string.h>

#include "pack_writer.h"

/* The encoder of 7z: LZMA at level 6 has a dictionary of 8 MiB, and needs 11.5 times of it. */
#define MEMORY_7Z ((uint64_t)96 << 20)
#define MEMORY_ZIP ((uint64_t)512 << 10)
/* The table of contents, which libarchive keeps in memory until the end: bytes of an entry, measured, and of
 * its name in UTF-16 for 7z. */
#define ENTRY_7Z 512u
#define ENTRY_ZIP 128u
#define CHARGE_BYTES ((uint64_t)1 << 16) /* charged at once */

struct la_writer {
    struct leat_la_write la;
    struct archive *a;
    struct archive_entry *entry;
    locale_t utf8, plain, before; /* 0: none */
    bool failed;                  /* the sink failed: its error is the reason */
    int sink_error;
    uint64_t left;           /* bytes of data that the entry still lacks */
    uint64_t table, charged; /* bytes of the table of contents */
};

int leat_la_write_load(struct leat_stage *s, struct leat_la_write *ret)
{
    static const char *const names[] = {LEAT_LA_WRITE(LEAT_LOADED_NAME) NULL};

    return leat_load(s, LIBARCHIVE_SO, "libarchive13", names, ret);
}

const char *leat_la_reason(const struct leat_la_write *la, struct archive *a)
{
    const char *text = a ? la->archive_error_string(a) : NULL;

    if (!text || !*text || strcmp(text, "(null)") == 0 || strcmp(text, "Success") == 0)
        return "it gives no reason";
    return text;
}

/* The library's output. After a failure 7z must stop, or it would still copy all of its entries. zip goes on
 * to the end of the entry, where it frees its encoder, and its output is dropped. */
static la_ssize_t sink_write(struct archive *a, void *arg, const void *data, size_t n)
{
    struct leat_pack_writer *w = arg;
    struct la_writer *l = w->lib;

    (void)a;
    if (!l->failed)
        l->sink_error = leat_pack_write(&w->sink, data, n);
    l->failed = l->sink_error < 0;
    return l->failed && w->format != LEAT_PACK_ZIP ? -1 : (la_ssize_t)n;
}

/* Check the result of a call of the library. A warning is an error, too: nothing may be lost silently. */
static int check(struct leat_pack_writer *w, int result, const char *what)
{
    struct la_writer *l = w->lib;

    if (l->failed)
        return l->sink_error;
    if (result == ARCHIVE_OK)
        return 0;
    return leat_fail(w->sink.stage, LEAT_EIO, "%s: libarchive: %s; --format=pax does without it",
                     what, leat_la_reason(&l->la, l->a));
}

static int begin_locale(struct leat_pack_writer *w, struct la_writer *l)
{
    l->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    l->plain = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    if (!l->utf8 || !l->plain)
        return leat_fail(w->sink.stage, LEAT_EUNSUPPORTED,
                         "this system has no locale C.UTF-8, which --format=%s needs; use "
                         "--format=pax",
                         w->holds->name);
    l->before = uselocale(l->utf8);
    return 0;
}

static int open_archive(struct leat_pack_writer *w, struct la_writer *l)
{
    bool zip = w->format == LEAT_PACK_ZIP;
    int r =
        zip ? l->la.archive_write_set_format_zip(l->a) : l->la.archive_write_set_format_7zip(l->a);

    if (r == ARCHIVE_OK)
        r = l->la.archive_write_set_bytes_per_block(l->a, 0);
    if (r == ARCHIVE_OK)
        r = l->la.archive_write_open(l->a, w, NULL, sink_write, NULL);
    return check(w, r, "the archive");
}

static int la_begin(struct leat_pack_writer *w)
{
    struct la_writer *l = leat_alloc(w->sink.stage, sizeof *l);
    int r;

    if (!l)
        return LEAT_ENOMEM;
    w->lib = l;
    r = leat_charge(w->sink.stage, w->format == LEAT_PACK_7Z ? MEMORY_7Z : MEMORY_ZIP);
    if (r == 0)
        r = leat_la_write_load(w->sink.stage, &l->la);
    if (r == 0)
        r = begin_locale(w, l);
    if (r < 0)
        return r;
    l->a = l->la.archive_write_new();
    l->entry = l->la.archive_entry_new();
    if (!l->a || !l->entry)
        return leat_fail(w->sink.stage, LEAT_ENOMEM, "libarchive: out of memory");
    return open_archive(w, l);
}

static int charge_entry(struct leat_pack_writer *w, const struct leat_entry *e)
{
    struct la_writer *l = w->lib;
    uint64_t n = strlen(e->name);
    int r;

    l->table += w->format == LEAT_PACK_7Z ? ENTRY_7Z + 2 * n : ENTRY_ZIP + n;
    if (l->table <= l->charged)
        return 0;
    n = l->table - l->charged + CHARGE_BYTES;
    r = leat_charge(w->sink.stage, n);
    l->charged += r == 0 ? n : 0;
    return r;
}

static int la_header(struct leat_pack_writer *w, const struct leat_entry *e)
{
    struct la_writer *l = w->lib;
    struct archive_entry *entry = l->entry;
    bool raw = !leat_pack_is_utf8(e->name) || (e->link && !leat_pack_is_utf8(e->link));
    int r = charge_entry(w, e);

    if (r < 0)
        return r;
    l->la.archive_entry_clear(entry);
    l->la.archive_entry_set_pathname(entry, e->name);
    l->la.archive_entry_set_mode(entry, e->mode);
    if (S_ISLNK(e->mode))
        l->la.archive_entry_set_symlink(entry, e->link);
    l->la.archive_entry_set_size(entry, (int64_t)e->size);
    l->la.archive_entry_set_uid(entry, (int64_t)e->uid);
    l->la.archive_entry_set_gid(entry, (int64_t)e->gid);
    /* zip stores local time, which differs between machines, unless there is no time at all: then
     * it is the first day that the format has, in 1980. */
    if (!w->plain || w->format != LEAT_PACK_ZIP)
        l->la.archive_entry_set_mtime(entry, e->mtime, (long)e->mtime_ns);
    if (raw)
        uselocale(l->plain);
    r = check(w, l->la.archive_write_header(l->a, entry), leat_pack_shown(e->name));
    if (raw)
        uselocale(l->utf8);
    l->left = S_ISREG(e->mode) && r == 0 ? e->size : 0;
    return r;
}

static int la_data(struct leat_pack_writer *w, const void *data, size_t n)
{
    struct la_writer *l = w->lib;
    la_ssize_t done = l->la.archive_write_data(l->a, data, n);

    if (done < 0 || l->failed)
        return check(w, done < 0 ? (int)done : ARCHIVE_OK, "the archive");
    if ((size_t)done != n)
        return leat_fail(w->sink.stage, LEAT_EINTERNAL, "libarchive took %zu of %zu bytes",
                         (size_t)done, n);
    l->left -= n;
    return 0;
}

static int la_finish_entry(struct leat_pack_writer *w)
{
    struct la_writer *l = w->lib;

    return check(w, l->la.archive_write_finish_entry(l->a), "the archive");
}

static int la_end(struct leat_pack_writer *w)
{
    struct la_writer *l = w->lib;

    return check(w, l->la.archive_write_close(l->a), "the archive");
}

static void la_free(struct leat_pack_writer *w)
{
    struct la_writer *l = w->lib;

    if (!l)
        return;
    /* After a failure, free writes the end of the archive, which goes nowhere. Before that, 7z would fill up
     * the entry with zeros, which may be very many: fail stops it. The results are of no use now. */
    l->failed = true;
    l->sink_error = l->sink_error ? l->sink_error : LEAT_ECANCELLED;
    if (l->a && w->format == LEAT_PACK_ZIP)
        (void)l->la.archive_write_finish_entry(l->a);
    else if (l->a && l->left > 0)
        (void)l->la.archive_write_fail(l->a);
    if (l->a)
        (void)l->la.archive_write_free(l->a);
    if (l->entry)
        l->la.archive_entry_free(l->entry);
    if (l->before)
        uselocale(l->before);
    if (l->utf8)
        freelocale(l->utf8);
    if (l->plain)
        freelocale(l->plain);
    leat_free(w->sink.stage, l);
    w->lib = NULL;
}

const struct leat_pack_ops leat_pack_la = {
    .begin = la_begin,
    .header = la_header,
    .data = la_data,
    .finish_entry = la_finish_entry,
    .end = la_end,
    .free = la_free,
};
