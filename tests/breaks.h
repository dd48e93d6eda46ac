/* breaks.h - an action that breaks an invariant of the library: the process says which one, and aborts.
 *
 *   ASSERT_BREAKS(leat_pool_uncharge(&pool, 1), "charged >= n");
 *
 * The action runs in a child process. `invariant` is a part of the condition in the source.
 */
#ifndef LEAT_BREAKS_H
#define LEAT_BREAKS_H

#include <stdbool.h>

#define ASSERT_BREAKS(action, invariant)                                                           \
    do {                                                                                           \
        struct breaks breaks_;                                                                     \
        if (breaks_begin(&breaks_)) {                                                              \
            action;                                                                                \
            breaks_not();                                                                          \
        }                                                                                          \
        breaks_check(&breaks_, __FILE__, __LINE__, #action, invariant);                            \
    } while (0)

struct breaks {
    int child, said; /* the process; the descriptor that it writes messages to */
};

/* breaks_begin - returns true in the child. */
bool breaks_begin(struct breaks *ret);
/* breaks_not - in the child: the action has returned. */
_Noreturn void breaks_not(void);
/* breaks_check - fails the test if the child did not end with that message and an abort. */
void breaks_check(struct breaks *breaks, const char *file, int line, const char *action,
                  const char *invariant);

#endif
