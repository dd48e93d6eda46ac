/* template.h - places of an input's name in the words of a pipeline. */
#ifndef CMD_BATCH_TEMPLATE_H
#define CMD_BATCH_TEMPLATE_H

#include "../cmd.h"

/* The values of one input. */
struct place_values {
    const char *path;    /* as listed; of a URL its path */
    const char *rel;     /* its part below the directory that was named */
    const char *address; /* of a URL all of it, for {}; NULL: the path */
    uint64_t n;          /* its number in the list, from 1 */
    uint64_t shard;      /* from 0 */
};

/* template_bad - the first thing in braces that looks like a place and is none; NULL: there is none. *ret_n: its length. */
const char *template_bad(const char *word, size_t *ret_n);
/* template_has - is there a place in the word? */
bool template_has(const char *word);
/* template_fill - the word with the values in its places; free() it. NULL: out of memory. */
char *template_fill(const char *word, const struct place_values *values);
/* template_quote - text in which nothing is a place. */
void template_quote(struct buf *buf, const char *text);

#endif
