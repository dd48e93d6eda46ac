/* tree_impl.h - a tree that is written: shared by its files. */
#ifndef LEAT_ARCHIVE_TREE_IMPL_H
#define LEAT_ARCHIVE_TREE_IMPL_H

#include <sys/types.h>

#include "tree.h"

#define LEAT_TREE_TRIES 10u /* another process may create a name again and again */

#define LEAT_TREE_TEMPORARY 24u /* bytes of a temporary's name */

#define LEAT_TREE_SMALL ((size_t)32768) /* bytes of a file that the helper makes, at most */

/* A directory or a link, for the end. */
struct leat_tree_record {
    struct leat_tree_record *next;
    uint64_t order;
    unsigned mode;
    bool has_mode; /* its mode is to be set */
    bool has_mtime;
    struct timespec mtime;
    int64_t uid, gid;   /* -1: stays */
    bool has_acls;      /* the lists are to be set, or removed */
    const void *acl[2]; /* of the directory, and of new files in it; NULL: none */
    size_t acl_n[2];
    dev_t dev; /* of a link: the empty file */
    ino_t ino;
    const char *target; /* of a link: its name; `name` is its target, by which links are sorted */
    char name[];
};

/* tree_path.c:
 * leat_tree_set_text - copy n bytes of a text to a buffer that grows. Returns 0, or fails the stage.
 * leat_tree_add_record - add a record to a list; `target` may be NULL. NULL: recorded as the stage's
 *   failure.
 * leat_tree_parent - the directory of a name, made if it is missing, and the name in it. Returns a descriptor of
 *   the tree, valid until the next call, or fails the stage.
 * leat_tree_parent_is_open - was the directory of the name opened by one of the last calls?
 * leat_tree_replace - something has the name. A later entry replaces an earlier one, as with tar -r,
 *   but nothing replaces a directory. Returns 0: the name is free now, and errno is EEXIST, as it was;
 *   or fails the stage.
 *
 * tree.c:
 * leat_tree_temporary - in place: a new name in the directory of unfinished files.
 * leat_tree_place - rename what was made under that name to `name`. Returns 0, or fails the stage. */
void leat_tree_temporary(struct leat_tree_writer *tree, char to[LEAT_TREE_TEMPORARY]);
int leat_tree_place(struct leat_tree_writer *tree, const char *name);
int leat_tree_set_text(struct leat_stage *stage, char **text, size_t *size, const char *from,
                       size_t n);
struct leat_tree_record *leat_tree_add_record(struct leat_tree_writer *tree,
                                              struct leat_tree_record **list, const char *name,
                                              const char *target);
int leat_tree_parent(struct leat_tree_writer *tree, const char *name, const char **ret_base);
bool leat_tree_parent_is_open(const struct leat_tree_writer *tree, const char *name);
int leat_tree_replace(struct leat_tree_writer *tree, int at, const char *base);
/* leat_tree_keep - copy to memory that lasts until leat_tree_end. NULL: recorded as the stage's failure. */
void *leat_tree_keep(struct leat_tree_writer *tree, const void *data, size_t n);
/* tree_attributes.c:
 * leat_tree_file_attributes - set extended attributes and the access control list of an open file.
 * leat_tree_directory_xattrs - set those of the directory `base` in `at`; "": of `at`.
 * leat_tree_record_acls - record the lists of a directory; leat_tree_set_acls sets them, at the end. All return
 *   0, or fail the stage.
 * leat_tree_attributes_end - warn of what was not set. */
int leat_tree_file_attributes(struct leat_tree_writer *tree, int fd,
                              const struct leat_reader_entry *entry);
int leat_tree_directory_xattrs(struct leat_tree_writer *tree, int at, const char *base,
                               const struct leat_reader_entry *entry);
int leat_tree_record_acls(struct leat_tree_writer *tree, struct leat_tree_record *record,
                          const struct leat_reader_entry *entry);
int leat_tree_set_acls(struct leat_tree_writer *tree, const struct leat_tree_record *record,
                       int fd);
void leat_tree_attributes_end(struct leat_tree_writer *tree);
/* tree_small.c:
 * leat_tree_small_settle - before anything is done with a name: if it is that of a file that is not made yet, or
 *   below it, wait for that. Call it before leat_tree_parent. Returns 0, or fails the stage.
 * leat_tree_small_wait - wait for all files. Returns 0, or fails the stage.
 * leat_tree_small_frees - a call failed with this errno. Returns true: it lacked a descriptor, and some were closed, so try
 *   again.
 * leat_tree_small_close - close a directory when the files in it are made.
 * leat_tree_small_free - end the helper, in leat_tree_end. */
int leat_tree_small_settle(struct leat_tree_writer *tree, const char *name);
int leat_tree_small_wait(struct leat_tree_writer *tree);
bool leat_tree_small_frees(struct leat_tree_writer *tree, int error);
void leat_tree_small_close(struct leat_tree_writer *tree, int fd);
void leat_tree_small_free(struct leat_tree_writer *tree);
/* leat_tree_set_times - tree.c: set the modification time of an open file. */
int leat_tree_set_times(struct leat_tree_writer *tree, int fd, const struct timespec *mtime);

#endif
