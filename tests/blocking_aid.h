/* blocking_aid.h - blocking stages around a library that misbehaves as a test asks for.
 *
 * `pushes`, `pushes_until` and `pushes_limited` are sources, `pulls`, `pulls_until`, `pulls_all` and `pulls_lines` sinks;
 * those called _until have `stop`, pulls_all takes part in the commit. Each finds its struct library by
 * --at=. `copies` is a transform.
 *
 *     struct blocking b;
 *     blocking_init(&b, e, 1000);
 *     ASSERT_EQ(blocking_run(&b, "pushes @from | pulls @to"), 0);
 *     ASSERT_BYTES_EQ(b.to.out, b.to.out_len, b.in, 1000);
 *     blocking_done(&b);
 */
#ifndef LEAT_BLOCKING_AID_H
#define LEAT_BLOCKING_AID_H

#include <semaphore.h>
#include <stdatomic.h>

#include "memio_runs.h"

#define MIB ((size_t)1 << 20)
#define NEVER UINT64_MAX
#define MANY_STACKS 60u
#define LIMITED_MAX 1000u /* most bytes of pushes_limited */

/* A library, and what it does at a byte of its stream. */
struct library {
    const uint8_t *in;                  /* of the source */
    size_t len, piece;                  /* most bytes of a push; 0: as much as there is room */
    size_t least;                       /* for leat_push_reserve; 0: it calls leat_push */
    uint64_t fail_at, end_at, block_at; /* NEVER: not at all */
    int answer;                         /* of run, if not 0 */
    bool meets;                         /* the source waits until the sink has what it pushed */
    struct library *peer;
    int fail_prepare;
    const void *stacks[MANY_STACKS]; /* of the threads of the sinks: n_stacks different ones */
    unsigned n_stacks;
    /* The sink keeps its first piece until `stop` and until the peer has moved so many bytes more. */
    size_t holds;
    struct memio *cancels; /* cancelled when the library is about to block; or NULL */
    struct library *after; /* it fails only when that one has its first piece */
    sem_t pulled;          /* by the sink: once a piece */
    sem_t held;            /* it has its first piece */

    uint8_t *out;
    size_t out_room;
    _Atomic size_t out_len;
    int interrupt_fd; /* an eventfd; `stop` writes to it */
    atomic_int opens, runs, returns, closes, prepares, commits, reverts, stops;
    atomic_bool cancelled; /* run saw it */
};

/* One run: the library of a source, and two more. */
struct blocking {
    struct memio io;
    struct library from, to, other;
    const uint8_t *in; /* what `from` and memsource have; it lasts until the next blocking_init */
    size_t len;
};

/* blocking_init - a run under the e-th of many settings: executor, threads, seed, room, chunk. */
void blocking_init(struct blocking *blocking, unsigned e, size_t len);
/* blocking_run - memio_run_named with the names @io, @from, @to and @other. */
int blocking_run(struct blocking *blocking, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* blocking_done - check that each library was closed as often as opened, after its `run` had returned. */
void blocking_done(struct blocking *blocking);

#endif
