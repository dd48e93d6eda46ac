/* s3_journal.c - a file for each upload that runs, so that the parts of one that was killed are removed by the next run. */

#include "s3_journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES ((size_t)4096)
#define RECORD_BYTES ((size_t)16384)
#define SUFFIX ".upload"

/* Returns false: there is no home. */
static bool find_directory(char to[PATH_BYTES])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n = -1;

    if (state && *state == '/')
        n = snprintf(to, PATH_BYTES, "%s/leat/uploads", state);
    else if (home && *home == '/')
        n = snprintf(to, PATH_BYTES, "%s/.local/state/leat/uploads", home);
    return n > 0 && (size_t)n < PATH_BYTES;
}

/* Makes the directories of a path. Returns false, and errno says why. */
static bool make_directories(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES) {
            *p = '/';
            return false;
        }
        *p = '/';
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* The directory is made here already: the process is not confined yet, and a rule for a directory that does not exist would be
 * for all of its parent. If it cannot be made, the upload warns. */
int leat_s3_journal_plan(struct leat_stage *s)
{
    char path[PATH_BYTES];

    if (!find_directory(path) || !make_directories(path))
        return 0;
    return leat_plan_access(s, path, LEAT_ACCESS_TREE);
}

static bool write_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, text, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        text += put;
        n -= (size_t)put;
    }
    return true;
}

static void forget(struct leat_s3_journal *j)
{
    if (j->file > 0)
        (void)close(j->file - 1); /* it was written before, and a lost record is no failure */
    j->file = 0;
}

bool leat_s3_journal_add(struct leat_s3_journal *j, const char *origin, const char *path,
                         const char *upload)
{
    char directory[PATH_BYTES], record[RECORD_BYTES], host[256] = "";
    uint64_t random = 0;
    int n, error;

    errno = ENOENT;
    if (!find_directory(directory) || !make_directories(directory))
        return false;
    (void)gethostname(host, sizeof host - 1); /* "" does, too */
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (uint64_t)getpid();
    snprintf(j->path, sizeof j->path, "%s/%016llx" SUFFIX, directory, (unsigned long long)random);
    n = snprintf(record, sizeof record, "%s\n%s\n%s\n%s\n", host, origin, path, upload);
    if (n < 0 || (size_t)n >= sizeof record)
        return false;
    j->file = open(j->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) + 1;
    if (j->file > 0 && flock(j->file - 1, LOCK_EX | LOCK_NB) == 0 &&
        write_all(j->file - 1, record, (size_t)n))
        return true;
    error = errno;
    if (j->file > 0)
        (void)unlink(j->path); /* it is empty or cut: no run uses it */
    forget(j);
    errno = error;
    return false;
}

void leat_s3_journal_remove(struct leat_s3_journal *j)
{
    if (j->file > 0)
        (void)unlink(j->path); /* if it stays, the next run finds that the upload is gone */
    forget(j);
}

void leat_s3_journal_leave(struct leat_s3_journal *j)
{
    forget(j);
}

/* --- killed runs ------------------------------------------------------------------------------ */

/* Cuts the next line off. NULL: there is none. */
static char *next_line(char **text)
{
    char *line = *text, *end = strchr(line, '\n');

    if (!end)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return line;
}

/* Is it a record of this host whose run has ended? Returns true if the upload is gone. */
static bool look(int fd,
                 bool (*found)(void *arg, const char *origin, const char *path, const char *upload),
                 void *arg)
{
    char record[RECORD_BYTES], host[256] = "", *at = record, *name, *origin, *path, *upload;
    ssize_t n;

    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return false;
    n = pread(fd, record, sizeof record - 1, 0);
    if (n <= 0)
        return false; /* it is being written, or was cut: it says nothing of an upload */
    record[n] = '\0';
    (void)gethostname(host, sizeof host - 1);
    name = next_line(&at);
    origin = name ? next_line(&at) : NULL;
    path = origin ? next_line(&at) : NULL;
    upload = path ? next_line(&at) : NULL;
    return upload && strcmp(name, host) == 0 && found(arg, origin, path, upload);
}

unsigned leat_s3_journal_each(unsigned most,
                              bool (*found)(void *arg, const char *origin, const char *path,
                                            const char *upload),
                              void *arg)
{
    char path[PATH_BYTES];
    DIR *directory = find_directory(path) ? opendir(path) : NULL;
    struct dirent *entry;
    unsigned gone = 0, seen = 0;

    while (directory && seen < most && (entry = readdir(directory))) {
        size_t n = strlen(entry->d_name), suffix = sizeof SUFFIX - 1;
        int fd;

        if (n <= suffix || strcmp(entry->d_name + n - suffix, SUFFIX) != 0)
            continue;
        fd = openat(dirfd(directory), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            continue;
        seen++;
        if (look(fd, found, arg)) {
            gone++;
            (void)unlinkat(dirfd(directory), entry->d_name, 0); /* else the next run looks again */
        }
        (void)close(fd); /* only its lock matters */
    }
    if (directory)
        (void)closedir(directory); /* it was only read */
    return gone;
}
