/* nomem.c - preloaded into leat by tests/cli/nomem.bats: one allocation of the process fails.
 *
 * NOMEM_AT=K is the number of the allocation that fails; NOMEM_COUNT=FILE gets how many there were.
 * The allocators of libc below these are what they call, so no library is out of reach. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static atomic_ulong calls;
static unsigned long fail_at;
static char path_kept[4096];
static const char *count_path;

/* What the loader allocates before is not leat's. */
__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("NOMEM_AT");

    fail_at = at ? strtoul(at, NULL, 10) : 0;
    count_path = getenv("NOMEM_COUNT");
    if (count_path) {
        snprintf(path_kept, sizeof(path_kept), "%s", count_path);
        count_path = path_kept;
    }
    unsetenv("NOMEM_AT"); /* child processes have all they ask for */
    unsetenv("NOMEM_COUNT");
    unsetenv("LD_PRELOAD");
    atomic_store(&calls, 0);
}

__attribute__((destructor)) static void tell(void)
{
    int fd = count_path ? open(count_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;

    if (fd >= 0) {
        dprintf(fd, "%lu\n", (unsigned long)atomic_load(&calls));
        close(fd);
    }
}

static bool fails(void)
{
    unsigned long call = atomic_fetch_add(&calls, 1) + 1;

    if (!fail_at || call != fail_at)
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t align, size_t size)
{
    return fails() ? NULL : __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **ret, size_t align, size_t size)
{
    void *p = memalign(align, size);

    if (!p)
        return ENOMEM;
    *ret = p;
    return 0;
}
