/* members.c - finds the members of a BGZF file by their headers, and by an index. */

#include "members.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../cmd.h"

#define HEAD 12u       /* of a gzip member with an extra field, and the length of that */
#define HEAD_USUAL 18u /* with an extra field that has only the size */
#define EXTRA_MAX 65535u
#define TRAILER 4u /* bytes at the end of a member: the size of its content */
#define FLAG_EXTRA 4u
#define CONTENT_MAX 65536u
#define INDEX_HEAD 8u /* the number of entries; each has two offsets: in the file and decoded */
#define INDEX_ENTRY 16u

static uint64_t le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

/* Read up to n bytes; fewer at the end of the file. Returns how many, or -1 and errno. */
static ssize_t read_up_to(int fd, uint8_t *to, size_t n, uint64_t at)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = pread(fd, to + have, n - have, (off_t)(at + have));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

static int fail(struct members *m, uint64_t at, int code)
{
    m->bad_at = at;
    return code;
}

/* --- one member ------------------------------------------------------------------------------- */

/* The size of the member by its extra field, or 0. */
static uint32_t size_in(const uint8_t *extra, size_t n)
{
    for (size_t at = 0; at + 4 <= n; at += 4 + (size_t)le(extra + at + 2, 2))
        if (memcmp(extra + at, "BC\2\0", 4) == 0 && at + 6 <= n)
            return (uint32_t)le(extra + at + 4, 2) + 1;
    return 0;
}

/* Are there only zeros up to the end of the file? */
static int is_padding(struct members *m, uint64_t at)
{
    uint8_t piece[4096];

    while (at < m->size) {
        ssize_t n = read_up_to(m->fd, piece, sizeof piece, at);

        if (n <= 0)
            return n < 0 ? LEAT_EIO : true; /* it became shorter: its identity is checked later */
        for (ssize_t i = 0; i < n; i++)
            if (piece[i] != 0)
                return false;
        at += (uint64_t)n;
    }
    return true;
}

int members_read(struct members *m, uint64_t at, struct member *ret)
{
    uint8_t head[HEAD + EXTRA_MAX], tail[TRAILER];
    ssize_t n = at < m->size ? read_up_to(m->fd, head, HEAD_USUAL, at) : 0;
    size_t extra;
    int padding;

    *ret = (struct member){.at = at};
    if (n < 0)
        return fail(m, at, LEAT_EIO);
    if (n == 0)
        return 0;
    if (head[0] == 0) {
        padding = is_padding(m, at);
        return padding == true ? 0 : fail(m, at, padding < 0 ? padding : LEAT_ECORRUPT);
    }
    if (memcmp(head, "\x1f\x8b\x08", n < 3 ? (size_t)n : 3) != 0)
        return fail(m, at, LEAT_ECORRUPT);
    if ((size_t)n < HEAD_USUAL)
        return fail(m, m->size, LEAT_ETRUNCATED);
    extra = head[3] & FLAG_EXTRA ? (size_t)le(head + 10, 2) : 0;
    if (HEAD + extra > HEAD_USUAL) {
        n = read_up_to(m->fd, head, HEAD + extra, at);
        if (n < (ssize_t)(HEAD + extra))
            return fail(m, m->size, n < 0 ? LEAT_EIO : LEAT_ETRUNCATED);
    }
    ret->size = size_in(head + HEAD, extra);
    if (ret->size <= HEAD + extra + TRAILER)
        return fail(m, at, LEAT_ECORRUPT);
    if (ret->size > m->size - at)
        return fail(m, m->size, LEAT_ETRUNCATED);
    n = read_up_to(m->fd, tail, TRAILER, at + ret->size - TRAILER);
    if (n < (ssize_t)TRAILER)
        return fail(m, m->size, n < 0 ? LEAT_EIO : LEAT_ETRUNCATED);
    ret->content = (uint32_t)le(tail, TRAILER);
    return ret->content <= CONTENT_MAX ? 0 : fail(m, at, LEAT_ECORRUPT);
}

/* --- the index -------------------------------------------------------------------------------- */

/* The offset in the file that an entry has. */
static int entry(const struct members *m, uint64_t i, uint64_t *ret)
{
    uint8_t data[INDEX_ENTRY];
    ssize_t n = read_up_to(m->index_fd, data, sizeof data, INDEX_HEAD + i * INDEX_ENTRY);

    if (n < (ssize_t)sizeof data)
        return n < 0 ? LEAT_EIO : LEAT_ECORRUPT;
    *ret = le(data, 8);
    return 0;
}

void members_open(struct members *m, int fd, uint64_t size, const char *path)
{
    struct stat info, of_index;
    char name[4096];
    uint8_t head[INDEX_HEAD];
    int n = snprintf(name, sizeof name, "%s.gzi", path);

    *m = (struct members){.fd = fd, .index_fd = -1, .size = size};
    if (n < 0 || (size_t)n >= sizeof name)
        return;
    m->index_fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (m->index_fd < 0)
        return;
    if (fstat(m->index_fd, &of_index) < 0 || fstat(fd, &info) < 0 || !S_ISREG(of_index.st_mode) ||
        of_index.st_mtime < info.st_mtime ||
        read_up_to(m->index_fd, head, sizeof head, 0) < (ssize_t)sizeof head) {
        members_forget(m);
        return;
    }
    m->index_entries = le(head, 8);
    if (m->index_entries > size / HEAD_USUAL ||
        (uint64_t)of_index.st_size != INDEX_HEAD + m->index_entries * INDEX_ENTRY)
        members_forget(m);
}

void members_forget(struct members *m)
{
    members_done(m);
    m->index_entries = 0;
}

void members_done(struct members *m)
{
    if (m->index_fd >= 0)
        (void)close(m->index_fd); /* it was only read */
    m->index_fd = -1;
}

int members_near(struct members *m, uint64_t at, uint64_t least, uint64_t *ret)
{
    uint64_t low = 0, high = m->index_entries, place = 0;
    struct member member;
    int r = 0;

    *ret = least;
    while (low < high &&
           r == 0) { /* entries below `low` have places below `at`, and none from `high` on */
        uint64_t middle = low + (high - low) / 2;

        r = entry(m, middle, &place);
        if (place < at)
            low = middle + 1;
        else
            high = middle;
    }
    if (r < 0 || low < 2)
        return r;
    r = entry(m, low - 2, &place);
    if (r < 0 || place <= least)
        return r;
    r = place < at ? members_read(m, place, &member) : LEAT_ECORRUPT;
    if (r < 0 || member.size == 0)
        return r == LEAT_EIO ? r : LEAT_ECORRUPT;
    *ret = place;
    return 0;
}
