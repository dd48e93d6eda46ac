/* breaks.c - runs an action that breaks an invariant, and reads the message of its end. */
#include "breaks.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

bool breaks_begin(struct breaks *ret)
{
    const struct rlimit no_core = {0, 0};
    int ends[2];

    ASSERT_EQ(pipe(ends), 0);
    ret->child = fork();
    ASSERT_GE(ret->child, 0);
    if (ret->child == 0) {
        if (setrlimit(RLIMIT_CORE, &no_core) < 0 || dup2(ends[1], STDERR_FILENO) < 0)
            test_exit(2);
        signal(SIGABRT, SIG_DFL);
        close(ends[0]);
        close(ends[1]);
        return true;
    }
    close(ends[1]);
    ret->said = ends[0];
    return false;
}

void breaks_not(void)
{
    test_exit(0);
}

static void read_all(int fd, char *text, size_t size)
{
    size_t n = 0;
    ssize_t r;

    do {
        r = read(fd, text + n, size - 1 - n);
        if (r > 0)
            n += (size_t)r;
    } while (r > 0 || (r < 0 && errno == EINTR));
    text[n] = '\0';
}

void breaks_check(struct breaks *breaks, const char *file, int line, const char *action,
                  const char *invariant)
{
    char text[4096];
    int status;

    read_all(breaks->said, text, sizeof text);
    close(breaks->said);
    ASSERT_EQ(waitpid(breaks->child, &status, 0), breaks->child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        test_fail_at(file, line, "%s does not abort: status %#x, \"%s\"", action, (unsigned)status,
                     text);
    if (!strstr(text, "invariant broken") || !strstr(text, invariant))
        test_fail_at(file, line, "%s breaks another invariant than \"%s\": %s", action, invariant,
                     text);
}
