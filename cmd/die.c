/* die.c - ending by a signal, as others would have ended us. */

#include <signal.h>
#include <unistd.h>

#include "cmd.h"

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
