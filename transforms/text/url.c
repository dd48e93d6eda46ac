/* url.c - percent-encoding of RFC 3986, and back.
 *
 * Each byte is encoded by itself, so the encoder runs in lanes with blocks of any size. An escape that lies in two pieces
 * of the input of the decoder is kept in its state.
 */

#include <stddef.h>

#include "base/invariant.h"
#include "hex_code.h"
#include "stage.h"
#include "url_code.h"

/* --- url -------------------------------------------------------------------------------------- */

struct url_params {
    int all, form, zero;
};

struct url {
    struct leat_url_table table;
};

static int url_plan(struct leat_stage *s)
{
    const struct url_params *p = leat_params(s);

    if (p->all && p->zero)
        return leat_fail(s, LEAT_EUSAGE, "--all encodes each byte, so there are no lines for -z");
    leat_plan_delimiter(s, p->zero ? '\0' : '\n');
    return 0;
}

static int url_open(struct leat_stage *s)
{
    const struct url_params *p = leat_params(s);
    struct url *u = leat_state(s);

    leat_url_table_init(&u->table, p->all ? -1 : p->zero ? '\0' : '\n', p->form);
    return 0;
}

static int url_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct url *u = leat_state(s);

    while (in->pos < in->len) {
        uint8_t *to;
        size_t room = leat_reserve_least(out, LEAT_URL_ROOM, &to), made = 0;

        if (room == 0)
            return LEAT_MORE;
        in->pos +=
            leat_url_encode(&u->table, in->data + in->pos, in->len - in->pos, to, room, &made);
        leat_assert(made > 0 && made <= room);
        leat_commit(out, made);
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

/* The engine cuts the blocks. */
static const struct leat_lanes url_lanes = {.block = 0};

#define AT(field) offsetof(struct url_params, field)
static const struct leat_option url_options[] = {
    {"all", 0, LEAT_OPT_FLAG, AT(all), .help = "encode newlines, too"},
    {"form", 0, LEAT_OPT_FLAG, AT(form), .help = "a space becomes +, as in the fields of a form"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero),
     .help = "lines end with a NUL byte, and a newline is encoded"},
    {0},
};

const struct leat_stage_type leat_stage_url = {
    .name = "url",
    .summary = "percent-encode each line",
    .manual =
        "Encodes all bytes but letters, digits, - . _ and ~ as % and two upper-case hexadecimal "
        "digits (RFC 3986), so that a line is safe as a part of a URL; a slash is encoded, too. "
        "Newlines stay. Several threads work at once. unurl is the other way.",
    .examples = "url\n"
                "url --form\n"
                "url : unurl",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_BY_LINE,
    .params_size = sizeof(struct url_params),
    .state_size = sizeof(struct url),
    .options = url_options,
    .lanes = &url_lanes,
    .plan = url_plan,
    .open = url_open,
    .step = url_step,
};

/* --- unurl ------------------------------------------------------------------------------------ */

#define ROOM_LEAST 3u /* an escape that is kept as it is */

struct unurl_params {
    int form, keep_bad;
};

struct unurl {
    uint8_t escape[2]; /* the start of an escape */
    size_t n;
};

/* Take characters of an escape whose start is known, or begins here, one by one, until it is complete. Returns how many
 * bytes are output, at most ROOM_LEAST, or fails. */
static int finish_escape(struct leat_stage *s, struct leat_in *in, uint8_t *to)
{
    const struct unurl_params *p = leat_params(s);
    struct unurl *u = leat_state(s);
    int made = 0;

    while (in->pos < in->len) {
        uint8_t c = in->data[in->pos], value = leat_hex_value(c);

        leat_assert(u->n <= 2);
        if (u->n == 0 ? c != '%' : value == LEAT_HEX_NONE)
            break;
        in->pos++;
        if (u->n < 2) {
            u->escape[u->n++] = c;
            continue;
        }
        *to = (uint8_t)(leat_hex_value(u->escape[1]) << 4 | value);
        u->n = 0;
        return 1;
    }
    if (in->pos == in->len || u->n == 0)
        return 0;
    if (!p->keep_bad)
        return leat_fail_at(s, LEAT_ECORRUPT, in->offset + in->pos - u->n,
                            "two hexadecimal digits must follow %%; --keep-bad passes it on");
    while (u->n > 0)
        to[made] = u->escape[made], made++, u->n--;
    return made;
}

static int unurl_end(struct leat_stage *s, const struct leat_in *in, struct leat_out *out)
{
    const struct unurl_params *p = leat_params(s);
    struct unurl *u = leat_state(s);

    if (u->n > 0 && !p->keep_bad)
        return leat_fail_at(
            s, LEAT_ETRUNCATED, in->offset + in->pos - u->n,
            "the input ends in the escape that begins here; --keep-bad passes it on");
    while (u->n > 0) {
        if (leat_write(out, u->escape, 1) == 0)
            return LEAT_MORE;
        u->escape[0] = u->escape[1];
        u->n--;
    }
    return LEAT_END;
}

static int unurl_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct unurl_params *p = leat_params(s);
    struct unurl *u = leat_state(s);

    while (in->pos < in->len) {
        uint8_t *to;
        size_t room = leat_reserve_least(out, ROOM_LEAST, &to), made = 0;
        int more = 0;

        if (room == 0)
            return LEAT_MORE;
        if (u->n == 0)
            in->pos +=
                leat_url_decode(in->data + in->pos, in->len - in->pos, p->form, to, room, &made);
        if (in->pos < in->len && room - made >= ROOM_LEAST)
            more = finish_escape(s, in, to + made);
        leat_commit(out, made + (more > 0 ? (size_t)more : 0));
        if (more < 0)
            return more;
    }
    return in->end ? unurl_end(s, in, out) : LEAT_MORE;
}

#undef AT
#define AT(field) offsetof(struct unurl_params, field)
static const struct leat_option unurl_options[] = {
    {"form", 0, LEAT_OPT_FLAG, AT(form), .help = "a + becomes a space, as in the fields of a form"},
    {"keep-bad", 0, LEAT_OPT_FLAG, AT(keep_bad),
     .help = "pass on a % that two hexadecimal digits do not follow"},
    {0},
};

const struct leat_stage_type leat_stage_unurl = {
    .name = "unurl",
    .summary = "decode percent-encoding",
    .manual =
        "Turns each % and two hexadecimal digits, of either case, into a byte, and passes on "
        "all else (RFC 3986). Any other % is an error that tells its place, unless --keep-bad "
        "is given; what was decoded before it is output. An encoded newline becomes one, so "
        "a line may become several.",
    .examples = "unurl\n"
                "unurl --form --keep-bad",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .flags = LEAT_BY_LINE,
    .params_size = sizeof(struct unurl_params),
    .state_size = sizeof(struct unurl),
    .options = unurl_options,
    .step = unurl_step,
};
