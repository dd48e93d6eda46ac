/* reader.c - the entries of an archive, read by libarchive. */

#include "reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/invariant.h"
#include "header.h"
#include "input.h"
#include "need.h"

#define TAR_BLOCK 512u
#define SECOND_NS 1000000000L
#define MEMORY_BYTES ((uint64_t)1 << 20) /* of libarchive for its readers and one entry */
#define HEADER_MAX ((uint64_t)64 << 20)  /* of one entry; the longest are maps of sparse files */
#define CPIO_HEADER_MAX 128u             /* without the name */
#define EMPTY_READS_MAX 1000000u         /* in a row, of an archive that goes in circles */

#define FUNCTIONS(X)                                                                               \
    X(archive_read_new)                                                                            \
    X(archive_read_free)                                                                           \
    X(archive_read_support_format_tar)                                                             \
    X(archive_read_support_format_zip_streamable)                                                  \
    X(archive_read_support_format_zip_seekable)                                                    \
    X(archive_read_support_format_cpio)                                                            \
    X(archive_read_support_format_7zip)                                                            \
    X(archive_read_support_format_ar)                                                              \
    X(archive_read_support_format_iso9660)                                                         \
    X(archive_read_set_format_option)                                                              \
    X(archive_read_set_callback_data)                                                              \
    X(archive_read_set_read_callback)                                                              \
    X(archive_read_set_skip_callback)                                                              \
    X(archive_read_set_seek_callback)                                                              \
    X(archive_read_open1)                                                                          \
    X(archive_read_next_header2)                                                                   \
    X(archive_entry_new2)                                                                          \
    X(archive_entry_free)                                                                          \
    X(archive_read_data_skip)                                                                      \
    X(archive_read_data_block)                                                                     \
    X(archive_format)                                                                              \
    X(archive_filter_bytes)                                                                        \
    X(archive_read_header_position)                                                                \
    X(archive_errno)                                                                               \
    X(archive_error_string)                                                                        \
    X(archive_entry_pathname)                                                                      \
    X(archive_entry_pathname_utf8)                                                                 \
    X(archive_entry_filetype)                                                                      \
    X(archive_entry_perm)                                                                          \
    X(archive_entry_size)                                                                          \
    X(archive_entry_size_is_set)                                                                   \
    X(archive_entry_mtime)                                                                         \
    X(archive_entry_mtime_nsec)                                                                    \
    X(archive_entry_mtime_is_set)                                                                  \
    X(archive_entry_uid)                                                                           \
    X(archive_entry_gid)                                                                           \
    X(archive_entry_uname)                                                                         \
    X(archive_entry_gname)                                                                         \
    X(archive_entry_rdev)                                                                          \
    X(archive_entry_hardlink)                                                                      \
    X(archive_entry_hardlink_utf8)                                                                 \
    X(archive_entry_symlink)                                                                       \
    X(archive_entry_symlink_utf8)                                                                  \
    X(archive_entry_acl_types)                                                                     \
    X(archive_entry_acl_reset)                                                                     \
    X(archive_entry_acl_next)                                                                      \
    X(archive_entry_sparse_reset)                                                                  \
    X(archive_entry_sparse_next)                                                                   \
    X(archive_entry_xattr_reset)                                                                   \
    X(archive_entry_xattr_next)

struct leat_reader {
    FUNCTIONS(LEAT_LOADED_MEMBER) /* first: leat_load fills them in */
    struct leat_stage *stage;
    struct leat_reader_options options;
    struct leat_archive_input input;
    bool begun;
    bool in_header;            /* libarchive reads a header now, which it keeps in memory */
    struct leat_header header; /* its bytes, of an archive that is read in order */
    uint64_t header_at;        /* offset of the input where that began */
    uint64_t charged;          /* bytes, for headers */
    uint64_t decoder;          /* bytes to charge before the first content is read */
    struct archive *archive;
    struct archive_entry *entry;
    uint64_t number;               /* of entries */
    char shown[LEAT_READER_SHOWN]; /* the entry's name for messages; empty: there is none */
    locale_t locale, before;
};

int leat_reader_open(struct leat_stage *s, struct leat_reader **ret)
{
    static const char *const names[] = {FUNCTIONS(LEAT_LOADED_NAME) NULL};
    struct leat_reader *rd = leat_alloc(s, sizeof *rd);

    if (!rd)
        return LEAT_ENOMEM;
    *ret = rd;
    rd->stage = s;
    return leat_load(s, LIBARCHIVE_SO, "libarchive13", names, rd);
}

/* --- errors ----------------------------------------------------------------------------------- */

static int fail_v(struct leat_reader *rd, int code, int err, const char *format, va_list args)
{
    char text[LEAT_READER_SHOWN + 256];
    const char *shown = rd->shown, *colon = *shown ? ": " : "";

    vsnprintf(text, sizeof text, format, args);
    if (err)
        return leat_fail_errno(rd->stage, err, "%s%s%s", shown, *text ? colon : "", text);
    if (rd->begun)
        return leat_fail_at(rd->stage, code, rd->input.at, "%s%s%s", shown, colon, text);
    return leat_fail(rd->stage, code, "%s%s%s", shown, colon, text);
}

int leat_reader_fail(struct leat_reader *rd, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    code = fail_v(rd, code, 0, format, args);
    va_end(args);
    return code;
}

int leat_reader_fail_errno(struct leat_reader *rd, int err, const char *format, ...)
{
    va_list args;
    int code;

    va_start(args, format);
    code = fail_v(rd, 0, err, format, args);
    va_end(args);
    return code;
}

/* The library may have no text, or one that says nothing. */
static const char *text_of(struct leat_reader *rd)
{
    const char *text = rd->archive_error_string(rd->archive);

    return text && *text && strcmp(text, "(null)") != 0 && !strstr(text, "Success") ? text : NULL;
}

static bool is_at_end(const struct leat_reader *rd)
{
    return rd->input.fd ? rd->input.at >= rd->input.size : rd->input.eof;
}

static int code_of(struct leat_reader *rd, const char *text)
{
    if (rd->archive_errno(rd->archive) == ENOMEM)
        return LEAT_ENOMEM;
    if (text && (strstr(text, "CRC") || strstr(text, "hecksum")))
        return LEAT_ECHECKSUM;
    if (text && (strstr(text, "ncrypt") || strstr(text, "nsupported")))
        return LEAT_EUNSUPPORTED;
    return is_at_end(rd) || (text && strstr(text, "runcated")) ? LEAT_ETRUNCATED : LEAT_ECORRUPT;
}

static int fail_library(struct leat_reader *rd)
{
    const char *text = text_of(rd);
    int code = code_of(rd, text);

    if (rd->input.error)
        return rd->input.error;
    if (rd->number == 0 && text && strstr(text, "nrecognized"))
        return leat_fail_at(rd->stage, LEAT_ECORRUPT, 0,
                            "the input is no tar, zip, cpio, 7z or ar archive");
    if (!text)
        text =
            code == LEAT_ETRUNCATED ? "the archive ends in the middle" : "the archive is damaged";
    if (code == LEAT_EUNSUPPORTED)
        return leat_reader_fail(rd, code, "%s", text);
    return leat_reader_fail(rd, code, "%s (libarchive, entry %llu)", text,
                            (unsigned long long)rd->number);
}

/* A result below ARCHIVE_OK that need not end the run. Returns 0, or fails the stage. */
static int damaged(struct leat_reader *rd, const char *text)
{
    if (!text)
        text = "a part of the entry is damaged";
    /* The name has its bytes as they are in the archive. */
    if (!rd->options.name_encoding && strstr(text, "can't be converted"))
        return 0;
    if (!rd->options.lenient)
        return leat_reader_fail(rd, LEAT_ECORRUPT, "%s; --lenient makes this a warning", text);
    leat_warning(rd->stage, "%s%s%s", rd->shown, *rd->shown ? ": " : "", text);
    return 0;
}

/* --- begin ------------------------------------------------------------------------------------ */

/* A header may say that it is of any length, and decoded input costs little. Returns 0, or fails the stage. */
static int charge_header(struct leat_reader *rd)
{
    uint64_t n = rd->input.at - rd->header_at, need = 2 * n; /* libarchive's buffer doubles */
    int r;

    if (n > HEADER_MAX)
        return leat_reader_fail(rd, LEAT_ELIMIT, "the next header is longer than %llu bytes",
                                (unsigned long long)HEADER_MAX);
    if (need <= rd->charged || need <= MEMORY_BYTES)
        return 0;
    r = leat_charge(rd->stage, need - rd->charged);
    rd->charged = r < 0 ? rd->charged : need;
    return r;
}

static la_ssize_t read_more(struct archive *a, void *arg, const void **ret_data)
{
    struct leat_reader *rd = arg;
    size_t n = 0;
    int r = leat_header_leave(&rd->header, rd->in_header);

    (void)a;
    if (r < 0)
        rd->input.error = r;
    else
        r = leat_archive_input_read(&rd->input, ret_data, &n);
    if (r == 1)
        leat_header_piece(&rd->header, *ret_data, n, rd->input.at - n);
    if (r == 1 && rd->in_header && !rd->input.fd)
        rd->input.error = r = charge_header(rd);
    return r < 0 ? ARCHIVE_FATAL : (la_ssize_t)n;
}

static la_int64_t skip(struct archive *a, void *arg, la_int64_t request)
{
    struct leat_archive_input *in = &((struct leat_reader *)arg)->input;
    uint64_t left = in->size > in->at ? in->size - in->at : 0;

    (void)a;
    if (request <= 0)
        return 0;
    if ((uint64_t)request < left)
        left = (uint64_t)request;
    in->at += left;
    return (la_int64_t)left;
}

static la_int64_t seek(struct archive *a, void *arg, la_int64_t offset, int whence)
{
    struct leat_archive_input *in = &((struct leat_reader *)arg)->input;
    la_int64_t base = whence == SEEK_SET   ? 0
                      : whence == SEEK_CUR ? (la_int64_t)in->at
                                           : (la_int64_t)in->size;

    (void)a;
    if (base + offset < 0)
        return ARCHIVE_FATAL;
    in->at = (uint64_t)(base + offset);
    return base + offset;
}

static int set_up(struct leat_reader *rd)
{
    struct archive *a = rd->archive;
    int r = ARCHIVE_OK;

    if (rd->options.format == 1) {
        r = rd->archive_read_support_format_iso9660(a);
    } else {
        r = rd->archive_read_support_format_tar(a);
        if (r == ARCHIVE_OK)
            r = rd->archive_read_support_format_cpio(a);
        if (r == ARCHIVE_OK)
            r = rd->archive_read_support_format_ar(a);
        if (r == ARCHIVE_OK)
            r = rd->archive_read_support_format_7zip(a);
        if (r == ARCHIVE_OK)
            r = rd->input.fd ? rd->archive_read_support_format_zip_seekable(a)
                             : rd->archive_read_support_format_zip_streamable(a);
    }
    if (r == ARCHIVE_OK && rd->options.name_encoding &&
        rd->archive_read_set_format_option(a, NULL, "hdrcharset", rd->options.name_encoding) <
            ARCHIVE_WARN)
        return leat_fail(rd->stage, LEAT_EUSAGE, "--name-encoding: '%s' is not known here",
                         rd->options.name_encoding);
    if (r == ARCHIVE_OK)
        r = rd->archive_read_set_callback_data(a, rd);
    if (r == ARCHIVE_OK)
        r = rd->archive_read_set_read_callback(a, read_more);
    if (r == ARCHIVE_OK && rd->input.fd)
        r = rd->archive_read_set_skip_callback(a, skip);
    if (r == ARCHIVE_OK && rd->input.fd)
        r = rd->archive_read_set_seek_callback(a, seek);
    if (r == ARCHIVE_OK)
        r = rd->archive_read_open1(a);
    return r == ARCHIVE_OK ? 0 : fail_library(rd);
}

/* libarchive converts names to the encoding of the thread's locale, and UTF-8 keeps all of them. */
static void use_utf8(struct leat_reader *rd)
{
    rd->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (rd->locale)
        rd->before = uselocale(rd->locale);
}

/* Charge the memory that libarchive needs besides MEMORY_BYTES. Returns 0, or fails the stage. */
static int charge_archive(struct leat_reader *rd)
{
    struct leat_archive_input *in = &rd->input;
    struct leat_need need = {.table = 0};
    int r;

    if (!in->fd)
        return 0;
    r = in->is_7z ? leat_7z_need(rd->stage, in->fd - 1, in->size, &need)
                  : leat_zip_need(rd->stage, in->fd - 1, in->size, &need);
    rd->decoder = need.decoder;
    return r < 0 ? r : leat_charge(rd->stage, need.table);
}

int leat_reader_begin(struct leat_reader *rd, struct leat_blocking *b,
                      const struct leat_reader_options *options)
{
    int r;

    leat_assert(!rd->archive);
    rd->options = *options;
    r = leat_charge(rd->stage, MEMORY_BYTES);
    if (r < 0)
        return r;
    rd->header.stage = rd->stage;
    rd->begun = true;
    r = leat_archive_input_begin(&rd->input, rd->stage, b, options->spool);
    if (r == 0)
        r = charge_archive(rd);
    if (r < 0)
        return r;
    rd->in_header = true; /* of the first entry, of which libarchive wants to know the format */
    leat_header_begin(&rd->header, 0);
    use_utf8(rd);
    rd->archive = rd->archive_read_new();
    /* libarchive's own entry may be missing, and it would not notice. */
    rd->entry = rd->archive ? rd->archive_entry_new2(rd->archive) : NULL;
    if (!rd->entry)
        return leat_fail(rd->stage, LEAT_ENOMEM, "libarchive cannot start: out of memory");
    return set_up(rd);
}

void leat_reader_end(struct leat_reader *rd)
{
    if (rd->entry)
        rd->archive_entry_free(rd->entry);
    if (rd->archive)
        (void)rd->archive_read_free(rd->archive); /* it was only read */
    rd->entry = NULL;
    rd->archive = NULL;
    if (rd->locale) {
        (void)uselocale(rd->before);
        freelocale(rd->locale);
        rd->locale = (locale_t)0;
    }
    if (rd->begun) {
        leat_header_free(&rd->header);
        leat_archive_input_end(&rd->input);
    }
}

void leat_reader_free(struct leat_stage *s, struct leat_reader *rd)
{
    leat_assert(!rd || !rd->archive);
    leat_free(s, rd);
}

/* --- entries ---------------------------------------------------------------------------------- */

static enum leat_entry_kind kind_of(struct leat_reader *rd, const char *hard_link)
{
    if (hard_link)
        return LEAT_ENTRY_LINK;
    switch (rd->archive_entry_filetype(rd->entry)) {
    case AE_IFDIR:
        return LEAT_ENTRY_DIRECTORY;
    case AE_IFLNK:
        return LEAT_ENTRY_SYMLINK;
    case AE_IFCHR:
    case AE_IFBLK:
        return LEAT_ENTRY_DEVICE;
    case AE_IFIFO:
        return LEAT_ENTRY_FIFO;
    case AE_IFSOCK:
        return LEAT_ENTRY_SOCKET;
    default:
        return LEAT_ENTRY_FILE;
    }
}

/* The first text that the library can give. */
static const char *either(const char *bytes, const char *utf8)
{
    return bytes ? bytes : utf8;
}

/* The bytes of the last header; NULL: they are not known. */
static const uint8_t *header_bytes(struct leat_reader *rd, size_t *ret_n)
{
    uint64_t end = (uint64_t)rd->archive_filter_bytes(rd->archive, -1);

    return rd->input.fd ? NULL : leat_header_end(&rd->header, end, ret_n);
}

/* libarchive 3.6 forgets the sign of the fraction: -1.25 s comes as -1 s and 250,000,000 ns, and -0.25 s as 0 s
 * and 250,000,000 ns. */
static bool is_before_1970(struct leat_reader *rd)
{
    size_t n = 0;
    const uint8_t *bytes = header_bytes(rd, &n);

    return bytes && leat_header_is_before_1970(bytes, n);
}

static struct timespec mtime_of(struct leat_reader *rd)
{
    struct timespec t = {.tv_sec = rd->archive_entry_mtime(rd->entry),
                         .tv_nsec = rd->archive_entry_mtime_nsec(rd->entry)};
    bool is_tar =
        (rd->archive_format(rd->archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;

    if (is_tar && t.tv_nsec > 0 && (t.tv_sec < 0 || (t.tv_sec == 0 && is_before_1970(rd)))) {
        t.tv_sec--;
        t.tv_nsec = SECOND_NS - t.tv_nsec;
    }
    return t;
}

static int describe(struct leat_reader *rd, struct leat_reader_entry *ret)
{
    struct archive_entry *e = rd->entry;
    const char *hard = either(rd->archive_entry_hardlink(e), rd->archive_entry_hardlink_utf8(e));
    const char *name = either(rd->archive_entry_pathname(e), rd->archive_entry_pathname_utf8(e));

    if (!name)
        return leat_reader_fail(rd, LEAT_ECORRUPT,
                                "entry %llu has no name that can be read; try --name-encoding",
                                (unsigned long long)rd->number);
    snprintf(rd->shown, sizeof rd->shown, "%s", name);
    *ret = (struct leat_reader_entry){
        .number = rd->number,
        .kind = kind_of(rd, hard),
        .name = name,
        .target = hard,
        .mode = (unsigned)rd->archive_entry_perm(e) & 07777,
        .has_size = rd->archive_entry_size_is_set(e) != 0,
        .has_mtime = rd->archive_entry_mtime_is_set(e) != 0,
        .uid = rd->archive_entry_uid(e),
        .gid = rd->archive_entry_gid(e),
        .user = rd->archive_entry_uname(e),
        .group = rd->archive_entry_gname(e),
        .device = (uint64_t)rd->archive_entry_rdev(e),
        .has_acl = (rd->archive_entry_acl_types(e) & ARCHIVE_ENTRY_ACL_TYPE_POSIX1E) != 0,
        .has_nfs4_acl = (rd->archive_entry_acl_types(e) & ~ARCHIVE_ENTRY_ACL_TYPE_POSIX1E) != 0,
        .is_block = rd->archive_entry_filetype(e) == AE_IFBLK,
        .raw = e,
    };
    if (ret->has_size)
        ret->size = (uint64_t)rd->archive_entry_size(e);
    if (ret->has_mtime)
        ret->mtime = mtime_of(rd);
    if (ret->kind != LEAT_ENTRY_SYMLINK)
        return 1;
    ret->target = either(rd->archive_entry_symlink(e), rd->archive_entry_symlink_utf8(e));
    return ret->target ? 1
                       : leat_reader_fail(rd, LEAT_ECORRUPT, "the target of the link is missing");
}

/* The end of the archive. The rest of the input is read, too: it is padding, or a checksum that the
 * stage before this one has still to check. A tar archive ends with a block of zeros after the last entry. */
static int finish(struct leat_reader *rd)
{
    bool is_tar =
        (rd->archive_format(rd->archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
    uint64_t end = (uint64_t)rd->archive_read_header_position(rd->archive);
    int r = leat_archive_input_drain(&rd->input);

    *rd->shown = '\0';
    if (r < 0 || !is_tar || leat_archive_input_total(&rd->input) - end >= TAR_BLOCK)
        return r;
    if (!rd->options.lenient)
        return leat_reader_fail(rd, LEAT_ETRUNCATED,
                                "the tar archive has no end mark after entry %llu, so more may be "
                                "missing; --lenient makes this a warning",
                                (unsigned long long)rd->number);
    leat_warning(rd->stage, "the tar archive has no end mark after entry %llu",
                 (unsigned long long)rd->number);
    return 0;
}

/* Returns a result of libarchive. The rest of the entry before is read first, for which no memory is needed. */
static int next_header(struct leat_reader *rd)
{
    int skipped = rd->number > 0 ? rd->archive_read_data_skip(rd->archive) : ARCHIVE_OK, r;

    if (skipped < ARCHIVE_WARN || rd->input.error)
        return skipped < ARCHIVE_WARN ? skipped : ARCHIVE_FATAL;
    rd->header_at = rd->input.at;
    rd->in_header = true;
    leat_header_begin(&rd->header, (uint64_t)rd->archive_filter_bytes(rd->archive, -1));
    r = rd->archive_read_next_header2(rd->archive, rd->entry);
    rd->in_header = false;
    return r < ARCHIVE_OK || r == ARCHIVE_EOF || skipped >= ARCHIVE_OK ? r : skipped;
}

/* Has the archive the headers of cpio that are text? */
static bool is_text_cpio(struct leat_reader *rd)
{
    switch (rd->archive_format(rd->archive)) {
    case ARCHIVE_FORMAT_CPIO_SVR4_NOCRC:
    case ARCHIVE_FORMAT_CPIO_SVR4_CRC:
    case ARCHIVE_FORMAT_CPIO_POSIX:
        return true;
    default:
        return false;
    }
}

/* libarchive 3.6 looks for the next cpio header where there is none, and tells that it has left bytes
 * out, but for a header at the begin of what it reads next. Then the content of the entry before it
 * may be cut. Returns 0, or fails the stage. */
static int check_gap(struct leat_reader *rd, const struct leat_reader_entry *e)
{
    bool is_symlink = e && e->kind == LEAT_ENTRY_SYMLINK;
    const uint8_t *bytes;
    size_t n = 0, most;

    if (!is_text_cpio(rd))
        return 0;
    bytes = header_bytes(rd, &n);
    if (bytes && leat_header_cpio(bytes, n, is_symlink) == n)
        return 0;
    if (!bytes) { /* the pieces were very small, or it was long */
        n = (size_t)(rd->archive_filter_bytes(rd->archive, -1) -
                     rd->archive_read_header_position(rd->archive));
        most = CPIO_HEADER_MAX + strlen(rd->shown) + (is_symlink ? strlen(e->target) : 0);
        if (n <= most)
            return 0;
    }
    return damaged(rd, "bytes before it belong to no entry");
}

int leat_reader_next(struct leat_reader *rd, struct leat_reader_entry *ret)
{
    int r = next_header(rd), d;

    if (rd->input.error)
        return rd->input.error;
    if (r == ARCHIVE_EOF)
        return check_gap(rd, NULL) < 0 ? LEAT_ECORRUPT : finish(rd);
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
        return fail_library(rd);
    rd->number++;
    d = describe(rd, ret);
    if (d < 0)
        return d;
    r = r == ARCHIVE_OK ? check_gap(rd, ret) : damaged(rd, text_of(rd));
    return r < 0 ? r : 1;
}

char *leat_reader_shown(struct leat_reader *rd)
{
    return rd->shown;
}

bool leat_reader_is_cancelled(const struct leat_reader *rd)
{
    return rd->begun && leat_is_cancelled(rd->input.blocking);
}

int leat_reader_data(struct leat_reader *rd, const void **ret_data, size_t *ret_n,
                     uint64_t *ret_offset)
{
    la_int64_t offset = 0;
    unsigned empty = 0;
    int r = rd->decoder > 0 ? leat_charge(rd->stage, rd->decoder) : 0;

    if (r < 0)
        return r;
    rd->decoder = 0;
    do {
        *ret_n = 0;
        r = rd->archive_read_data_block(rd->archive, ret_data, ret_n, &offset);
    } while (r == ARCHIVE_OK && *ret_n == 0 && ++empty < EMPTY_READS_MAX);
    if (rd->input.error)
        return rd->input.error;
    if (leat_reader_is_cancelled(rd)) /* the library may make much of little input */
        return LEAT_ECANCELLED;
    if (r == ARCHIVE_EOF)
        return 0;
    if (r != ARCHIVE_OK || *ret_n == 0)
        return fail_library(rd);
    if (offset < 0)
        return leat_reader_fail(rd, LEAT_ECORRUPT, "its content begins before its start");
    *ret_offset = (uint64_t)offset;
    return 1;
}

void leat_reader_xattr(struct leat_reader *rd, const struct leat_reader_entry *e, bool first,
                       const char **ret_name, const void **ret_value, size_t *ret_n)
{
    *ret_name = NULL;
    if (first)
        (void)rd->archive_entry_xattr_reset(e->raw); /* returns their number */
    if (rd->archive_entry_xattr_next(e->raw, ret_name, ret_value, ret_n) != ARCHIVE_OK)
        *ret_name = NULL;
}

static bool convert_tag(int tag, struct leat_reader_acl *ret)
{
    static const int tags[] = {
        [LEAT_ACL_USER_OBJ] = ARCHIVE_ENTRY_ACL_USER_OBJ,
        [LEAT_ACL_USER] = ARCHIVE_ENTRY_ACL_USER,
        [LEAT_ACL_GROUP_OBJ] = ARCHIVE_ENTRY_ACL_GROUP_OBJ,
        [LEAT_ACL_GROUP] = ARCHIVE_ENTRY_ACL_GROUP,
        [LEAT_ACL_MASK] = ARCHIVE_ENTRY_ACL_MASK,
        [LEAT_ACL_OTHER] = ARCHIVE_ENTRY_ACL_OTHER,
    };

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (tags[i] == tag) {
            ret->tag = i;
            return true;
        }
    return false;
}

bool leat_reader_acl_next(struct leat_reader *rd, const struct leat_reader_entry *e,
                          bool is_default, bool first, struct leat_reader_acl *ret)
{
    int want = is_default ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
    int type = 0, permissions = 0, tag = 0, id = -1;

    if ((rd->archive_entry_acl_types(e->raw) & want) == 0)
        return false;
    *ret = (struct leat_reader_acl){.id = -1};
    if (first)
        (void)rd->archive_entry_acl_reset(e->raw, want); /* returns their number */
    do {
        if (rd->archive_entry_acl_next(e->raw, want, &type, &permissions, &tag, &id, &ret->name) !=
            ARCHIVE_OK)
            return false;
    } while (!convert_tag(tag, ret));
    ret->permissions = (unsigned)permissions & 7;
    ret->id = id == -1 ? -1 : (int64_t)(uint32_t)id; /* libarchive has an int for 32 bits */
    return true;
}

bool leat_reader_region(struct leat_reader *rd, const struct leat_reader_entry *e, bool first,
                        uint64_t *ret_at, uint64_t *ret_n)
{
    la_int64_t at = 0, n = 0;

    if (first)
        (void)rd->archive_entry_sparse_reset(e->raw); /* returns their number */
    if (rd->archive_entry_sparse_next(e->raw, &at, &n) != ARCHIVE_OK || at < 0 || n < 0)
        return false;
    *ret_at = (uint64_t)at;
    *ret_n = (uint64_t)n;
    return true;
}

uint64_t leat_reader_consumed(const struct leat_reader *rd)
{
    return rd->input.at;
}

bool leat_reader_seeks(const struct leat_reader *rd)
{
    return rd->input.fd != 0;
}

const char *leat_reader_format(const struct leat_reader *rd)
{
    switch (rd->archive_format(rd->archive) & ARCHIVE_FORMAT_BASE_MASK) {
    case ARCHIVE_FORMAT_TAR:
        return "tar";
    case ARCHIVE_FORMAT_ZIP:
        return "zip";
    case ARCHIVE_FORMAT_CPIO:
        return "cpio";
    case ARCHIVE_FORMAT_7ZIP:
        return "7z";
    case ARCHIVE_FORMAT_AR:
        return "ar";
    default:
        return "iso";
    }
}
