/* match_impl.h - the internals of a matcher: match_build.c fills it, match.c searches with it. */
#ifndef LEAT_TEXT_PATTERN_MATCH_IMPL_H
#define LEAT_TEXT_PATTERN_MATCH_IMPL_H

#include "literals.h"
#include "many.h"
#include "match.h"
#include "pcre.h"

struct leat_matcher {
    struct leat_stage *stage;
    struct leat_match_options options;
    bool everything; /* every line matches */
    bool greedy;     /* the first match at a place is also the longest there */
    bool second_way; /* pcre2_dfa_match supports the pattern */
    bool by_line;    /* PCRE2 must see only one line at a time */
    bool wide;       /* characters are those of UTF-8 */

    /* For lines that are not ASCII; NULL: this matcher is right for all lines. */
    struct leat_matcher *unicode;
    const uint8_t *region_data; /* the buffer in which the region is known; NULL: none */
    size_t region_from, region_to;
    bool region_is_ascii;
    struct leat_matcher *for_part; /* the one for the line of the last part */

    /* A line that is not valid UTF-8, for the second way: its wrong bytes are line ends. */
    uint8_t *valid;
    size_t valid_room;
    const uint8_t *checked; /* the line that was checked last */
    size_t checked_len;
    bool checked_is_valid;

    /* Fixed strings: every line that matches contains one of them. */
    uint8_t *required;
    size_t n_literals;
    struct leat_literal literal;   /* the only one */
    struct leat_literals literals; /* if there are several */
    bool fixed;                    /* all patterns are fixed strings */
    struct leat_many *many;        /* all patterns, if all are fixed strings; then PCRE2 is not
                                    * needed */
    bool literals_suffice;         /* a line that contains one of them matches */
    bool literals_help;            /* searching for them first is faster */
    uint64_t candidates, candidate_bytes, searched_bytes; /* of the current sample */

    struct leat_pcre pcre;
    pcre2_match_data *match;
    pcre2_code *all_ways;       /* wide: for pcre2_dfa_match, which has no mode for wrong UTF-8 */
    pcre2_code *code, *longest; /* longest: with a callout at the end, for back-references */
    pcre2_match_context *longest_context;
    size_t longest_end;
    bool longest_found;
    bool compiled; /* by PCRE2's just-in-time compiler */
    int *workspace;
    size_t workspace_ints;
    unsigned hard_lines;
};

#endif
