/* regex.h - translates POSIX regular expressions, as GNU grep reads them, to PCRE2 patterns.
 *
 * A pattern becomes a tree of nodes over sets of bytes (the C locale: a character is a byte), and
 * the tree becomes the text of a PCRE2 pattern that selects the same lines. The tree also tells
 * which fixed string every match must contain, so that a fast search can skip most of the data. The
 * sets never contain the byte that ends a record, so no match can cross a record end.
 */
#ifndef LEAT_TEXT_PATTERN_REGEX_H
#define LEAT_TEXT_PATTERN_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_REGEX_DEPTH_MAX 200u             /* of nested groups and stacked repetitions */
#define LEAT_REGEX_REPEAT_MAX 32767           /* RE_DUP_MAX of GNU */
#define LEAT_REGEX_TEXT_MAX ((size_t)8 << 20) /* bytes of the PCRE2 pattern */
#define LEAT_REGEX_REQUIRED_MAX 24u           /* strings of which one must occur */
#define LEAT_REGEX_NONE UINT32_MAX            /* no such node */

enum leat_regex_syntax {
    LEAT_REGEX_BASIC,
    LEAT_REGEX_EXTENDED,
    LEAT_REGEX_FIXED,
};

enum leat_regex_kind {
    LEAT_REGEX_EMPTY,
    LEAT_REGEX_BYTE,
    LEAT_REGEX_CHAR, /* Unicode only: a character that is not ASCII */
    LEAT_REGEX_SET,
    LEAT_REGEX_ASSERT,
    LEAT_REGEX_GROUP,  /* one child */
    LEAT_REGEX_REPEAT, /* one child */
    LEAT_REGEX_CAT,    /* children in order */
    LEAT_REGEX_ALT,    /* children */
    LEAT_REGEX_BACKREF,
};

enum leat_regex_assert {
    LEAT_REGEX_LINE_START,
    LEAT_REGEX_LINE_END,
    LEAT_REGEX_WORD_START,
    LEAT_REGEX_WORD_END,
    LEAT_REGEX_WORD_EDGE,
    LEAT_REGEX_NO_WORD_EDGE,
};

/* In Unicode the bits are for ASCII only, and the rest tells of the other characters. */
struct leat_regex_set {
    uint64_t bits[4];
    uint32_t ranges_at, n_ranges; /* in regex->ranges; at least 0x80 */
    uint16_t classes;             /* of regex_set.c, by number */
    bool has_range;               /* of other characters than digits */
    bool inverted;                /* ranges and classes are those that are not in the set */
};

struct leat_regex_range {
    uint32_t from, to;
};

struct leat_regex_node {
    enum leat_regex_kind kind;
    uint32_t child, next; /* first child; next sibling; LEAT_REGEX_NONE: none */
    union {
        uint8_t byte;
        uint32_t code;
        uint32_t set; /* index into sets */
        enum leat_regex_assert assertion;
        uint32_t group; /* GROUP, BACKREF: number from 1, over all patterns */
        struct {
            int min, max; /* max -1: no limit */
        } repeat;
    } u;
};

struct leat_regex_options {
    enum leat_regex_syntax syntax;
    bool fold;    /* ASCII letters match in either case */
    bool word;    /* a match must not touch a word character on either side (-w) */
    bool line;    /* a match must be the whole line (-x); takes precedence over word */
    bool unicode; /* characters are those of UTF-8, not bytes */
    bool strict;  /* read repetitions of assertions as GNU's matcher for back-references does */
    bool groups;  /* the text keeps the groups of the pattern */
    uint8_t eol;  /* the byte that ends a record */
};

struct leat_regex {
    struct leat_regex_options options;
    struct leat_regex_node *nodes;
    size_t n_nodes, room_nodes;
    struct leat_regex_set *sets;
    size_t n_sets, room_sets;
    struct leat_regex_range *ranges;
    size_t n_ranges, room_ranges;
    uint32_t root; /* an ALT node: the patterns */
    uint32_t last; /* the last of its children */
    uint32_t n_groups;
    bool has_backref;
    bool has_raw;      /* Unicode: contains a byte that is not part of a character */
    bool for_ascii;    /* Unicode: text and strings are made for input that is ASCII only */
    bool wants_strict; /* contains something that makes GNU use its other matcher for all
                        * patterns */
    const char *why;   /* after a failure */
};

static inline bool leat_regex_set_has(const struct leat_regex_set *set, unsigned byte)
{
    return set->bits[byte >> 6] >> (byte & 63) & 1;
}

/* leat_regex_init, _done - an expression that has no pattern yet matches nothing. */
int leat_regex_init(struct leat_regex *regex, const struct leat_regex_options *options);
void leat_regex_done(struct leat_regex *regex);

/* leat_regex_add - add a pattern of len bytes without a newline.
 *
 * Returns 0; LEAT_EUSAGE, and regex->why tells the problem; LEAT_ENOMEM. */
int leat_regex_add(struct leat_regex *regex, const char *pattern, size_t len);

/* leat_regex_text - make the text of the PCRE2 pattern; the caller frees it with free().
 *
 *   callout   add a numbered callout at the end, so that all possible matches are tried
 *
 * Returns 0, LEAT_ENOMEM, or LEAT_EUSAGE with regex->why: longer than LEAT_REGEX_TEXT_MAX. */
int leat_regex_text(struct leat_regex *regex, bool callout, char **ret_text, size_t *ret_len);

/* A set of fixed strings of which every match contains one. */
struct leat_regex_string {
    uint32_t at, len; /* in bytes; len at least 1 */
};

struct leat_regex_required {
    uint8_t *bytes; /* NULL: no such set; in lower case if letters are folded */
    size_t n;
    struct leat_regex_string v[LEAT_REGEX_REQUIRED_MAX];
    bool whole; /* a text that contains one of them matches the pattern */
};

/* leat_regex_required - find the set whose most common string is the rarest. The caller frees
 * ret->bytes with free(). Returns 0 or LEAT_ENOMEM. */
int leat_regex_required(const struct leat_regex *regex, struct leat_regex_required *ret);

/* leat_regex_fixed - get the patterns as fixed strings, if each is only a fixed string; -w and -x
 * are allowed. An empty pattern counts as a fixed string, except with -w and without -x.
 *
 *   ret_bytes, ret_v   the caller frees both with free(); NULL if a pattern is no fixed string
 *
 * In Unicode without regard to case, the caller must know that i, k and s have other cases outside of ASCII.
 *
 * Returns 0 or LEAT_ENOMEM. */
int leat_regex_fixed(const struct leat_regex *regex, uint8_t **ret_bytes,
                     struct leat_regex_string **ret_v, size_t *ret_n);

/* leat_regex_is_bytes - Unicode: does the expression match the same in any input if a character is a byte? */
bool leat_regex_is_bytes(const struct leat_regex *regex);

/* leat_regex_is_empty - does the expression match every line (is one of its patterns empty)? */
bool leat_regex_is_empty(const struct leat_regex *regex);

/* leat_regex_is_greedy - is the first match that a backtracking search finds at a place always the
 * longest one there? */
bool leat_regex_is_greedy(const struct leat_regex *regex);

/* leat_regex_is_sequence - is the expression one pattern of single bytes and sets, each repeated or not? Then the first
 * match that a backtracking search finds at a place, with its groups, is the one that POSIX wants. Let it and the longest
 * match part where one takes a byte for a repetition and the other does not: the first is then ahead, and as each
 * step takes at most one byte, it can fall behind only where both stand at one place, from which it goes on the same way. */
bool leat_regex_is_sequence(const struct leat_regex *regex);

#endif
