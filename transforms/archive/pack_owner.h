/* pack_owner.h - names of owners and groups: of a number, and what an option says. */
#ifndef LEAT_ARCHIVE_PACK_OWNER_H
#define LEAT_ARCHIVE_PACK_OWNER_H

#include "stage.h"

#define LEAT_OWNER_NAME 64u /* bytes of a name with its NUL; a longer one is not stored */
#define LEAT_OWNER_CACHE 16u

struct leat_owner {
    bool known;
    uint64_t id;
    char name[LEAT_OWNER_NAME]; /* "": it has none */
};

/* The last ones that were looked up. All zero: none. */
struct leat_owners {
    bool groups;
    int error; /* errno of the first failed look-up; 0: each one had an answer */
    struct leat_owner cache[LEAT_OWNER_CACHE];
};

/* leat_owner_name - the name of an owner, or with owners->groups of a group; "": it has none. Valid
 * until the next call. */
const char *leat_owner_name(struct leat_owners *owners, uint64_t id);
/* leat_owner_parse - NAME, NAME:ID, ID or :ID. Returns 0, or fails the stage with LEAT_EUSAGE;
 * `option`: for the message. */
int leat_owner_parse(struct leat_stage *stage, const char *option, const char *text, bool group,
                     struct leat_owner *ret);

#endif
