/* tree.h - files, directories and links written below one directory, and never outside of it.
 *
 * Every name is resolved by the kernel from the descriptor of the directory, without symbolic links
 * (openat2; where that is missing, one component after another). So an entry cannot lead outside
 * through links that the archive has made, or that were there before. Directories get their modes
 * and times at the end, when nothing is written to them any more.
 */
#ifndef LEAT_ARCHIVE_TREE_H
#define LEAT_ARCHIVE_TREE_H

#include "reader.h"

struct leat_tree_options {
    bool same_permissions; /* set the mode exactly, with set-ID bits; else 0777 less the umask */
    bool same_owner;
    bool xattrs, privileged; /* set user.* attributes; also trusted.* and security.capability */
    bool acls;               /* set access control lists, and remove inherited ones */
    unsigned mask;           /* the umask */
    bool sparse;             /* blocks of zeros become holes */
    bool keep_newer;
};

struct leat_tree_record; /* what is done at the end */
struct leat_acl;
struct leat_tree_block;
struct leat_tree_small;

/* A directory of the tree that is open. */
struct leat_tree_directory {
    int fd;     /* -1: none */
    char *name; /* from leat_alloc */
    size_t size;
};

struct leat_tree_writer {
    struct leat_stage *stage;
    struct leat_reader *reader; /* for messages */
    struct leat_tree_options options;
    int root;
    int unfinished; /* where a file is made before it gets its name; -1: in its own directory */
    bool no_openat2;
    struct leat_tree_directory parent, above; /* of the last name, and one above that */
    int fd;                                   /* the file that is being written, -1: none */
    uint64_t end;                             /* of its data */
    char *name;                               /* its name, from leat_alloc */
    size_t name_size;
    uint64_t temporary; /* number of the last unfinished file */
    struct leat_tree_block *blocks;
    /* The last one first: directories; links to empty files; empty files that were replaced. */
    struct leat_tree_record *directories, *links, *filled;
    size_t n_directories, n_links, n_filled;
    struct leat_acl *acl;                /* that is being made; from leat_alloc */
    uint64_t n_xattrs_left, n_acls_left; /* that were not set */
    bool compared, folds; /* the file system was asked; it takes different names for the same */
    unsigned n_small;     /* small files until the helper was started, or not */
    struct leat_tree_small *small; /* tree_small.c; NULL: there is no helper */
};

/* leat_tree_begin - `root` and `unfinished` stay the caller's. */
void leat_tree_begin(struct leat_tree_writer *tree, struct leat_stage *stage,
                     struct leat_reader *reader, const struct leat_tree_options *options, int root,
                     int unfinished);

/* Names are relative, without empty components, `.` and `..`. Each call returns 0, or fails the
 * stage.
 *
 * leat_tree_directory - make a directory, or set the attributes of one that was made; the name "" is
 *   the root, whose mode stays.
 * leat_tree_file_open, _write, _close - a regular file. _write leaves a hole where no data was
 *   written.
 * leat_tree_small_begin, _end - a regular file with n bytes of content, which a helper makes beside `run`.
 *   _begin returns 1: write the content to *ret_content, then call _end, or make no further call; 0: the helper
 *   cannot make it now, so make it with leat_tree_file_open; or fails the stage, also for an earlier file.
 * leat_tree_small_failure - an entry failed with r: is an earlier one still to fail? Returns the first failure.
 * leat_tree_symlink, leat_tree_special - a symbolic link; a FIFO, socket or device.
 * leat_tree_link - a hard link to another name in the tree. `has_data`: a file `name` was written, and
 *   becomes a link to `target`, or `target` to it if that one is empty.
 * leat_tree_is_kept - keep_newer: is there a file that is not older than the entry? Returns 1, 0, or fails the
 *   stage.
 * leat_tree_shown_mode - *ret_mode is that of the entry; with an access control list that is set, it becomes
 *   what the kernel shows.
 * leat_tree_finish - complete the links, and set the attributes of the directories. */
int leat_tree_directory(struct leat_tree_writer *tree, const char *name,
                        const struct leat_reader_entry *entry);
int leat_tree_file_open(struct leat_tree_writer *tree, const char *name,
                        const struct leat_reader_entry *entry);
int leat_tree_file_write(struct leat_tree_writer *tree, const uint8_t *data, size_t n,
                         uint64_t offset);
int leat_tree_file_close(struct leat_tree_writer *tree, const struct leat_reader_entry *entry);
int leat_tree_small_begin(struct leat_tree_writer *tree, const char *name,
                          const struct leat_reader_entry *entry, size_t n, uint8_t **ret_content);
void leat_tree_small_end(struct leat_tree_writer *tree);
int leat_tree_small_failure(struct leat_tree_writer *tree, int r);
int leat_tree_symlink(struct leat_tree_writer *tree, const char *name,
                      const struct leat_reader_entry *entry);
int leat_tree_special(struct leat_tree_writer *tree, const char *name,
                      const struct leat_reader_entry *entry);
int leat_tree_link(struct leat_tree_writer *tree, const char *name, const char *target,
                   bool has_data);
int leat_tree_is_kept(struct leat_tree_writer *tree, const char *name,
                      const struct leat_reader_entry *entry);
int leat_tree_shown_mode(struct leat_tree_writer *tree, const struct leat_reader_entry *entry,
                         unsigned *ret_mode);
int leat_tree_finish(struct leat_tree_writer *tree);
/* leat_tree_end - free and close everything; in run, at its end. */
void leat_tree_end(struct leat_tree_writer *tree);

#endif
