/* test.h - the small test framework: one program a file, one process a test.
 *
 * A test is `TEST(test_truncated_input_is_an_error) { ... }`; it registers itself. Each runs in a
 * child process, so a crash, a hang or a leaked descriptor is the failure of one test and not the
 * end of the run. Output is TAP. `PROGRAM [-l] [-n] [-t] [-r N] [-s K/N] [NAME-PART ...]`: list, do
 * not fork (for a debugger), processor time in ms (user, system) of each, repeat, only the K-th share of N from 0,
 * choose.
 */
#ifndef LEAT_TEST_H
#define LEAT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef void (*test_function)(void);
typedef __int128 test_int; /* holds every int64_t and every uint64_t */

/* Bounds of a test (bound.h), from its last test_context or test_note; variables of these names in
 * the environment win. No test comes near them on a slow and busy machine. */
#define TEST_IDLE_S 120u
#define TEST_CPU_S 1200u
#define TEST_STALL_S 3600u

#define TEST(name)                                                                                 \
    static void name(void);                                                                        \
    __attribute__((constructor)) static void test_register_##name(void)                            \
    {                                                                                              \
        test_register(__FILE__, #name, name);                                                      \
    }                                                                                              \
    static void name(void)

/* test_register - what TEST calls; `name` and `file` are literals. */
void test_register(const char *file, const char *name, test_function function);

/* test_register_with - the same for a test that is one row of a table: `name` is copied, and the
 * function finds the row with test_argument. Call it from a constructor. */
void test_register_with(const char *file, const char *name, test_function function,
                        const void *argument);
const void *test_argument(void);

/* test_fail_at - say what is wrong and end the test. */
_Noreturn void test_fail_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* test_skip - end the test as skipped; n is how many checks it stands for, at least 1. */
_Noreturn void test_skip(unsigned n, const char *why);
/* test_exit - for a child of a test: end at once, as _exit, but with what `make coverage` counts. */
_Noreturn void test_exit(int status);
/* test_write_counts - write what `make coverage` counts now, before the process may no more. */
void test_write_counts(void);
/* test_note - a line that is shown with the result. Say here what is needed to repeat a failure. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* test_context - text that is printed if the test fails or crashes later; NULL: none. The last
 * call counts. Use it in loops: "stage gzip, chunk 7, seed 12". */
void test_context(const char *format, ...) __attribute__((format(printf, 1, 2)));
void test_context_clear(void);

void test_assert_int(const char *file, int line, const char *op, const char *a_text,
                     const char *b_text, test_int a, test_int b);
void test_assert_str(const char *file, int line, const char *a_text, const char *a, const char *b);
void test_assert_bytes(const char *file, int line, const char *a_text, const void *a, size_t n_a,
                       const void *b, size_t n_b);

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            test_fail_at(__FILE__, __LINE__, "expected: %s", #condition);                          \
    } while (0)
#define ASSERT_INT_(op, a, b)                                                                      \
    test_assert_int(__FILE__, __LINE__, op, #a, #b, (test_int)(a), (test_int)(b))
#define ASSERT_EQ(a, b) ASSERT_INT_("==", a, b)
#define ASSERT_NE(a, b) ASSERT_INT_("!=", a, b)
#define ASSERT_LT(a, b) ASSERT_INT_("<", a, b)
#define ASSERT_LE(a, b) ASSERT_INT_("<=", a, b)
#define ASSERT_GT(a, b) ASSERT_INT_(">", a, b)
#define ASSERT_GE(a, b) ASSERT_INT_(">=", a, b)
#define ASSERT_NULL(a) ASSERT((a) == NULL)
#define ASSERT_NOT_NULL(a) ASSERT((a) != NULL)
/* Strings; NULL equals only NULL. */
#define ASSERT_STREQ(a, b) test_assert_str(__FILE__, __LINE__, #a, a, b)
/* ASSERT_STR_HAS - `part` occurs in `text`. */
#define ASSERT_STR_HAS(text, part)                                                                 \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            test_fail_at(__FILE__, __LINE__, "expected \"%s\" in \"%s\"", (part), (text));         \
    } while (0)
/* n bytes at a and at b; prints where they differ and what is around it. */
#define ASSERT_MEM_EQ(a, b, n) test_assert_bytes(__FILE__, __LINE__, #a, a, n, b, n)
/* The same with two lengths, which are compared as well. */
#define ASSERT_BYTES_EQ(a, n_a, b, n_b) test_assert_bytes(__FILE__, __LINE__, #a, a, n_a, b, n_b)
#define FAIL(...) test_fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(n, why) test_skip(n, why)

/* test_data_dir - $LEAT_TEST_DATA, or ../shared/data; NULL if there is no such directory. */
const char *test_data_dir(void);
/* test_data_read - the bytes of test_data_dir()/path; skips the test if there is no data
 * directory, fails it if there is no such file. free() it. A NUL follows the bytes. */
uint8_t *test_data_read(const char *path, size_t *ret_len);
/* test_file_read - the bytes of a file; NULL if it cannot be read. free() it. */
uint8_t *test_file_read(const char *path, size_t *ret_len);
/* test_tmp_dir - an empty directory of this test's own, removed when the test has ended. */
const char *test_tmp_dir(void);
/* test_path - the path of `name` in test_tmp_dir(); valid until the second call after this one. */
const char *test_path(const char *name);

/* test_count_in - the entries of a directory, with "." and "..". */
unsigned test_count_in(const char *directory);

/* test_random - the next number of a generator; seed its state with anything. */
uint64_t test_random(uint64_t *state);
/* test_loop - a loop without handles, the same in all of a test: to make one for each of a thousand
 * runs costs more than the runs. NULL outside of a test. */
struct uv_loop_s *test_loop(void);
/* test_fd_count - open descriptors of this process. */
int test_fd_count(void);
/* test_thread_count - threads of this process. */
int test_thread_count(void);
/* test_under_sanitizer - built with ASan or TSan: loops may be shorter. */
bool test_under_sanitizer(void);
/* test_under_tsan - what runs on one thread has nothing to show there. */
bool test_under_tsan(void);

#endif
