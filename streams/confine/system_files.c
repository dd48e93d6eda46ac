/* system_files.c - where the loader may find a library, and a few files of libraries. */

#include "system_files.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE "/etc/ld.so.cache"
#define CACHE_DIRS_MAX 64u

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

struct each {
    int (*take)(void *arg, const char *path);
    void *arg;
};

/* The directories that the loader searches for this program: LD_LIBRARY_PATH, its own, and the
 * standard ones. */
static int each_searched(const struct each *each)
{
    void *self = dlopen(NULL, RTLD_LAZY);
    Dl_serinfo size, *info = NULL;
    int r = 0;

    if (self && dlinfo(self, RTLD_DI_SERINFOSIZE, &size) == 0)
        info = calloc(1, size.dls_size);
    if (info && dlinfo(self, RTLD_DI_SERINFOSIZE, info) == 0 &&
        dlinfo(self, RTLD_DI_SERINFO, info) == 0)
        for (unsigned i = 0; i < info->dls_cnt && r >= 0; i++)
            r = each->take(each->arg, info->dls_serpath[i].dls_name);
    free(info);
    if (self)
        (void)dlclose(self); /* the program itself is never unloaded */
    return r;
}

/* The directories of the cache, each once, if they come in runs. The names in it are strings with NUL. */
static int each_cached_in(const struct each *each, const char *data, size_t size)
{
    struct {
        const char *name;
        size_t n;
    } seen[CACHE_DIRS_MAX];
    const char *end = data + size;
    size_t n_seen = 0;
    int r = 0;

    for (const char *at = data; r >= 0 && (at = memchr(at, '\0', (size_t)(end - at)));) {
        const char *path = ++at, *stop, *slash;
        size_t i = 0, n;

        if (path == end || *path != '/')
            continue;
        stop = memchr(path, '\0', (size_t)(end - path));
        slash = stop ? memrchr(path, '/', (size_t)(stop - path)) : NULL;
        n = slash ? (size_t)(slash - path) : 0;
        while (i < n_seen && (seen[i].n != n || memcmp(seen[i].name, path, n) != 0))
            i++;
        if (n > 0 && i == n_seen && n_seen < CACHE_DIRS_MAX) {
            char *copy = strndup(path, n);

            r = copy ? each->take(each->arg, copy) : -ENOMEM;
            free(copy);
            seen[n_seen].name = path;
            seen[n_seen++].n = n;
        }
    }
    return r;
}

static int each_cached(const struct each *each)
{
    int fd = open(CACHE, O_RDONLY | O_CLOEXEC), r = 0;
    struct stat info;
    void *data;

    if (fd < 0)
        return 0; /* the loader has none either */
    if (fstat(fd, &info) == 0 && info.st_size > 0) {
        data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data != MAP_FAILED) {
            r = each_cached_in(each, data, (size_t)info.st_size);
            (void)munmap(data, (size_t)info.st_size);
        }
    }
    (void)close(fd); /* it was only read */
    return r;
}

int leat_system_files_each(int (*take)(void *arg, const char *path), void *arg)
{
    const struct each each = {.take = take, .arg = arg};
    const char *conf = getenv("OPENSSL_CONF");
    int r = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files && r >= 0; i++)
        r = take(arg, files[i]);
    if (r >= 0 && conf && *conf)
        r = take(arg, conf);
    if (r >= 0)
        r = each_searched(&each);
    return r < 0 ? r : each_cached(&each);
}
