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
static int count_fd = -1;

#define COUNT_FD 500 /* out of the way */

/* Allocations of the loader before are not leat's. A confined process cannot open the file at its end. */
__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("NOMEM_AT"), *count = getenv("NOMEM_COUNT");
    int fd = count ? open(count, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;

    fail_at = at ? strtoul(at, NULL, 10) : 0;
    count_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, COUNT_FD);
    if (fd >= 0)
        close(fd);
    unsetenv("NOMEM_AT"); /* child processes have all they ask for */
    unsetenv("NOMEM_COUNT");
    unsetenv("LD_PRELOAD");
    atomic_store(&calls, 0);
}

__attribute__((destructor)) static void tell(void)
{
    if (count_fd >= 0)
        dprintf(count_fd, "%lu\n", (unsigned long)atomic_load(&calls));
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
