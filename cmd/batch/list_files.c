/* list_files.c - inputs from a file: names, or a manifest with digests. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "url.h"

#define LIST_BYTES_MAX ((size_t)1 << 30)
#define DIGITS 64u /* of SHA-256 */

int list_read(const struct config *c, const char *file, struct buf *ret)
{
    int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    char piece[65536], shown[SHOWN_MAX];
    ssize_t n = -1;

    while (fd >= 0 && ret->n <= LIST_BYTES_MAX && !ret->failed) {
        n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_bytes(ret, piece, (size_t)n);
    }
    if (fd > STDIN_FILENO)
        (void)close(fd); /* it was only read */
    (void)leat_show(file, shown, sizeof shown);
    if (fd < 0 || n < 0)
        return message_fail(c, LEAT_EIO, "%s: %s", shown, strerror(errno));
    if (ret->n > LIST_BYTES_MAX)
        return message_fail(c, LEAT_ELIMIT, "%s: a list has at most 1 GiB", shown);
    return ret->failed ? message_fail(c, LEAT_ENOMEM, "out of memory") : 0;
}

static int add_digest(struct inputs *inputs, const struct config *c, struct input *input,
                      const char *sha256)
{
    if (input && sha256)
        input->sha256 = arena_copy(&inputs->arena, sha256, DIGITS);
    if (!input || (sha256 && !input->sha256))
        return message_fail(c, LEAT_ENOMEM, "out of memory");
    return 0;
}

/* A name of the list may be missing: an earlier run may have removed it. */
static int add_named(struct inputs *inputs, const struct config *c, const char *path,
                     const char *sha256)
{
    const char *slash = strrchr(path, '/');
    struct input *input;
    struct stat info;
    char shown[SHOWN_MAX];
    bool there, bad = false;

    if (url_is(path)) {
        input = inputs_add_url(inputs, path, &bad);
        return bad ? url_refuse(c, path) : add_digest(inputs, c, input, sha256);
    }
    there = stat(path, &info) == 0;
    if (!there && errno != ENOENT)
        return message_fail(c, LEAT_EIO, "%s: %s", leat_show(path, shown, sizeof shown),
                            strerror(errno));
    if (there && !S_ISREG(info.st_mode))
        return message_fail(c, LEAT_EIO, "%s: is not a regular file",
                            leat_show(path, shown, sizeof shown));
    input = inputs_add(inputs, path, slash ? (size_t)(slash + 1 - path) : 0, there ? &info : NULL);
    return add_digest(inputs, c, input, sha256);
}

int list_names(struct inputs *inputs, const struct config *c, const struct listing_filter *filter,
               const char *file, bool nul)
{
    struct buf text = {.n = 0};
    int status = list_read(c, file, &text);
    char *at = text.data, *end = at ? at + text.n : at;

    (void)filter;
    while (status == 0 && at < end) {
        char *stop = memchr(at, nul ? '\0' : '\n', (size_t)(end - at));

        stop = stop ? stop : end;
        *stop = '\0';
        if (strlen(at) != (size_t)(stop - at))
            status = message_fail(c, LEAT_EUSAGE,
                                  "%s: a name has a NUL; give -0 for names that end "
                                  "with one",
                                  file);
        else if (*at)
            status = add_named(inputs, c, at, NULL);
        at = stop + 1;
    }
    buf_free(&text);
    return status;
}

static bool is_digest(const char *text)
{
    return strspn(text, "0123456789abcdefABCDEF") == DIGITS;
}

/* `name` of sha256sum, whose line began with a backslash: \n, \r and \\ are escapes. In place. */
static void unescape_name(char *name)
{
    char *to = name;

    for (; *name; name++) {
        if (*name == '\\' && name[1]) {
            name++;
            *to++ = (char)(*name == 'n' ? '\n' : *name == 'r' ? '\r' : *name);
        } else {
            *to++ = *name;
        }
    }
    *to = '\0';
}

/* A line of sha256sum, in its own form or that of --tag. Sets both pointers into the line; false: it is none. */
static bool sums_line(char *line, const char **ret_digest, const char **ret_name)
{
    bool escaped = *line == '\\';
    char *equals, *name;

    line += escaped;
    if (is_digest(line) && line[DIGITS] == ' ' &&
        (line[DIGITS + 1] == ' ' || line[DIGITS + 1] == '*')) {
        name = line + DIGITS + 2;
        *ret_digest = line;
    } else {
        equals = strncmp(line, "SHA256 (", 8) == 0 ? strrchr(line, ')') : NULL;
        if (!equals || strncmp(equals, ") = ", 4) != 0 || !is_digest(equals + 4))
            return false;
        name = line + 8;
        *equals = '\0';
        *ret_digest = equals + 4;
    }
    if (escaped)
        unescape_name(name);
    *ret_name = name;
    return *name != '\0';
}

/* {"path":…,"size":…,"sha256":…}: the size must be that of the file. */
static int json_line(struct inputs *inputs, const struct config *c, const char *line, bool *ret_ok)
{
    char path[4096] = "", digest[DIGITS + 1] = "", shown[SHOWN_MAX];
    uint64_t size = UINT64_MAX;
    bool first = true;
    struct json j = {.bad = false};
    int status;

    json_begin(&j, line, strlen(line));
    for (bool more = json_open(&j, '{'); more && json_more(&j, '}', &first);) {
        char key[16];

        (void)snprintf(key, sizeof key, "%s", json_key(&j));
        if (strcmp(key, "path") == 0)
            (void)snprintf(path, sizeof path, "%s", json_text(&j));
        else if (strcmp(key, "sha256") == 0)
            (void)snprintf(digest, sizeof digest, "%s", json_text(&j));
        else if (strcmp(key, "size") == 0)
            size = json_number(&j);
        else
            json_skip(&j);
    }
    *ret_ok = !j.bad && *path && (!*digest || is_digest(digest));
    json_done(&j);
    if (!*ret_ok)
        return 0;
    status = add_named(inputs, c, path, *digest ? digest : NULL);
    if (status == 0 && size != UINT64_MAX && url_is(path)) {
        inputs->v[inputs->n - 1].size = size; /* the server is asked later */
        inputs->bytes += size;
        return 0;
    }
    if (status == 0 && size != UINT64_MAX && !inputs->v[inputs->n - 1].missing &&
        inputs->v[inputs->n - 1].size != size)
        return message_fail(c, LEAT_ECHECKSUM, "%s: has %llu bytes, and the manifest says %llu",
                            leat_show(path, shown, sizeof shown),
                            (unsigned long long)inputs->v[inputs->n - 1].size,
                            (unsigned long long)size);
    return status;
}

int list_manifest(struct inputs *inputs, const struct config *c,
                  const struct listing_filter *filter, const char *file)
{
    struct buf text = {.n = 0};
    int status = list_read(c, file, &text);
    char *at = text.data, *end = at ? at + text.n : at, shown[SHOWN_MAX];
    size_t number = 1;

    (void)filter;
    for (; status == 0 && at < end; number++) {
        const char *digest, *name;
        char *stop = memchr(at, '\n', (size_t)(end - at));
        bool ok = true;

        stop = stop ? stop : end;
        *stop = '\0';
        if (*at == '{')
            status = json_line(inputs, c, at, &ok);
        else if (*at && *at != '#')
            ok = sums_line(at, &digest, &name) &&
                 (status = add_named(inputs, c, name, digest), true);
        if (!ok)
            status = message_fail(
                c, LEAT_EUSAGE, "%s: line %zu is neither of sha256sum nor a JSON object with path",
                leat_show(file, shown, sizeof shown), number);
        at = stop + 1;
    }
    buf_free(&text);
    return status;
}
