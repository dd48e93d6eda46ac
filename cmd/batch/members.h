/* members.h - where the members of a BGZF file begin. It prints nothing.
 *
 * Each member states its size in its header and the size of its content at its end, so nothing is decoded. An index beside
 * the file (FILE.gzi, of bgzip -i) saves the walk from the beginning. It is only a hint for where to begin: a member must be
 * at that place, and a shard decodes its members up to the place where those of the next one begin.
 */
#ifndef CMD_BATCH_MEMBERS_H
#define CMD_BATCH_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

struct members {
    int fd, index_fd;       /* the file; its index, or -1 */
    uint64_t size;          /* of the file */
    uint64_t index_entries; /* of members but the first */
    uint64_t bad_at;        /* where a call has failed */
};

struct member {
    uint64_t at;      /* in the file */
    uint32_t size;    /* in the file; 0: the end of the file is here */
    uint32_t content; /* decoded bytes */
};

/* members_open - of the open file, which stays the caller's; with its index, if that could be one of the file. members_done -
 * close the index. members_forget - the index is not to be used. */
void members_open(struct members *members, int fd, uint64_t size, const char *path);
void members_done(struct members *members);
void members_forget(struct members *members);

/* members_read - the member at the offset `at`, where one begins or the file ends; zero bytes up to the end of the file
 * count as its end. Returns 0; LEAT_ECORRUPT: there is none with its size; LEAT_ETRUNCATED: the file ends in it;
 * LEAT_EIO and errno. The last three set bad_at. */
int members_read(struct members *members, uint64_t at, struct member *ret);

/* members_near - the member with the highest offset below `at` that the index has before another one, so that what comes before
 * `at` is near; or `least`, if that is higher or there is no index. Returns 0; LEAT_ECORRUPT: the index does not belong to the
 * file; LEAT_EIO and errno. */
int members_near(struct members *members, uint64_t at, uint64_t least, uint64_t *ret);

#endif
