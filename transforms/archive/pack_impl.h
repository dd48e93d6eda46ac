/* pack_impl.h - the state of `pack`, shared by its files. */
#ifndef LEAT_ARCHIVE_PACK_IMPL_H
#define LEAT_ARCHIVE_PACK_IMPL_H

#include "pack_links.h"
#include "pack_owner.h"
#include "pack_time.h"
#include "pack_writer.h"
#include "rename.h"
#include "walk.h"

#define LEAT_PACK_BUFFER ((size_t)128 << 10) /* a file up to this size is read before its header */

enum leat_on_change {
    LEAT_ON_CHANGE_FAIL,
    LEAT_ON_CHANGE_WARN,
    LEAT_ON_CHANGE_RETRY,
};

struct leat_pack_params {
    int format, sort;
    const char *directory, *exclude_from, *files_from, *owner, *group, *mtime, *on_change;
    struct leat_strings exclude, rename;
    int null, no_recursion, one_file_system, numeric_owner, clamp_mtime, reproducible;
    int dereference, skip_unreadable, xattrs, acls, no_sparse;
    uint64_t spool_size;
};

/* The warnings after the run: some events one by one, all counted. */
enum leat_pack_note {
    LEAT_NOTE_SOCKET,
    LEAT_NOTE_OUTPUT,
    LEAT_NOTE_CHANGED,
    LEAT_NOTE_REMOVED,
    LEAT_NOTE_UNREADABLE,
    LEAT_NOTE_FRACTION,
    LEAT_NOTE_LINK,
    LEAT_NOTE_OWNER,
    LEAT_NOTES,
};
#define LEAT_NOTE_PATH 304u

struct leat_pack_notes {
    uint64_t n[LEAT_NOTES];
    char first[LEAT_NOTES][LEAT_NOTE_PATH];
};

struct leat_pack {
    struct leat_stage *stage;
    struct leat_blocking *blocking;
    const struct leat_pack_params *params;
    enum leat_on_change on_change;
    unsigned retries;
    struct leat_owner owner, group; /* known: of all entries */
    bool has_mtime, clamps;
    struct leat_time mtime;
    int base; /* descriptor of --directory, plus 1; 0: the current one */
    struct leat_match exclude;
    struct leat_rename *rename;  /* NULL: no name changes */
    char *new_name;              /* LEAT_RENAME_MAX bytes */
    const char *list, *list_end; /* --files-from: what is left of it */
    size_t next_operand;

    struct leat_pack_writer writer;
    struct leat_walk *walk;
    struct leat_pack_links links;
    struct leat_owners users, groups;
    struct leat_pack_notes notes;
    uint64_t last_ino, bytes;
    uint8_t *buffer; /* LEAT_PACK_BUFFER + 1 bytes */
    struct leat_region *regions;
    size_t n_regions, regions_size;
    int spool; /* plus 1; 0: there is none */
};

extern const struct leat_option leat_pack_options[];
/* leat_pack_plan - the stage's plan. */
int leat_pack_plan(struct leat_stage *stage);
/* leat_pack_options_read - in open: what the options say, into the state. */
int leat_pack_options_read(struct leat_pack *pack);

/* leat_pack_note - count an event, and list it if it is one of the first of its kind. `more`: what
 * else to say of it, or "". */
void leat_pack_note(struct leat_pack *pack, enum leat_pack_note note, const char *path,
                    const char *more);
/* leat_pack_notes_end - what was only counted. */
void leat_pack_notes_end(struct leat_pack *pack);

/* pack_stat.c:
 *
 * leat_pack_entry_set - make an entry of what was found.
 * leat_pack_entry_check - can the format hold it? Counts its size. Returns 0, or fails the stage.
 * leat_pack_entry_again - the same for a file of which found->st, or the size, is another one now. */
void leat_pack_entry_set(struct leat_pack *pack, const struct leat_walk_entry *found,
                         struct leat_entry *entry);
int leat_pack_entry_check(struct leat_pack *pack, const struct leat_walk_entry *found,
                          const struct leat_entry *entry);
int leat_pack_entry_again(struct leat_pack *pack, const struct leat_walk_entry *found,
                          uint64_t size, struct leat_entry *entry);

/* leat_pack_unreadable - a file that cannot be read is left out, if that was asked. Returns 0, or
 * fails the stage. */
int leat_pack_unreadable(struct leat_pack *pack, const char *path, int error);
/* leat_pack_file - pack_file.c: write a regular file with its content. *ret_written: it is in the
 * archive. */
int leat_pack_file(struct leat_pack *pack, struct leat_walk_entry *found, struct leat_entry *entry,
                   bool *ret_written);
/* leat_pack_holes - pack_holes.c: find the regions of an open file that are no holes. There is room
 * for one more after them. Returns 0, or fails the stage. */
int leat_pack_holes(struct leat_pack *pack, int fd, const struct stat *st);

#endif
