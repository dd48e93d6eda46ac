/* flush_aid.h - what the tests of flush marks share: a source that pauses, and a look at the marks.
 *
 *     burst --at=N    gives the input in bursts, an hour of virtual time between them, and notes what
 *                     had come out when the next one begins
 *     marks --at=N    passes the stream on and notes where in it there were marks
 *     scatter         passes the stream on in as many slices as there is room for, and puts a mark
 *                     behind them
 *     slow            passes the stream on, and takes a minute of virtual time for each step
 *
 * N is memio_at of a struct flush_watch, whose memio is the end of the pipeline (memsink).
 */
#ifndef LEAT_FLUSH_AID_H
#define LEAT_FLUSH_AID_H

#include "codec_aid.h"

#define FLUSH_SEEDS (test_under_sanitizer() ? 20u : 100u)
#define FLUSH_LEN ((size_t)20000)
#define FLUSH_BURSTS_MAX 8u
#define FLUSH_MARKS_MAX 4096u
#define FLUSH_PAUSE_MS 3600000u

struct flush_watch {
    struct memio io; /* in, in_len and settings are the test's */
    size_t n_bursts; /* 1 to FLUSH_BURSTS_MAX, of about equal size */

    /* The results of the run. */
    size_t bursts, given;
    size_t seen[FLUSH_BURSTS_MAX]; /* bytes that had come out when the i-th burst was over */
    uint64_t seen_ns[FLUSH_BURSTS_MAX];
    uint64_t marks[FLUSH_MARKS_MAX]; /* offsets */
    uint64_t marks_ns[FLUSH_MARKS_MAX];
    size_t n_marks, marks_opened;
};

/* flush_run - run a text with the stages of above, where @ stands for --at=N.
 * Returns its code. memio_free(&watch->io) when it was looked at. */
int flush_run(struct flush_watch *watch, const char *text);
/* flush_burst_end - how many bytes of the input were given with the i-th burst and before. */
size_t flush_burst_end(const struct flush_watch *watch, size_t i);

/* flush_seeded - a run over this input on the seeded executor; pieces, room and chunks change with
 * the seed. flush_with_pauses - the same on virtual time, for `burst`. */
struct flush_watch flush_seeded(const struct codec_bytes *in, uint64_t seed);
struct flush_watch flush_with_pauses(const struct codec_bytes *in, size_t n_bursts, uint64_t seed);
/* flush_check_marks - there was a mark behind every `step` bytes, and no other. */
void flush_check_marks(const struct flush_watch *watch, size_t step);
/* flush_keeps_place - marks behind every `step` bytes are in their places behind `stages`, under many
 * seeds, and the bytes are the same. */
void flush_keeps_place(const char *stages, size_t step);
/* flush_keeps_place_on_threads - the same with 2 to 4 threads at once, where a race would show; without
 * `exact` the marks need only be there. */
void flush_keeps_place_on_threads(const char *stages, bool exact);

#endif
