/* stale.c - names of temporaries, and the removal of stale ones. */

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

#include "base/grow.h"
#include "base/invariant.h"
#include "tree_remove.h"

#define MARK ".leat-"
#define OLD ".old"
#define OWNER_DIGITS 8u
#define TIME_DIGITS 8u
#define RANDOM_DIGITS 16u
#define DIGITS (OWNER_DIGITS + TIME_DIGITS + RANDOM_DIGITS)
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 64u
#define WEEK_S 604800   /* until a temporary of another owner may be stale */
#define HASH_DIGITS 16u /* in place of the end of a long name */
#define NAME_BYTES 200u /* of the name, so that no file system refuses the whole as too long */
#define GUARD_PLACE ((off_t)0x6c656174) /* "leat" */
#define LOOK_MAX                                                                                   \
    32768u /* names read of a directory; listing more would take longer than many jobs */

/* --- names ------------------------------------------------------------------------------------ */

/* FNV-1a: two long names must not have the same temporaries. */
static uint64_t hash(const char *text)
{
    uint64_t h = 14695981039346656037u;

    for (const char *c = text; *c; c++)
        h = (h ^ (uint8_t)*c) * 1099511628211u;
    return h;
}

/* Cloned machines may have the same name and machine-id, but never the same boot id. The device is
 * part of the owner, because a directory of a server may be mounted twice, and each mount has its
 * own locks. */
uint32_t leat_temporary_owner(dev_t device)
{
    char boot[BOOT_ID_SIZE + 1], text[BOOT_ID_SIZE + 32];
    int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, boot, BOOT_ID_SIZE);
    uint64_t h;

    if (fd >= 0)
        (void)close(fd); /* it was only read */
    if (n <= 0)
        return LEAT_OWNER_NONE;
    boot[n] = '\0';
    snprintf(text, sizeof text, "%s %jx", boot, (uintmax_t)device);
    h = hash(text);
    h ^= h >> 32;
    return (uint32_t)h == LEAT_OWNER_NONE ? 1 : (uint32_t)h;
}

/* The start of a temporary's name, which depends on the name of the file. NULL: out of memory. */
static char *prefix_of(const char *name)
{
    size_t n = strlen(name);
    char *prefix;
    int r;

    if (n <= NAME_BYTES) {
        r = asprintf(&prefix, ".%s" MARK, name);
    } else {
        n = NAME_BYTES - HASH_DIGITS - 1;
        while (n > 0 && ((uint8_t)name[n] & 0xc0) == 0x80) /* UTF-8 is not cut in a character */
            n--;
        r = asprintf(&prefix, ".%.*s~%016" PRIx64 MARK, (int)n, name, hash(name));
    }
    return r < 0 ? NULL : prefix;
}

/* Names need not be secret, because each file is created with O_EXCL; they must only be unique. */
static uint64_t random_number(const struct timespec *now)
{
    uint64_t n;

    if (getrandom(&n, sizeof n, GRND_NONBLOCK) == sizeof n)
        return n;
    return ((uint64_t)now->tv_nsec << 32 | (uint32_t)getpid()) * 0x9e3779b97f4a7c15u;
}

char *leat_temporary_name(const char *name, bool old, uint32_t owner)
{
    char *prefix = prefix_of(name), *temp = NULL;
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (prefix && asprintf(&temp, "%s%08" PRIx32 "%08" PRIx32 "%016" PRIx64 "%s", prefix, owner,
                           (uint32_t)now.tv_sec, random_number(&now), old ? OLD : "") < 0)
        temp = NULL;
    free(prefix);
    return temp;
}

/* How many bytes of a temporary's name come before its digits; 0: it is no temporary. */
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

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(struct leat_stales *stales, const char *name)
{
    char **more = leat_grow(stales->names, stales->n, &stales->room, sizeof *more);

    if (!more)
        return;
    stales->names = more;
    more[stales->n] = strdup(name);
    if (more[stales->n])
        stales->n++;
}

void leat_stales_list(struct leat_stales *stales, int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    bool old;

    *stales = (struct leat_stales){.n = 0};
    if (!dir) {
        if (fd >= 0)
            (void)close(fd); /* it was only read, here and below */
        return;
    }
    for (size_t seen = 0; seen < LOOK_MAX && (entry = readdir(dir)); seen++)
        if (prefix_length(entry->d_name, &old) > 0)
            add_name(stales, entry->d_name);
    (void)closedir(dir);
    if (stales->n > 1)
        qsort(stales->names, stales->n, sizeof *stales->names, by_name);
}

/* --- the guard -------------------------------------------------------------------------------- */

/* Two runs can hold the shared guard together, and other locks on the directory do not conflict
 * with it: it locks a byte that no directory has. */
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

/* --- removing --------------------------------------------------------------------------------- */

/* Binary search: the first name that is not less than the prefix. */
static size_t first_of(const struct leat_stales *stales, const char *prefix)
{
    size_t low = 0, high = stales->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(stales->names[middle], prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Are the name and the file older than a week? Then the run that made them has ended. */
static bool is_old_enough(const char *digits, const struct stat *info)
{
    char made[TIME_DIGITS + 1];
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return false;
    snprintf(made, sizeof made, "%.*s", (int)TIME_DIGITS, digits + OWNER_DIGITS);
    return now.tv_sec - (time_t)strtoul(made, NULL, 16) > WEEK_S &&
           now.tv_sec - info->st_mtime > WEEK_S;
}

static bool is_ours(const char *digits, uint32_t owner)
{
    char text[OWNER_DIGITS + 1];

    snprintf(text, sizeof text, "%08" PRIx32, owner);
    return owner != LEAT_OWNER_NONE && memcmp(digits, text, OWNER_DIGITS) == 0;
}

/* Returns a descriptor of the regular file or directory of this name, or -1. */
static int open_candidate(int directory, const char *name, struct stat *ret_info)
{
    static const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd;

    if (fstatat(directory, name, ret_info, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (S_ISDIR(ret_info->st_mode))
        return openat(directory, name, O_RDONLY | O_DIRECTORY | flags);
    if (!S_ISREG(ret_info->st_mode))
        return -1; /* opening a device may have side effects */
    /* NFS can only lock a writable descriptor; a confined process may not read its outputs. */
    fd = openat(directory, name, O_WRONLY | flags);
    return fd < 0 ? openat(directory, name, O_RDONLY | flags) : fd;
}

/* Does the name still refer to the open file? */
static bool is_named(int directory, const char *name, int fd)
{
    struct stat open, named;

    return fstat(fd, &open) == 0 && fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

/* A run guards the directory before it unlocks one of its temporaries. Lock first here, then
 * check the guard: a run that has unlocked the file holds the guard. While we hold the lock, no run
 * uses the file: a run that has just created it sees that it is locked, and creates another one. */
static void remove_if_stale(int directory, const char *name, const char *digits, uint32_t owner)
{
    struct stat info;
    int fd = open_candidate(directory, name, &info);

    if (fd < 0)
        return;
    if ((is_ours(digits, owner) || is_old_enough(digits, &info)) &&
        flock(fd, LOCK_EX | LOCK_NB) == 0 && is_named(directory, name, fd) &&
        !is_guarded(directory)) /* on failure a later run removes it */
        (void)(S_ISDIR(info.st_mode) ? leat_tree_remove(directory, name)
                                     : unlinkat(directory, name, 0));
    (void)close(fd); /* nothing was written through it */
}

void leat_stales_remove(const struct leat_stales *stales, int directory, const char *name, bool old,
                        uint32_t owner)
{
    char *prefix = stales->n > 0 ? prefix_of(name) : NULL;
    size_t n = prefix ? strlen(prefix) : 0;

    for (size_t i = prefix ? first_of(stales, prefix) : stales->n; i < stales->n; i++) {
        const char *temp = stales->names[i];
        bool is_old;

        leat_assert(i == 0 || strcmp(stales->names[i - 1], temp) <= 0);
        if (strncmp(temp, prefix, n) != 0)
            break;
        if (prefix_length(temp, &is_old) == n && is_old == old)
            remove_if_stale(directory, temp, temp + n, owner);
    }
    free(prefix);
}

void leat_stales_done(struct leat_stales *stales)
{
    for (size_t i = 0; i < stales->n; i++)
        free(stales->names[i]);
    free(stales->names);
    *stales = (struct leat_stales){.n = 0};
}
