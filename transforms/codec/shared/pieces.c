/* pieces.c - compresses a stream in pieces, and joins them. */

#include "pieces.h"

#include <string.h>

#include "../gzip/deflater.h"

static int backend_of(const struct leat_stage *stage)
{
    return ((const struct leat_pieces_params *)leat_params(stage))->backend;
}

static int level_of(const struct leat_stage *stage)
{
    return (int)((const struct leat_pieces_params *)leat_params(stage))->level;
}

static struct leat_deflater_choice choice_of(const struct leat_stage *stage)
{
    return leat_deflater_choose(level_of(stage), backend_of(stage) != 0, leat_memory_limit(stage));
}

const struct leat_option leat_pieces_options[] = {
    LEAT_PIECES_OPTIONS,
    {0},
};

/* Half of the limit is for the pieces in transit; the memory of the lanes must fit into the
 * rest. */
static unsigned lanes_that_fit(const struct leat_deflater_choice *c, uint64_t limit)
{
    uint64_t n = limit * 3 / 8 / (2 * (uint64_t)c->block + c->holds);

    return n > LEAT_THREADS_MAX ? LEAT_THREADS_MAX : (unsigned)n;
}

int leat_pieces_plan(struct leat_stage *stage)
{
    struct leat_deflater_choice c = choice_of(stage);

    if (!c.ops)
        return leat_fail(stage, LEAT_EUNSUPPORTED, "level %d needs libdeflate%s", level_of(stage),
                         backend_of(stage) ? ""
                                           : ", which this build lacks; -9 is the most it has");
    leat_plan_block(stage, c.block, c.history);
    leat_plan_whole(stage, c.block);
    leat_plan_lanes(stage, lanes_that_fit(&c, leat_memory_limit(stage)));
    return 0;
}

/* --- lane ------------------------------------------------------------------------------------- */

int leat_pieces_open(struct leat_stage *stage)
{
    struct leat_pieces *p = leat_state(stage);
    struct leat_deflater_choice c = choice_of(stage);
    int r = c.ops->open(stage, &c, &p->lib);

    if (r < 0)
        return r;
    p->ops = c.ops;
    p->block = c.block;
    p->made_size = c.ops->bound(p->lib, c.block);
    return leat_keep_room(stage, p->made_size);
}

void leat_pieces_close(struct leat_stage *stage)
{
    struct leat_pieces *p = leat_state(stage);

    if (p->ops)
        p->ops->close(stage, p->lib);
}

int leat_pieces_step(struct leat_stage *stage, const struct leat_wrapper *wrapper,
                     struct leat_in *in, struct leat_out *out)
{
    struct leat_pieces *p = leat_state(stage);
    struct leat_piece piece = {.data = in->data,
                               .len = in->len,
                               .history = in->history,
                               .history_len = in->history_len,
                               .last = in->len < p->block && !in->flush};
    size_t made = 0;
    uint8_t *to;
    int r;

    if (in->len == 0 || !in->end)
        return leat_fail(stage, LEAT_EINTERNAL, "block %llu is not one piece",
                         (unsigned long long)in->block);
    if (leat_reserve_least(out, p->made_size, &to) == 0)
        return LEAT_MORE;
    *(struct leat_pieces_result *)leat_result(stage) = (struct leat_pieces_result){
        .len = piece.len,
        .check = wrapper->check(wrapper->check_init, piece.data, piece.len),
        .last = piece.last,
    };
    r = p->ops->run(stage, p->lib, &piece, to, p->made_size, &made);
    if (r < 0)
        return r;
    leat_commit(out, made);
    in->pos = in->len;
    return LEAT_END;
}

/* --- join ------------------------------------------------------------------------------------- */

/* Writes `text`. */
static int write_text(struct leat_pieces *p, struct leat_out *out)
{
    p->text_pos += leat_write(out, p->text + p->text_pos, p->text_len - p->text_pos);
    if (p->text_pos < p->text_len)
        return LEAT_MORE;
    p->text_pos = p->text_len = 0;
    return LEAT_END;
}

static int join_head(struct leat_stage *stage, const struct leat_wrapper *wrapper,
                     struct leat_out *out)
{
    struct leat_pieces *p = leat_state(stage);

    if (p->text_len == 0) {
        p->check = wrapper->check_init;
        p->text_len = wrapper->header(p->text, level_of(stage));
    }
    return write_text(p, out);
}

static int join_block(struct leat_stage *stage, const struct leat_wrapper *wrapper,
                      const struct leat_pieces_result *result)
{
    struct leat_pieces *p = leat_state(stage);

    if (p->ended)
        return leat_fail(stage, LEAT_EINTERNAL, "a piece after the last one");
    p->check = wrapper->combine(p->check, result->check, result->len);
    p->total += result->len;
    p->ended = result->last;
    return LEAT_END;
}

static int join_tail(struct leat_stage *stage, const struct leat_wrapper *wrapper,
                     struct leat_out *out)
{
    static const uint8_t empty_final_block[] = {0x03, 0x00};
    struct leat_pieces *p = leat_state(stage);

    if (p->text_len == 0) {
        size_t n = p->ended ? 0 : sizeof empty_final_block;

        memcpy(p->text, empty_final_block, n);
        p->text_len = n + wrapper->trailer(p->text + n, p->check, p->total);
    }
    return write_text(p, out);
}

int leat_pieces_join(struct leat_stage *stage, const struct leat_wrapper *wrapper,
                     enum leat_join when, const void *result, struct leat_out *out)
{
    switch (when) {
    case LEAT_JOIN_HEAD:
        return join_head(stage, wrapper, out);
    case LEAT_JOIN_BLOCK:
        return join_block(stage, wrapper, result);
    case LEAT_JOIN_TAIL:
    default:
        return join_tail(stage, wrapper, out);
    }
}
