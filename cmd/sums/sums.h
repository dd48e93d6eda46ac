/* sums.h - the interfaces between the files of `leat check SUMS...`: lists of digests, and the files that they name.
 *
 * All of it runs on the thread of its loop; the workers of one context read the files.
 */
#ifndef CMD_SUMS_SUMS_H
#define CMD_SUMS_SUMS_H

#include "../batch/journal.h"
#include "../cmd.h"

/* --- lists.c: lines of sha256sum and of others ------------------------------------------------- */

enum sum_kind { SUM_MD5, SUM_SHA1, SUM_SHA256, SUM_SHA512, SUM_BLAKE2B, SUM_KINDS };

enum sum_state {
    SUM_WAITS, /* not begun, or it runs */
    SUM_OK,
    SUM_KNOWN, /* OK in an earlier run, and not read again */
    SUM_FAILED,
    SUM_UNREADABLE,
    SUM_MISSING, /* with --ignore-missing */
};

/* One line. `name` and `digest` are in the text of its list. */
struct sum {
    const char *name, *digest;
    char *error;   /* of SUM_UNREADABLE; owned; NULL: out of memory */
    uint8_t kind;  /* enum sum_kind */
    uint8_t state; /* enum sum_state */
    bool either;   /* 128 digits without a tag: of SHA-512 or BLAKE2b */
    bool again;    /* the second of both is computed */
};

struct sum_list {
    const char *file;
    struct buf text;
    struct sum *v; /* n lines */
    size_t n, room;
    size_t bad; /* lines that are none */
    bool unreadable;
    int reversed; /* lines have one blank, as of `md5 -r`: 1; two: 0; not known yet: -1 */
    bool blake2b; /* what 128 digits are tried as first */
};

/* sums_parse - read the list. `warn`: a message for each line that is none. Returns 0, or an exit status after a message:
 * that of LEAT_EIO if the list cannot be read. */
int sums_parse(struct sum_list *list, const struct config *config, bool warn);
void sums_done(struct sum_list *list);
/* sums_stage - the name of the stage that makes a digest of this kind. */
const char *sums_stage(enum sum_kind kind);

/* --- known.c: the journal --------------------------------------------------------------------- */

struct sum_record {
    const struct config *config;
    const char *file; /* NULL: there is none */
    int fd;
    struct journal_state known;
    struct buf lines; /* to be written */
};

/* known_open - lock and read the journal. Returns 0, or an exit status after a message. Call known_done in any case. */
int known_open(struct sum_record *record, bool resume);
/* known_knows - was the file OK, and is it the same file? */
bool known_knows(struct sum_record *record, const struct sum *sum, const struct stat *info);
void known_add(struct sum_record *record, const struct sum *sum, const struct stat *info);
/* known_write - write what was added. Returns 0, or an exit status after a message. */
int known_write(struct sum_record *record);
/* known_done - sync and close. Returns the same. */
int known_done(struct sum_record *record);

/* --- check.c ---------------------------------------------------------------------------------- */

struct sum_options {
    bool ignore_missing, strict, status, warn, resume;
    const char *journal;
};

/* sums_main - leat check SUMS... Returns an exit status. */
int sums_main(const struct config *config, const struct sum_options *options, size_t n,
              char **files);

#endif
