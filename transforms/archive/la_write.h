/* la_write.h - the functions of libarchive that write archives, loaded when they are first needed. */
#ifndef LEAT_ARCHIVE_LA_WRITE_H
#define LEAT_ARCHIVE_LA_WRITE_H

#include <archive.h>
#include <archive_entry.h>

#include "stage.h"

#define LEAT_LA_WRITE(X)                                                                           \
    X(archive_write_new)                                                                           \
    X(archive_write_set_format_zip)                                                                \
    X(archive_write_set_format_7zip)                                                               \
    X(archive_write_set_bytes_per_block)                                                           \
    X(archive_write_open)                                                                          \
    X(archive_write_header)                                                                        \
    X(archive_write_data)                                                                          \
    X(archive_write_finish_entry)                                                                  \
    X(archive_write_close)                                                                         \
    X(archive_write_fail)                                                                          \
    X(archive_write_free)                                                                          \
    X(archive_error_string)                                                                        \
    X(archive_entry_new)                                                                           \
    X(archive_entry_clear)                                                                         \
    X(archive_entry_free)                                                                          \
    X(archive_entry_set_pathname)                                                                  \
    X(archive_entry_set_symlink)                                                                   \
    X(archive_entry_set_mode)                                                                      \
    X(archive_entry_set_size)                                                                      \
    X(archive_entry_set_uid)                                                                       \
    X(archive_entry_set_gid)                                                                       \
    X(archive_entry_set_mtime)

struct leat_la_write {
    LEAT_LA_WRITE(LEAT_LOADED_MEMBER)
};

/* leat_la_write_load - returns 0, or fails the stage. */
int leat_la_write_load(struct leat_stage *stage, struct leat_la_write *ret);
/* leat_la_reason - the library's text for its last error; never NULL, empty, "(null)" or "Success". */
const char *leat_la_reason(const struct leat_la_write *la, struct archive *a);

#endif
