/* journal.h - the record of a batch: which inputs are done, with which outputs. A file of JSON lines.
 *
 *     {"leat":"each","version":1,"pipeline":"read '{}' | gunzip | write '{.}'","same":"size+mtime"}
 *     {"begin":"a.gz","out":["a"]}
 *     {"done":"a.gz","size":123,"mtime_ns":…,"out":[{"path":"a","size":456,"sha256":"…"}],"verified":true}
 *         (a URL has "etag", too, if its server gives a strong one; *** stands for a password in its name)
 *     {"failed":"b.gz","exit":3,"text":"…","left":true}
 *     {"removed":"a.gz"}
 *
 * The lines after a head belong to its pipeline; those of another pipeline do not count. An input is found by its name and
 * identity, so its place in the list does not matter. `done` is written after the outputs have got their names. `begin` says
 * that its outputs did not exist: those that are there after a kill are its own. A torn last line is cut off.
 */
#ifndef CMD_BATCH_JOURNAL_H
#define CMD_BATCH_JOURNAL_H

#include "inputs.h"

/* The identity of an input: the same file if this is the same. */
enum same { SAME_STAT, SAME_SHA256, SAME_ETAG };
extern const char *const same_names[SAME_ETAG + 1];

struct recorded_output {
    const char *path;
    uint64_t size;
    const char *sha256; /* or NULL */
    struct recorded_output *next;
};

struct recorded {
    const char *path;
    uint64_t size;
    int64_t mtime_ns;
    const char *sha256; /* of the input, or NULL */
    const char *etag;   /* of a URL, or NULL */
    struct recorded_output *outputs;
    bool begun, done, verified, removed;
    bool is_output; /* of another input */
};

/* All zero: empty. */
struct journal_state {
    struct recorded **slots; /* a hash table, open, n_slots a power of two */
    size_t n, n_slots;
    struct arena arena;
};

/* journal_load - add what the lines say of runs of this pipeline. *ret_whole: bytes up to the end of the last whole
 * line. Returns 0 or LEAT_E*: ECORRUPT: line *ret_line is no line of a journal; EUNSUPPORTED: it is of
 * another version; ENOMEM. */
int journal_load(struct journal_state *state, const char *text, size_t n, const char *pipeline,
                 enum same same, size_t *ret_whole, size_t *ret_line);
/* journal_is_output - is the path an output of an input, done or begun? Then it is no input itself. */
bool journal_is_output(const struct journal_state *state, const char *path);
const struct recorded *journal_find(const struct journal_state *state, const char *path);
void journal_state_done(struct journal_state *state);

enum verdict {
    VERDICT_DO,
    VERDICT_AGAIN,  /* an earlier run began it: what is there of its outputs is its own */
    VERDICT_SKIP,   /* it is done */
    VERDICT_REMOVE, /* it is done, and the source is to be removed */
    VERDICT_MISSING,
};
/* journal_decide - what is to be done with the input. Looks at the outputs that were recorded. */
enum verdict journal_decide(const struct journal_state *state, const struct input *input,
                            bool removes);

/* The lines; each ends with a newline. `out` of journal_begin: n names. */
void journal_head(struct buf *buf, const char *pipeline, enum same same);
void journal_begin(struct buf *buf, const struct input *input, char *const *out, size_t n);
/* journal_done - `digests`: lines of leat_pipeline_digests; `out`: n names of outputs, which are looked at. */
void journal_done(struct buf *buf, const struct input *input, char *const *out, size_t n,
                  const char *digests, bool verified);
/* journal_failed - `left`: there are outputs of its own, which another run may replace. */
void journal_failed(struct buf *buf, const struct input *input, int status, const char *text,
                    bool left);
void journal_removed(struct buf *buf, const struct input *input);

#endif
