/* hex.c - bytes to lower-case hex digits in lines, and back.
 *
 * Bytes are independent of one another, so the encoder runs in lanes with blocks of any size; the place of a block tells
 * the column in which its output begins. The decoder is strict: a character that is neither a digit nor white space is
 * an error, as a dump with addresses would give bytes that nobody meant.
 */

#include <stddef.h>

#include "base/invariant.h"
#include "hex_code.h"
#include "stage.h"

/* --- hex -------------------------------------------------------------------------------------- */

#define ROOM_LEAST 16u
#define BYTE_ROOM 3u     /* two digits and a newline */
#define NEVER UINT64_MAX /* no line has so many bytes */

struct hex_params {
    int64_t columns;
};

struct hex {
    uint64_t columns; /* bytes in a line, or NEVER */
    uint64_t column;  /* of the next byte */
    uint64_t bytes;   /* in the instance of join: of the stream */
};

static uint64_t columns_of(const struct leat_stage *s)
{
    const struct hex_params *p = leat_params(s);

    return p->columns > 0 ? (uint64_t)p->columns : NEVER;
}

static int hex_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct hex *h = leat_state(s);

    h->columns = columns_of(s);
    h->column = in->offset % h->columns;
    return 0;
}

/* Encode the bytes of one line, or some of them. Returns the size of the output. */
static size_t put_some(struct hex *h, struct leat_in *in, uint8_t *to, size_t room)
{
    uint64_t in_line = h->columns - h->column;
    size_t n = in->len - in->pos, made;

    leat_assert(room >= BYTE_ROOM);
    leat_assert(h->column < h->columns);
    n = n < in_line ? n : (size_t)in_line;
    n = n < (room - 1) / 2 ? n : (room - 1) / 2;
    leat_hex_encode(in->data + in->pos, n, to);
    in->pos += n;
    made = 2 * n;
    h->column += n;
    if (h->column == h->columns) {
        to[made++] = '\n';
        h->column = 0;
    }
    return made;
}

static int hex_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct hex *h = leat_state(s);
    uint64_t *result = leat_result(s);

    while (in->pos < in->len) {
        uint8_t *to;
        size_t room = leat_reserve_least(out, ROOM_LEAST, &to), made = 0;

        if (room == 0)
            return LEAT_MORE;
        while (in->pos < in->len && room - made >= BYTE_ROOM)
            made += put_some(h, in, to + made, room - made);
        leat_commit(out, made);
    }
    if (!in->end)
        return LEAT_MORE;
    if (result)
        *result = in->offset + in->len; /* where the block ends in the stream */
    return LEAT_END;
}

/* The end of the last line. */
static int hex_join(struct leat_stage *s, enum leat_join when, const void *result,
                    struct leat_out *out)
{
    struct hex *h = leat_state(s);
    uint64_t columns = columns_of(s);

    if (when == LEAT_JOIN_BLOCK)
        h->bytes = *(const uint64_t *)result;
    if (when != LEAT_JOIN_TAIL || h->bytes == 0 || h->bytes % columns == 0)
        return LEAT_END;
    return leat_write(out, "\n", 1) == 1 ? LEAT_END : LEAT_MORE;
}

static const struct leat_lanes hex_lanes = {
    .result_size = sizeof(uint64_t),
    .begin = hex_begin,
    .join = hex_join,
};

#define AT(field) offsetof(struct hex_params, field)
static const struct leat_option hex_options[] = {
    {"cols", 'c', LEAT_OPT_INT, AT(columns), .metavar = "COLS", .max = INT64_MAX, .initial = 30,
     .help = "begin a new line after so many bytes; 0: all in one line"},
    {0},
};

const struct leat_stage_type leat_stage_hex = {
    .name = "hex",
    .summary = "write bytes as hexadecimal digits",
    .manual = "Writes each byte as two lower-case hexadecimal digits, in lines of 30 bytes, as "
              "xxd -p does. The last line ends with a newline, too. Several threads work at once. "
              "unhex is the other way.",
    .examples = "hex\n"
                "hex -c 0\n"
                "hex : unhex",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .params_size = sizeof(struct hex_params),
    .state_size = sizeof(struct hex),
    .options = hex_options,
    .lanes = &hex_lanes,
    .step = hex_step,
};

/* --- unhex ------------------------------------------------------------------------------------ */

struct unhex {
    bool has_high;
    uint8_t high; /* the first digit of a pair */
};

static int unhex_fail(struct leat_stage *s, uint8_t c)
{
    bool shown = c > ' ' && c < 0x7f;

    return leat_fail(s, LEAT_ECORRUPT,
                     shown ? "'%c' is not a hexadecimal digit; the input must be digits and white "
                             "space alone"
                           : "byte 0x%02x is not a hexadecimal digit; the input must be digits and "
                             "white space alone",
                     c);
}

/* Take characters one by one until a pair is complete. Returns how many bytes are output, or fails. */
static int finish_pair(struct leat_stage *s, struct leat_in *in, uint8_t *to)
{
    struct unhex *u = leat_state(s);

    while (in->pos < in->len) {
        uint8_t c = in->data[in->pos], value = leat_hex_value(c);
        bool blank = c == ' ' || (c >= '\t' && c <= '\r');

        if (value == LEAT_HEX_NONE && !blank)
            return unhex_fail(s, c);
        in->pos++;
        if (blank)
            continue;
        u->has_high = !u->has_high;
        if (!u->has_high) {
            *to = (uint8_t)(u->high << 4 | value);
            return 1;
        }
        u->high = value;
    }
    return 0;
}

static int unhex_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct unhex *u = leat_state(s);

    while (in->pos < in->len) {
        uint8_t *to;
        size_t room = leat_reserve(out, &to), made = 0;
        int more = 0;

        if (room == 0)
            return LEAT_MORE;
        if (!u->has_high)
            in->pos += leat_hex_decode(in->data + in->pos, in->len - in->pos, to, room, &made);
        if (in->pos < in->len && made < room)
            more = finish_pair(s, in, to + made);
        leat_commit(out, made + (more > 0 ? 1 : 0));
        if (more < 0)
            return more;
    }
    if (!in->end)
        return LEAT_MORE;
    if (u->has_high)
        return leat_fail(s, LEAT_ETRUNCATED, "the number of digits is odd");
    return LEAT_END;
}

const struct leat_stage_type leat_stage_unhex = {
    .name = "unhex",
    .summary = "turn hexadecimal digits into bytes",
    .manual = "Turns each two hexadecimal digits, of either case, into a byte, as xxd -r -p does. "
              "White space is ignored, also within a pair. Anything else, such as an address or "
              "0x, is an error that tells its place; what was decoded before it is output.",
    .examples = "hex : unhex : count -c",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .state_size = sizeof(struct unhex),
    .step = unhex_step,
};
