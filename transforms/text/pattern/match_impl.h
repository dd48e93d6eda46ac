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
