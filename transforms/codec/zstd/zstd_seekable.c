/* zstd_seekable.c - encodes zstd's seekable format. */

#include "zstd_seekable.h"

#include "../shared/bytes.h"
#include "zstd_reserve.h"

#define TABLE_MAGIC 0x184d2a5eu /* of the skippable frame */
#define FOOTER_MAGIC 0x8f92eab1u
#define HEAD 8u
#define ENTRY 8u
#define FOOTER 9u
#define FRAMES_MAX 0x8000000u /* limit of the format */
#define TABLE_FIRST ((size_t)4096)

/* The tables of libzstd have a size in the order of the input, at any level: at most two tables,
 * each with twice the next power of two as entries of four bytes. */
uint64_t leat_zstd_seekable_need(uint64_t need, uint64_t size)
{
    uint64_t power = 1, small;

    while (power < size)
        power *= 2;
    small = 16 * power + 8 * size + ((uint64_t)4 << 20);
    return small < need ? small : need;
}

int leat_zstd_seekable_open(struct leat_stage *stage, struct leat_zstd_seekable *s, size_t size)
{
    s->made_size = ZSTD_compressBound(size);
    return leat_keep_room(stage, s->made_size);
}

void leat_zstd_seekable_close(struct leat_stage *stage, struct leat_zstd_seekable *s)
{
    leat_free(stage, s->table);
}

/* --- lane ------------------------------------------------------------------------------------- */

int leat_zstd_seekable_step(struct leat_stage *stage, struct leat_zstd_seekable *s,
                            ZSTD_CCtx *context, struct leat_in *in, struct leat_out *out)
{
    uint8_t *to;
    size_t r;

    if (!in->end)
        return leat_fail(stage, LEAT_EINTERNAL, "a block that is not one piece");
    if (leat_reserve_least(out, s->made_size, &to) == 0)
        return LEAT_MORE;
    r = ZSTD_compress2(context, to, s->made_size, in->data, in->len);
    if (ZSTD_isError(r))
        return leat_zstd_fail(stage, r);
    *(struct leat_zstd_seekable_result *)leat_result(stage) =
        (struct leat_zstd_seekable_result){.made = (uint32_t)r, .len = (uint32_t)in->len};
    leat_commit(out, r);
    in->pos = in->len;
    return LEAT_END;
}

/* --- join ------------------------------------------------------------------------------------- */

/* Makes room for n more bytes of the table. */
static int grow(struct leat_stage *stage, struct leat_zstd_seekable *s, size_t n)
{
    size_t size = s->table_size > 0 ? 2 * s->table_size : TABLE_FIRST;
    uint8_t *more;

    if (n <= s->table_size - s->table_len)
        return 0;
    more = leat_alloc(stage, size);
    if (!more)
        return LEAT_ENOMEM;
    if (s->table_len > 0)
        memcpy(more, s->table, s->table_len);
    leat_free(stage, s->table);
    s->table = more;
    s->table_size = size;
    return 0;
}

static int add_frame(struct leat_stage *stage, struct leat_zstd_seekable *s,
                     const struct leat_zstd_seekable_result *result)
{
    if (s->frames == FRAMES_MAX)
        return leat_fail(stage, LEAT_ELIMIT,
                         "more than %u frames do not fit into the seek table; give a larger size "
                         "to --seekable",
                         FRAMES_MAX);
    if (s->table_len == 0)
        s->table_len = HEAD; /* its head is filled in last */
    leat_put_le32(s->table + s->table_len, result->made);
    leat_put_le32(s->table + s->table_len + 4, result->len);
    s->table_len += ENTRY;
    s->frames++;
    return LEAT_END;
}

static void close_table(struct leat_zstd_seekable *s)
{
    uint8_t *footer;

    if (s->table_len == 0)
        s->table_len = HEAD;
    footer = s->table + s->table_len;
    leat_put_le32(footer, s->frames);
    footer[4] = 0; /* no checksums in the table: the frames have their own */
    leat_put_le32(footer + 5, FOOTER_MAGIC);
    s->table_len += FOOTER;
    leat_put_le32(s->table, TABLE_MAGIC);
    leat_put_le32(s->table + 4, (uint32_t)(s->table_len - HEAD));
    s->closed = true;
}

int leat_zstd_seekable_join(struct leat_stage *stage, struct leat_zstd_seekable *s,
                            enum leat_join when, const struct leat_zstd_seekable_result *result,
                            struct leat_out *out)
{
    if (when == LEAT_JOIN_HEAD)
        return LEAT_END;
    if (!s->closed && grow(stage, s, HEAD + ENTRY + FOOTER) < 0)
        return LEAT_ENOMEM;
    if (when == LEAT_JOIN_BLOCK)
        return add_frame(stage, s, result);
    if (!s->closed)
        close_table(s);
    s->table_pos += leat_write(out, s->table + s->table_pos, s->table_len - s->table_pos);
    return s->table_pos < s->table_len ? LEAT_MORE : LEAT_END;
}
