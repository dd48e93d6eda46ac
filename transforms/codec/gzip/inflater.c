/* inflater.c - the parts of deflate decoding that do not depend on the library: output, checks,
 * ends. */

#include "inflater.h"

#include <string.h>

#include "base/invariant.h"
#include "checksum.h"

static const struct leat_inflater_ops *ops_of(enum leat_inflater_backend backend)
{
    if (backend == LEAT_INFLATER_ZLIB)
        return &leat_inflater_zlib;
    if (backend == LEAT_INFLATER_ISAL || leat_inflater_isal.open)
        return &leat_inflater_isal;
    return &leat_inflater_zlib;
}

bool leat_inflater_available(enum leat_inflater_backend backend)
{
    return ops_of(backend)->open != NULL;
}

int leat_inflater_open(struct leat_inflater *inflater, struct leat_stage *stage,
                       enum leat_inflater_backend backend, enum leat_inflater_check kind)
{
    const struct leat_inflater_ops *ops = ops_of(backend);
    int r;

    r = ops->open(stage, &inflater->lib);
    if (r < 0)
        return r;
    inflater->ops = ops;
    inflater->kind = kind;
    leat_inflater_reset(inflater);
    return 0;
}

void leat_inflater_close(struct leat_inflater *inflater, struct leat_stage *stage)
{
    if (inflater->ops)
        inflater->ops->close(stage, inflater->lib);
    inflater->ops = NULL;
}

void leat_inflater_reset(struct leat_inflater *inflater)
{
    inflater->ops->reset(inflater->lib);
    inflater->total = 0;
    inflater->check = inflater->kind == LEAT_INFLATER_ADLER32 ? LEAT_ADLER32_INIT : LEAT_CRC32_INIT;
}

static void count(struct leat_inflater *inflater, const uint8_t *data, size_t n)
{
    inflater->total += n;
    if (inflater->kind == LEAT_INFLATER_CRC32)
        inflater->check = leat_codec_crc32(inflater->check, data, n);
    else if (inflater->kind == LEAT_INFLATER_ADLER32)
        inflater->check = leat_codec_adler32(inflater->check, data, n);
}

int leat_inflater_step(struct leat_inflater *inflater, struct leat_stage *stage, struct leat_in *in,
                       struct leat_out *out)
{
    for (;;) {
        struct leat_inflater_io io = {.in = in->data + in->pos, .in_len = in->len - in->pos};
        int r;

        io.room = leat_reserve(out, &io.to);
        if (io.room == 0)
            return LEAT_MORE;
        r = inflater->ops->run(inflater->lib, &io);
        leat_assert(io.used <= io.in_len);
        leat_assert(io.made <= io.room);
        in->pos += io.used;
        count(inflater, io.to, io.made);
        leat_commit(out, io.made);
        if (r == LEAT_END) {
            memcpy(inflater->back, io.back, io.n_back);
            inflater->n_back = io.n_back;
            inflater->back_pos = 0;
            return LEAT_END;
        }
        if (r == LEAT_ECORRUPT)
            return leat_fail(stage, r, "invalid deflate data: %s", io.problem);
        if (r < 0)
            return r;
        if (io.made == io.room)
            continue; /* the library may have more output */
        if (in->pos < in->len && io.used + io.made > 0)
            continue;
        if (in->end && in->pos == in->len)
            return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in deflate data");
        return LEAT_MORE;
    }
}

int leat_inflater_after(struct leat_inflater *inflater, struct leat_stage *stage,
                        struct leat_in *in, const char *what)
{
    uint64_t at = leat_inflater_offset(inflater, in);
    uint8_t byte;

    if (leat_inflater_byte(inflater, in, &byte))
        return leat_fail_at(stage, LEAT_ECORRUPT, at, "trailing garbage after %s", what);
    return in->end ? LEAT_END : LEAT_MORE;
}
