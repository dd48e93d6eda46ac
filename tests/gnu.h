/* gnu.h - compares a pipeline with a standard tool in the C locale, byte for byte, on generated cases.
 *
 * A test draws the words of the tool and of the stage, and an input. gnu_pairs runs many of them:
 *
 *     static void draw(uint64_t *random, struct gnu_pair *pair)
 *     {
 *         gnu_tool(pair, "tac");
 *         gnu_stage(pair, "tac");
 *         if (gnu_draw(random, 2))
 *             gnu_both(pair, "-b");
 *         gnu_draw_lines(random, pair, NULL);
 *     }
 *     TEST(test_agrees_with_gnu_tac)
 *     {
 *         gnu_need("tac", "GNU coreutils", GNU_PAIRS);
 *         gnu_pairs(GNU_PAIRS, draw);
 *     }
 *
 * Each pair runs under another chunk size (1, 7, the usual one and others), pieces of random sizes, and 1 to 4
 * workers. LEAT_TEXT_PAIRS and LEAT_TEXT_SEED in the environment choose the pairs; a failure prints the seed.
 */
#ifndef LEAT_GNU_H
#define LEAT_GNU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GNU_PAIRS 2000u /* a tenth of them under a sanitizer */
#define GNU_WORDS_MAX 32u

struct gnu_bytes {
    uint8_t *data; /* NULL if there are none; a NUL follows them */
    size_t len;
};

struct gnu_pair {
    char *tool[GNU_WORDS_MAX + 1], *stage[GNU_WORDS_MAX]; /* set with the functions below */
    size_t n_tool, n_stage;
    struct gnu_bytes in;
    const char *locale; /* of the tool; NULL: C */
    uint64_t memory;    /* of the pipeline; 0: the usual limit */
    bool
        any_failure; /* if the tool fails, the outcome of the pipeline is not looked at; else it must fail, too */
    bool any_output; /* compare the outcomes only */
};

/* gnu_tool, gnu_stage, gnu_both - append a word, made as by printf, to the command of the tool, to the pipeline,
 * or to both. In the pipeline it is quoted as one word. gnu_text appends text to the pipeline as it is: " : rev". */
void gnu_tool(struct gnu_pair *pair, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gnu_stage(struct gnu_pair *pair, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void gnu_both(struct gnu_pair *pair, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gnu_text(struct gnu_pair *pair, const char *text);

/* gnu_add - append n bytes to the input of the pair, or to other bytes. */
void gnu_add(struct gnu_bytes *to, const void *data, size_t n);

/* gnu_draw - a number below n, n >= 1. gnu_pick - one of the n strings. */
unsigned gnu_draw(uint64_t *random, unsigned n);
const char *gnu_pick(uint64_t *random, const char *const *from, size_t n);
#define GNU_PICK(random, from) gnu_pick(random, from, sizeof(from) / sizeof *(from))

/* gnu_draw_lines - append up to 60 lines, some of them empty, repeated, long, with CR, NUL or bytes above 0x7f; the
 * last often lacks its newline. `words` are what the lines are made of, NULL after the last; NULL: short words,
 * numbers, blanks and punctuation. */
void gnu_draw_lines(uint64_t *random, struct gnu_pair *pair, const char *const *words);

/* gnu_run - run a program of PATH in a locale (NULL: C), in UTC, with these bytes as its standard input. *ret_out is
 * its standard output; free its data. Returns the exit status. */
int gnu_run(char *const *argv, const char *locale, struct gnu_bytes in, struct gnu_bytes *ret_out);

/* gnu_need - skip the test, which stands for n checks, unless the first output of `program --version` has this text. */
void gnu_need(const char *program, const char *text, unsigned n);

/* gnu_compare - run both, and fail the test if they differ. `seed` chooses chunks, pieces and workers. */
void gnu_compare(const struct gnu_pair *pair, uint64_t seed);

/* gnu_pairs - draw and compare n pairs. */
void gnu_pairs(unsigned n, void (*draw)(uint64_t *random, struct gnu_pair *pair));

#endif
