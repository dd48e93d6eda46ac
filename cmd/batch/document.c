/* document.c - JSON documents with one element a line, and files that appear when they are complete.
 *
 * A file gets its name by link(2), which fails if the name is taken, also on NFS. A reply that NFS loses makes a link that
 * was made look like one that failed; the number of links tells.
 */

#include "document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_BYTES ((size_t)256 << 10)

void attempt_name(char ret[ATTEMPT_MAX])
{
    char host[65] = "host";
    struct timespec now = {.tv_sec = 0};

    if (gethostname(host, sizeof host) < 0)
        (void)snprintf(host, sizeof host, "host");
    host[sizeof host - 1] = '\0';
    for (char *c = host; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c))
            *c = '_';
    (void)clock_gettime(CLOCK_REALTIME, &now); /* it cannot fail */
    (void)snprintf(ret, ATTEMPT_MAX, "%s-%ld-%lld%09ld", host, (long)getpid(),
                   (long long)now.tv_sec, now.tv_nsec);
}

/* --- writing ---------------------------------------------------------------------------------- */

void draft_open(struct draft *d, const char *path, const char *attempt)
{
    *d = (struct draft){.fd = -1};
    if (asprintf(&d->temporary, "%s.%s.tmp", path, attempt) < 0) {
        d->temporary = NULL;
        d->error = ENOMEM;
        return;
    }
    d->fd = open(d->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (d->fd < 0)
        d->error = errno;
}

static void write_text(struct draft *d)
{
    if (d->error == 0 && d->text.failed)
        d->error = ENOMEM;
    if (d->error == 0 && fd_write_all(d->fd, d->text.data, d->text.n) < 0)
        d->error = errno;
    d->text.n = 0;
}

void draft_flush(struct draft *d)
{
    if (d->text.n >= FLUSH_BYTES || d->text.failed)
        write_text(d);
}

void draft_drop(struct draft *d)
{
    if (d->fd >= 0) {
        (void)close(d->fd);         /* what it has is dropped */
        (void)unlink(d->temporary); /* or it stays, under a name that nothing reads */
    }
    free(d->temporary);
    buf_free(&d->text);
    *d = (struct draft){.fd = -1};
}

/* The name is on the disk, if the file system can say so. Returns 0 or an errno. */
static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory =
        slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int error = !directory ? ENOMEM : fd < 0 ? errno : 0;

    if (fd >= 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
        error = errno;
    if (fd >= 0)
        (void)close(fd); /* it was only read */
    free(directory);
    return error;
}

static int give_name(const struct draft *d, const char *path, bool replace)
{
    struct stat info;
    int error;

    if (replace)
        return rename(d->temporary, path) < 0 ? errno : 0;
    if (link(d->temporary, path) == 0)
        return 0;
    error = errno;
    return fstat(d->fd, &info) == 0 && info.st_nlink == 2 ? 0 : error;
}

int draft_commit(struct draft *d, const char *path, bool replace)
{
    int error;

    write_text(d);
    if (d->error == 0 && fsync(d->fd) < 0 && errno != EINVAL)
        d->error = errno;
    if (d->error == 0 && fd_flush(d->fd) < 0)
        d->error = errno;
    if (d->error == 0)
        d->error = give_name(d, path, replace);
    if (d->error == 0)
        d->error = sync_directory(path);
    error = d->error;
    draft_drop(d);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Begin the next line. Returns false: there is none. */
static bool next_line(struct document *d)
{
    ssize_t n;

    errno = 0;
    n = getline(&d->line, &d->room, d->file);
    if (n < 0) {
        d->error = ferror(d->file) ? errno : errno == ENOMEM ? ENOMEM : 0;
        return false;
    }
    d->number++;
    json_begin(&d->json, d->line, (size_t)n);
    return true;
}

int document_open(struct document *d, const char *path)
{
    *d = (struct document){.file = fopen(path, "re")};
    if (!d->file)
        return errno;
    if (!next_line(d) || !json_open(&d->json, '{'))
        d->json.bad = true;
    return d->error;
}

const char *document_key(struct document *d, const char *array, bool *first)
{
    const char *key;

    if (d->json.bad || !json_more(&d->json, '}', first)) {
        d->json.bad = true; /* there is no array */
        return NULL;
    }
    key = json_key(&d->json);
    if (strcmp(key, array) == 0) {
        (void)json_open(&d->json, '[');
        return NULL;
    }
    return d->json.bad ? NULL : key;
}

bool document_next(struct document *d)
{
    if (d->json.bad || d->ended || !next_line(d))
        return false;
    if (d->line[0] == ']') {
        d->ended = strncmp(d->line, "]}", 2) == 0;
        d->json.bad = !d->ended;
        return false;
    }
    return true;
}

bool document_is_whole(const struct document *d)
{
    return d->ended && !d->json.bad && d->error == 0;
}

void document_close(struct document *d)
{
    if (d->file)
        (void)fclose(d->file); /* it was only read */
    free(d->line);
    json_done(&d->json);
    *d = (struct document){.file = NULL};
}
