/* memio_runs.h - many runs of one pipeline: under many settings, with the same output each time. */
#ifndef LEAT_MEMIO_RUNS_H
#define LEAT_MEMIO_RUNS_H

#include "memio.h"

#define N_EXECUTORS 3u

/* memio_under - a run under the e-th of many settings: any executor and number of threads, pieces of any
 * size. Sets the context of the test. */
struct memio memio_under(unsigned e);

/* memio_run_named - memio_run_text of a text that is made as by printf, where each @NAME becomes --at=N:
 * @io for `io`, the others for what lies at that address. `names` ends with {0}; NULL: none. */
struct memio_name {
    const char *name;
    const void *at;
};
int memio_run_named(struct memio *io, const struct memio_name *names, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* memio_run_same - memio_run, which must write these bytes; frees `io`. The context has all settings. */
void memio_run_same(struct memio *io, const char *text, const void *expected, size_t len);

/* memio_seeds - how many schedules a test runs; fewer under a sanitizer. */
unsigned memio_seeds(void);
/* memio_run_grid - memio_run_same of `base` with chunks, room, threads, pieces and gulps of several sizes;
 * then, if it has at most MEMIO_GRID_MAX bytes, under memio_seeds schedules. Room or chunks of one byte
 * are only for that many bytes, too. */
#define MEMIO_GRID_MAX 10000u
void memio_run_grid(const struct memio *base, const char *text, const void *expected, size_t len);

#endif
