/* address.c - the parts of tcp://HOST:PORT and its like. */

#include "address.h"

#include <string.h>
#include <strings.h>
#include <sys/un.h>

static int refuse(struct leat_stage *s, const char *text, const char *why)
{
    return leat_fail(s, LEAT_EUSAGE,
                     "%s: %s; an address is tcp://HOST:PORT, tls://HOST:PORT or unix:PATH", text,
                     why);
}

/* The length of `prefix` if the text begins with it, in any case; else 0. */
static size_t has_prefix(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncasecmp(text, prefix, n) == 0 ? n : 0;
}

static int parse_unix(struct leat_stage *s, const char *path, struct leat_address *a)
{
    if (!*path)
        return refuse(s, a->text, "the path is missing");
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return leat_fail(s, LEAT_EUSAGE,
                         "%s: the path of a Unix socket has at most %zu bytes; use a relative one",
                         a->text, sizeof((struct sockaddr_un *)0)->sun_path - 1);
    a->kind = LEAT_ADDRESS_UNIX;
    a->path = path;
    return 0;
}

/* HOST:PORT or [HOST]:PORT. Returns NULL, or what is wrong. */
static const char *split(const char *text, bool any_host, struct leat_address *a)
{
    bool bracket = *text == '[';
    const char *end = bracket ? strchr(text, ']') : strrchr(text, ':');
    const char *port = end ? end + 1 + bracket : NULL;
    size_t n;

    text += bracket;
    if (!end || (bracket && end[1] != ':'))
        return "the port is missing";
    n = (size_t)(end - text);
    if (!bracket && memchr(text, ':', n))
        return "write an IPv6 address in brackets, as [::1]:80";
    if (n == 0 && !any_host)
        return "the host is missing";
    if (n >= sizeof a->host)
        return "the host is too long";
    if (!*port || strlen(port) >= sizeof a->port || strpbrk(port, "/?#@"))
        return "this is no port";
    memcpy(a->host, text, n);
    strcpy(a->port, port); /* it fits */
    if (strcmp(a->host, "*") == 0)
        *a->host = '\0';
    return NULL;
}

int leat_address_parse(struct leat_stage *s, const char *text, bool any_host,
                       struct leat_address *ret)
{
    struct leat_address a = {.text = text, .kind = LEAT_ADDRESS_TCP};
    size_t n = has_prefix(text, "unix:");
    const char *wrong;
    int r;

    if (n > 0) {
        r = parse_unix(s, text + n, &a);
        if (r == 0)
            *ret = a;
        return r;
    }
    n = has_prefix(text, "tcp://");
    if (n == 0 && (n = has_prefix(text, "tls://")) > 0)
        a.kind = LEAT_ADDRESS_TLS;
    if (n == 0 && strstr(text, "://"))
        return refuse(s, text, "this kind of address is not known");
    wrong = split(text + n, any_host, &a);
    if (wrong)
        return refuse(s, text, wrong);
    *ret = a;
    return 0;
}
