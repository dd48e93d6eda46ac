/* invariant.c - abort the process after a broken invariant. */

#include "invariant.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512

void leat_assert_failed(const char *file, int line, const char *condition)
{
    char text[LINE_MAX_BYTES];
    int n =
        snprintf(text, sizeof text, "leat: %s:%d: invariant broken: %s\n", file, line, condition);

    if (n >= (int)sizeof text) {
        n = (int)sizeof text;
        text[n - 1] = '\n';
    }
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        abort(); /* assertion */
    abort();     /* assertion */
}
