/* kernel.c - preloaded into leat by tests/cli/sandbox.bats: a kernel with less to confine a process with.
 *
 *   KERNEL_LANDLOCK=ENOSYS|EOPNOTSUPP|N   every call of Landlock fails; or it has ABI N, and refuses what
 *                                         that ABI does not know
 *   KERNEL_SECCOMP=EINVAL                 no filter can be loaded
 *
 * Both the library and libseccomp use syscall(2) for these calls.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446

static int error_of(const char *name)
{
    return strcmp(name, "ENOSYS") == 0       ? ENOSYS
           : strcmp(name, "EOPNOTSUPP") == 0 ? EOPNOTSUPP
                                             : EINVAL;
}

/* The rights for files that an ABI knows. */
static uint64_t rights_of(int abi)
{
    return (UINT64_C(1) << (abi < 2 ? 13 : abi < 3 ? 14 : abi < 5 ? 15 : 16)) - 1;
}

/* Returns 0, or the error that this kernel gives. */
static int landlock(const char *kernel, long number, const long *a, long *ret)
{
    int abi = atoi(kernel);
    const uint64_t *attr = (const uint64_t *)(uintptr_t)(number == ADD_RULE ? a[2] : a[0]);

    *ret = 0;
    if (abi == 0)
        return error_of(kernel);
    if (number == CREATE_RULESET && !attr) {
        *ret = abi;
        return 0;
    }
    if (number == RESTRICT_SELF || abi > 6)
        return 0;
    if (attr[0] & ~rights_of(abi))
        return EINVAL;
    return number == CREATE_RULESET && ((abi < 4 && attr[1]) || (abi < 6 && attr[2])) ? EINVAL : 0;
}

long syscall(long number, ...)
{
    const char *kernel = getenv("KERNEL_LANDLOCK"), *seccomp = getenv("KERNEL_SECCOMP");
    __typeof__(&syscall) real = (__typeof__(&syscall))dlsym(RTLD_NEXT, "syscall");
    long a[6], r = 0;
    va_list list;
    int error = 0;

    va_start(list, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (kernel && number >= CREATE_RULESET && number <= RESTRICT_SELF && a[0] != -1) /* no probe */
        error = landlock(kernel, number, a, &r);
    if (seccomp && number == SYS_seccomp)
        error = error_of(seccomp);
    errno = error;
    if (error)
        return -1;
    return r > 0 ? r : real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
