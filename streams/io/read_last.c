/* read_last.c - where `read` begins if the next stage needs only the last bytes or records. */

#include "read_last.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/pipeline.h"

#define LOOK_MAX ((uint64_t)1 << 20) /* bytes searched in one step */

static bool is_standard(const char *name)
{
    return strcmp(name, "-") == 0;
}

static void close_file(struct leat_read_last *l)
{
    if (l->fd >= 0 && l->own)
        (void)close(l->fd); /* was only read */
    l->fd = -1;
}

static void finish(struct leat_read_last *l, bool found)
{
    l->done = true;
    l->found = found;
}

/* Read n bytes at an offset; false: they are not there. */
static bool read_at(int fd, uint8_t *to, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t r = pread(fd, to, n, (off_t)at);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return false;
        to += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return true;
}

/* Open the file. Files of /proc state the size 0, and those of /sys one that they do not have. */
static bool open_file(struct leat_stage *s, struct leat_read_last *l, const char *name, uint8_t *to)
{
    struct stat info;
    uint64_t size;
    off_t at;

    leat_assert(l->fd < 0);
    l->own = !is_standard(name);
    l->fd = l->own ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : STDIN_FILENO;
    if (l->fd < 0 || fstat(l->fd, &info) < 0 || !S_ISREG(info.st_mode))
        return false;
    at = lseek(l->fd, 0, SEEK_CUR);
    if (at < 0)
        return false;
    pthread_mutex_lock(&s->pipeline->lock);
    size = leat_claims_size(&s->pipeline->outputs.claims, &info); /* not what we append to it */
    pthread_mutex_unlock(&s->pipeline->lock);
    if (size > (uint64_t)info.st_size)
        size = (uint64_t)info.st_size;
    l->base = (uint64_t)at;
    l->at = size > l->base ? size : l->base;
    l->start = l->at - l->base; /* its length, until the search is over */
    if (l->start == 0)
        return !read_at(l->fd, to, 1, l->base);
    return read_at(l->fd, to, 1, l->at - 1);
}

/* Begin with the next file, from the last one to the first one. */
static bool next_file(struct leat_stage *s, struct leat_read_last *l,
                      const struct leat_strings *files, uint8_t *to)
{
    close_file(l);
    if (l->file == 0)
        return false; /* all bytes are needed */
    l->file--;
    return open_file(s, l, files->v[l->file], to);
}

/* The first byte that is needed is this one of the open file. */
static void found_at(struct leat_read_last *l, uint64_t at)
{
    leat_assert(at >= l->base && at - l->base <= l->start);
    l->bytes += l->start - (at - l->base);
    l->start = at - l->base;
    finish(l, true);
}

static void look_for_bytes(struct leat_read_last *l)
{
    if (l->left <= l->start) {
        found_at(l, l->at - l->left);
        return;
    }
    l->left -= l->start;
    l->at = l->base;
}

/* Search the block before `at`. Returns false if it cannot be read. */
static bool look_for_ends(struct leat_read_last *l, uint8_t delimiter, uint8_t *to, size_t room)
{
    size_t n = l->at - l->base < room ? (size_t)(l->at - l->base) : room;
    const uint8_t *hit;

    leat_assert(n > 0 && l->left > 0);
    if (!read_at(l->fd, to, n, l->at - n))
        return false;
    l->looked += n;
    l->at -= n;
    while ((hit = memrchr(to, delimiter, n))) {
        n = (size_t)(hit - to);
        if (--l->left == 0) {
            found_at(l, l->at + n + 1);
            break;
        }
    }
    return true;
}

/* Is it a regular file? A FIFO must not be opened to find out, as its writer would go on, and what it writes would be
 * lost when the FIFO is closed again. */
static bool is_regular(const char *name)
{
    struct stat info;
    int r = is_standard(name) ? fstat(STDIN_FILENO, &info) : stat(name, &info);

    return r == 0 && S_ISREG(info.st_mode);
}

/* The number of ends to count: for records one more, that of the record before the first one that is needed. */
static void begin(struct leat_stage *s, struct leat_read_last *l, const struct leat_strings *files)
{
    const struct leat_last *last = &s->info->last;

    *l = (struct leat_read_last){.begun = true, .fd = -1, .file = files->n};
    l->left = last->count;
    if (!last->bytes && l->left < UINT64_MAX)
        l->left++;
    if (last->bytes && l->left > leat_memory_limit(s))
        finish(l, false);
    for (size_t i = 0; i < files->n; i++) {
        bool shared =
            files->n > 1 && is_standard(files->v[i]); /* it may be there twice, and is read once */

        if (shared || !is_regular(files->v[i]))
            finish(l, false);
    }
}

int leat_read_last_step(struct leat_stage *s, struct leat_read_last *l,
                        const struct leat_strings *files, uint8_t *to, size_t room)
{
    const struct leat_last *last = &s->info->last;
    uint64_t looked;

    leat_assert(last->given && room > 0);
    if (!l->begun)
        begin(s, l, files);
    looked = l->looked;
    while (!l->done && (l->looked - looked < LOOK_MAX || l->at == l->base)) {
        bool good = true;

        if (l->fd < 0 || l->at == l->base) {
            l->bytes += l->fd < 0 ? 0 : l->start;
            good = next_file(s, l, files, to);
            if (good && last->bytes)
                look_for_bytes(l);
        } else {
            good = look_for_ends(l, last->delimiter, to, room) && l->looked < leat_memory_limit(s);
        }
        if (!good)
            finish(l, false);
    }
    if (l->done) {
        close_file(l);
        return LEAT_MORE;
    }
    leat_assert(l->fd >= 0 && l->at > l->base);
    leat_wait_fd(s, l->fd, false); /* a file is always ready */
    return LEAT_WAIT;
}

void leat_read_last_done(struct leat_read_last *l)
{
    if (l->begun)
        close_file(l);
}
