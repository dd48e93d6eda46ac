/* replacement.h - the text that takes the place of a match: fixed parts, groups of the match, changes of case. */
#ifndef LEAT_TEXT_REPLACEMENT_H
#define LEAT_TEXT_REPLACEMENT_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage.h"

enum leat_replacement_kind {
    LEAT_REPLACEMENT_TEXT,
    LEAT_REPLACEMENT_GROUP,
    LEAT_REPLACEMENT_CASE,
};

struct leat_replacement_part {
    enum leat_replacement_kind kind;
    char
        letter; /* CASE: one of U L E for what follows, u l for the next character, - for neither */
    unsigned group; /* 0: the whole match */
    size_t at, len; /* TEXT: in bytes */
};

struct leat_replacement {
    struct leat_stage *stage;
    struct leat_replacement_part *parts;
    size_t n_parts;
    uint8_t *bytes;
    size_t n_bytes;
    bool has_case;
    locale_t locale; /* 0: letters are A to Z; else characters are those of UTF-8 */
};

/* leat_replacement_init, _done - `size` is that of the source text in bytes: no text has more parts. `stage` may be
 * NULL: charge nothing. Returns 0 or LEAT_ENOMEM. */
int leat_replacement_init(struct leat_replacement *text, struct leat_stage *stage, size_t size);
void leat_replacement_done(struct leat_replacement *text);

/* leat_replacement_byte, _group, _case - append a part. */
void leat_replacement_byte(struct leat_replacement *text, uint8_t byte);
void leat_replacement_group(struct leat_replacement *text, unsigned group);
void leat_replacement_case(struct leat_replacement *text, char letter);

/* leat_replacement_perl - append what `$1 ${name} $& $$ \U \n` and so on mean.
 *
 *   number   the number of the group with a name of n bytes; 0: there is none
 *   groups   how many groups the pattern has
 *
 * Returns 0; LEAT_EUSAGE with the problem in ret_why. */
int leat_replacement_perl(struct leat_replacement *text, const char *source, unsigned groups,
                          unsigned (*number)(const void *arg, const char *name, size_t n),
                          const void *arg, char *ret_why, size_t why_size);

/* leat_replacement_put - the text for a match.
 *
 *   subject, groups   where the groups are: from subject[groups[2 * i]] to subject[groups[2 * i + 1]];
 *                     LEAT_REPLACEMENT_UNSET: not part of the match
 *   to, room          written only if the result fits
 *
 * Returns its length. */
size_t leat_replacement_put(const struct leat_replacement *text, const uint8_t *subject,
                            const size_t *groups, uint8_t *to, size_t room);
#define LEAT_REPLACEMENT_UNSET SIZE_MAX

/* leat_replacement_constant - if the text is the same for all matches, that; else NULL. */
const uint8_t *leat_replacement_constant(const struct leat_replacement *text, size_t *ret_len);

#endif
