/* pack_file.c - regular files: their content, and the files that change while it is read.
 *
 * A small file is read before its header is written, so that the header has the size of what was read. Where the
 * format stores it as it is, and the room has space for both, the header is written first, with the size of the
 * first stat, and taken back if that is wrong: the content is then read into its place, without a copy.
 * For a larger one the header's size counts, and the file is compared with its first stat when it has
 * been read. With --on-change=retry a larger file is first copied to a temporary file without a name,
 * until a copy is whole. So is a file that does not tell its size, as in /proc.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/invariant.h"
#include "pack_impl.h"

#define MORE_SIZE 96u
#define HEADER_ROOM ((size_t)16384) /* more than a header with a short name and no attributes */
#define NAME_SHORT 4096u

/* A change of ctime alone is one of attributes, unless the number of names changed, too: then it may
 * be only that. */
static bool differs(const struct stat *a, const struct stat *b)
{
    return a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
           a->st_mtim.tv_nsec != b->st_mtim.tv_nsec ||
           (a->st_nlink == b->st_nlink &&
            (a->st_ctim.tv_sec != b->st_ctim.tv_sec || a->st_ctim.tv_nsec != b->st_ctim.tv_nsec));
}

static int fail_changed(struct leat_pack *p, const char *path)
{
    if (p->on_change == LEAT_ON_CHANGE_RETRY)
        return leat_fail(p->stage, LEAT_EIO,
                         "%s: changed each time it was read, %u times; stop the "
                         "program that writes it, or use --on-change=warn",
                         leat_pack_shown(path), p->retries + 1);
    return leat_fail(p->stage, LEAT_EIO,
                     "%s: changed while it was read; use --on-change=warn, or --on-change=retry=3",
                     leat_pack_shown(path));
}

/* Returns 0: go on and list it; or fails. */
static int note_changed(struct leat_pack *p, const char *path, bool shorter, uint64_t n)
{
    char more[MORE_SIZE];

    if (p->on_change != LEAT_ON_CHANGE_WARN)
        return fail_changed(p, path);
    snprintf(more, sizeof more,
             shorter ? ": it became shorter, zeros follow byte %" PRIu64
                     : "; its first %" PRIu64 " bytes are in the archive",
             n);
    leat_pack_note(p, LEAT_NOTE_CHANGED, path, more);
    return 0;
}

/* --- the temporary file ----------------------------------------------------------------------- */

static const char *spool_directory(void)
{
    const char *dir = getenv("TMPDIR");

    return dir && *dir ? dir : "/var/tmp";
}

static int begin_spool(struct leat_pack *p)
{
    char path[4096];
    int fd = open(spool_directory(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        if (snprintf(path, sizeof path, "%s/leat-XXXXXX", spool_directory()) < (int)sizeof path)
            fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            (void)unlink(path); /* it stays until it is closed */
    }
    if (fd < 0)
        return leat_fail_errno(p->stage, errno, "a temporary file in %s", spool_directory());
    p->spool = fd + 1;
    return 0;
}

static int write_spool(struct leat_pack *p, const uint8_t *data, size_t n, uint64_t at)
{
    if (at + n > p->params->spool_size)
        return leat_fail(p->stage, LEAT_ELIMIT,
                         "the temporary file in %s would exceed --spool=%" PRIu64 "; raise it",
                         spool_directory(), p->params->spool_size);
    while (n > 0) {
        ssize_t done = pwrite(p->spool - 1, data, n, (off_t)at);

        if (done < 0 && errno != EINTR)
            return leat_fail_errno(p->stage, errno, "a temporary file in %s", spool_directory());
        if (done > 0) {
            data += done;
            n -= (size_t)done;
            at += (uint64_t)done;
        }
    }
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Bytes at this place, up to n; fewer than `enough` only at the end of the file. Returns how many, or
 * -errno. */
static ssize_t read_at(int fd, uint8_t *to, size_t n, size_t enough, uint64_t at)
{
    size_t done = 0;

    for (;;) {
        ssize_t got = pread(fd, to + done, n - done, (off_t)(at + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        done += (size_t)got;
        if (got == 0 || done >= enough)
            return (ssize_t)done;
    }
}

static int fail_read(struct leat_pack *p, const char *path, int error)
{
    return leat_fail_errno(p->stage, error, "%s", leat_pack_shown(path));
}

/* Zeros of the content. */
static int zeros(struct leat_pack *p, uint64_t n)
{
    int r = 0;

    if (!p->writer.ops->data)
        return leat_pack_zeros(&p->writer.sink, n);
    memset(p->buffer, 0, LEAT_PACK_BUFFER);
    while (n > 0 && r == 0) {
        size_t part = n < LEAT_PACK_BUFFER ? (size_t)n : LEAT_PACK_BUFFER;

        r = leat_is_cancelled(p->blocking) ? LEAT_ECANCELLED
                                           : leat_pack_data(&p->writer, p->buffer, part);
        n -= part;
    }
    return r;
}

/* Some bytes of the file to the archive; where the format stores them as they are, without a copy.
 * Returns how many, 0 at the end of the file, or fails (negative); an errno is recorded. */
static ssize_t copy_some(struct leat_pack *p, int fd, uint64_t at, uint64_t most, const char *path)
{
    bool direct = !p->writer.ops->data;
    uint8_t *to = p->buffer;
    size_t room = LEAT_PACK_BUFFER;
    ssize_t n;
    int r = 0;

    if (direct)
        r = leat_pack_room(&p->writer.sink, &to, &room);
    else if (leat_is_cancelled(p->blocking))
        r = LEAT_ECANCELLED;
    if (r < 0)
        return r;
    do {
        n = pread(fd, to, most < room ? (size_t)most : room, (off_t)at);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return fail_read(p, path, errno);
    if (direct)
        leat_pack_put(&p->writer.sink, (size_t)n);
    else if (n > 0)
        r = leat_pack_data(&p->writer, p->buffer, (size_t)n);
    return r < 0 ? r : n;
}

/* Bytes [at, at + n) of the file. *ret_short: it ended before them; zeros take their place. */
static int copy_region(struct leat_pack *p, int fd, uint64_t at, uint64_t n, const char *path,
                       bool *ret_short)
{
    while (n > 0 && !*ret_short) {
        ssize_t done = copy_some(p, fd, at, n, path);

        if (done < 0)
            return (int)done;
        if (done == 0) {
            int r = note_changed(p, path, true, at);

            if (r < 0)
                return r;
            *ret_short = true;
        }
        at += (uint64_t)done;
        n -= (uint64_t)done;
    }
    return zeros(p, n);
}

/* The content from its regions; the header is written. */
static int copy_regions(struct leat_pack *p, int fd, const struct leat_entry *e, const char *path,
                        bool *ret_short)
{
    uint64_t at = 0;
    int r = 0;

    for (size_t i = 0; i < p->n_regions && r == 0; i++) {
        const struct leat_region *region = &p->regions[i];

        leat_assert(region->at >= at && region->at + region->n <= e->size);
        if (!e->regions)
            r = zeros(p, region->at - at);
        if (r == 0)
            r = copy_region(p, fd, region->at, region->n, path, ret_short);
        at = region->at + region->n;
    }
    return r == 0 && !e->regions ? zeros(p, e->size - at) : r;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Stored as regions only where that is shorter, and the format can. */
static void set_regions(struct leat_pack *p, struct leat_entry *e)
{
    bool whole = p->n_regions == 1 && p->regions[0].n == e->size;
    const struct leat_region *last = p->n_regions ? &p->regions[p->n_regions - 1] : NULL;

    e->regions = NULL;
    if (whole || !p->writer.holds->holes || p->params->no_sparse || p->params->reproducible)
        return;
    leat_assert(p->regions && p->n_regions < p->regions_size);
    if (!last || last->at + last->n < e->size) /* the end, as GNU tar marks it */
        p->regions[p->n_regions++] = (struct leat_region){.at = e->size};
    e->regions = p->regions;
    e->n_regions = p->n_regions;
}

static int write_content(struct leat_pack *p, int fd, struct leat_entry *e, const char *path,
                         bool *ret_short)
{
    int r;

    set_regions(p, e);
    r = leat_pack_header(&p->writer, e);
    if (r == 0)
        r = copy_regions(p, fd, e, path, ret_short);
    return r < 0 ? r : leat_pack_finish_entry(&p->writer);
}

/* A large file: what the first stat says goes into the header. */
static int stream(struct leat_pack *p, const struct leat_walk_entry *found, struct leat_entry *e)
{
    struct stat after;
    bool is_short = false;
    int r = leat_pack_holes(p, found->fd, &found->st);

    if (r == 0)
        r = write_content(p, found->fd, e, found->path, &is_short);
    if (r < 0)
        return r;
    if (fstat(found->fd, &after) < 0)
        return fail_read(p, found->path, errno);
    if (is_short || !differs(&found->st, &after))
        return 0;
    return note_changed(p, found->path, false, e->size);
}

/* Copy the file; *ret_n: its size. */
static int copy_to_spool(struct leat_pack *p, int fd, const char *path, uint64_t *ret_n)
{
    uint64_t at = 0;
    int r = p->spool ? 0 : begin_spool(p);

    if (r == 0 && ftruncate(p->spool - 1, 0) < 0)
        r = leat_fail_errno(p->stage, errno, "a temporary file in %s", spool_directory());
    for (size_t i = 0; i < p->n_regions && r == 0; i++) {
        uint64_t end = p->regions[i].at + p->regions[i].n;
        ssize_t n = 1;

        for (at = p->regions[i].at; at < end && n > 0 && r == 0; at += (uint64_t)n) {
            size_t most = end - at < LEAT_PACK_BUFFER ? (size_t)(end - at) : LEAT_PACK_BUFFER;

            if (leat_is_cancelled(p->blocking))
                return LEAT_ECANCELLED;
            n = read_at(fd, p->buffer, most, most, at);
            r = n < 0 ? fail_read(p, path, (int)-n) : write_spool(p, p->buffer, (size_t)n, at);
        }
    }
    *ret_n = at;
    return r;
}

/* A file whose size is not known, or that is to be copied until a copy is whole. */
static int spool(struct leat_pack *p, struct leat_walk_entry *found, struct leat_entry *e,
                 bool unknown)
{
    bool is_short = false;
    struct stat after;
    unsigned tries = 0;
    uint64_t n = 0;
    int r;

    for (;;) {
        r = leat_pack_holes(p, found->fd, &found->st);
        if (r == 0 && unknown) {
            p->n_regions = 1;
            p->regions[0] = (struct leat_region){.n = INT64_MAX};
        }
        if (r == 0)
            r = copy_to_spool(p, found->fd, found->path, &n);
        if (r < 0)
            return r;
        if (fstat(found->fd, &after) < 0)
            return fail_read(p, found->path, errno);
        if (!differs(&found->st, &after))
            break;
        if (tries++ == p->retries)
            return fail_changed(p, found->path);
        found->st = after;
    }
    if (unknown)
        p->regions[0].n = n;
    r = leat_pack_entry_again(p, found, unknown ? n : (uint64_t)found->st.st_size, e);
    return r < 0 ? r : write_content(p, p->spool - 1, e, found->path, &is_short);
}

static int write_small(struct leat_pack *p, const struct leat_walk_entry *found,
                       struct leat_entry *e, size_t n)
{
    int r = leat_pack_entry_again(p, found, n, e);

    if (r == 0)
        r = leat_pack_header(&p->writer, e);
    if (r == 0 && n > 0)
        r = leat_pack_data(&p->writer, p->buffer, n);
    return r < 0 ? r : leat_pack_finish_entry(&p->writer);
}

/* A small file: *ret_n is what was read, more than LEAT_PACK_BUFFER if there is more. Returns 0, an
 * errno, or fails (negative). */
static int read_small(struct leat_pack *p, struct leat_walk_entry *found, size_t *ret_n)
{
    unsigned tries = 0;

    for (;;) {
        struct stat after;
        size_t expected = (size_t)found->st.st_size;
        ssize_t n = read_at(found->fd, p->buffer, expected + 1, expected, 0);

        if (n > (ssize_t)expected && expected < LEAT_PACK_BUFFER) /* it does not tell its size */
            n = read_at(found->fd, p->buffer, LEAT_PACK_BUFFER + 1, LEAT_PACK_BUFFER + 1, 0);
        if (n < 0)
            return (int)-n;
        *ret_n = (size_t)n;
        if (n == 0 && expected == 0)
            return 0;
        if (fstat(found->fd, &after) < 0)
            return errno;
        if (!differs(&found->st, &after))
            return 0;
        if (p->on_change == LEAT_ON_CHANGE_WARN) {
            if (*ret_n > LEAT_PACK_BUFFER)
                *ret_n = LEAT_PACK_BUFFER;
            return note_changed(p, found->path, false, *ret_n);
        }
        if (p->on_change != LEAT_ON_CHANGE_RETRY || tries++ == p->retries)
            return fail_changed(p, found->path);
        found->st = after;
        if ((size_t)after.st_size > LEAT_PACK_BUFFER)
            return 0; /* it is a large one now */
    }
}

/* Is there room for the header, the content, and a byte that the file should not have? */
static bool has_room(struct leat_pack *p, const struct leat_walk_entry *found,
                     const struct leat_entry *e)
{
    const struct leat_pack_sink *sink = &p->writer.sink;
    size_t n = HEADER_ROOM + (size_t)found->st.st_size;

    return !p->writer.ops->data && found->st.st_size > 0 && strlen(e->name) < NAME_SHORT &&
           e->n_xattrs == 0 && !e->acl_access && !e->acl_default && sink->room &&
           sink->size - sink->used > n;
}

/* Write a small file that does not change. Returns 1; 0: nothing was written, as it is not whole or cannot be read; or fails. */
static int write_in_place(struct leat_pack *p, const struct leat_walk_entry *found,
                          struct leat_entry *e)
{
    struct leat_pack_sink before = p->writer.sink;
    size_t size = (size_t)found->st.st_size, room;
    struct stat after;
    uint8_t *to;
    int r = leat_pack_header(&p->writer, e);

    if (r == 0)
        r = leat_pack_room(&p->writer.sink, &to, &room);
    if (r < 0)
        return r;
    leat_assert(p->writer.sink.room == before.room && room > size);
    if (read_at(found->fd, to, size + 1, size, 0) != (ssize_t)size ||
        fstat(found->fd, &after) < 0 || differs(&found->st, &after)) {
        p->writer.sink = before;
        return 0;
    }
    leat_pack_put(&p->writer.sink, size);
    r = leat_pack_finish_entry(&p->writer);
    return r < 0 ? r : 1;
}

int leat_pack_file(struct leat_pack *p, struct leat_walk_entry *found, struct leat_entry *e,
                   bool *ret_written)
{
    bool small = found->st.st_size <= (off_t)LEAT_PACK_BUFFER;
    size_t n = 0;
    int r = 0;

    *ret_written = true;
    if (small && has_room(p, found, e))
        r = write_in_place(p, found, e);
    if (r != 0)
        return r < 0 ? r : 0;
    if (small) {
        r = read_small(p, found, &n);
        if (r > 0) {
            *ret_written = false;
            return leat_pack_unreadable(p, found->path, r);
        }
        if (r < 0)
            return r;
        if (n <= LEAT_PACK_BUFFER && found->st.st_size <= (off_t)LEAT_PACK_BUFFER)
            return write_small(p, found, e, n);
        return spool(p, found, e, found->st.st_size <= (off_t)LEAT_PACK_BUFFER);
    }
    return p->on_change == LEAT_ON_CHANGE_RETRY ? spool(p, found, e, false) : stream(p, found, e);
}
