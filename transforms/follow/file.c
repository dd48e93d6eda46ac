/* file.c - one open file that is followed: whole lines after an offset, and whether it is still the same content.
 *
 * A file that is truncated and grows beyond the old offset before anybody looks cannot be told by its size. The
 * first bytes of the file, and those before the offset, are thus compared at each read, and once more after it: a
 * read call is not atomic, and may return the end of the old content and then bytes of the new one.
 */

#include "file.h"

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
    b->memory = leat_alloc_raw(s, FOLLOW_TAIL + b->room);
    return b->memory ? 0 : LEAT_ENOMEM;
}

void leat_follow_buffer_close(struct leat_stage *s, struct leat_follow_buffer *b)
{
    leat_free(s, b->memory);
    b->memory = NULL;
}

/* A line does not fit: twice the room. Its start is read again. */
static int grow(struct leat_stage *s, struct leat_follow_buffer *b, const char *name,
                uint64_t offset)
{
    size_t room = b->room * 2;
    uint8_t *more;

    if (b->room >= FOLLOW_LINE_MAX)
        return leat_fail(s, LEAT_ELIMIT,
                         "%s: the line at byte %ju is longer than %zu MiB: it is no text; see read",
                         name, (uintmax_t)offset, FOLLOW_LINE_MAX >> 20);
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

    f->offset = 0;
    f->head_len = f->tail_len = 0;
    return was_read ? FOLLOW_TRUNCATED : FOLLOW_AGAIN;
}

int leat_follow_file_read(struct leat_stage *s, struct leat_follow_file *f, const char *name,
                          struct leat_follow_buffer *b, size_t *ret_len)
{
    for (;;) {
        uint8_t *from = b->memory + FOLLOW_TAIL - f->tail_len, *data = b->memory + FOLLOW_TAIL;
        bool same = has_head(f, f->fd);
        ssize_t n = read_at(f->fd, from, f->tail_len + b->room, f->offset - f->tail_len);
        const uint8_t *end;
        size_t got;
        int r;

        if (n < 0)
            return leat_fail_errno(s, (int)-n, "%s", name);
        if (!same || (size_t)n < f->tail_len || memcmp(from, f->tail, f->tail_len) != 0)
            return begin_again(f);
        if (!has_head(f, f->fd) || !has_first(f, from, (size_t)n))
            return begin_again(f);
        got = (size_t)n - f->tail_len;
        end = got > 0 ? memrchr(data, '\n', got) : NULL;
        if (end || (f->final && got > 0)) {
            *ret_len = end ? (size_t)(end - data) + 1 : got;
            return FOLLOW_LINES;
        }
        if (got < b->room)
            return FOLLOW_NOTHING;
        r = grow(s, b, name, f->offset);
        if (r < 0)
            return r;
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
    uint64_t start = at > 0 ? (uint64_t)at : 0;
    size_t head = start < FOLLOW_HEAD ? (size_t)start : FOLLOW_HEAD;
    size_t tail = start < FOLLOW_TAIL ? (size_t)start : FOLLOW_TAIL;
    ssize_t n = at < 0 ? (ssize_t)at : read_at(f->fd, f->head, head, 0);

    if (n >= 0)
        n = read_at(f->fd, f->tail, tail, start - tail);
    if (n < 0)
        return leat_fail_errno(s, (int)-n, "%s", name);
    f->offset = start;
    f->head_len = head;
    f->tail_len =
        tail; /* if the file became shorter meanwhile, they differ, and it is read from its start */
    return 0;
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
