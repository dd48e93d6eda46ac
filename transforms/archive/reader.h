/* reader.h - the entries of an archive, read by libarchive from the input of a stage with `run`.
 *
 * libarchive is loaded when it is needed, and only its readers of tar, zip, cpio, 7z and ar are
 * enabled; that of ISO 9660 on request.
 */
#ifndef LEAT_ARCHIVE_READER_H
#define LEAT_ARCHIVE_READER_H

#include <time.h>

#include "stage.h"

enum leat_entry_kind {
    LEAT_ENTRY_FILE,
    LEAT_ENTRY_DIRECTORY,
    LEAT_ENTRY_SYMLINK,
    LEAT_ENTRY_LINK,   /* a hard link; it may have data */
    LEAT_ENTRY_DEVICE, /* block or character device */
    LEAT_ENTRY_FIFO,
    LEAT_ENTRY_SOCKET,
};

/* Its strings are valid until the next call of leat_reader_next. */
struct leat_reader_entry {
    uint64_t number; /* from 1 */
    enum leat_entry_kind kind;
    const char *name;   /* bytes of the archive, never NULL */
    const char *target; /* of a link; else NULL */
    unsigned mode;      /* permissions, set-ID and sticky bits */
    bool has_size;
    uint64_t size;
    bool has_mtime;
    struct timespec mtime;
    int64_t uid, gid;
    const char *user, *group; /* may be NULL */
    uint64_t device;          /* of a device */
    bool is_block;            /* it is a block device */
    bool has_acl;             /* access control lists of POSIX */
    bool has_nfs4_acl;        /* or of NFS 4, which no stage copies */
    void *raw;                /* for leat_reader_xattr and leat_reader_acl_next */
};

/* An entry of an access control list. */
struct leat_reader_acl {
    enum {
        LEAT_ACL_USER_OBJ,
        LEAT_ACL_USER,
        LEAT_ACL_GROUP_OBJ,
        LEAT_ACL_GROUP,
        LEAT_ACL_MASK,
        LEAT_ACL_OTHER,
    } tag;
    unsigned permissions; /* 4: read, 2: write, 1: execute */
    const char *name;     /* of a user or group; may be NULL */
    int64_t id;           /* its number; -1: not known */
};

/* Options of every stage that reads archives: LEAT_READER_OPTIONS(offsetof(params, reader)). */
struct leat_reader_options {
    int format;                /* 0: any but iso; 1: iso */
    int lenient;               /* damage that can be skipped is a warning */
    const char *name_encoding; /* of names that are not UTF-8; NULL: their bytes are kept */
    uint64_t spool;            /* bytes of the temporary file at most */
};
#define LEAT_READER_OPTIONS(at)                                                                    \
    LEAT_READER_FORMAT_OPTION(at, "format"), LEAT_READER_DATA_OPTIONS(at)
#define LEAT_READER_FORMAT_OPTION(at, text_name)                                                   \
    {                                                                                              \
        .name = text_name, .kind = LEAT_OPT_ENUM,                                                  \
        .offset = (at) + offsetof(struct leat_reader_options, format), .metavar = "FORMAT",        \
        .choices = "auto|iso",                                                                     \
        .help = "auto knows tar, zip, cpio, 7z and ar; iso must be asked for"                      \
    }
#define LEAT_READER_DATA_OPTIONS(at)                                                               \
    {.name = "lenient",                                                                            \
     .kind = LEAT_OPT_FLAG,                                                                        \
     .offset = (at) + offsetof(struct leat_reader_options, lenient),                               \
     .help = "warn of damage that can be skipped, and of a missing end mark"},                     \
        {.name = "name-encoding",                                                                  \
         .kind = LEAT_OPT_STRING,                                                                  \
         .offset = (at) + offsetof(struct leat_reader_options, name_encoding),                     \
         .metavar = "CHARSET",                                                                     \
         .help = "convert names from this encoding, such as CP866, to UTF-8"},                     \
    {                                                                                              \
        .name = "spool", .kind = LEAT_OPT_SIZE,                                                    \
        .offset = (at) + offsetof(struct leat_reader_options, spool), .metavar = "SIZE", .min = 1, \
        .max = INT64_MAX, .initial = (int64_t)16 << 30,                                            \
        .help = "most bytes of the temporary copy of a zip or 7z from a pipe; 16G"                 \
    }

struct leat_reader;

/* leat_reader_open - in open: load libarchive. Returns 0, or fails the stage. */
int leat_reader_open(struct leat_stage *stage, struct leat_reader **ret_reader);
/* leat_reader_begin - in run. The calls from here on belong to the thread of run. Returns 0, or fails
 * the stage. */
int leat_reader_begin(struct leat_reader *reader, struct leat_blocking *blocking,
                      const struct leat_reader_options *options);
/* leat_reader_next - the next entry. Returns 1; 0: the end of the archive, and of the input; LEAT_ECANCELLED; or
 * fails the stage. */
int leat_reader_next(struct leat_reader *reader, struct leat_reader_entry *ret_entry);
/* leat_reader_data - the next piece of the entry's content, valid until the next call; what lies
 * between two pieces is a hole of zeros. Returns 1; 0: the end of the entry; LEAT_ECANCELLED; or fails the
 * stage. */
int leat_reader_data(struct leat_reader *reader, const void **ret_data, size_t *ret_n,
                     uint64_t *ret_offset);
/* leat_reader_xattr - the next extended attribute of the entry; *ret_name is NULL after the last. Call it with
 * `first` to start. */
void leat_reader_xattr(struct leat_reader *reader, const struct leat_reader_entry *entry,
                       bool first, const char **ret_name, const void **ret_value, size_t *ret_n);
/* leat_reader_acl_next - the next entry of an access control list; a list has also those of the mode. Returns
 * false after the last. Call it with `first` to start. `is_default`: the list that a directory gives to new
 * files. */
bool leat_reader_acl_next(struct leat_reader *reader, const struct leat_reader_entry *entry,
                          bool is_default, bool first, struct leat_reader_acl *ret);
/* leat_reader_region - the next part of the content that is no hole, if the archive says where holes are. Returns false
 * after the last one. Call it with `first` to start, before leat_reader_data. */
bool leat_reader_region(struct leat_reader *reader, const struct leat_reader_entry *entry,
                        bool first, uint64_t *ret_at, uint64_t *ret_n);
/* leat_reader_fail - fail the stage with the entry's name before the text. Returns the code. */
int leat_reader_fail(struct leat_reader *reader, int code, const char *format, ...)
    LEAT_PRINTF(3, 4);
int leat_reader_fail_errno(struct leat_reader *reader, int err, const char *format, ...)
    LEAT_PRINTF(3, 4);
/* leat_reader_shown - the entry's name as leat_reader_fail shows it; it may be changed. */
#define LEAT_READER_SHOWN 512u
char *leat_reader_shown(struct leat_reader *reader);
/* leat_reader_consumed - bytes of the archive that were read until now. */
uint64_t leat_reader_consumed(const struct leat_reader *reader);
/* leat_reader_seeks - is the archive read from a file of its own? */
bool leat_reader_seeks(const struct leat_reader *reader);
/* leat_reader_is_cancelled - see leat_is_cancelled. */
bool leat_reader_is_cancelled(const struct leat_reader *reader);
/* leat_reader_format - the name of the archive's format: "tar", "zip", …; after the first entry. */
const char *leat_reader_format(const struct leat_reader *reader);
/* leat_reader_end - in run, at its end. leat_reader_free - in close; NULL is fine. */
void leat_reader_end(struct leat_reader *reader);
void leat_reader_free(struct leat_stage *stage, struct leat_reader *reader);

#endif
