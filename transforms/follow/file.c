/* file.c - one open file that is followed: whole lines after an offset, and whether it is still the same content.
 *
 * A file that is truncated and grows beyond the old offset before anybody looks cannot be told by its size. The
 * first bytes of the file, and those before the offset, are thus compared at each read, and once more after it: a
 * read call is not atomic, and may return the end of the old content and then bytes of the new one.
 */

#include "file.h"

#include "base/invariant.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM_FIRST ((size_t)128 << 10)

/* Returns the number of bytes, fewer only at the end of the file, or -errno. */
static ssize_t read_at(int fd, uint8_t *to, size_t n, uint64_t offset)
{
    size_t got = 0;

    while (got < n) {
        ssize_t r = pread(fd, to + got, n - got, (off_t)(offset + got));

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

int leat_follow_buffer_open(struct leat_stage *s, struct leat_follow_buffer *b)
{
    b->room = ROOM_FIRST;
    leat_assert(b->line_max >= 1 && b->line_max <= FOLLOW_LINE_MAX);
    b->memory = leat_alloc_raw(s, FOLLOW_TAIL + b->room);
    return b->memory ? 0 : LEAT_ENOMEM;
}

void leat_follow_buffer_close(struct leat_stage *s, struct leat_follow_buffer *b)
{
    leat_free(s, b->memory);
    b->memory = NULL;
}

/* A line does not fit: twice the room. Its start is read again. */
static int grow(struct leat_stage *s, struct leat_follow_buffer *b)
{
    size_t room = b->room * 2;
    uint8_t *more;

    leat_assert(b->room <= FOLLOW_LINE_MAX);
    more = leat_alloc_raw(s, FOLLOW_TAIL + room);
    if (!more)
        return LEAT_ENOMEM;
    leat_free(s, b->memory);
    b->memory = more;
    b->room = room;
    return 0;
}

static bool has_head(const struct leat_follow_file *f, int fd)
{
    uint8_t head[FOLLOW_HEAD];

    return read_at(fd, head, f->head_len, 0) == (ssize_t)f->head_len &&
           memcmp(head, f->head, f->head_len) == 0;
}

/* Are these bytes in the file, at least the first of them? */
static bool has_first(const struct leat_follow_file *f, const uint8_t *data, size_t n)
{
    uint8_t first[FOLLOW_HEAD];

    n = n < sizeof first ? n : sizeof first;
    return read_at(f->fd, first, n, f->offset - f->tail_len) == (ssize_t)n &&
           memcmp(first, data, n) == 0;
}

bool leat_follow_file_is_same(const struct leat_follow_file *f, int fd)
{
    uint8_t tail[FOLLOW_TAIL];

    return has_head(f, fd) &&
           read_at(fd, tail, f->tail_len, f->offset - f->tail_len) == (ssize_t)f->tail_len &&
           memcmp(tail, f->tail, f->tail_len) == 0;
}

static int begin_again(struct leat_follow_file *f)
{
    bool was_read = f->offset > 0;

    f->offset = f->scanned = f->cut_end = 0;
    f->head_len = f->tail_len = 0;
    return was_read ? FOLLOW_TRUNCATED : FOLLOW_AGAIN;
}

int leat_follow_file_skip(struct leat_stage *s, struct leat_follow_file *f, const char *name,
                          uint64_t offset)
{
    size_t head = offset < FOLLOW_HEAD ? (size_t)offset : FOLLOW_HEAD;
    size_t tail = offset < FOLLOW_TAIL ? (size_t)offset : FOLLOW_TAIL;
    ssize_t n = read_at(f->fd, f->head, head, 0);

    if (n >= 0)
        n = read_at(f->fd, f->tail, tail, offset - tail);
    if (n < 0)
        return leat_fail_errno(s, (int)-n, "%s", name);
    f->offset = offset;
    f->head_len = head;
    f->tail_len =
        tail; /* if the file became shorter meanwhile, they differ, and it is read from its start */
    f->scanned = f->cut_end = 0;
    return 0;
}

/* The start of the first line in n bytes that is longer than `most`, which may have no end; n: there is none. */
static size_t find_long(const uint8_t *data, size_t n, size_t most)
{
    size_t at = 0;

    while (n - at > most) {
        const uint8_t *end = memrchr(data + at, '\n', most + 1);

        if (!end)
            return at;
        at = (size_t)(end - data) + 1;
    }
    return n;
}

/* Look for the end of the line at the offset. Returns 1: it is *ret_end; 0: it is not written yet; or fails the stage. */
static int find_end(struct leat_stage *s, struct leat_follow_file *f, const char *name,
                    struct leat_follow_buffer *b, uint64_t *ret_end)
{
    for (;;) {
        ssize_t n = read_at(f->fd, b->memory, b->room, f->offset + f->scanned);
        const uint8_t *end = n > 0 ? memchr(b->memory, '\n', (size_t)n) : NULL;

        if (n < 0)
            return leat_fail_errno(s, (int)-n, "%s", name);
        *ret_end = f->offset + f->scanned + (uint64_t)(end ? end - b->memory + 1 : n);
        if (end)
            return 1;
        f->scanned += (uint64_t)n;
        if ((size_t)n < b->room)
            return f->final;
    }
}

/* The line at the offset is too long. Returns enum leat_follow_found, or fails the stage. */
static int read_long(struct leat_stage *s, struct leat_follow_file *f, const char *name,
                     struct leat_follow_buffer *b, size_t *ret_len)
{
    uint64_t end = 0;
    int r;

    if (b->longer == FOLLOW_LONG_FAIL)
        return leat_fail(
            s, LEAT_ELIMIT,
            "%s: the line at byte %ju is longer than %zu bytes; see --line-max and --long", name,
            (uintmax_t)f->offset, b->line_max);
    r = find_end(s, f, name, b, &end);
    if (r <= 0)
        return r < 0 ? r : FOLLOW_NOTHING;
    if (b->n_longer++ == 0)
        leat_warning(s, "%s: the line at byte %ju is longer than %zu bytes, and was %s", name,
                     (uintmax_t)f->offset, b->line_max,
                     b->longer == FOLLOW_LONG_CUT ? "cut" : "left out");
    if (b->longer == FOLLOW_LONG_SKIP) {
        r = leat_follow_file_skip(s, f, name, end);
        return r < 0 ? r : FOLLOW_AGAIN;
    }
    while (b->room <= b->line_max)
        if (grow(s, b) < 0)
            return LEAT_ENOMEM;
    if (read_at(f->fd, b->memory + FOLLOW_TAIL, b->line_max, f->offset) != (ssize_t)b->line_max)
        return begin_again(f);
    b->memory[FOLLOW_TAIL + b->line_max] = '\n';
    *ret_len = b->line_max + 1;
    f->cut_end = end;
    return FOLLOW_LINES;
}

int leat_follow_file_read(struct leat_stage *s, struct leat_follow_file *f, const char *name,
                          struct leat_follow_buffer *b, size_t *ret_len)
{
    for (;;) {
        uint8_t *from = b->memory + FOLLOW_TAIL - f->tail_len, *data = b->memory + FOLLOW_TAIL;
        bool same = has_head(f, f->fd);
        ssize_t n = read_at(f->fd, from, f->tail_len + b->room, f->offset - f->tail_len);
        const uint8_t *end;
        size_t got, first;

        if (n < 0)
            return leat_fail_errno(s, (int)-n, "%s", name);
        if (!same || (size_t)n < f->tail_len || memcmp(from, f->tail, f->tail_len) != 0)
            return begin_again(f);
        if (!has_head(f, f->fd) || !has_first(f, from, (size_t)n))
            return begin_again(f);
        got = (size_t)n - f->tail_len;
        first = find_long(data, got, b->line_max);
        if (first == 0 && got > 0)
            return read_long(s, f, name, b, ret_len);
        got = first;
        end = got > 0 ? memrchr(data, '\n', got) : NULL;
        if (end || (f->final && got > 0)) {
            *ret_len = end ? (size_t)(end - data) + 1 : got;
            return FOLLOW_LINES;
        }
        if (got < b->room)
            return FOLLOW_NOTHING;
        if (grow(s, b) < 0)
            return LEAT_ENOMEM;
    }
}

/* Returns the offset after the last line end before `end`, or -errno. */
static int64_t line_start(const struct leat_follow_file *f, const struct leat_follow_buffer *b,
                          uint64_t end)
{
    while (end > 0) {
        size_t n = end < b->room ? (size_t)end : b->room;
        ssize_t got = read_at(f->fd, b->memory, n, end - n);
        const uint8_t *last = got > 0 ? memrchr(b->memory, '\n', (size_t)got) : NULL;

        if (got < 0)
            return got;
        if (last)
            return (int64_t)(end - n) + (last - b->memory) + 1;
        end -= n;
    }
    return 0;
}

int leat_follow_file_seek_end(struct leat_stage *s, struct leat_follow_file *f, const char *name,
                              const struct leat_follow_buffer *b)
{
    struct stat info;
    int64_t at = fstat(f->fd, &info) < 0 ? -errno : line_start(f, b, (uint64_t)info.st_size);

    return at < 0 ? leat_fail_errno(s, (int)-at, "%s", name)
                  : leat_follow_file_skip(s, f, name, (uint64_t)at);
}

void leat_follow_file_advance(struct leat_follow_file *f, const struct leat_follow_buffer *b,
                              size_t at, size_t n)
{
    const uint8_t *data = b->memory + FOLLOW_TAIL + at;
    size_t more = n < FOLLOW_HEAD - f->head_len ? n : FOLLOW_HEAD - f->head_len;
    size_t known = f->tail_len + n;

    memcpy(f->head + f->head_len, data, more); /* below FOLLOW_HEAD it ends at the offset */
    f->head_len += more;
    f->tail_len = known < FOLLOW_TAIL ? known : FOLLOW_TAIL;
    memcpy(f->tail, data + n - f->tail_len, f->tail_len);
    f->offset += n;
}

/* A lease for reading is refused while the file is open for writing. It is given back at once; if somebody opens
 * the file in that instant, the kernel tells this process with a signal, here one that is ignored by default. */
bool leat_follow_file_unwritten(const struct leat_follow_file *f)
{
    if (fcntl(f->fd, F_SETSIG, SIGURG) < 0 || fcntl(f->fd, F_SETLEASE, F_RDLCK) < 0)
        return false;
    (void)fcntl(f->fd, F_SETLEASE, F_UNLCK); /* it is held, or was broken */
    return true;
}
