/* pack_tar.c - tar archives: ustar, pax (ustar with extended headers), and GNU tar's own format.
 *
 * libarchive's writer is not used: it converts names, its pax headers have wrong times before 1970,
 * and it costs more than reading the files.
 */

#include <string.h>

#include "base/invariant.h"
#include "pack_writer.h"

#define BLOCK 512u
#define RECORD 10240u /* an archive is a multiple of it, as with GNU tar */
#define NAME_BYTES 100u
#define PREFIX_MAX 155u
#define USER_MAX 31u

struct header {
    char name[NAME_BYTES], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type;
    char link[NAME_BYTES], magic[8], user[32], group[32], major[8], minor[8], prefix[PREFIX_MAX];
    char rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

/* --- fields ----------------------------------------------------------------------------------- */

/* Octal digits and a NUL; false: the number does not fit, and the field is 0. */
static bool octal(char *to, size_t n, uint64_t v)
{
    bool fits = v >> (3 * (n - 1)) == 0;

    if (!fits)
        v = 0;
    to[--n] = '\0';
    while (n > 0) {
        to[--n] = (char)('0' + (v & 7));
        v >>= 3;
    }
    return fits;
}

/* Octal, or in GNU tar's format, where it does not fit, base 256 with a mark. */
static void number(const struct leat_pack_writer *w, char *to, size_t n, int64_t v)
{
    if ((v >= 0 && octal(to, n, (uint64_t)v)) || w->format != LEAT_PACK_GNUTAR) {
        if (v < 0)
            (void)octal(to, n, 0); /* pax: it is in the extended header */
        return;
    }
    for (size_t i = n; i-- > 1; v >>= 8)
        to[i] = (char)(v & 0xff);
    to[0] = (char)(v < 0 ? 0xff : 0x80);
}

static void checksum(struct header *h)
{
    const uint8_t *bytes = (const uint8_t *)h;
    unsigned sum = 0;

    memset(h->sum, ' ', sizeof h->sum);
    for (size_t i = 0; i < BLOCK; i++)
        sum += bytes[i];
    (void)octal(h->sum, 7, sum);
}

static void text(char *to, size_t most, const char *from)
{
    memcpy(to, from, strnlen(from, most));
}

/* --- names ------------------------------------------------------------------------------------ */

/* Split a name of n bytes at a slash. Returns the length of the prefix, 0: it cannot be split. */
static size_t split(const char *name, size_t n)
{
    size_t at = n > NAME_BYTES ? n - NAME_BYTES - 1 : 0;

    if (n > NAME_BYTES + 1 + PREFIX_MAX)
        return 0;
    while (at < n && at <= PREFIX_MAX) {
        if (name[at] == '/' && at > 0 && at + 1 < n)
            return at;
        at++;
    }
    return 0;
}

static int too_long(struct leat_pack_writer *w, const struct leat_entry *e, const char *which)
{
    return leat_fail(w->sink.stage, LEAT_ELIMIT,
                     "%s: its %s is too long for --format=ustar; use --format=pax",
                     leat_pack_shown(e->name), which);
}

/* The name with the `/` of a directory, where it fits; the rest is in an extended header. */
static int set_name(struct leat_pack_writer *w, const struct leat_entry *e, struct header *h)
{
    size_t n = strlen(e->name), is_dir = S_ISDIR(e->mode) && !e->is_hard_link, prefix = 0;

    if (n + is_dir <= NAME_BYTES) {
        memcpy(h->name, e->name, n);
        if (is_dir)
            h->name[n] = '/';
        return 0;
    }
    if (w->format != LEAT_PACK_GNUTAR)
        prefix = split(e->name, n + is_dir);
    if (prefix > 0 && e->name[prefix] == '/') {
        memcpy(h->prefix, e->name, prefix);
        memcpy(h->name, e->name + prefix + 1, n - prefix - 1);
        if (is_dir)
            h->name[n - prefix - 1] = '/';
        return 0;
    }
    if (w->format == LEAT_PACK_USTAR)
        return too_long(w, e, "name");
    memcpy(h->name, e->name, NAME_BYTES);
    return 0;
}

/* --- headers ---------------------------------------------------------------------------------- */

static char type_of(const struct leat_entry *e)
{
    if (e->is_hard_link)
        return '1';
    switch (e->mode & S_IFMT) {
    case S_IFLNK:
        return '2';
    case S_IFCHR:
        return '3';
    case S_IFBLK:
        return '4';
    case S_IFDIR:
        return '5';
    case S_IFIFO:
        return '6';
    default:
        return '0';
    }
}

static void set_magic(const struct leat_pack_writer *w, struct header *h)
{
    memcpy(h->magic, w->format == LEAT_PACK_GNUTAR ? "ustar  " : "ustar\00000", sizeof h->magic);
}

/* Write a header with n bytes after it, such as a long name. */
static int extra(struct leat_pack_writer *w, char type, const char *name, const void *data,
                 size_t n, int64_t mtime)
{
    struct header h = {.type = type};
    int r;

    text(h.name, NAME_BYTES, name);
    (void)octal(h.mode, sizeof h.mode, 0644);
    (void)octal(h.uid, sizeof h.uid, 0);
    (void)octal(h.gid, sizeof h.gid, 0);
    (void)octal(h.size, sizeof h.size, n);
    (void)octal(h.mtime, sizeof h.mtime, mtime > 0 ? (uint64_t)mtime : 0);
    set_magic(w, &h);
    checksum(&h);
    r = leat_pack_write(&w->sink, &h, sizeof h);
    if (r == 0)
        r = leat_pack_write(&w->sink, data, n);
    return r < 0 ? r : leat_pack_zeros(&w->sink, -n % BLOCK);
}

/* GNU tar: names that do not fit come before the header, with the NUL. */
static int long_names(struct leat_pack_writer *w, const struct leat_entry *e)
{
    size_t n = strlen(e->name), is_dir = S_ISDIR(e->mode) && !e->is_hard_link;
    int r = 0;

    if (e->link && strlen(e->link) > NAME_BYTES)
        r = extra(w, 'K', "././@LongLink", e->link, strlen(e->link) + 1, 0);
    if (r < 0 || n + is_dir <= NAME_BYTES)
        return r;
    if (!is_dir)
        return extra(w, 'L', "././@LongLink", e->name, n + 1, 0);
    if (n + 2 > w->records_size) {
        leat_free(w->sink.stage, w->records);
        w->records_size = 0;
        w->records = leat_alloc(w->sink.stage, n + 2);
        if (!w->records)
            return LEAT_ENOMEM;
        w->records_size = n + 2;
    }
    memcpy(w->records, e->name, n);
    memcpy(w->records + n, "/", 2);
    return extra(w, 'L', "././@LongLink", w->records, n + 2, 0);
}

/* pax: the records that the header cannot hold, if there are any. */
static int extended(struct leat_pack_writer *w, const struct leat_entry *e)
{
    char name[NAME_BYTES + 1] = "PaxHeaders/";
    const char *base = strrchr(e->name, '/');
    int r = leat_pax_records(w, e);

    if (r < 0 || w->records_n == 0)
        return r;
    base = base ? base + 1 : e->name;
    memcpy(name + 11, base, strnlen(base, NAME_BYTES - 11));
    return extra(w, 'x', name, w->records, w->records_n, e->mtime);
}

static void set_numbers(const struct leat_pack_writer *w, const struct leat_entry *e, uint64_t size,
                        struct header *h)
{
    (void)octal(h->mode, sizeof h->mode, e->mode & 07777);
    number(w, h->uid, sizeof h->uid, (int64_t)e->uid);
    number(w, h->gid, sizeof h->gid, (int64_t)e->gid);
    number(w, h->size, sizeof h->size, (int64_t)size);
    number(w, h->mtime, sizeof h->mtime, e->mtime);
    if (S_ISCHR(e->mode) || S_ISBLK(e->mode)) {
        number(w, h->major, sizeof h->major, e->major);
        number(w, h->minor, sizeof h->minor, e->minor);
    }
    if (strlen(e->user) <= USER_MAX)
        text(h->user, USER_MAX, e->user);
    if (strlen(e->group) <= USER_MAX)
        text(h->group, USER_MAX, e->group);
}

static int tar_header(struct leat_pack_writer *w, const struct leat_entry *e)
{
    struct header h = {.type = type_of(e)};
    uint64_t size = e->size;
    int r = 0;

    if (w->format == LEAT_PACK_PAX)
        r = extended(w, e);
    else if (w->format == LEAT_PACK_GNUTAR)
        r = long_names(w, e);
    if (r == 0 && e->regions)
        r = leat_pax_map(w, e, false, &size);
    if (r == 0)
        r = set_name(w, e, &h);
    if (r == 0 && e->link && strlen(e->link) > NAME_BYTES && w->format == LEAT_PACK_USTAR)
        r = too_long(w, e, "link's target");
    if (r < 0)
        return r;
    for (size_t i = 0; i < (e->regions ? e->n_regions : 0); i++)
        size += e->regions[i].n;
    if (e->link)
        text(h.link, NAME_BYTES, e->link);
    set_numbers(w, e, size, &h);
    set_magic(w, &h);
    checksum(&h);
    w->padding = -size % BLOCK;
    r = leat_pack_write(&w->sink, &h, sizeof h);
    return r == 0 && e->regions ? leat_pax_map(w, e, true, &size) : r;
}

static int tar_finish_entry(struct leat_pack_writer *w)
{
    uint64_t n = w->padding;

    w->padding = 0;
    return leat_pack_zeros(&w->sink, n);
}

static int tar_end(struct leat_pack_writer *w)
{
    int r = leat_pack_zeros(&w->sink, (uint64_t)2 * BLOCK);
    uint64_t over = w->sink.written % RECORD;

    return r < 0 || over == 0 ? r : leat_pack_zeros(&w->sink, RECORD - over);
}

const struct leat_pack_ops leat_pack_tar = {
    .header = tar_header,
    .finish_entry = tar_finish_entry,
    .end = tar_end,
};
