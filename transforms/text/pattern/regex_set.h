/* regex_set.h - sets of bytes: bracket expressions and character classes in the C locale. */
#ifndef LEAT_TEXT_PATTERN_REGEX_SET_H
#define LEAT_TEXT_PATTERN_REGEX_SET_H

#include "regex.h"

static inline void leat_regex_set_insert(struct leat_regex_set *set, unsigned byte)
{
    set->bits[byte >> 6] |= (uint64_t)1 << (byte & 63);
}

static inline void leat_regex_set_remove(struct leat_regex_set *set, unsigned byte)
{
    set->bits[byte >> 6] &= ~((uint64_t)1 << (byte & 63));
}

static inline void leat_regex_set_invert(struct leat_regex_set *set)
{
    for (int i = 0; i < 4; i++)
        set->bits[i] = ~set->bits[i];
    set->inverted = !set->inverted;
}

/* leat_regex_set_class - add the bytes of [:name:]; false if there is no such class. */
bool leat_regex_set_class(struct leat_regex_set *set, const char *name, size_t len);

/* leat_regex_set_add_range - add characters that are not ASCII to the set made last. Returns 0 or LEAT_ENOMEM. */
int leat_regex_set_add_range(struct leat_regex *regex, struct leat_regex_set *set, uint32_t from,
                             uint32_t to);

/* leat_regex_set_class_text - the characters of a class that are not ASCII, for PCRE2, by the class's number. */
const char *leat_regex_set_class_text(unsigned number, bool fold);
#define LEAT_REGEX_CLASSES 12u

/* leat_regex_set_parse - parse a bracket expression, from after its `[`. Its options are those of the regex.
 *
 *   ret_collates   it contains [.x.] or [=x=]
 *   ret_why        on failure: the problem as text
 *
 * Returns the place after its `]`, or NULL. */
const char *leat_regex_set_parse(struct leat_regex *regex, struct leat_regex_set *set,
                                 const char *at, const char *end, bool *ret_collates,
                                 const char **ret_why);

/* leat_regex_set_only - the only byte of a set (or letter, in either case, if letters are folded);
 * -1 if there are several or none. */
int leat_regex_set_only(const struct leat_regex_set *set, bool fold);

/* leat_regex_set_add - store a set in the expression. Returns 0 or LEAT_ENOMEM. */
int leat_regex_set_add(struct leat_regex *regex, const struct leat_regex_set *set,
                       uint32_t *ret_index);

#endif
