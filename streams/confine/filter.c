/* filter.c - the system calls that a confined process may not use.
 *
 * The list names what is refused, not what is allowed: a library may use any harmless call, now or in a
 * later version. Files are Landlock's part; the filter refuses other processes, programs, sockets, the
 * kernel's large interfaces, and what Landlock does not know: modes, owners and times of files by name.
 * A refused call fails with EPERM; one that is newer than this list with ENOSYS, as on an older kernel.
 *
 * The program is made here and not by libseccomp (2.5.4), which needs 1,500 allocations and a quarter of a
 * millisecond for it, and crashes if one of them fails. It is a search tree over the numbers of the calls:
 * the kernel tries it for each number when it is loaded, and then passes most calls without it.
 */

#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/invariant.h"
#include "probe.h"

/* The numbers of calls are those of one architecture; a process may switch to another one. */
#if defined(__x86_64__) && defined(__LP64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && !defined(__ARMEB__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#endif

#ifdef ARCHITECTURE

#define RULES_MAX 128u
#define LEAF_MAX 8u
#define CODE_MAX (8u * RULES_MAX)
#define X32_FIRST 0x40000000u
/* Calls since Linux 5.1 have the same number on all of these architectures. */
#define NEWEST 470u /* the last call that the lists below have considered */
#define UNUSED 1000u
#define NEW_NAMESPACES                                                                             \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif
#define FIOSETOWN_ 0x8901u
#define SIOCSPGRP_ 0x8902u
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW 4u
#endif

enum condition {
    ALWAYS,
    IF_EQUAL, /* the argument, an int, is the value */
    UNLESS_EQUAL,
    UNLESS_EQUAL_OR_0,
    IF_BITS,    /* it has a bit of the value */
    IF_POINTER, /* the argument is not NULL */
};

/* Refuse the call with this error. */
struct rule {
    uint16_t call, error;
    enum condition condition;
    unsigned argument;
    uint32_t value;
};

struct program {
    struct rule rules[RULES_MAX];
    unsigned n_rules;
    struct sock_filter code[CODE_MAX];
    unsigned short n;
};

/* Refused whatever their arguments are. */
static const uint16_t always[] = {
    /* programs, and other processes */
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_tkill,
    SYS_rt_tgsigqueueinfo,
    424 /* pidfd_send_signal */,
    438 /* pidfd_getfd */,
    440 /* process_madvise */,
/* memory and queues that other processes have; not messages and semaphores: fakeroot needs them */
#ifdef SYS_shmget
    SYS_shmget,
    SYS_shmat,
    SYS_shmctl,
#endif
    SYS_mq_open,
    SYS_mq_unlink,
    /* mounts and namespaces */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_open_by_handle_at,
    428 /* open_tree */,
    429 /* move_mount */,
    430 /* fsopen */,
    431 /* fsconfig */,
    432 /* fsmount */,
    433 /* fspick */,
    442 /* mount_setattr */,
    467 /* open_tree_attr */,
    /* keys, tracing, modules, the machine */
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_fanotify_init,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_syslog,
    SYS_acct,
    SYS_quotactl,
    SYS_settimeofday,
    SYS_clock_settime,
    404 /* clock_settime64 */,
    SYS_adjtimex,
    SYS_clock_adjtime,
    405 /* clock_adjtime64 */,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    443 /* quotactl_fd */,
#ifdef SYS_kexec_load
    SYS_kexec_load,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl,
#endif
#ifdef SYS_ioperm
    SYS_ioperm,
#endif
};

/* The kernel's rings do what the calls do, past the filter, and the flags of clone3 are in memory, where
 * the filter does not see them; their users know how to do without. */
static const uint16_t absent[] = {425 /* io_uring_setup */, 426 /* _enter */, 427 /* _register */,
                                  435 /* clone3 */};

static const uint16_t network[] = {
#ifdef SYS_socketcall
    SYS_socketcall,
#endif
#ifdef SYS_accept
    SYS_accept,
#endif
    SYS_socket,     SYS_connect, SYS_bind, SYS_listen, SYS_accept4,
};

static const uint16_t names[] = {
    SYS_fchmodat,
    SYS_fchownat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_truncate,
    452 /* fchmodat2 */,
    463 /* setxattrat */,
    466 /* removexattrat */,
    469 /* file_setattr */,
#ifdef SYS_truncate64
    SYS_truncate64,
#endif
#ifdef SYS_chmod
    SYS_chmod,
#endif
#ifdef SYS_chown
    SYS_chown,
    SYS_lchown,
#endif
#ifdef SYS_chown32
    SYS_chown32,
    SYS_lchown32,
#endif
#ifdef SYS_utime
    SYS_utime,
#endif
#ifdef SYS_utimes
    SYS_utimes,
#endif
#ifdef SYS_futimesat
    SYS_futimesat,
#endif
};

static const uint16_t nodes[] = {
#ifdef SYS_mknod
    SYS_mknod,
#endif
    SYS_mknodat,
};

/* --- rules, in the order of their calls --------------------------------------------------------- */

static void add_rule(struct program *p, const struct rule *rule)
{
    unsigned at = p->n_rules++;

    leat_assert(at < RULES_MAX);
    for (; at > 0 && p->rules[at - 1].call > rule->call; at--)
        p->rules[at] = p->rules[at - 1];
    p->rules[at] = *rule;
}

static void refuse_all(struct program *p, const uint16_t *calls, size_t n, uint16_t error)
{
    for (size_t i = 0; i < n; i++)
        add_rule(p, &(struct rule){.call = calls[i], .error = error});
}
#define REFUSE(p, calls, error) refuse_all(p, calls, sizeof(calls) / sizeof *(calls), error)

static void refuse_if(struct program *p, uint16_t call, enum condition condition, unsigned argument,
                      uint32_t value)
{
    add_rule(p, &(struct rule){.call = call,
                               .error = EPERM,
                               .condition = condition,
                               .argument = argument,
                               .value = value});
}

/* Signals, and limits such as that of processor time, go to this process only. Text must not get into the
 * terminal's input, where a shell would run it; nor must another process get the signals of a file. */
static void refuse_some(struct program *p, unsigned allowed)
{
    uint32_t self = (uint32_t)getpid();

    refuse_if(p, SYS_kill, UNLESS_EQUAL, 0, self);
    refuse_if(p, SYS_tgkill, UNLESS_EQUAL, 0, self);
    refuse_if(p, SYS_rt_sigqueueinfo, UNLESS_EQUAL, 0, self);
    refuse_if(p, SYS_prlimit64, UNLESS_EQUAL_OR_0, 0, self);
    refuse_if(p, SYS_clone, IF_BITS, CLONE_FLAGS, NEW_NAMESPACES);
    refuse_if(p, SYS_ioctl, IF_EQUAL, 1, TIOCSTI);
    refuse_if(p, SYS_ioctl, IF_EQUAL, 1, TIOCLINUX);
    refuse_if(p, SYS_ioctl, IF_EQUAL, 1, FIOSETOWN_);
    refuse_if(p, SYS_ioctl, IF_EQUAL, 1, SIOCSPGRP_);
    refuse_if(p, SYS_fcntl, IF_EQUAL, 1, F_SETOWN);
    refuse_if(p, SYS_fcntl, IF_EQUAL, 1, F_SETOWN_EX);
#ifdef SYS_fcntl64
    refuse_if(p, SYS_fcntl64, IF_EQUAL, 1, F_SETOWN);
    refuse_if(p, SYS_fcntl64, IF_EQUAL, 1, F_SETOWN_EX);
#endif
    if (!(allowed & LEAT_FILTER_NAMES)) { /* without a name it is futimens */
        refuse_if(p, SYS_utimensat, IF_POINTER, 1, 0);
        refuse_if(p, 412 /* utimensat_time64 */, IF_POINTER, 1, 0);
    }
    if ((allowed & LEAT_FILTER_USERS) && !(allowed & LEAT_FILTER_NETWORK))
        refuse_if(p, SYS_socket, UNLESS_EQUAL, 0, AF_UNIX);
}

static void make_rules(struct program *p, unsigned allowed)
{
    REFUSE(p, always, EPERM);
    REFUSE(p, absent, ENOSYS);
    if (!(allowed & (LEAT_FILTER_USERS | LEAT_FILTER_NETWORK)))
        REFUSE(p, network, EPERM);
    if (!(allowed & LEAT_FILTER_NAMES))
        REFUSE(p, names, EPERM);
    if (!(allowed & LEAT_FILTER_NODES))
        REFUSE(p, nodes, EPERM);
    refuse_some(p, allowed);
}

/* --- the program ------------------------------------------------------------------------------ */

static void add(struct program *p, struct sock_filter instruction)
{
    leat_assert(p->n < CODE_MAX);
    p->code[p->n++] = instruction;
}

static void load(struct program *p, size_t offset)
{
    add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* One half of an argument. */
static void load_argument(struct program *p, unsigned i, bool high)
{
    bool second = high == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

    load(p, offsetof(struct seccomp_data, args) + i * sizeof(uint64_t) +
                (second ? sizeof(uint32_t) : 0));
}

/* Compare what was loaded, and skip so many instructions. */
static void skip(struct program *p, uint16_t comparison, uint32_t value, uint8_t if_true,
                 uint8_t if_false)
{
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | comparison, value, if_true, if_false));
}

static void give(struct program *p, uint32_t result)
{
    add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, result));
}

/* The call is the rule's: refuse it, or go on with the next instruction. */
static void add_condition(struct program *p, const struct rule *rule)
{
    if (rule->condition == IF_POINTER) {
        load_argument(p, rule->argument, true);
        skip(p, BPF_JEQ, 0, 0, 2);
    }
    if (rule->condition != ALWAYS)
        load_argument(p, rule->argument, false);
    if (rule->condition == IF_POINTER)
        skip(p, BPF_JEQ, 0, 1, 0);
    if (rule->condition == UNLESS_EQUAL_OR_0)
        skip(p, BPF_JEQ, 0, 2, 0);
    if (rule->condition == UNLESS_EQUAL || rule->condition == UNLESS_EQUAL_OR_0)
        skip(p, BPF_JEQ, rule->value, 1, 0);
    if (rule->condition == IF_EQUAL)
        skip(p, BPF_JEQ, rule->value, 0, 1);
    if (rule->condition == IF_BITS)
        skip(p, BPF_JSET, rule->value, 0, 1);
    give(p, SECCOMP_RET_ERRNO | rule->error);
}

/* All n rules are of one call. */
static void add_call(struct program *p, const struct rule *rules, unsigned n)
{
    unsigned short test = p->n;

    skip(p, BPF_JEQ, rules->call, 0, 0);
    for (unsigned i = 0; i < n; i++)
        add_condition(p, &rules[i]);
    p->code[test].jf = (uint8_t)(p->n - test - 1);
    give(p, SECCOMP_RET_ALLOW);
}

/* Are they few, and all refused in the same way? */
static bool is_leaf(const struct rule *rules, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (rules[i].condition != ALWAYS || rules[i].error != rules[0].error)
            return false;
    return n <= LEAF_MAX;
}

static void add_leaf(struct program *p, const struct rule *rules, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        skip(p, BPF_JEQ, rules[i].call, (uint8_t)(n - i), 0);
    give(p, SECCOMP_RET_ALLOW);
    give(p, SECCOMP_RET_ERRNO | rules->error);
}

/* Where to halve the rules, so that those of one call stay together; n: all are of one call. */
static unsigned half_of(const struct rule *rules, unsigned n)
{
    unsigned half = n / 2;

    while (half > 0 && rules[half - 1].call == rules[half].call)
        half--;
    while (half < n && rules[half].call == rules[0].call)
        half++;
    return half;
}

/* The number of the call is loaded. */
static void add_tree(struct program *p, const struct rule *rules, unsigned n)
{
    unsigned half = half_of(rules, n);
    unsigned short jump;

    if (is_leaf(rules, n)) {
        add_leaf(p, rules, n);
        return;
    }
    if (half == n) {
        add_call(p, rules, n);
        return;
    }
    skip(p, BPF_JGE, rules[half].call, 0, 1);
    jump = p->n;
    add(p, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
    add_tree(p, rules, half);
    p->code[jump].k = (uint32_t)(p->n - jump - 1);
    add_tree(p, rules + half, n - half);
}

static void make(struct program *p, unsigned allowed)
{
    load(p, offsetof(struct seccomp_data, arch));
    skip(p, BPF_JEQ, ARCHITECTURE, 1, 0);
    give(p, SECCOMP_RET_ERRNO | ENOSYS);
    load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    skip(p, BPF_JGE, X32_FIRST, 0, 1);
    give(p, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    skip(p, BPF_JGT, NEWEST, 0, 2);
    skip(p, BPF_JGE, UNUSED, 1, 0);
    give(p, SECCOMP_RET_ERRNO | ENOSYS);
    make_rules(p, allowed);
    add_tree(p, p->rules, p->n_rules);
}

static bool is_deadly(void)
{
    static const long call = SYS_seccomp;

    return leat_probe_kills(&call, 1);
}

static long set_filter(const struct sock_fprog *program, unsigned flags)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

/* SPEC_ALLOW: no slower speculation for the whole run, which some kernels turn on with a filter. */
int leat_filter_load(unsigned allowed)
{
    struct program p = {.n = 0};
    struct sock_fprog program = {.filter = p.code};
    long r;

    if (is_deadly())
        return -ENOSYS;
    make(&p, allowed);
    program.len = p.n;
    r = set_filter(&program, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    if (r < 0 && errno == EINVAL) /* before Linux 4.17 */
        r = set_filter(&program, SECCOMP_FILTER_FLAG_TSYNC);
    return r < 0 ? -errno : r > 0 ? -ESRCH : 0; /* > 0: a thread that cannot get it */
}

bool leat_filter_is_there(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;

    return !is_deadly() && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &action) == 0;
}

#else

int leat_filter_load(unsigned allowed)
{
    (void)allowed;
    return -ENOSYS;
}

bool leat_filter_is_there(void)
{
    return false;
}

#endif
