/* filter.c - the system calls that a confined process may not use; the filter is made by libseccomp.
 *
 * The list names what is refused, not what is allowed: a library may use any harmless call, now or in a
 * later version. Files are Landlock's part; the filter refuses other processes, programs, sockets, the
 * kernel's large interfaces, and what Landlock does not know: modes, owners and times of files by name.
 * A refused call fails with EPERM, except those whose callers expect ENOSYS from an older kernel.
 *
 * libseccomp is loaded here, so that a program which confines nothing starts without it.
 */

#include "filter.h"

#include <errno.h>

#ifndef HAVE_SECCOMP
#define HAVE_SECCOMP 0
#endif

#if HAVE_SECCOMP

#include <dlfcn.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/invariant.h"

#define EACH_FUNCTION(X)                                                                           \
    X(seccomp_init) X(seccomp_attr_set) X(seccomp_rule_add_array) X(seccomp_load) X(seccomp_release)

/* Newer than some headers; new calls have the same number on all architectures but Alpha. */
#define SYS_FCHMODAT2 452
#define SYS_SETXATTRAT 463
#define SYS_REMOVEXATTRAT 466
#define SYS_FILE_SETATTR 469

struct leat_filter {
    void *library;
#define X(name) __typeof__(name) *name;
    EACH_FUNCTION(X)
#undef X
    scmp_filter_ctx context;
};

/* Calls with these numbers are refused whatever their arguments are. */
static const int always[] = {
    /* programs, and other processes */
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kcmp),
    SCMP_SYS(tkill),
    SCMP_SYS(pidfd_send_signal),
#ifdef __SNR_pidfd_getfd
    SCMP_SYS(pidfd_getfd),
#endif
#ifdef __SNR_process_madvise
    SCMP_SYS(process_madvise),
#endif
    /* mounts and namespaces */
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(open_by_handle_at),
#ifdef __SNR_mount_setattr
    SCMP_SYS(mount_setattr),
#endif
    /* keys, tracing, modules, the machine */
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(syslog),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(vhangup),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(rt_tgsigqueueinfo),
};

/* The kernel's rings do what the calls do, past the filter; their users know how to do without. */
static const int absent[] = {
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
};

static const int network[] = {
    SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind),       SCMP_SYS(listen),
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(socketcall),
};

static const int names[] = {
    SCMP_SYS(chmod),      SCMP_SYS(fchmodat), SCMP_SYS(chown),        SCMP_SYS(lchown),
    SCMP_SYS(fchownat),   SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),    SCMP_SYS(removexattr),
    SCMP_SYS(truncate),   SCMP_SYS(utime),    SCMP_SYS(lremovexattr), SCMP_SYS(utimes),
    SCMP_SYS(futimesat),  SYS_FCHMODAT2,      SYS_SETXATTRAT,         SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
#ifdef __SNR_truncate64
    SCMP_SYS(truncate64),
#endif
};

static const int nodes[] = {SCMP_SYS(mknod), SCMP_SYS(mknodat)};

static int refuse(const struct leat_filter *f, const int *calls, size_t n, int error)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = f->seccomp_rule_add_array(f->context, SCMP_ACT_ERRNO((uint32_t)error), calls[i], 0,
                                      NULL);
    return r;
}
#define REFUSE(f, calls, error) refuse(f, calls, sizeof(calls) / sizeof *(calls), error)

/* Refuse the call if its argument compares like this. */
static int refuse_if(const struct leat_filter *f, int call, struct scmp_arg_cmp compare)
{
    return f->seccomp_rule_add_array(f->context, SCMP_ACT_ERRNO(EPERM), call, 1, &compare);
}

/* Signals go to this process only. Text must not get into the terminal's input, where a shell would run
 * it; nor must another process get the signals of a file. */
static int refuse_some(const struct leat_filter *f, unsigned allowed)
{
    const scmp_datum_t low = 0xffffffff, self = (scmp_datum_t)getpid();
    int r = refuse_if(f, SCMP_SYS(kill), SCMP_A0(SCMP_CMP_NE, self));

    if (r == 0)
        r = refuse_if(f, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_NE, self));
    if (r == 0)
        r = refuse_if(f, SCMP_SYS(rt_sigqueueinfo), SCMP_A0(SCMP_CMP_NE, self));
    if (r == 0)
        r = refuse_if(f, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, low, TIOCSTI));
    if (r == 0)
        r = refuse_if(f, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, low, TIOCLINUX));
    if (r == 0)
        r = refuse_if(f, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_MASKED_EQ, low, F_SETOWN));
    if (r == 0)
        r = refuse_if(f, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_MASKED_EQ, low, F_SETOWN_EX));
    if (r == 0 && !(allowed & LEAT_FILTER_NAMES)) /* without a name it is futimens */
        r = refuse_if(f, SCMP_SYS(utimensat), SCMP_A1(SCMP_CMP_NE, 0));
    if (r == 0 && (allowed & LEAT_FILTER_USERS) && !(allowed & LEAT_FILTER_NETWORK))
        r = refuse_if(f, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_NE, AF_UNIX));
    return r;
}

/* TSYNC: threads that exist get it, too. SSB: no slower speculation for the whole run, which old kernels
 * turn on. OPTIMIZE 2: a search tree, so that a call costs few steps. */
static int set_attributes(const struct leat_filter *f)
{
    int r = f->seccomp_attr_set(f->context, SCMP_FLTATR_CTL_TSYNC, 1);

    if (r == 0)
        r = f->seccomp_attr_set(f->context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (r == 0)
        r = f->seccomp_attr_set(f->context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r == 0)
        (void)f->seccomp_attr_set(f->context, SCMP_FLTATR_CTL_SSB, 1); /* a wish */
    return r;
}

static int add_rules(const struct leat_filter *f, unsigned allowed)
{
    int r = set_attributes(f);

    if (r == 0)
        r = REFUSE(f, always, EPERM);
    if (r == 0)
        r = REFUSE(f, absent, ENOSYS);
    if (r == 0 && !(allowed & (LEAT_FILTER_USERS | LEAT_FILTER_NETWORK)))
        r = REFUSE(f, network, EPERM);
    if (r == 0 && !(allowed & LEAT_FILTER_NAMES))
        r = REFUSE(f, names, EPERM);
    if (r == 0 && !(allowed & LEAT_FILTER_NODES))
        r = REFUSE(f, nodes, EPERM);
    return r == 0 ? refuse_some(f, allowed) : r;
}

static int load_library(struct leat_filter *f)
{
    void *symbol;

    f->library = dlopen(LIBSECCOMP_SO, RTLD_NOW | RTLD_LOCAL);
    if (!f->library)
        return -ENOENT;
#define X(name)                                                                                    \
    symbol = dlsym(f->library, #name);                                                             \
    memcpy(&f->name, &symbol, sizeof symbol);                                                      \
    if (!symbol)                                                                                   \
        return -ENOENT;
    EACH_FUNCTION(X)
#undef X
    return 0;
}

int leat_filter_new(unsigned allowed, struct leat_filter **ret_filter)
{
    struct leat_filter *f = calloc(1, sizeof *f);
    int r = f ? load_library(f) : -ENOMEM;

    if (r == 0) {
        f->context = f->seccomp_init(SCMP_ACT_ALLOW);
        r = f->context ? add_rules(f, allowed) : -ENOMEM;
    }
    if (r < 0)
        leat_filter_free(f);
    else
        *ret_filter = f;
    return r;
}

int leat_filter_load(struct leat_filter *f)
{
    int r;

    leat_assert(f->context != NULL);
    r = f->seccomp_load(f->context);
    return r > 0 ? -ESRCH : r; /* a thread that cannot get it */
}

void leat_filter_free(struct leat_filter *f)
{
    if (!f)
        return;
    if (f->context)
        f->seccomp_release(f->context);
    if (f->library)
        (void)dlclose(f->library); /* nothing of it is in use any more */
    free(f);
}

#else

int leat_filter_new(unsigned allowed, struct leat_filter **ret_filter)
{
    (void)allowed;
    (void)ret_filter;
    return -ENOSYS;
}

int leat_filter_load(struct leat_filter *f)
{
    (void)f;
    return -ENOSYS;
}

void leat_filter_free(struct leat_filter *f)
{
    (void)f;
}

#endif
