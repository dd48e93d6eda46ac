/* stale.c - names of temporaries, and the ones that nobody owns any more. */

#include "stale.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../grow.h"

#define MARK ".leat-"
#define OLD ".old"
#define DIGITS 16u
#define NAME_BYTES 200u /* of the name, so that no file system finds the whole too long */
#define GUARD_PLACE ((off_t)0x6c656174) /* "leat" */
#define LOOK_MAX 32768u /* names of a directory: a larger one would take longer than many a job */

/* --- names ------------------------------------------------------------------------------------ */

/* FNV-1a: two long names must not have the same temporaries. */
static uint64_t hash(const char *text)
{
    uint64_t h = 14695981039346656037u;

    for (const char *c = text; *c; c++)
        h = (h ^ (uint8_t)*c) * 1099511628211u;
    return h;
}

/* The part of a temporary's name that says of which name it is. NULL: out of memory. */
static char *prefix_of(const char *name)
{
    size_t n = strlen(name);
    char *prefix;
    int r;

    if (n <= NAME_BYTES) {
        r = asprintf(&prefix, ".%s" MARK, name);
    } else {
        n = NAME_BYTES - DIGITS - 1;
        while (n > 0 && ((uint8_t)name[n] & 0xc0) == 0x80) /* UTF-8 is not cut in a character */
            n--;
        r = asprintf(&prefix, ".%.*s~%016" PRIx64 MARK, (int)n, name, hash(name));
    }
    return r < 0 ? NULL : prefix;
}

/* The names need not be secret, as each file is created anew: they must not be guessed by chance. */
static uint64_t random_number(void)
{
    struct timespec now = {0};
    uint64_t n;

    if (getrandom(&n, sizeof n, GRND_NONBLOCK) == sizeof n)
        return n;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* soon after the machine's start */
    return ((uint64_t)now.tv_nsec << 32 | (uint32_t)getpid()) * 0x9e3779b97f4a7c15u;
}

char *leat_temporary_name(const char *name, bool old)
{
    char *prefix = prefix_of(name), *temp = NULL;

    if (prefix &&
        asprintf(&temp, "%s%016" PRIx64 "%s", prefix, random_number(), old ? OLD : "") < 0)
        temp = NULL;
    free(prefix);
    return temp;
}

/* How many bytes of a temporary's name come before its digits; 0: it is none. */
static size_t prefix_length(const char *name, bool *ret_old)
{
    size_t n = strlen(name), mark = strlen(MARK), old = strlen(OLD);

    *ret_old = n > old && strcmp(name + n - old, OLD) == 0;
    n -= *ret_old ? old : 0;
    if (name[0] != '.' || n < 2 + mark + DIGITS)
        return 0;
    n -= DIGITS;
    if (memcmp(name + n - mark, MARK, mark) != 0 || strspn(name + n, "0123456789abcdef") != DIGITS)
        return 0;
    return n;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* Its owner has a lock on it as long as its descriptor is open. */
static bool can_be_locked(int directory, const char *name)
{
    static const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = openat(directory, name, O_RDWR | flags); /* NFS locks what can be written */
    bool can;

    if (fd < 0)
        fd = openat(directory, name, O_RDONLY | flags);
    if (fd < 0)
        return false;
    can = flock(fd, LOCK_EX | LOCK_NB) == 0;
    (void)close(fd); /* nothing was written through it */
    return can;
}

static void add_if_stale(struct leat_stales *stales, int directory, char *name)
{
    struct leat_stale *more;
    struct stat info;

    if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(info.st_mode) ||
        !can_be_locked(directory, name)) {
        free(name);
        return;
    }
    more = leat_grow(stales->v, stales->n, &stales->room, sizeof *more);
    if (!more) {
        free(name);
        return;
    }
    stales->v = more;
    stales->v[stales->n++] =
        (struct leat_stale){.name = name, .dev = info.st_dev, .ino = info.st_ino};
}

/* The names in a list of their own, as others are made and removed meanwhile. Returns how many. */
static size_t list_temporaries(DIR *dir, char ***ret_names)
{
    struct dirent *entry;
    char **names = NULL;
    size_t n = 0, room = 0;

    for (size_t seen = 0; seen < LOOK_MAX && (entry = readdir(dir)); seen++) {
        bool old;
        char **more = prefix_length(entry->d_name, &old) > 0
                          ? leat_grow(names, n, &room, sizeof *more)
                          : NULL;

        if (!more)
            continue;
        names = more;
        names[n] = strdup(entry->d_name);
        if (names[n])
            n++;
    }
    *ret_names = names;
    return n;
}

static int by_name(const void *a, const void *b)
{
    const struct leat_stale *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Of two runs that ask for it neither waits, and none that locks the directory for its own purpose is
 * in the way: it is a lock on a byte that no directory has. */
static struct flock guard_lock(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = GUARD_PLACE, .l_len = 1};
}

bool leat_temporaries_guard(int directory)
{
    struct flock lock = guard_lock(F_RDLCK);

    return fcntl(directory, F_OFD_SETLK, &lock) == 0;
}

static bool is_guarded(int directory)
{
    struct flock lock = guard_lock(F_WRLCK);

    return fcntl(directory, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* The temporaries are looked at first, then the guard: a run takes the guard before a temporary of its
 * own is without a lock, and gives it back when none is left. */
void leat_stales_find(struct leat_stales *stales, int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    char **names;
    size_t n;

    *stales = (struct leat_stales){.n = 0};
    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    n = list_temporaries(dir, &names);
    for (size_t i = 0; i < n; i++)
        add_if_stale(stales, fd, names[i]);
    free(names);
    if (stales->n > 0 && is_guarded(fd))
        leat_stales_done(stales);
    (void)closedir(dir); /* it was only read */
    if (stales->n > 1)
        qsort(stales->v, stales->n, sizeof *stales->v, by_name);
}

/* --- removing --------------------------------------------------------------------------------- */

/* The first one that is not before the prefix. */
static size_t first_of(const struct leat_stales *stales, const char *prefix)
{
    size_t low = 0, high = stales->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(stales->v[middle].name, prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* It may be there no more, or another file may be: then it stays. */
static void remove_one(const struct leat_stale *stale, int directory)
{
    struct stat info;

    if (fstatat(directory, stale->name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        info.st_dev == stale->dev && info.st_ino == stale->ino)
        (void)unlinkat(directory, stale->name, 0); /* or a later run does it */
}

void leat_stales_remove(const struct leat_stales *stales, int directory, const char *name, bool old)
{
    char *prefix = stales->n > 0 ? prefix_of(name) : NULL;
    size_t n = prefix ? strlen(prefix) : 0;

    for (size_t i = prefix ? first_of(stales, prefix) : stales->n; i < stales->n; i++) {
        const struct leat_stale *stale = &stales->v[i];
        bool is_old;

        if (strncmp(stale->name, prefix, n) != 0)
            break;
        if (prefix_length(stale->name, &is_old) == n && is_old == old)
            remove_one(stale, directory);
    }
    free(prefix);
}

void leat_stales_done(struct leat_stales *stales)
{
    for (size_t i = 0; i < stales->n; i++)
        free(stales->v[i].name);
    free(stales->v);
    *stales = (struct leat_stales){.n = 0};
}
