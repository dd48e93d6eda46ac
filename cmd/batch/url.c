/* url.c - inputs that are URLs: their names, and the facts of a server. It knows no network. */

#include "url.h"

#include <string.h>
#include <strings.h>

#include "json.h"

bool url_is(const char *word)
{
    return strncasecmp(word, "http://", 7) == 0 || strncasecmp(word, "https://", 8) == 0 ||
           strncasecmp(word, "s3://", 5) == 0;
}

/* A part of the path that would lead out of a directory. */
static bool has_dots(const char *path, size_t n)
{
    for (size_t at = 0; at <= n;) {
        size_t part = 0;

        while (at + part < n && path[at + part] != '/')
            part++;
        if ((part == 1 || part == 2) && strspn(path + at, ".") >= part)
            return true;
        at += part + 1;
    }
    return false;
}

/* The password of `scheme://user:PASSWORD@host`: its length, and where it begins. */
static size_t password_of(const char *authority, size_t n, const char **ret)
{
    const char *at = memrchr(authority, '@', n);
    const char *colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;

    *ret = colon ? colon + 1 : authority;
    return colon ? (size_t)(at - colon - 1) : 0;
}

struct input *inputs_add_url(struct inputs *inputs, const char *url, bool *ret_bad)
{
    const char *authority = strstr(url, "://") + 3, *secret;
    size_t host = strcspn(authority, "/?#"), n = password_of(authority, host, &secret);
    const char *path = authority + host + strspn(authority + host, "/");
    size_t length = strcspn(path, "?#");
    struct input_extra *extra = NULL;
    struct buf shown = {.n = 0};
    struct input *input = NULL;

    *ret_bad = host == 0 || has_dots(path, length);
    if (*ret_bad)
        return NULL;
    buf_bytes(&shown, url, (size_t)(secret - url));
    buf_add(&shown, "%s%s", n > 0 ? "***" : "", secret + n);
    if (!shown.failed)
        input = inputs_add(inputs, buf_text(&shown), 0, NULL);
    buf_free(&shown);
    if (input)
        extra = input_extra(inputs, input);
    if (!extra)
        return NULL;
    input->missing = false;
    extra->file = arena_copy(&inputs->arena, path, length);
    if (n > 0)
        extra->address = arena_copy(&inputs->arena, url, strlen(url));
    return extra->file && (n == 0 || extra->address) ? input : NULL;
}

/* --- facts -------------------------------------------------------------------------------------- */

bool url_facts_read(const char *line, struct url_facts *ret)
{
    struct json j = {.bad = false};
    bool first = true, ok;

    *ret = (struct url_facts){.size = 0};
    json_begin(&j, line, strcspn(line, "\n"));
    for (bool more = json_open(&j, '{'); more && json_more(&j, '}', &first);) {
        char key[16];

        (void)snprintf(key, sizeof key, "%s", json_key(&j));
        if (strcmp(key, "size") == 0) {
            ret->size = json_number(&j);
            ret->has_size = true;
        } else if (strcmp(key, "modified") == 0) {
            ret->mtime_ns = (int64_t)json_number(&j) * 1000000000;
        } else if (strcmp(key, "etag") == 0) {
            const char *etag = json_text(&j);

            if (*etag == '"' && strlen(etag) < sizeof ret->etag)
                (void)snprintf(ret->etag, sizeof ret->etag, "%s", etag);
        } else {
            json_skip(&j);
        }
    }
    ok = !j.bad && line[strcspn(line, "\n")] == '\n';
    json_done(&j);
    return ok;
}

bool url_is_same(const struct input *input, const struct url_facts *facts)
{
    const char *etag = input_etag(input);

    if (etag && *facts->etag)
        return strcmp(etag, facts->etag) == 0;
    return (!facts->has_size || facts->size == input->size) && facts->mtime_ns == input->mtime_ns;
}

bool url_has_identity(const struct input *input)
{
    return input_etag(input) || input->mtime_ns != 0;
}
