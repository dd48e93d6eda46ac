/* download.c - a GET: the output of a pipeline, or a file.
 *
 * The status is sent when the first bytes are there, so a pipeline that fails before them is answered by its error. If it fails
 * after them, the connection is reset: the client must not take what it has for all. A route that only reads a file does
 * without a pipeline, and has ranges.
 */

#if HAVE_MICROHTTPD

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "range.h"
#include "serve.h"

#define BLOCK ((size_t)64 << 10)
#define TAG_BYTES 64u
#define DATE_BYTES 40u

/* Do not let what was sent look like the whole: also for HTTP/1.0, where the end of the connection is that of the content.
 * libmicrohttpd would send an end before it closes the socket; to disconnect it sends a reset. */
static ssize_t reset(struct request *r)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    const union MHD_ConnectionInfo *info =
        r->server->mhd.MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info)
        (void)connect(info->connect_fd, &nowhere, sizeof nowhere); /* a Unix socket has no reset */
    r->is_cut = true;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void add_header(const struct request *r, const char *name, const char *value)
{
    /* It fails only when out of memory; the answer then lacks a header. */
    (void)r->server->mhd.MHD_add_response_header(r->response, name, value);
}

/* --- a pipeline ------------------------------------------------------------------------------- */

static ssize_t read_pull(void *arg, uint64_t pos, char *to, size_t max)
{
    struct request *r = arg;
    const void *data;
    ssize_t n = leat_end_peek(r->pull, &data);

    (void)pos;
    if (n == LEAT_EAGAIN) {
        request_suspend(r);
        return 0;
    }
    if (n < 0)
        return reset(r);
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    n = n < (ssize_t)max ? n : (ssize_t)max;
    memcpy(to, data, (size_t)n);
    (void)leat_end_take(r->pull, (size_t)n); /* it was peeked at */
    r->bytes_out += (uint64_t)n;
    return n;
}

bool download_begins(struct request *r)
{
    const struct leat_error *error;
    const void *data;
    ssize_t n = leat_end_peek(r->pull, &data);

    if (n == LEAT_EAGAIN)
        return false;
    r->phase = PHASE_ANSWER;
    if (n < 0) {
        error = leat_pipeline_error(r->pipeline);
        answer_error(r, error);
        request_answer(r, answer_status(error, ROUTE_DOWNLOAD));
        return true;
    }
    r->response = r->server->mhd.MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK,
                                                                   read_pull, r, NULL);
    if (r->response)
        add_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    else
        answer_text(r, "ENOMEM", leat_strerror(LEAT_ENOMEM));
    if (r->response && r->is_head) /* libmicrohttpd sends the end of chunks nevertheless */
        add_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    request_answer(r, r->response ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR);
    return true;
}

/* --- a file ----------------------------------------------------------------------------------- */

static ssize_t read_file(void *arg, uint64_t pos, char *to, size_t max)
{
    struct request *r = arg;
    ssize_t n = pread(r->file_fd, to, max, (off_t)(r->file_from + pos));

    if (n <= 0) /* it was cut meanwhile */
        return reset(r);
    r->bytes_out += (uint64_t)n;
    return n;
}

static void make_tag(const struct stat *info, char *tag, char *date)
{
    struct tm tm;

    (void)snprintf(tag, TAG_BYTES, "\"%" PRIx64 "-%" PRIx64 ".%09lx\"", (uint64_t)info->st_size,
                   (uint64_t)info->st_mtim.tv_sec, (unsigned long)info->st_mtim.tv_nsec);
    if (!gmtime_r(&info->st_mtim.tv_sec, &tm) ||
        strftime(date, DATE_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
        date[0] = '\0';
}

/* Is the tag in a list of tags? */
static bool has_tag(const char *list, const char *tag)
{
    return list && (strstr(list, tag) || strcmp(list, "*") == 0);
}

static void answer_file(struct request *r, const struct stat *info)
{
    const char *range = head_value(r, MHD_HTTP_HEADER_RANGE),
               *if_range = head_value(r, MHD_HTTP_HEADER_IF_RANGE);
    uint64_t size = (uint64_t)info->st_size, n = size;
    char tag[TAG_BYTES], date[DATE_BYTES], text[80];
    int is_range;

    make_tag(info, tag, date);
    /* A date is no strong validator: the file may have changed twice in a second. */
    is_range = range && (!if_range || strcmp(if_range, tag) == 0)
                   ? range_parse(range, size, &r->file_from, &n)
                   : 0;
    r->status = is_range > 0 ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
    (void)snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r->file_from,
                   r->file_from + n - 1, size);
    if (has_tag(head_value(r, MHD_HTTP_HEADER_IF_NONE_MATCH), tag)) {
        r->status = MHD_HTTP_NOT_MODIFIED;
        n = 0;
    } else if (is_range < 0) {
        r->status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
        (void)snprintf(text, sizeof text, "bytes */%" PRIu64, size);
        n = 0;
    }
    r->response = r->server->mhd.MHD_create_response_from_callback(n, BLOCK, read_file, r, NULL);
    if (!r->response) {
        request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "ENOMEM", leat_strerror(LEAT_ENOMEM));
        return;
    }
    if (is_range != 0 && r->status != MHD_HTTP_NOT_MODIFIED)
        add_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    add_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    add_header(r, MHD_HTTP_HEADER_ETAG, tag);
    if (date[0])
        add_header(r, MHD_HTTP_HEADER_LAST_MODIFIED, date);
    add_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
}

static void refuse_file(struct request *r, int error)
{
    struct leat_error e = {
        .size = sizeof e, .code = error == ENOENT ? LEAT_ENOENT : LEAT_EIO, .sys_errno = error};
    bool secret = error == EACCES || error == EPERM || error == ELOOP;

    (void)snprintf(e.text, sizeof e.text, "%s", strerror(error));
    answer_error(r, &e);
    request_answer(r, error == ENOENT || error == ENOTDIR || error == EISDIR ? MHD_HTTP_NOT_FOUND
                      : secret                                               ? MHD_HTTP_FORBIDDEN
                               : MHD_HTTP_INTERNAL_SERVER_ERROR);
}

bool download_file(struct request *r)
{
    bool alone, chosen;
    char *path = route_file(r->route, &r->places, &alone, &chosen);
    struct stat info;
    int result;

    if (!path)
        return false;
    if (alone)
        r->file_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    result = alone ? r->file_fd < 0 ? -1 : fstat(r->file_fd, &info) : stat(path, &info);
    free(path);
    if (result < 0 && alone)
        refuse_file(r, errno);
    else if (result < 0)
        return false; /* `read` says why */
    else if (S_ISDIR(info.st_mode))
        refuse_file(r, EISDIR);
    else if (!S_ISREG(info.st_mode) && chosen) /* one without a writer would hold the pipeline */
        request_refuse(r, MHD_HTTP_FORBIDDEN, "EIO", "it is not a regular file");
    else if (alone && S_ISREG(info.st_mode))
        answer_file(r, &info);
    else
        return false;
    return true;
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
