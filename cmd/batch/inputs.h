/* inputs.h - the list of inputs: names, sizes, identities. A million of them take 200 MB at most. */
#ifndef CMD_BATCH_INPUTS_H
#define CMD_BATCH_INPUTS_H

#include <sys/stat.h>

#include "../cmd.h"

enum outcome {
    OUTCOME_WAITS,
    OUTCOME_DONE,
    OUTCOME_SKIPPED, /* an earlier run has done it */
    OUTCOME_FAILED,
    OUTCOME_CHANGED, /* the input changed while it was read */
    OUTCOME_DROPPED, /* not begun, or cancelled, because the batch was stopped */
    OUTCOMES,
};
extern const char *const outcome_names[OUTCOMES];

/* Facts that few inputs have. */
struct input_extra {
    int code; /* not 0: it has failed before the batch began, for this reason: */
    const char *problem;
    const char
        *file; /* of a URL: its path, without the first slash and the query; NULL: it is no URL */
    const char *address; /* of a URL with a password: all of it; or NULL */
    const char *etag;    /* of a URL: a strong one, its identity; or NULL */
    uint32_t skip,
        drop; /* of a range of BGZF: decoded bytes at its ends that are of other ranges */
};

struct input {
    const char *path;          /* in the arena */
    const char *sha256;        /* 64 digits that the content must have, or NULL */
    struct input_extra *extra; /* or NULL: nothing in it */
    uint64_t size, dev, ino;
    int64_t mtime_ns;        /* since 1970 */
    uint64_t offset, length; /* a range of the file; length 0: all of it */
    uint32_t rel;            /* where the part begins that is below the named directory */
    uint32_t shard;
    uint32_t number; /* in the whole list, from 1; 0: its place in this one */
    uint16_t attempts;
    uint8_t outcome; /* enum outcome */
    bool missing;    /* it was not there; an earlier run may have removed it */
};

/* Text that is freed all at once. All zero: none. */
struct arena {
    struct arena_block *blocks;
};

/* arena_copy - a copy of n bytes and a NUL; NULL: out of memory. */
char *arena_copy(struct arena *arena, const char *text, size_t n);
void arena_done(struct arena *arena);

/* All zero: none. */
struct inputs {
    struct input *v;
    size_t n, room;
    uint64_t bytes; /* of all */
    struct arena arena;
};

/* inputs_add - add a file. `info` NULL: it does not exist. Returns it, or NULL: out of memory. */
struct input *inputs_add(struct inputs *inputs, const char *path, size_t rel,
                         const struct stat *info);
/* inputs_add_problem - add an input that has failed before the batch begins, with this code and text. Returns as inputs_add. */
struct input *inputs_add_problem(struct inputs *inputs, const char *path, int code,
                                 const char *text);
/* input_extra - what the input has, which is made if it has nothing yet; NULL: out of memory. */
struct input_extra *input_extra(struct inputs *inputs, struct input *input);
/* input_set_problem - the input has failed. input_set_etag - it has this identity. Both return false: out of memory.
 * input_problem - the code of its failure and the text, or 0. */
bool input_set_problem(struct inputs *inputs, struct input *input, int code, const char *text);
bool input_set_etag(struct inputs *inputs, struct input *input, const char *etag);
int input_problem(const struct input *input, const char **ret_text);

static inline bool input_has_problem(const struct input *input)
{
    return input->extra && input->extra->code;
}

static inline bool input_is_url(const struct input *input)
{
    return input->extra && input->extra->file;
}

/* Its URL with the password, or its path. */
static inline const char *input_address(const struct input *input)
{
    return input->extra && input->extra->address ? input->extra->address : input->path;
}

static inline const char *input_etag(const struct input *input)
{
    return input->extra ? input->extra->etag : NULL;
}
void inputs_done(struct inputs *inputs);
/* inputs_sort - by the bytes of their paths. Returns the first path that is there twice, or NULL. */
const char *inputs_sort(struct inputs *inputs);
/* input_stat - set size, time and identity. */
void input_stat(struct input *input, const struct stat *info);
/* input_is_same - has the file still this identity? */
bool input_is_same(const struct input *input, const struct stat *info);

/* --- listing.c: inputs from the words of the command line --------------------------------------- */

/* A bound of --newer or --size. */
struct listing_filter {
    const char *const *include, *const *exclude; /* patterns; NULL after the last */
    bool has_newer;
    int64_t newer_ns;
    int size_sign; /* of --size: 1 more than, -1 less than, 2 exactly; 0: any */
    uint64_t size;
    bool recursive, one_file_system;
};

/* listing_add - add the file, all files of the directory, or all that match the pattern. Returns 0, or an exit status
 * after a message. */
int listing_add(struct inputs *inputs, const struct config *config,
                const struct listing_filter *filter, const char *word);

/* --- list_files.c: inputs from a file ----------------------------------------------------------- */

/* list_read - all bytes of a file; a NUL follows if there are any. "-" is standard input. Returns 0, or an exit status after a
 * message. */
int list_read(const struct config *config, const char *file, struct buf *ret);
/* list_names - from a file with one name a line, or after each NUL. list_manifest - with digests, as of sha256sum or as
 * JSON lines. "-" is standard input. Both return 0, or an exit status after a message. */
int list_names(struct inputs *inputs, const struct config *config,
               const struct listing_filter *filter, const char *file, bool nul);
int list_manifest(struct inputs *inputs, const struct config *config,
                  const struct listing_filter *filter, const char *file);

#endif
