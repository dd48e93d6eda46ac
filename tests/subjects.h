/* subjects.h - what the contract tests run: every registered stage, with options and an input.
 *
 * The tables in subjects.c and subjects_text.c give the lines that matter for the stages we know. A stage that is
 * registered and not in the table gets a line by default (its name alone; the output of the stage
 * it undoes, if its name says so, as its input), so a new stage is covered without an edit.
 */
#ifndef LEAT_SUBJECTS_H
#define LEAT_SUBJECTS_H

#include "memio.h"
#include "test.h"

enum place { PLACE_MIDDLE, PLACE_FIRST, PLACE_LAST };

struct subject {
    const char *stage;   /* name of the type */
    const char *text;    /* the pipeline under test; @IN@ and @SIDE@ are files, and @PORT@ is
                          * that of a server whose content is @IN@, see subject_run */
    const char *prepare; /* a pipeline that makes the input from the sample; NULL: the sample */
    enum place place;    /* LAST: ends with a writable of its own; FIRST: begins with a readable */
    size_t cut;          /* the input lacks its last bytes */
    size_t flip;         /* this byte of the input, counted from 1, is inverted; 0: none */
    const char *after;   /* text that follows the input */
    int expect;          /* the code that it must end with */
    bool any_outcome;    /* a line by default: whatever it ends with, it ends with always */
    bool no_seeds;       /* starts processes: a few seeds only */
    char name[96];       /* for messages */
};

/* subjects_text - the rows of text stages, with an empty one at the end. */
extern const struct subject subjects_text[];

/* subjects_count, subjects_at - the table and the defaults, made at the first call. */
size_t subjects_count(void);
const struct subject *subjects_at(size_t i);
/* subjects_register - a test for every subject, named PREFIX_subject_NAME; the function finds its
 * subject with test_argument. */
void subjects_register(const char *file, const char *prefix, test_function function);

struct bytes {
    uint8_t *data;
    size_t len;
};

/* subject_sample - log-like lines, with empty, long, binary and CRLF ones; the last lacks its LF.
 * The same for the same size. Free data. */
struct bytes subject_sample(size_t size);
/* subject_input - the input of this subject made from a sample of so many bytes. Free data. */
struct bytes subject_input(const struct subject *subject, size_t size);

struct outcome {
    struct leat_error error; /* code 0: success */
    struct bytes out;        /* what came out at the end */
    struct bytes side;       /* the contents of @SIDE@; data NULL if it is not there */
};

/* subject_run - run it on `in` under io's settings, pieces and faults; fills in ret.
 * Fails the test if something is left in the directory, a thread runs, or memory is charged. */
void subject_run(const struct subject *subject, struct memio *io, struct bytes in,
                 struct outcome *ret);
void outcome_free(struct outcome *outcome);
/* outcome_assert_same - both failed in the same way, or gave the same bytes. */
void outcome_assert_same(const struct outcome *a, const struct outcome *expected);

#endif
