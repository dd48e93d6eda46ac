/* suffix.c - the suffixes of compressed files, for the places {decoder} and {plain} and for `leat convert`. */

#include "suffix.h"

#include <string.h>

static const struct suffix suffixes[] = {
    {"gz", "gzip", "gunzip", false},
    {"zst", "zstd", "unzstd", false},
    {"xz", "xz", "unxz", false},
    {"bz2", "bzip2", "bunzip2", false},
    {"lz4", "lz4", "unlz4", false},
    {"br", "brotli", "unbrotli", false},
    {"lz", "lzip", "unlzip", false},
    {"lzma", "lzma", "unlzma", false},
    {"zz", "zlib", "unzlib", false},
    {"zlib", "zlib", "unzlib", false},
    {"deflate", "deflate", "inflate", false},
    {"Z", "compress", "uncompress", false},
    {"tgz", "gzip", "gunzip", true},
    {"tzst", "zstd", "unzstd", true},
    {"txz", "xz", "unxz", true},
    {"tbz2", "bzip2", "bunzip2", true},
    {"tbz", "bzip2", "bunzip2", true},
};
#define N_SUFFIXES (sizeof suffixes / sizeof *suffixes)

const struct suffix *suffix_find(const char *name, size_t n)
{
    for (size_t i = 0; i < N_SUFFIXES; i++)
        if (strlen(suffixes[i].name) == n && strncmp(suffixes[i].name, name, n) == 0)
            return &suffixes[i];
    return NULL;
}

/* The last dot of the base name, unless it is the first byte. */
static const char *last_dot(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');

    return dot && dot > base ? dot : NULL;
}

const struct suffix *suffix_of(const char *path)
{
    const char *dot = last_dot(path);

    return dot ? suffix_find(dot + 1, strlen(dot + 1)) : NULL;
}

void suffix_plain(struct buf *b, const char *path)
{
    const struct suffix *s = suffix_of(path);

    buf_bytes(b, path, s ? (size_t)(last_dot(path) - path) : strlen(path));
    if (s && s->tar)
        buf_add(b, ".tar");
}

bool suffix_is_tar(const char *path)
{
    struct buf plain = {.n = 0};
    bool is;

    suffix_plain(&plain, path);
    is = plain.n > 4 && !plain.failed && strcmp(plain.data + plain.n - 4, ".tar") == 0;
    buf_free(&plain);
    return is;
}

const char *suffix_unsigned(const char *path)
{
    static const char *const names[] = {"br", "zz", "zlib", "deflate", "lzma"};
    const struct suffix *s = suffix_of(path);

    for (size_t i = 0; s && i < sizeof names / sizeof *names; i++)
        if (strcmp(s->name, names[i]) == 0)
            return s->decoder;
    return NULL;
}

void suffix_list(struct buf *b)
{
    for (size_t i = 0; i < N_SUFFIXES; i++)
        buf_add(b, "%s.%s", i > 0 ? " " : "", suffixes[i].name);
}
