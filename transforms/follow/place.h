/* place.h - how far the files of all names were read, as bytes of a checkpoint; and the way back. */
#ifndef LEAT_FOLLOW_PLACE_H
#define LEAT_FOLLOW_PLACE_H

#include "news.h"

/* One name: the file that was being read, or the last one that was. */
struct leat_follow_place {
    uint64_t dev, ino, offset;
    int64_t changed_ns;  /* the time of its content then */
    uint32_t head, tail; /* bytes of the fingerprint that follow, and of those before the offset */
};

struct leat_follow_places {
    uint8_t *data; /* `room` bytes */
    size_t room;
};

/* leat_follow_places_save - set the checkpoint of the stage to the places of the n names. Returns 0, or fails the stage. */
int leat_follow_places_save(struct leat_stage *stage, struct leat_follow_places *places,
                            const struct leat_follow_name *names, size_t n);
void leat_follow_places_free(struct leat_stage *stage, struct leat_follow_places *places);
/* leat_follow_places_find - the place of the name with that path. Returns 1; 0: there is none; or fails the stage: the bytes
 * are no places.
 *
 *   ret_file  gets the offset and the fingerprints */
int leat_follow_places_find(struct leat_stage *stage, const uint8_t *data, size_t n,
                            const char *path, struct leat_follow_file *ret_file,
                            int64_t *ret_changed_ns);
/* leat_follow_place_return - begin the open name at that place: find its file among those that have or had the name, and
 * queue all newer ones in `news`. A warning tells if it cannot be found. Returns 0, or fails the stage. */
int leat_follow_place_return(struct leat_stage *stage, struct leat_follow_name *name,
                             struct leat_follow_news *news, const struct leat_follow_file *place,
                             int64_t changed_ns, struct leat_follow_notify *notify);

#endif
