/* headers.c - the headers of the option --header, which are words and lines of files, and the netrc file. */

#include "headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"

#define FILE_MAX ((size_t)16384)

int leat_headers_plan(struct leat_stage *s, const struct leat_strings *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        const char *header = headers->v[i];

        if (*header == '@' && leat_plan_file(s, header + 1, FILE_MAX) < 0)
            return LEAT_ENOMEM;
        if (*header != '@' && !leat_http_header_ok(header))
            return leat_fail(s, LEAT_EUSAGE,
                             "--header number %zu: give 'Name: value' or @FILE; Range, If-Range "
                             "and Accept-Encoding belong to the stage",
                             i + 1);
    }
    return 0;
}

static int each_line(struct leat_stage *s, const char *path,
                     int (*take)(void *arg, const char *line), void *arg)
{
    char line[FILE_MAX + 1];
    const uint8_t *data;
    size_t n, length;
    int r = leat_read_file(s, path, &data, &n);

    for (unsigned number = 1; r == 0 && n > 0; number++) {
        const uint8_t *end = memchr(data, '\n', n);

        length = end ? (size_t)(end - data) : n;
        memcpy(line, data, length);
        data += length + (end != NULL);
        n -= length + (end != NULL);
        length -= length > 0 && line[length - 1] == '\r';
        line[length] = '\0';
        if (length > 0 && (strlen(line) != length || !leat_http_header_ok(line)))
            r = leat_fail(s, LEAT_EUSAGE, "%s: line %u is no header 'Name: value' that may be sent",
                          path, number);
        else if (length > 0)
            r = take(arg, line);
    }
    return r;
}

int leat_headers_each(struct leat_stage *s, const struct leat_strings *headers,
                      int (*take)(void *arg, const char *line), void *arg)
{
    int r = 0;

    for (size_t i = 0; i < headers->n && r == 0; i++) {
        if (*headers->v[i] == '@')
            r = each_line(s, headers->v[i] + 1, take, arg);
        else
            r = take(arg, headers->v[i]);
    }
    return r;
}

/* Where libcurl would look for it, too. */
const char *leat_netrc_path(bool wanted, const char *file, char to[LEAT_NETRC_PATH_MAX])
{
    const char *home = getenv("HOME");

    if (file)
        return file;
    if (!wanted || !home || strlen(home) > LEAT_NETRC_PATH_MAX - sizeof "/.netrc")
        return NULL;
    snprintf(to, LEAT_NETRC_PATH_MAX, "%s/.netrc", home);
    return to;
}

int leat_netrc_check(struct leat_stage *s, const char *file)
{
    return file && access(file, R_OK) < 0 ? leat_fail_errno(s, errno, "%s", file) : 0;
}
