/* room.c - room for output: the buffer that leat_reserve_least needs when a chunk is too small, and
 * nested writers.
 *
 * It is charged to the stage like other memory of its library, so the stage fails if the limit does
 * not allow it. It never waits for memory, so it cannot be part of a deadlock.
 */

#include "room.h"

#include "run/pipeline.h"
#include "stage_impl.h"

/* Before the bytes of a buffer; they are aligned like those of malloc. */
struct leat_room {
    struct leat_room *next;
    max_align_t data[];
};

static void refuse(struct leat_stage *stage, size_t n, size_t limit, const char *remedy)
{
    leat_fail(stage, LEAT_ELIMIT,
              "needs room for %zu bytes of output in one piece and the limit is %zu%s", n, limit,
              remedy);
    stage->room_refused = true;
}

static void drop(struct leat_stage *stage, const void *data)
{
    struct leat_room **p = &stage->rooms, *room;

    while (*p && (*p)->data != data)
        p = &(*p)->next;
    leat_assert((*p != NULL) == (data != NULL));
    if (!*p)
        return;
    room = *p;
    *p = room->next;
    leat_free(stage, room);
}

bool leat_room_grow(struct leat_out *out, size_t n)
{
    struct leat_out_large *large = &out->large;
    struct leat_stage *stage = out->stage;
    struct leat_room *room;

    leat_assert(!leat_out_holds(out));
    if (n > LEAT_ROOM_MAX) {
        refuse(stage, n, LEAT_ROOM_MAX, "");
        return false;
    }
    drop(stage, large->data);
    *large = (struct leat_out_large){.data = NULL};
    room = leat_alloc_raw(stage, sizeof *room + n);
    if (!room) {
        stage->room_refused = true;
        return false;
    }
    room->next = stage->rooms;
    stage->rooms = room;
    large->data = (uint8_t *)room->data;
    large->size = n;
    return true;
}

void leat_room_init(struct leat_out *out, struct leat_stage *stage)
{
    out->stage = stage;
    out->grow = leat_room_grow;
    out->large = (struct leat_out_large){.data = NULL};
}

void leat_room_done(struct leat_stage *stage)
{
    while (stage->rooms)
        drop(stage, stage->rooms->data);
}

int leat_keep_room(struct leat_stage *stage, size_t n)
{
    struct leat_out *out = stage->out;

    if (!out || n <= out->pool->chunk_size || n <= out->large.size)
        return 0;
    return leat_room_grow(out, n) ? 0 : stage->failure.code;
}

/* --- nested writers --------------------------------------------------------------------------- */

static bool refuse_nested(struct leat_out *hold, size_t n)
{
    refuse(hold->stage, n, hold->hold_size, " (a nested writer)");
    return false;
}

struct leat_out *leat_nested_new(struct leat_stage *s, size_t size)
{
    struct leat_out *hold = NULL;

    if (size > SIZE_MAX - sizeof *hold)
        leat_fail(s, LEAT_ENOMEM, "out of memory (%zu bytes)", size);
    else
        hold = leat_alloc(s, sizeof *hold + size);
    if (!hold)
        return NULL;
    hold->hold = (uint8_t *)(hold + 1);
    hold->hold_size = size;
    hold->stage = s;
    hold->grow = refuse_nested;
    hold->room_max = s->pipeline->settings.room;
    return hold;
}

void leat_nested_free(struct leat_stage *s, struct leat_out *hold)
{
    leat_free(s, hold);
}
