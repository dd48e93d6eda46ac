/* pieces.h - a pipeline as words that are filled in for each of its runs, so that what is filled in is never parsed. */
#ifndef CMD_PIECES_H
#define CMD_PIECES_H

#include "../cmd.h"

/* A piece of the pipeline: a stage with its words, or one bracket. */
struct piece {
    enum { PIECE_STAGE, PIECE_OPEN, PIECE_CLOSE } kind;
    char **words; /* of a stage; NULL after the last; owned, with the words */
};

/* All zero: none. */
struct pieces {
    struct piece *v;
    size_t n;
};

/* pieces_of_text - from canonical text, which has quotes but no comments and one blank between words.
 * pieces_of_words - from the words of a command line. Both return 0, LEAT_EUSAGE (a stage is missing at a joiner) or
 * LEAT_ENOMEM; call pieces_done in any case. */
int pieces_of_text(struct pieces *pieces, const char *text);
int pieces_of_words(struct pieces *pieces, size_t n, char *const *words);
void pieces_done(struct pieces *pieces);
/* pieces_append - append the stages to the builder, each word as `fill` returns it (the builder frees it; NULL: out of
 * memory). The builder keeps a failure of a stage. Returns 0 or LEAT_ENOMEM. */
int pieces_append(const struct pieces *pieces, struct leat_builder *builder,
                  char *(*fill)(void *arg, const char *word), void *arg);
/* pieces_text - the pipeline as one line of text. */
void pieces_text(struct buf *buf, const struct pieces *pieces);

#endif
