/* landlock.c - the system calls of Landlock, and what each ABI of them knows. */

#include "landlock.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/invariant.h"
#include "probe.h"

/* The numbers are the same on all architectures. */
#define SYS_CREATE_RULESET 444
#define SYS_ADD_RULE 445
#define SYS_RESTRICT_SELF 446
#define FLAG_VERSION 1u
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2

#define ABI_REFER 2
#define ABI_TRUNCATE 3
#define ABI_IOCTL 5
#define ABI_SCOPES 6

#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

/* An older kernel accepts the longer structure if the members that it does not know are zero. */
struct ruleset {
    uint64_t fs, net, scopes;
};

struct path_beneath {
    uint64_t rights;
    int32_t fd;
} __attribute__((packed));

struct net_port {
    uint64_t rights, port;
};

static uint64_t rights_of(int abi)
{
    uint64_t rights = LEAT_RIGHT_REFER - 1;

    rights |= abi >= ABI_REFER ? LEAT_RIGHT_REFER : 0;
    rights |= abi >= ABI_TRUNCATE ? LEAT_RIGHT_TRUNCATE : 0;
    rights |= abi >= ABI_IOCTL ? LEAT_RIGHT_IOCTL_DEV : 0;
    return rights;
}

int leat_landlock_version(void)
{
    static const long calls[] = {SYS_CREATE_RULESET, SYS_ADD_RULE, SYS_RESTRICT_SELF};
    long r;

    if (leat_probe_kills(calls, sizeof calls / sizeof *calls))
        return -ENOSYS;
    r = syscall(SYS_CREATE_RULESET, NULL, (size_t)0, FLAG_VERSION);
    return r < 0 ? -errno : r > 0 ? (int)r : -ENOSYS;
}

int leat_landlock_new(int abi, bool network, bool sockets)
{
    struct ruleset attr = {.fs = rights_of(abi)};
    long r;

    leat_assert(abi > 0);
    if (abi >= LEAT_LANDLOCK_PORTS && !network)
        attr.net = NET_BIND_TCP | NET_CONNECT_TCP;
    if (abi >= ABI_SCOPES)
        attr.scopes = SCOPE_SIGNAL | (sockets || network ? 0 : SCOPE_ABSTRACT_SOCKET);
    r = syscall(SYS_CREATE_RULESET, &attr, sizeof attr, 0u);
    return r < 0 ? -errno : (int)r;
}

int leat_landlock_allow(int rules, int abi, int fd, uint64_t rights)
{
    static const uint64_t of_files = LEAT_RIGHT_EXECUTE | LEAT_RIGHT_WRITE | LEAT_RIGHT_READ |
                                     LEAT_RIGHT_TRUNCATE | LEAT_RIGHT_IOCTL_DEV;
    struct path_beneath attr = {.rights = rights & rights_of(abi), .fd = fd};
    struct stat info;

    if (fstat(fd, &info) < 0)
        return -errno;
    if (!S_ISDIR(info.st_mode))
        attr.rights &= of_files;
    if (attr.rights == 0)
        return 0;
    if (syscall(SYS_ADD_RULE, rules, RULE_PATH_BENEATH, &attr, 0u) == 0)
        return 0;
    return errno == EBADFD ? 0 : -errno; /* a pipe, or a file in memory: always allowed */
}

int leat_landlock_allow_port(int rules, int abi, bool listens, uint16_t port)
{
    struct net_port attr = {.rights = listens ? NET_BIND_TCP : NET_CONNECT_TCP, .port = port};

    if (abi < LEAT_LANDLOCK_PORTS)
        return 0;
    return syscall(SYS_ADD_RULE, rules, RULE_NET_PORT, &attr, 0u) < 0 ? -errno : 0;
}

int leat_landlock_enter(int rules)
{
    return syscall(SYS_RESTRICT_SELF, rules, 0u) < 0 ? -errno : 0;
}
