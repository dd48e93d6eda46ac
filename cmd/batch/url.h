/* url.h - inputs that are URLs: their names, and what a server tells of them. */
#ifndef CMD_BATCH_URL_H
#define CMD_BATCH_URL_H

#include "inputs.h"

struct batch;

/* url_is - does the word begin like a URL that `each` reads? */
bool url_is(const char *word);
/* inputs_add_url - add a URL. Its path in the list, the key of the journal, has *** in place of a password. Returns it; NULL:
 * out of memory, or *ret_bad is set: the URL has no host, or a part of its path is . or .., which a name of an output must
 * not have. */
struct input *inputs_add_url(struct inputs *inputs, const char *url, bool *ret_bad);

/* url_refuse - say that the URL is bad. Returns an exit status. */
int url_refuse(const struct config *config, const char *url);

/* Facts that a server tells. */
struct url_facts {
    bool has_size;
    uint64_t size;
    int64_t mtime_ns; /* 0: not known */
    char etag[1024];  /* a strong one, or "" */
};

/* url_facts_read - from the line of `get --head`. Returns false: it is none. */
bool url_facts_read(const char *line, struct url_facts *ret);
/* url_is_same - is the content that of the input? */
bool url_is_same(const struct input *input, const struct url_facts *facts);
/* url_has_identity - can a change of the content be seen? */
bool url_has_identity(const struct input *input);

/* url_head_words - the words of `get --head` for the input, with the options of the pipeline's source; NULL after the last.
 * NULL: out of memory. url_words_free - free them. */
char **url_head_words(const struct batch *batch, size_t input);
void url_words_free(char **words);
/* urls_check - refuse options that are not for URLs. urls_look - ask the servers for size and identity of all URLs. An input
 * whose server gives an error has failed. Both return 0, or an exit status after a message. */
int urls_check(const struct batch *batch);
int urls_look(struct batch *batch);

#endif
