/* unzlib.c - decodes a zlib stream (RFC 1950). */

#include "../shared/bytes.h"
#include "inflate_options.h"
#include "inflater.h"

#define CM_MASK 0x0fu
#define CM_DEFLATE 8u
#define CINFO_MAX 7u
#define FLAG_DICT 0x20u
#define TRAILER 4u /* bytes: Adler-32 */

struct unzlib {
    struct leat_inflater inflater;
    enum { IN_HEADER, IN_DATA, IN_TRAILER, AFTER } place;
    uint8_t bytes[TRAILER]; /* of the header or trailer: `have` are filled */
    size_t have;
    uint64_t trailer_at;
};

static int unzlib_open(struct leat_stage *stage)
{
    struct unzlib *z = leat_state(stage);

    return leat_inflater_open(&z->inflater, stage, leat_inflate_backend(stage),
                              LEAT_INFLATER_ADLER32);
}

static void unzlib_close(struct leat_stage *stage)
{
    struct unzlib *z = leat_state(stage);

    leat_inflater_close(&z->inflater, stage);
}

/* Reads until n bytes are there. */
static int read_bytes(struct leat_stage *stage, struct unzlib *z, struct leat_in *in, size_t n,
                      const char *what)
{
    while (z->have < n) {
        if (leat_inflater_byte(&z->inflater, in, &z->bytes[z->have]))
            z->have++;
        else if (!in->end)
            return LEAT_MORE;
        else
            return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in %s", what);
    }
    z->have = 0;
    return LEAT_END;
}

static int read_header(struct leat_stage *stage, struct unzlib *z, struct leat_in *in)
{
    int r = read_bytes(stage, z, in, 2, "the zlib header");
    unsigned cmf = z->bytes[0], flg = z->bytes[1];

    if (r != LEAT_END)
        return r;
    if ((cmf & CM_MASK) != CM_DEFLATE || cmf >> 4 > CINFO_MAX || (cmf * 256 + flg) % 31 != 0)
        return leat_fail_at(stage, LEAT_ECORRUPT, 0, "not in zlib format (incorrect header check)");
    if (flg & FLAG_DICT)
        return leat_fail_at(stage, LEAT_EUSAGE, 0,
                            "needs a preset dictionary, which is not supported");
    z->place = IN_DATA;
    return LEAT_END;
}

static int read_trailer(struct leat_stage *stage, struct unzlib *z, struct leat_in *in)
{
    uint32_t stored;
    int r;

    if (z->have == 0)
        z->trailer_at = leat_inflater_offset(&z->inflater, in);
    r = read_bytes(stage, z, in, TRAILER, "the zlib trailer");
    if (r != LEAT_END)
        return r;
    stored = leat_get_be32(z->bytes);
    if (stored != z->inflater.check)
        return leat_fail_at(stage, LEAT_ECORRUPT, z->trailer_at,
                            "Adler-32 mismatch: stored %08x, computed %08x", stored,
                            z->inflater.check);
    z->place = AFTER;
    return LEAT_END;
}

static int unzlib_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct unzlib *z = leat_state(stage);
    int r = LEAT_END;

    while (r == LEAT_END) {
        switch (z->place) {
        case IN_HEADER:
            r = read_header(stage, z, in);
            break;
        case IN_DATA:
            r = leat_inflater_step(&z->inflater, stage, in, out);
            if (r == LEAT_END)
                z->place = IN_TRAILER;
            break;
        case IN_TRAILER:
            r = read_trailer(stage, z, in);
            break;
        case AFTER:
        default:
            return leat_inflater_after(&z->inflater, stage, in, "the zlib stream");
        }
    }
    return r;
}

const struct leat_stage_type leat_stage_unzlib = {
    .name = "unzlib",
    .summary = "decompress a zlib stream (RFC 1950)",
    .manual = "Errors are: truncation, any data after the stream, and a checksum that does not "
              "match.\n\n" LEAT_INFLATE_MANUAL,
    .examples = "read big.log : zlib : unzlib : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_inflate_params),
    .state_size = sizeof(struct unzlib),
    .options = leat_inflate_options,
    .plan = leat_inflate_plan,
    .open = unzlib_open,
    .step = unzlib_step,
    .close = unzlib_close,
};
