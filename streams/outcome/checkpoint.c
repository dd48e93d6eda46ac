/* checkpoint.c - the position in a source up to which all output is committed.
 *
 * The file is a line that names the format, and then one position or two: the length in a line, the bytes, a line end. After
 * the second one, a line has the device and the inode of the file that tells, and the next line its path.
 */

#include "checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/invariant.h"
#include "checkpoint_lock.h"

#define FIRST_LINE "leat checkpoint 1\n"
#define FILE_MAX ((off_t)64 << 20)

struct position {
    struct position *next;
    uint64_t number;
    size_t n;
    uint8_t data[];
};

struct leat_checkpoint {
    pthread_mutex_t lock;
    char *path, *temporary;
    struct leat_checkpoint_lock held;
    struct position *first, **last; /* those that no commit has reached, by number */
    uint64_t number;                /* of the last one */
    uint8_t *kept;                  /* in the file; NULL: nothing */
    size_t n_kept;
};

struct leat_checkpoint *leat_checkpoint_new(const char *path)
{
    struct leat_checkpoint *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    if (pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return NULL;
    }
    c->last = &c->first;
    c->held.fd = -1;
    c->path = strdup(path);
    if (asprintf(&c->temporary, "%s.tmp", path) < 0)
        c->temporary = NULL;
    if (c->path && c->temporary)
        return c;
    leat_checkpoint_free(c);
    return NULL;
}

/* Free those with smaller numbers. Under the lock, or alone. */
static void forget_before(struct leat_checkpoint *c, uint64_t number)
{
    while (c->first && c->first->number < number) {
        struct position *p = c->first;

        c->first = p->next;
        free(p);
    }
    if (!c->first)
        c->last = &c->first;
    leat_assert(!*c->last);
    leat_assert(!c->first || c->first->number <= c->number);
}

void leat_checkpoint_free(struct leat_checkpoint *c)
{
    if (!c)
        return;
    leat_checkpoint_unlock(c);
    forget_before(c, UINT64_MAX);
    leat_assert(!c->first);
    pthread_mutex_destroy(&c->lock);
    free(c->kept);
    free(c->temporary);
    free(c->path);
    free(c);
}

const char *leat_checkpoint_path(const struct leat_checkpoint *c)
{
    return c->path;
}

int leat_checkpoint_lock(struct leat_checkpoint *c, char ret_holder[LEAT_LOCK_HOLDER])
{
    char *path;

    if (asprintf(&path, "%s.lock", c->path) < 0)
        return -ENOMEM;
    return leat_checkpoint_lock_take(&c->held, path, ret_holder);
}

void leat_checkpoint_unlock(struct leat_checkpoint *c)
{
    leat_checkpoint_lock_release(&c->held);
}

/* --- the file ---------------------------------------------------------------------------------- */

static int write_all(int fd, const void *data, size_t n)
{
    const uint8_t *from = data;

    while (n > 0) {
        ssize_t r = write(fd, from, n);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        from += r;
        n -= (size_t)r;
    }
    return 0;
}

static int write_position(int fd, const uint8_t *data, size_t n)
{
    char line[32];
    int len = snprintf(line, sizeof line, "%zu\n", n), r = write_all(fd, line, (size_t)len);

    if (r == 0)
        r = write_all(fd, data, n);
    return r == 0 ? write_all(fd, "\n", 1) : r;
}

static int write_proof(int fd, const struct leat_checkpoint_proof *proof)
{
    char *lines, here[PATH_MAX] = "";
    bool relative = proof->path[0] != '/';
    int len, r;

    leat_assert(proof->ino != 0);
    if (relative && !getcwd(here, sizeof here))
        return -errno;
    len = asprintf(&lines, "%ju %ju\n%s%s%s\n", (uintmax_t)proof->dev, (uintmax_t)proof->ino, here,
                   relative ? "/" : "", proof->path);
    if (len < 0)
        return -ENOMEM;
    r = write_all(fd, lines, (size_t)len);
    free(lines);
    return r;
}

/* Returns 0 or -errno; closes fd. */
static int sync_and_close(int fd)
{
    int r;

    leat_assert(fd >= 0);
    r = fsync(fd) < 0 ? -errno : 0;

    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = slash == path ? strdup("/")
                 : slash       ? strndup(path, (size_t)(slash - path))
                               : strdup(".");
    int fd = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int r = !name ? -ENOMEM : fd < 0 ? -errno : 0;

    free(name);
    if (r < 0)
        return r;
    r = fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP ? -errno
                                                             : 0; /* not every file system can */
    (void)close(fd);                                              /* nothing was written */
    return r;
}

/* Replace the file: what is kept (if anything), then the position to come and its proof, if there is one. */
static int replace(const struct leat_checkpoint *c, const uint8_t *kept, size_t n_kept,
                   const struct position *next, const struct leat_checkpoint_proof *proof)
{
    int fd = open(c->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), r, failed;

    leat_assert(n_kept == 0 || kept);
    leat_assert(!next == !proof);
    if (fd < 0)
        return -errno;
    r = write_all(fd, FIRST_LINE, strlen(FIRST_LINE));
    if (r == 0)
        r = write_position(fd, kept, n_kept);
    if (r == 0 && next)
        r = write_position(fd, next->data, next->n);
    if (r == 0 && next)
        r = write_proof(fd, proof);
    failed = sync_and_close(fd);
    r = r < 0 ? r : failed;
    if (r == 0 && rename(c->temporary, c->path) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(c->temporary); /* the error before counts */
    return r < 0 ? r : sync_directory(c->path);
}

/* --- reading ----------------------------------------------------------------------------------- */

/* The rest of the file's text. */
struct rest {
    const char *at, *end;
};

/* The line without its end, which is replaced by a NUL. NULL: there is none. */
static const char *take_line(struct rest *rest)
{
    const char *line = rest->at;
    char *end = memchr(line, '\n', (size_t)(rest->end - line));

    leat_assert(rest->at <= rest->end);
    if (!end)
        return NULL;
    *end = '\0';
    rest->at = end + 1;
    return line;
}

static bool take_position(struct rest *rest, const uint8_t **ret_data, size_t *ret_n)
{
    const char *line = take_line(rest);
    char *end;
    unsigned long long n = line && *line ? strtoull(line, &end, 10) : ULLONG_MAX;

    if (!line || !*line || *end || n >= (size_t)(rest->end - rest->at) || rest->at[n] != '\n')
        return false;
    *ret_data = (const uint8_t *)rest->at;
    *ret_n = n;
    rest->at += n + 1;
    return true;
}

/* Is the file in place that the commit would have put there? Returns 1 or 0; -EBADMSG: the lines are no proof. */
static int is_committed(struct rest *rest)
{
    const char *line = take_line(rest), *path = line ? take_line(rest) : NULL;
    uintmax_t dev, ino;
    struct stat info;

    if (!path || sscanf(line, "%ju %ju", &dev, &ino) != 2)
        return -EBADMSG;
    return stat(path, &info) == 0 && info.st_dev == dev && info.st_ino == ino;
}

/* Take the position that holds from the text of the file, which is changed. */
static int parse(struct leat_checkpoint *c, char *text, size_t n)
{
    struct rest rest = {.at = text, .end = text + n};
    const uint8_t *data, *next;
    size_t len, next_len;
    int r = 0;

    if (n < strlen(FIRST_LINE) || memcmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0)
        return -EBADMSG;
    rest.at += strlen(FIRST_LINE);
    if (!take_position(&rest, &data, &len))
        return -EBADMSG;
    if (rest.at < rest.end) {
        if (!take_position(&rest, &next, &next_len))
            return -EBADMSG;
        r = is_committed(&rest);
        if (r < 0 || rest.at < rest.end)
            return -EBADMSG;
        data = r > 0 ? next : data;
        len = r > 0 ? next_len : len;
    }
    leat_assert(data + len < (const uint8_t *)rest.end);
    c->kept = malloc(len > 0 ? len : 1);
    if (!c->kept)
        return -ENOMEM;
    memcpy(c->kept, data, len);
    c->n_kept = len;
    return 0;
}

static int read_all(int fd, char *to, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t r = read(fd, to + got, n - got);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -EBADMSG;
        got += (size_t)r;
    }
    return 0;
}

int leat_checkpoint_read(struct leat_checkpoint *c)
{
    int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
    struct stat info;
    char *text = NULL;

    leat_assert(!c->kept);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    r = fstat(fd, &info) < 0 ? -errno : 0;
    if (r == 0 && (!S_ISREG(info.st_mode) || info.st_size > FILE_MAX))
        r = -EBADMSG;
    if (r == 0) {
        text = malloc((size_t)info.st_size + 1);
        r = text ? read_all(fd, text, (size_t)info.st_size) : -ENOMEM;
    }
    if (r == 0)
        r = parse(c, text, (size_t)info.st_size);
    free(text);
    (void)close(fd); /* it was only read */
    return r;
}

/* --- positions --------------------------------------------------------------------------------- */

size_t leat_checkpoint_kept(const struct leat_checkpoint *c, const uint8_t **ret_data)
{
    *ret_data = c->kept;
    return c->n_kept;
}

uint64_t leat_checkpoint_add(struct leat_checkpoint *c, const void *data, size_t n)
{
    struct position *p = malloc(sizeof *p + n);
    uint64_t number;

    if (!p)
        return 0;
    p->next = NULL;
    p->n = n;
    memcpy(p->data, data, n);
    pthread_mutex_lock(&c->lock);
    leat_assert(!*c->last);
    number = p->number = ++c->number;
    *c->last = p;
    c->last = &p->next;
    pthread_mutex_unlock(&c->lock);
    return number;
}

uint64_t leat_checkpoint_last(struct leat_checkpoint *c)
{
    uint64_t number;

    pthread_mutex_lock(&c->lock);
    number = c->number;
    pthread_mutex_unlock(&c->lock);
    return number;
}

void leat_checkpoint_reached(struct leat_checkpoint *c, uint64_t number)
{
    pthread_mutex_lock(&c->lock);
    forget_before(c, number);
    pthread_mutex_unlock(&c->lock);
}

/* The position of that number, which becomes the first one. */
static const struct position *find(struct leat_checkpoint *c, uint64_t number)
{
    const struct position *p;

    leat_assert(number > 0);
    leat_checkpoint_reached(c, number);
    pthread_mutex_lock(&c->lock);
    leat_assert(number <= c->number);
    p = c->first;
    pthread_mutex_unlock(&c->lock);
    leat_assert(p && p->number == number);
    return p;
}

int leat_checkpoint_begin(struct leat_checkpoint *c, uint64_t number,
                          const struct leat_checkpoint_proof *proof)
{
    const struct position *p = find(c, number);

    return proof->path ? replace(c, c->kept, c->n_kept, p, proof) : 0;
}

int leat_checkpoint_end(struct leat_checkpoint *c, uint64_t number)
{
    const struct position *p = find(c, number);
    uint8_t *kept = malloc(p->n > 0 ? p->n : 1);
    int r = kept ? replace(c, p->data, p->n, NULL, NULL) : -ENOMEM;

    if (r < 0) {
        free(kept);
        return r;
    }
    memcpy(kept, p->data, p->n);
    free(c->kept);
    c->kept = kept;
    c->n_kept = p->n;
    return 0;
}
