/* tree_remove.h - remove a directory with all that is in it. */
#ifndef LEAT_IO_TREE_REMOVE_H
#define LEAT_IO_TREE_REMOVE_H

/* leat_tree_remove - remove the directory `name` in the directory `at`. No symbolic link is followed,
 * and no other file system is entered. Uses two descriptors, and 16 bytes for each level of the
 * tree. Returns 0, also if there is no directory of this name; or -errno: some of the tree is still
 * there. Thread: any. */
int leat_tree_remove(int at, const char *name);

#endif
