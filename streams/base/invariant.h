/* invariant.h - assertions: what the engine's own code promises itself.
 *
 * An error code is for the world's faults; an assertion is for ours. It states one fact and has no
 * side effect. A broken invariant means that the next byte may be a wrong one, so the process writes
 * one line to descriptor 2 and aborts: the library prints nothing else, and never for a fault of the
 * input, the system or the caller's text.
 */
#ifndef LEAT_INVARIANT_H
#define LEAT_INVARIANT_H

/* leat_assert_failed - write "FILE:LINE: invariant broken: CONDITION" and abort. Allocates nothing and
 * takes no lock. Thread: any. */
_Noreturn __attribute__((cold)) void leat_assert_failed(const char *file, int line,
                                                        const char *condition);

/* leat_assert - in every build: a comparison of values that are at hand. */
#define leat_assert(condition)                                                                     \
    (__builtin_expect(!(condition), 0) ? leat_assert_failed(__FILE__, __LINE__, #condition)        \
                                       : (void)0)

/* leat_assert_slow - a check that walks a list or takes a lock: in builds with a sanitizer only,
 * fuzzers among them. */
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
