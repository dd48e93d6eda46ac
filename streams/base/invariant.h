/* invariant.h - assertions: facts on which the engine's own code relies.
 *
 * An error code is for faults of the world, an assertion for our own. It states one fact and has no
 * side effect. After a broken invariant the next byte may be wrong, so the process writes one line
 * to descriptor 2 and aborts. The library prints nothing else, and never for a fault of the input,
 * the system or the caller's text.
 */
#ifndef LEAT_BASE_INVARIANT_H
#define LEAT_BASE_INVARIANT_H

/* leat_assert_failed - write "FILE:LINE: invariant broken: CONDITION" and abort. Allocates nothing
 * and takes no lock. Thread: any. */
_Noreturn __attribute__((cold)) void leat_assert_failed(const char *file, int line,
                                                        const char *condition);

/* leat_assert - in every build: compares values that are in memory already. */
#define leat_assert(condition)                                                                     \
    (__builtin_expect(!(condition), 0) ? leat_assert_failed(__FILE__, __LINE__, #condition)        \
                                       : (void)0)

/* leat_assert_slow - for a check that walks a list or takes a lock; only in builds with a
 * sanitizer, which include fuzzers. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LEAT_SLOW_ASSERTIONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LEAT_SLOW_ASSERTIONS 1
#endif
#ifdef LEAT_SLOW_ASSERTIONS
#define leat_assert_slow(condition) leat_assert(condition)
#else
#define leat_assert_slow(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#endif
