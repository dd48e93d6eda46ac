/* auth.c - bearer tokens, from a file. */

#if HAVE_MICROHTTPD

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define TOKEN_MIN 16u
#define FILE_MAX ((size_t)1 << 20)

static int fail(const struct config *c, const char *path, const char *why)
{
    return message_fail(c, LEAT_EUSAGE, "option --token-file: %s: %s", path, why);
}

static int add_token(struct auth *a, const char *token)
{
    char **more = realloc(a->tokens, (a->n + 1) * sizeof *more);

    if (!more)
        return -1;
    a->tokens = more;
    a->tokens[a->n] = strdup(token);
    return a->tokens[a->n++] ? 0 : -1;
}

/* One token a line; blanks around it, empty lines and comments do not count. Returns NULL, or what is wrong. */
static const char *read_lines(struct auth *a, FILE *file)
{
    char line[1024];

    while (fgets(line, sizeof line, file)) {
        char *token = line + strspn(line, " \t");
        size_t n = strcspn(token, " \t\r\n");

        if (n == 0 || *token == '#')
            continue;
        if (!strchr(token, '\n') && !feof(file))
            return "a line is longer than 1000 bytes";
        if (token[n + strspn(token + n, " \t\r\n")] != '\0')
            return "a line has more than one word";
        token[n] = '\0';
        if (n < TOKEN_MIN)
            return "a token has fewer than 16 bytes";
        if (add_token(a, token) < 0)
            return leat_strerror(LEAT_ENOMEM);
    }
    if (ferror(file))
        return strerror(errno);
    return a->n == 0 ? "it has no token" : NULL;
}

int auth_read(struct auth *a, const struct config *c, const char *path)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    const char *why;

    if (!path)
        return 0;
    if (!file)
        return fail(c, path, strerror(errno));
    why = read_lines(a, file);
    (void)fclose(file); /* it was read only */
    return why ? fail(c, path, why) : 0;
}

void auth_done(struct auth *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->tokens[i]);
    free(a->tokens);
    *a = (struct auth){.n = 0};
}

/* In a time that depends on the length of what the client sent, and on nothing else. */
static unsigned differs(const char *token, const char *given, size_t n)
{
    size_t length = strlen(token);
    unsigned different = length != n;

    for (size_t i = 0; i < n; i++)
        different |= (unsigned char)given[i] ^ (unsigned char)token[i % length];
    return different;
}

bool auth_token_fits(const struct auth *a, const char *header)
{
    static const char scheme[] = "Bearer ";
    const char *given = header && strncasecmp(header, scheme, sizeof scheme - 1) == 0
                            ? header + sizeof scheme - 1
                            : "";
    unsigned fits = 0;

    given += strspn(given, " ");
    for (size_t i = 0; i < a->n; i++)
        fits |= differs(a->tokens[i], given, strlen(given)) == 0;
    return fits;
}

bool auth_allows(const struct request *r)
{
    const struct auth *a = &r->server->auth;

    return a->n == 0 || auth_token_fits(a, head_value(r, MHD_HTTP_HEADER_AUTHORIZATION));
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
