/* base64.c - bytes to base64 in lines, and back, as base64 of GNU.
 *
 * Blocks of the encoder are whole groups, and the place of a block tells the column in which its output begins, so
 * the blocks are independent. The decoder takes whole groups by base64_code.h, and one by one the characters of a
 * group that has something between them, or padding, or lies in two pieces of input.
 */

#include <stddef.h>
#include <string.h>

#include "base/invariant.h"
#include "base64_code.h"
#include "stage.h"

/* --- base64 ----------------------------------------------------------------------------------- */

#define BLOCK ((size_t)3 << 16)
#define ROOM_LEAST 16u   /* of a step: at least one group */
#define GROUP_ROOM 8u    /* a group in lines of one character */
#define NEVER UINT64_MAX /* no line has so many columns */

struct base64_params {
    int64_t columns;
    int decode, garbage;
};

struct base64 {
    uint64_t columns;   /* of a line, or NEVER */
    uint64_t column;    /* of the next character */
    uint8_t carried[3]; /* the start of a group */
    size_t n_carried;
    uint64_t bytes; /* in the instance of join: of the stream; in a lane: of the block */
};

static int base64_plan(struct leat_stage *s)
{
    const struct base64_params *p = leat_params(s);

    if (p->decode)
        return leat_fail(s, LEAT_EUSAGE, "the stage that decodes is unbase64");
    if (p->garbage)
        return leat_fail(s, LEAT_EUSAGE, "-i is for decoding: unbase64 -i");
    return 0;
}

static uint64_t columns_of(const struct leat_stage *s)
{
    const struct base64_params *p = leat_params(s);

    return p->columns > 0 ? (uint64_t)p->columns : NEVER;
}

static int base64_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct base64 *b = leat_state(s);

    leat_assert(in->offset % 3 == 0);
    b->columns = columns_of(s);
    b->column = in->offset / 3 * 4 % b->columns;
    b->n_carried = 0;
    b->bytes = 0;
    return 0;
}

/* One group, whose characters may be in several lines. Returns the bytes written, at most GROUP_ROOM. */
static size_t put_group(struct base64 *b, const uint8_t chars[4], uint8_t *to)
{
    size_t made = 0;

    for (size_t i = 0; i < 4; i++) {
        to[made++] = chars[i];
        if (++b->column == b->columns) {
            to[made++] = '\n';
            b->column = 0;
        }
    }
    return made;
}

/* The group at the end of the stream, of one or two bytes. */
static size_t put_last(struct base64 *b, uint8_t *to)
{
    uint8_t chars[4];

    leat_assert(b->n_carried > 0 && b->n_carried < 3);
    memset(b->carried + b->n_carried, 0, 3 - b->n_carried);
    leat_base64_encode_groups(b->carried, 1, chars);
    memset(chars + b->n_carried + 1, '=', 3 - b->n_carried);
    b->n_carried = 0;
    return put_group(b, chars, to);
}

/* Encode whole groups while there is room for them. */
static size_t put_groups(struct base64 *b, struct leat_in *in, uint8_t *to, size_t room)
{
    size_t made = 0, groups = (in->len - in->pos) / 3;

    while (groups > 0 && room - made >= GROUP_ROOM) {
        uint64_t in_line = (b->columns - b->column) / 4;
        size_t n = (room - made - 1) / 4;

        n = n < groups ? n : groups;
        n = n < in_line ? n : (size_t)in_line;
        if (n > 0) {
            leat_base64_encode_groups(in->data + in->pos, n, to + made);
            made += 4 * n;
            b->column += 4 * n;
            if (b->column == b->columns) {
                to[made++] = '\n';
                b->column = 0;
            }
        } else {
            uint8_t chars[4];

            n = 1;
            leat_base64_encode_groups(in->data + in->pos, 1, chars);
            made += put_group(b, chars, to + made);
        }
        in->pos += 3 * n;
        groups -= n;
    }
    leat_assert(made <= room);
    return made;
}

/* Complete the group whose start is carried, or carry what is left of the input if it is less than a group. */
static void carry(struct base64 *b, struct leat_in *in)
{
    size_t left = in->len - in->pos;

    if (b->n_carried == 0 && left >= 3)
        return;
    while (b->n_carried < 3 && in->pos < in->len)
        b->carried[b->n_carried++] = in->data[in->pos++];
}

static int base64_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct base64 *b = leat_state(s);
    uint64_t *result = leat_result(s);

    for (;;) {
        size_t room, made = 0;
        uint8_t chars[4], *to;

        carry(b, in);
        if (b->n_carried < 3 && in->pos == in->len) {
            if (!in->end)
                return LEAT_MORE;
            if (b->n_carried == 0)
                break;
        }
        room = leat_reserve_least(out, ROOM_LEAST, &to);
        if (room == 0)
            return LEAT_MORE;
        if (b->n_carried == 3) {
            leat_base64_encode_groups(b->carried, 1, chars);
            b->n_carried = 0;
            made = put_group(b, chars, to);
        } else if (b->n_carried > 0) {
            made = put_last(b, to);
        }
        made += put_groups(b, in, to + made, room - made);
        leat_commit(out, made);
    }
    if (result)
        *result = in->offset + in->len; /* where the block ends in the stream */
    return LEAT_END;
}

/* The end of the last line. */
static int base64_join(struct leat_stage *s, enum leat_join when, const void *result,
                       struct leat_out *out)
{
    struct base64 *b = leat_state(s);
    uint64_t columns = columns_of(s);

    if (when == LEAT_JOIN_BLOCK)
        b->bytes = *(const uint64_t *)result;
    if (when != LEAT_JOIN_TAIL || columns == NEVER || (b->bytes + 2) / 3 * 4 % columns == 0)
        return LEAT_END;
    return leat_write(out, "\n", 1) == 1 ? LEAT_END : LEAT_MORE;
}

static const struct leat_lanes base64_lanes = {
    .block = BLOCK,
    .result_size = sizeof(uint64_t),
    .begin = base64_begin,
    .join = base64_join,
};

#define AT(field) offsetof(struct base64_params, field)
static const struct leat_option base64_options[] = {
    {"wrap", 'w', LEAT_OPT_INT, AT(columns), .metavar = "COLS", .max = INT64_MAX, .initial = 76,
     .help = "begin a new line after so many characters; 0: all in one line, without a newline"},
    {"decode", 'd', LEAT_OPT_FLAG, AT(decode), .help = "refused: unbase64 decodes"},
    {"ignore-garbage", 'i', LEAT_OPT_FLAG, AT(garbage), .help = "refused: see unbase64"},
    {0},
};

const struct leat_stage_type leat_stage_base64 = {
    .name = "base64",
    .summary = "encode in base64",
    .manual = "Encodes the stream in base64 (RFC 4648) in lines of 76 characters, as base64 of GNU "
              "does. Several threads encode at once. unbase64 decodes.",
    .examples = "base64\n"
                "base64 -w 0\n"
                "base64 : unbase64",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .params_size = sizeof(struct base64_params),
    .state_size = sizeof(struct base64),
    .options = base64_options,
    .lanes = &base64_lanes,
    .plan = base64_plan,
    .step = base64_step,
};

/* --- unbase64 --------------------------------------------------------------------------------- */

struct unbase64_params {
    int garbage;
};

struct unbase64 {
    uint8_t six[4]; /* the values of the characters of the group so far */
    size_t n;
    bool padded; /* the last one is padding, and another one must follow */
};

static int unbase64_fail(struct leat_stage *s, const struct leat_in *in)
{
    uint8_t c = in->data[in->pos];
    bool shown = c > ' ' && c < 0x7f;

    return leat_fail(s, LEAT_ECORRUPT,
                     shown ? "'%c' cannot be here in base64; -i ignores other characters than "
                             "those of base64"
                           : "byte 0x%02x cannot be here in base64; -i ignores it",
                     c);
}

/* The byte that the last character of the group completes. */
static uint8_t completed(const struct unbase64 *u)
{
    uint8_t before = u->six[u->n - 2], last = u->six[u->n - 1];

    leat_assert(u->n >= 2 && u->n <= 4);
    return (uint8_t)(u->n == 2   ? before << 2 | last >> 4
                     : u->n == 3 ? before << 4 | last >> 2
                                 : before << 6 | last);
}

/* Take one character. Returns 1: *ret is output; 0: nothing is; or LEAT_ECORRUPT, not recorded. */
static int take(struct unbase64 *u, uint8_t c, bool garbage, uint8_t *ret)
{
    uint8_t value = leat_base64_value(c);

    if (c == '=' && (u->n == 2 || u->n == 3)) {
        if (u->n == 3 || u->padded) {
            u->n = 0;
            u->padded = false;
        } else {
            u->padded = true;
        }
        return 0;
    }
    if (c == '\n' || (garbage && c != '=' && value == LEAT_BASE64_NONE))
        return 0;
    if (value == LEAT_BASE64_NONE || u->padded)
        return LEAT_ECORRUPT;
    leat_assert(u->n < 4);
    u->six[u->n++] = value;
    if (u->n == 1)
        return 0;
    *ret = completed(u);
    if (u->n == 4)
        u->n = 0;
    return 1;
}

/* Take characters one by one until a group is complete. Returns how many bytes are output, or fails. */
static int finish_group(struct leat_stage *s, struct leat_in *in, uint8_t *to)
{
    const struct unbase64_params *p = leat_params(s);
    struct unbase64 *u = leat_state(s);
    int made = 0;

    while (in->pos < in->len) {
        int r = take(u, in->data[in->pos], p->garbage, to + made);

        if (r < 0)
            return made > 0 ? made : unbase64_fail(s, in);
        in->pos++;
        made += r;
        if (u->n == 0)
            break;
    }
    leat_assert(made <= 3);
    return made;
}

static int unbase64_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct unbase64 *u = leat_state(s);

    while (in->pos < in->len) {
        uint8_t *to;
        size_t room = leat_reserve_least(out, 4, &to), made = 0;
        int more = 0;

        if (room == 0)
            return LEAT_MORE;
        if (u->n == 0)
            in->pos +=
                leat_base64_decode_groups(in->data + in->pos, in->len - in->pos, to, room, &made);
        if (in->pos < in->len && room - made >= 3)
            more = finish_group(s, in, to + made);
        leat_commit(out, made + (more > 0 ? (size_t)more : 0));
        if (more < 0)
            return more;
    }
    if (!in->end)
        return LEAT_MORE;
    if (u->n > 0)
        return leat_fail(s, LEAT_ETRUNCATED, "the last group of four characters is incomplete");
    return LEAT_END;
}

#undef AT
#define AT(field) offsetof(struct unbase64_params, field)
static const struct leat_option unbase64_options[] = {
    {"ignore-garbage", 'i', LEAT_OPT_FLAG, AT(garbage),
     .help = "ignore characters that are not of base64"},
    {0},
};

const struct leat_stage_type leat_stage_unbase64 = {
    .name = "unbase64",
    .summary = "decode base64",
    .manual =
        "Decodes base64 as base64 -d of GNU does. Newlines are ignored, also in a group of four "
        "characters, and data may follow padding. Any other character, such as the carriage return "
        "of a line of DOS, is an error that tells its place, unless -i is given; what was decoded "
        "before it is output.",
    .examples = "base64 : unbase64 : count -c\n"
                "read big.log : base64 : unbase64 -i : tail -n 1",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .params_size = sizeof(struct unbase64_params),
    .state_size = sizeof(struct unbase64),
    .options = unbase64_options,
    .step = unbase64_step,
};
