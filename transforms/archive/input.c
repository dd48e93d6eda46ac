/* input.c - the bytes of an archive, in order or from a file. */

#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/invariant.h"

#define BUFFER_BYTES ((size_t)262144)
#define TEMPLATE_SIZE 4096u

static bool begins(const uint8_t *data, size_t n, const char *magic, size_t magic_n)
{
    return n >= magic_n && memcmp(data, magic, magic_n) == 0;
}

/* A zip archive may begin with a program that unpacks it. */
static bool needs_seek(const uint8_t *head, size_t n)
{
    return begins(head, n, "PK\3\4", 4) || begins(head, n, "PK\5\6", 4) ||
           begins(head, n, "PK00PK", 6) || begins(head, n, "7z\xbc\xaf\x27\x1c", 6) ||
           begins(head, n, "MZ", 2) ||
           begins(head, n,
                  "\x7f"
                  "ELF",
                  4);
}

/* --- in order --------------------------------------------------------------------------------- */

static int pull(struct leat_archive_input *in, const uint8_t **ret_data, size_t *ret_n)
{
    int r = in->eof ? 0 : leat_pull(in->blocking, ret_data, ret_n);

    leat_assert(r != 1 || *ret_n > 0);
    in->eof = r == 0;
    in->error = r < 0 ? r : 0;
    return r;
}

static int read_in_order(struct leat_archive_input *in, const uint8_t **ret_data, size_t *ret_n)
{
    int r = 1;

    if (in->head_n > 0) {
        *ret_data = in->head;
        *ret_n = in->head_n;
        in->head_n = 0;
    } else if (in->rest_n > 0) {
        *ret_data = in->rest;
        *ret_n = in->rest_n;
        in->rest_n = 0;
    } else {
        r = pull(in, ret_data, ret_n);
    }
    if (r == 1)
        in->at += *ret_n;
    return r;
}

/* --- a file ----------------------------------------------------------------------------------- */

/* The source's file, if the input is the whole of it and begins like it; a decoder before this stage would
 * change that. Returns a descriptor, or -1. */
static int open_source(const struct leat_archive_input *in, uint64_t *ret_size)
{
    struct leat_input_file file;
    uint8_t head[LEAT_ARCHIVE_HEAD];
    struct stat info;
    int fd;

    if (strcmp(leat_input_name(in->stage), "-") == 0 || !leat_input_file(in->stage, 0, &file) ||
        file.place != 0)
        return -1;
    fd = open(file.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -1; /* the input is copied instead */
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
        pread(fd, head, in->head_n, 0) == (ssize_t)in->head_n &&
        memcmp(head, in->head, in->head_n) == 0 &&
        (file.end == UINT64_MAX || file.end == (uint64_t)info.st_size)) {
        *ret_size = (uint64_t)info.st_size;
        return fd;
    }
    (void)close(fd); /* it was only read, here and below */
    return -1;
}

int leat_archive_temporary(struct leat_stage *s)
{
    const char *dir = getenv("TMPDIR");
    char path[TEMPLATE_SIZE];
    int fd;

    if (!dir || !*dir)
        dir = "/var/tmp";
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL)) {
        if (snprintf(path, sizeof path, "%s/leat-XXXXXX", dir) >= (int)sizeof path)
            return leat_fail_errno(s, ENAMETOOLONG, "TMPDIR");
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            (void)unlink(path); /* at worst an empty file stays */
    }
    return fd < 0 ? leat_fail_errno(s, errno, "cannot make a temporary file in %s", dir) : fd;
}

int leat_archive_write_all(struct leat_stage *s, int fd, const void *data, size_t n,
                           uint64_t offset)
{
    const uint8_t *from = data;

    while (n > 0) {
        ssize_t done = pwrite(fd, from, n, (off_t)offset);

        if (done < 0 && errno != EINTR)
            return leat_fail_errno(s, errno, "cannot write the temporary file");
        if (done <= 0)
            continue;
        from += done;
        offset += (uint64_t)done;
        n -= (size_t)done;
    }
    return 0;
}

/* Copy the whole input to the temporary file. */
static int spool(struct leat_archive_input *in)
{
    const uint8_t *data;
    size_t n;
    int r;

    while ((r = read_in_order(in, &data, &n)) == 1) {
        if (in->at > in->spool_max)
            return leat_fail(
                in->stage, LEAT_ELIMIT,
                "the archive must be read from a file, and its temporary copy would be "
                "larger than %llu bytes; raise --spool, or read it from a file",
                (unsigned long long)in->spool_max);
        r = leat_archive_write_all(in->stage, in->fd - 1, data, n, in->at - n);
        if (r < 0)
            return r;
    }
    in->size = in->at;
    in->at = 0;
    return r;
}

static int begin_file(struct leat_archive_input *in)
{
    int r = open_source(in, &in->size);

    in->buffer = leat_alloc_raw(in->stage, BUFFER_BYTES);
    if (!in->buffer) {
        in->fd = r + 1;
        return LEAT_ENOMEM;
    }
    if (r >= 0) {
        in->fd = r + 1;
        return 0;
    }
    r = leat_archive_temporary(in->stage);
    if (r < 0)
        return r;
    in->fd = r + 1;
    leat_warning(in->stage,
                 "the table of contents is at the end of this archive, so it is copied to a "
                 "temporary file first; `read FILE` directly before this stage avoids that");
    return spool(in);
}

static int read_file(struct leat_archive_input *in, const uint8_t **ret_data, size_t *ret_n)
{
    ssize_t n;

    if (leat_is_cancelled(in->blocking))
        return in->error = LEAT_ECANCELLED;
    do
        n = pread(in->fd - 1, in->buffer, BUFFER_BYTES, (off_t)in->at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return in->error = leat_fail_errno(in->stage, errno, "cannot read the archive again");
    in->at += (uint64_t)n;
    *ret_data = in->buffer;
    *ret_n = (size_t)n;
    return n > 0;
}

/* --- both ------------------------------------------------------------------------------------- */

int leat_archive_input_begin(struct leat_archive_input *in, struct leat_stage *s,
                             struct leat_blocking *b, uint64_t spool_max)
{
    int r = 1;

    *in = (struct leat_archive_input){.stage = s, .blocking = b, .spool_max = spool_max};
    while (r == 1 && in->head_n < sizeof in->head) {
        size_t take = sizeof in->head - in->head_n;

        r = pull(in, &in->rest, &in->rest_n);
        if (r != 1)
            break;
        if (take > in->rest_n)
            take = in->rest_n;
        memcpy(in->head + in->head_n, in->rest, take);
        in->head_n += take;
        in->rest += take;
        in->rest_n -= take;
    }
    if (r < 0)
        return r;
    if (in->head_n == 0)
        return leat_fail(s, LEAT_ETRUNCATED, "the input is empty, so it is no archive");
    in->is_7z = begins(in->head, in->head_n, "7z", 2);
    return needs_seek(in->head, in->head_n) ? begin_file(in) : 0;
}

int leat_archive_input_read(struct leat_archive_input *in, const void **ret_data, size_t *ret_n)
{
    const uint8_t *data = NULL;
    size_t n = 0;
    int r = in->fd ? read_file(in, &data, &n) : read_in_order(in, &data, &n);

    *ret_data = data;
    *ret_n = n;
    return r;
}

int leat_archive_input_drain(struct leat_archive_input *in)
{
    const uint8_t *data;
    size_t n;
    int r = in->fd ? 0 : 1;

    while (r == 1)
        r = read_in_order(in, &data, &n);
    return r;
}

uint64_t leat_archive_input_total(const struct leat_archive_input *in)
{
    leat_assert(in->fd || in->eof);
    return in->fd ? in->size : in->at;
}

void leat_archive_input_end(struct leat_archive_input *in)
{
    if (in->fd)
        (void)close(in->fd - 1);
    if (in->buffer)
        leat_free(in->stage, in->buffer);
    in->fd = 0;
    in->buffer = NULL;
}
