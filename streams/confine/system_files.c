/* system_files.c - where the loader may find a library, and a few files of libraries. */

#include "system_files.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE "/etc/ld.so.cache"
#define CACHE_HEAD 48u
#define CACHE_ENTRY 24u
#define DIRS_MAX 64u

static const char *const files[] = {
    CACHE,
    "/usr/lib/locale",
    "/usr/share/locale",
    "/usr/share/zoneinfo",
    "/etc/localtime",
    /* libcrypto's settings */
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/openssl.cnf",
    "/etc/crypto-policies",
    "/proc/sys/crypto/fips_enabled",
    /* names of temporaries; processors */
    "/proc/sys/kernel/random/boot_id",
    "/sys/devices/system/cpu/online",
};

/* Directories with libraries, none twice. */
struct directories {
    char *v[DIRS_MAX];
    size_t n;
};

static bool is_below(const char *path, size_t n, const char *directory)
{
    size_t length = strlen(directory);

    return length <= n && memcmp(path, directory, length) == 0 &&
           (length == n || path[length] == '/');
}

/* More than there is room for are left out: a library in them is not found. Returns 0 or -ENOMEM. */
static int add(struct directories *d, const char *path, size_t n)
{
    for (size_t i = 0; i < d->n; i++)
        if (is_below(path, n, d->v[i]))
            return 0;
    if (n == 0 || d->n == DIRS_MAX)
        return 0;
    d->v[d->n] = strndup(path, n);
    return d->v[d->n] ? (d->n++, 0) : -ENOMEM;
}

/* The directories that the loader searches for this program: LD_LIBRARY_PATH, its own, and the
 * standard ones. The last are the most general. */
static int add_searched(struct directories *d)
{
    void *self = dlopen(NULL, RTLD_LAZY);
    Dl_serinfo size, *info = NULL;
    int r = 0;

    if (self && dlinfo(self, RTLD_DI_SERINFOSIZE, &size) == 0)
        info = calloc(1, size.dls_size);
    if (info && dlinfo(self, RTLD_DI_SERINFOSIZE, info) == 0 &&
        dlinfo(self, RTLD_DI_SERINFO, info) == 0)
        for (unsigned i = info->dls_cnt; i-- > 0 && r == 0;)
            r = add(d, info->dls_serpath[i].dls_name, strlen(info->dls_serpath[i].dls_name));
    free(info);
    if (self)
        (void)dlclose(self); /* the program itself is never unloaded */
    return r;
}

/* Where the names begin: behind a table, which is full of NULs. */
static size_t names_begin(const char *data, size_t size)
{
    static const char magic[] = "glibc-ld.so.cache1.1";
    size_t head = CACHE_HEAD, begin;
    uint32_t n;

    if (size < head || memcmp(data, magic, sizeof magic - 1) != 0)
        return 0;
    memcpy(&n, data + sizeof magic - 1, sizeof n);
    begin = head + (size_t)n * CACHE_ENTRY;
    return begin <= size ? begin : 0;
}

/* The names of libraries are strings with NUL; one that begins with a slash is a path. */
static int add_cached(struct directories *d, const char *data, size_t size)
{
    const char *at = data + names_begin(data, size), *end = data + size;
    int r = 0;

    while (at < end && r == 0) {
        const char *stop = memchr(at, '\0', (size_t)(end - at)), *slash;

        if (!stop)
            break;
        slash = *at == '/' ? memrchr(at, '/', (size_t)(stop - at)) : NULL;
        if (slash)
            r = add(d, at, (size_t)(slash - at));
        at = stop + 1;
    }
    return r;
}

static int add_cache(struct directories *d)
{
    int fd = open(CACHE, O_RDONLY | O_CLOEXEC), r = 0;
    struct stat info;
    void *data;

    if (fd < 0)
        return 0; /* the loader has none either */
    if (fstat(fd, &info) == 0 && info.st_size > 0) {
        data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data != MAP_FAILED) {
            r = add_cached(d, data, (size_t)info.st_size);
            (void)munmap(data, (size_t)info.st_size);
        }
    }
    (void)close(fd); /* it was only read */
    return r;
}

int leat_system_files_each(int (*take)(void *arg, const char *path), void *arg)
{
    struct directories d = {.n = 0};
    const char *conf = getenv("OPENSSL_CONF");
    int r = add_searched(&d);

    if (r == 0)
        r = add_cache(&d);
    for (size_t i = 0; i < sizeof files / sizeof *files && r >= 0; i++)
        r = take(arg, files[i]);
    if (r >= 0 && conf && *conf)
        r = take(arg, conf);
    for (size_t i = 0; i < d.n; i++) {
        if (r >= 0)
            r = take(arg, d.v[i]);
        free(d.v[i]);
    }
    return r < 0 ? r : 0;
}
