/* die.c - ends the process by a signal, as if the signal had its default action. */

#include <signal.h>
#include <unistd.h>

#include <sys/time.h>

#include "../cmd.h"

static volatile sig_atomic_t soon_number, soon_status;

_Noreturn void die_by(int number)
{
    sigset_t set;

    (void)signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)raise(number);
    _exit(128 + number);
}

static void on_alarm(int number)
{
    (void)number;
    if (soon_number > 0)
        die_by(soon_number);
    _exit(soon_status);
}

void die_soon(int number, int status, unsigned ms)
{
    sigset_t alarm;
    struct itimerval when = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};

    soon_number = number;
    soon_status = status;
    (void)signal(SIGALRM, on_alarm);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    (void)pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    (void)setitimer(ITIMER_REAL, &when, NULL);
}
