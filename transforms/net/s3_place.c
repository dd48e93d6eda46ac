/* s3_place.c - where an object of S3 is: the words of s3://BUCKET/KEY, the endpoint, the region, and settings of a profile. */

#include "s3_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fixed.h"
#include "http.h"

#define SCHEME "s3://"
#define SCHEME_N (sizeof SCHEME - 1)
#define BUCKET_MIN ((size_t)3)
#define BUCKET_MAX ((size_t)63)
#define KEY_MAX ((size_t)1024)

bool leat_s3_is_url(const char *word)
{
    return strncasecmp(word, SCHEME, SCHEME_N) == 0;
}

const char *leat_s3_check_url(const char *url)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    const char *bucket = url + SCHEME_N;
    size_t n = leat_s3_is_url(url) ? strcspn(bucket, "/") : 0;

    if (n == 0 || bucket[n] != '/' || !bucket[n + 1])
        return "give s3://BUCKET/KEY";
    if (n < BUCKET_MIN || n > BUCKET_MAX || strspn(bucket, allowed) < n)
        return "the name of a bucket has 3 to 63 lower-case letters, digits, '.' and '-'";
    if (strlen(bucket + n + 1) > KEY_MAX)
        return "the key has more than 1024 bytes";
    for (const char *p = bucket + n + 1; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return "the key has a control character";
    return NULL;
}

/* The object in a service that is reached by a path, as most are but that of Amazon. */
static bool locate_at(const char *url, const char *endpoint, struct leat_s3_place *p)
{
    const char *host = strstr(endpoint, "://");
    struct leat_fixed origin = leat_fixed_in(p->origin, sizeof p->origin),
                      path = leat_fixed_in(p->path, sizeof p->path),
                      name = leat_fixed_in(p->host, sizeof p->host);
    size_t n, base;

    if (!leat_http_is_url(endpoint) || !host)
        return false;
    host += 3;
    n = strcspn(host, "/?#");
    base = strcspn(host + n, "?#");
    while (base > 0 && host[n + base - 1] == '/')
        base--;
    leat_fixed_add(&name, "%.*s", (int)n, host);
    leat_fixed_add(&origin, "%.*s", (int)(host + n - endpoint), endpoint);
    leat_fixed_add(&path, "%.*s/", (int)base, host + n);
    leat_fixed_add_encoded(&path, url + SCHEME_N, true);
    /* libcurl leaves the usual port out of the header */
    n = strlen(p->host);
    if (n > 3 && strcmp(p->host + n - 3, ":80") == 0 && strncasecmp(endpoint, "http:", 5) == 0)
        p->host[n - 3] = '\0';
    if (n > 4 && strcmp(p->host + n - 4, ":443") == 0 && strncasecmp(endpoint, "https:", 6) == 0)
        p->host[n - 4] = '\0';
    return n > 0 && !strchr(p->host, '@') && !origin.is_full && !path.is_full && !name.is_full;
}

bool leat_s3_locate(const char *url, const char *endpoint, const char *region,
                    struct leat_s3_place *p)
{
    const char *bucket = url + SCHEME_N, *suffix;
    size_t n = strcspn(bucket, "/");
    struct leat_fixed name = leat_fixed_in(p->host, sizeof p->host),
                      path = leat_fixed_in(p->path, sizeof p->path);

    if (!*region)
        region = "us-east-1";
    if (strlen(region) >= sizeof p->region)
        return false;
    snprintf(p->region, sizeof p->region, "%s", region);
    if (*endpoint)
        return locate_at(url, endpoint, p);
    suffix = strncmp(region, "cn-", 3) == 0 ? ".cn" : "";
    /* The certificate of Amazon is for one label before its name. */
    if (memchr(bucket, '.', n)) {
        leat_fixed_add(&name, "s3.%s.amazonaws.com%s", region, suffix);
        leat_fixed_add(&path, "/");
        leat_fixed_add_encoded(&path, bucket, true);
    } else {
        leat_fixed_add(&name, "%.*s.s3.%s.amazonaws.com%s", (int)n, bucket, region, suffix);
        leat_fixed_add_encoded(&path, bucket + n, true);
    }
    snprintf(p->origin, sizeof p->origin, "https://%s", p->host);
    return !name.is_full && !path.is_full;
}

/* --- settings --------------------------------------------------------------------------------- */

static void find_file(const char *variable, const char *name, char to[LEAT_S3_PATH_MAX])
{
    const char *path = getenv(variable), *home = getenv("HOME");
    int n = 0;

    *to = '\0';
    if (path && *path)
        n = snprintf(to, LEAT_S3_PATH_MAX, "%s", path);
    else if (home && *home)
        n = snprintf(to, LEAT_S3_PATH_MAX, "%s/.aws/%s", home, name);
    if (n < 0 || (size_t)n >= LEAT_S3_PATH_MAX)
        *to = '\0';
}

void leat_s3_files(struct leat_s3_files *ret)
{
    find_file("AWS_SHARED_CREDENTIALS_FILE", "credentials", ret->credentials);
    find_file("AWS_CONFIG_FILE", "config", ret->config);
}

const char *leat_s3_profile(void)
{
    const char *name = getenv("AWS_PROFILE");

    if (!name || !*name)
        name = getenv("AWS_DEFAULT_PROFILE");
    return name && *name ? name : "default";
}

struct span {
    const char *text;
    size_t n;
};

static struct span trim(struct span s)
{
    while (s.n > 0 && strchr(" \t\r", s.text[0])) {
        s.text++;
        s.n--;
    }
    while (s.n > 0 && strchr(" \t\r", s.text[s.n - 1]))
        s.n--;
    return s;
}

static bool is(struct span s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.text, text, s.n) == 0;
}

/* "[default]", "[profile x]": is it that of the profile? The default one may have no prefix in any file. */
static bool is_section(struct span line, const char *prefix, const char *profile)
{
    size_t n = strlen(prefix);
    struct span name =
        trim((struct span){line.text + 1, line.n - 1 - (line.text[line.n - 1] == ']')});

    if (strcmp(profile, "default") == 0 && is(name, "default"))
        return true;
    if (n > 0 && (name.n <= n || memcmp(name.text, prefix, n) != 0 || !strchr(" \t", name.text[n])))
        return false;
    name.text += n;
    name.n -= n;
    return is(trim(name), profile);
}

bool leat_s3_setting(const char *file, size_t size_of_file, const char *prefix, const char *profile,
                     const char *name, char *to, size_t size)
{
    bool inside = false;

    *to = '\0';
    for (const char *p = file, *end = file + size_of_file; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *equals;
        bool nested = *p == ' ' || *p == '\t'; /* such as the settings of s3 */
        struct span line = {p, (size_t)((newline ? newline : end) - p)}, value;

        p = newline ? newline + 1 : end;
        line = trim(line);
        if (line.n == 0 || *line.text == '#' || *line.text == ';')
            continue;
        if (*line.text == '[') {
            inside = is_section(line, prefix, profile);
            continue;
        }
        equals = memchr(line.text, '=', line.n);
        if (!inside || nested || !equals ||
            !is(trim((struct span){line.text, (size_t)(equals - line.text)}), name))
            continue;
        value = trim((struct span){equals + 1, (size_t)(line.text + line.n - equals - 1)});
        if (value.n >= size)
            return false;
        memcpy(to, value.text, value.n);
        to[value.n] = '\0';
        return true;
    }
    return false;
}
