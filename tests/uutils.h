/* uutils.h - the command test cases of uutils that GNU coreutils pass too: textcases in the data.
 *
 * One JSON object a line: the command, its arguments and input, what it gives and its status.
 * Input and output may be fixtures, files of the command's own directory.
 */
#ifndef LEAT_UUTILS_H
#define LEAT_UUTILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUTILS_ARGS_MAX 32

struct uutils_bytes {
    uint8_t *data; /* NULL: the case does not say */
    size_t len;
};

struct uutils_case {
    char *util, *test;
    char *args[UUTILS_ARGS_MAX];
    size_t n_args;
    struct uutils_bytes in, out; /* standard input and output, fixtures read in */
    char *in_fixture, *out_fixture;
    int status;      /* -1: any but 0 */
    char *directory; /* where file names in the arguments are */
};

/* uutils_cases - all of them, in the order of the file; *ret_n is 0 if there is no data. Read at the
 * first call, and kept. Fails the test, or the program if none runs, if the file is not sound. */
const struct uutils_case *uutils_cases(size_t *ret_n);

#endif
