/* test_probe.c - a process that would be killed for confining itself, as a service of systemd with
 * SystemCallFilter=@system-service: it goes on, unconfined.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leat.h"
#include "test.h"

static void replace_call(unsigned number, unsigned action)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};

    ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
}

static unsigned confine(bool explains)
{
    struct leat_confinement *list = leat_confinement_new();
    unsigned parts = 99;
    char *text;

    ASSERT_NOT_NULL(list);
    if (explains) {
        text = leat_confinement_text(list);
        ASSERT_STR_HAS(text, "this kernel cannot");
        free(text);
    }
    ASSERT_EQ(leat_confine(list, 0, &parts, NULL), 0);
    leat_confinement_free(list);
    return parts;
}

/* Without the call the process has none of `without`. */
static void check(unsigned number, unsigned action, unsigned without)
{
    pid_t pid = fork();
    int status;

    ASSERT_GE(pid, 0);
    if (pid == 0) {
        replace_call(number, action);
        ASSERT_EQ(confine(true) & without, 0);
        test_exit(0);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
}

TEST(test_a_process_may_be_killed_for_any_call_of_landlock)
{
    for (unsigned call = 444; call <= 446; call++) {
        test_context("call %u", call);
        check(call, SECCOMP_RET_KILL_PROCESS, LEAT_CONFINED_FILES);
        check(call, SECCOMP_RET_TRAP, LEAT_CONFINED_FILES);
    }
}

TEST(test_a_process_may_be_killed_for_seccomp)
{
    check(SYS_seccomp, SECCOMP_RET_KILL_PROCESS, LEAT_CONFINED_CALLS);
}

/* Another confinement, or a container, is no reason to have none. */
TEST(test_a_harmless_filter_changes_nothing)
{
    pid_t pid = fork();
    int status;

    ASSERT_GE(pid, 0);
    if (pid == 0) {
        unsigned first = confine(false);

        test_exit(confine(false) == first ? 0 : 1);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_EQ(status, 0);
}
