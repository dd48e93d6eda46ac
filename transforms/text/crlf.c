/* crlf.c - dos2unix and unix2dos: line ends of CR LF become LF, and the other way round.
 *
 * A CR at the end of a piece is held until the next byte is known, and so are bytes that may be a byte order
 * mark at the start of the stream. Blocks of lanes end after an LF, so no CR is held between them.
 */
#include <stddef.h>
#include <string.h>

#include "base/invariant.h"
#include "control.h"
#include "emit.h"
#include "line_blocks.h"
#include "stage.h"

#define MARK "\xef\xbb\xbf"
#define MARK_LEN 3u

struct crlf_params {
    int force, keep_mark, remove_mark, add_mark;
};

struct crlf {
    size_t block;  /* in the instance of cut */
    bool begun;    /* the start of the stream has been looked at, or is in another lane */
    bool cr;       /* dos2unix: a CR is read and not written; unix2dos: the last byte was a CR */
    unsigned mark; /* bytes of a byte order mark at the start that are read */
    char owed[2 * MARK_LEN]; /* to be written first */
    size_t owed_n;
};

static int crlf_plan(struct leat_stage *s)
{
    const struct crlf_params *p = leat_params(s);

    if (p->keep_mark + p->remove_mark + p->add_mark > 1)
        return leat_fail(s, LEAT_EUSAGE,
                         "only one of --keep-bom, --remove-bom and --add-bom can be given");
    leat_plan_lines(s);
    return 0;
}

static void owe(struct crlf *c, const char *text, size_t n)
{
    leat_assert(c->owed_n + n <= sizeof c->owed);
    memcpy(c->owed + c->owed_n, text, n);
    c->owed_n += n;
}

/* Returns false if there is no room. */
static bool pay(struct crlf *c, struct leat_emit *e)
{
    size_t n = leat_emit_some(e, c->owed, c->owed_n);

    c->owed_n -= n;
    memmove(c->owed, c->owed + n, c->owed_n);
    return c->owed_n == 0;
}

/* Reads a byte order mark, if there is one. An empty stream stays empty. */
static void look_at_start(struct crlf *c, const struct crlf_params *p, bool keeps,
                          struct leat_in *in)
{
    while (c->mark < MARK_LEN && in->pos < in->len && in->data[in->pos] == (uint8_t)MARK[c->mark]) {
        c->mark++;
        in->pos++;
    }
    if (c->mark < MARK_LEN && in->pos == in->len && !in->end)
        return;
    c->begun = true;
    if (c->mark == MARK_LEN) {
        if (!p->remove_mark && (keeps || p->keep_mark || p->add_mark))
            owe(c, MARK, MARK_LEN);
        return;
    }
    if (p->add_mark && (c->mark > 0 || in->pos < in->len))
        owe(c, MARK, MARK_LEN);
    owe(c, MARK, c->mark);
}

/* How many of n bytes stay as they are: up to a byte `wanted` or a binary one. */
static size_t unchanged(const struct crlf_params *p, const uint8_t *data, size_t n, uint8_t wanted)
{
    const uint8_t *hit;

    if (!p->force)
        return leat_control_find(data, n, LEAT_CONTROL_TEXT, wanted == '\r' ? '\n' : '\r');
    hit = memchr(data, wanted, n);
    return hit ? (size_t)(hit - data) : n;
}

/* Outputs bytes up to the next `wanted`, which is read and not output. Returns 1 if it was found, 0 if not, for lack of
 * input or room, or fails. */
static int copy_until(struct leat_stage *s, struct leat_in *in, struct leat_emit *e, uint8_t wanted)
{
    const struct crlf_params *p = leat_params(s);
    size_t left = in->len - in->pos, room = leat_emit_room(e), n;

    n = unchanged(p, in->data + in->pos, left < room ? left : room, wanted);
    leat_emit_some(e, in->data + in->pos, n);
    in->pos += n;
    if (n == left || n == room)
        return 0;
    if (in->data[in->pos] != wanted)
        return leat_fail(s, LEAT_ECORRUPT,
                         "the byte 0x%02x is no text; to convert binary data all the same, give "
                         "--force",
                         in->data[in->pos]);
    in->pos++;
    return 1;
}

/* The held CR is dropped if an LF follows. */
static void decide_cr(struct crlf *c, const struct leat_in *in)
{
    if (in->pos == in->len && !in->end)
        return;
    if (in->pos == in->len || in->data[in->pos] != '\n')
        owe(c, "\r", 1);
    c->cr = false;
}

/* Returns 1 when the input is used up, 0 if there is no room, or fails. */
static int to_unix(struct leat_stage *s, struct leat_in *in, struct leat_emit *e)
{
    struct crlf *c = leat_state(s);
    int r;

    for (;;) {
        if (!c->begun)
            look_at_start(c, leat_params(s), false, in);
        if (c->cr)
            decide_cr(c, in);
        if (!pay(c, e))
            return 0;
        if (in->pos == in->len)
            return 1;
        if (leat_emit_room(e) == 0)
            return 0;
        r = copy_until(s, in, e, '\r');
        if (r < 0)
            return r;
        c->cr = r > 0;
    }
}

static int to_dos(struct leat_stage *s, struct leat_in *in, struct leat_emit *e)
{
    struct crlf *c = leat_state(s);
    size_t from;
    int r;

    for (;;) {
        if (!c->begun)
            look_at_start(c, leat_params(s), true, in);
        if (!pay(c, e))
            return 0;
        if (in->pos == in->len)
            return 1;
        if (leat_emit_room(e) == 0)
            return 0;
        from = in->pos;
        r = copy_until(s, in, e, '\n');
        if (r < 0)
            return r;
        if (in->pos - (size_t)r > from)
            c->cr = in->data[in->pos - (size_t)r - 1] == '\r';
        if (r > 0) {
            owe(c, c->cr ? "\n" : "\r\n", c->cr ? 1 : 2);
            c->cr = false;
        }
    }
}

static int dos2unix_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_emit e;
    int r;

    leat_emit_begin(&e, out);
    r = to_unix(s, in, &e);
    leat_emit_end(&e);
    return r < 0 ? r : r > 0 && in->end ? LEAT_END : LEAT_MORE;
}

static int unix2dos_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_emit e;
    int r;

    leat_emit_begin(&e, out);
    r = to_dos(s, in, &e);
    leat_emit_end(&e);
    return r < 0 ? r : r > 0 && in->end ? LEAT_END : LEAT_MORE;
}

static int crlf_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct crlf *c = leat_state(s);

    leat_assert(c->owed_n == 0);
    c->begun = in->block > 0;
    c->cr = false;
    return 0;
}

static int crlf_cut(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                    size_t *ret_take)
{
    struct crlf *c = leat_state(s);

    (void)end;
    return leat_line_cut(&c->block, data, len, '\n', ret_take);
}

static const struct leat_lanes crlf_lanes = {.begin = crlf_begin, .cut = crlf_cut};

#define AT(field) offsetof(struct crlf_params, field)
static const struct leat_option crlf_options[] = {
    {"force", 'f', LEAT_OPT_FLAG, AT(force), .help = "convert binary data, too"},
    {"keep-bom", 'b', LEAT_OPT_FLAG, AT(keep_mark), .help = "keep a byte order mark of UTF-8"},
    {"remove-bom", 'r', LEAT_OPT_FLAG, AT(remove_mark),
     .help = "remove a byte order mark of UTF-8"},
    {"add-bom", 'm', LEAT_OPT_FLAG, AT(add_mark),
     .help = "begin the output with a byte order mark of UTF-8"},
    {0},
};

#define BINARY                                                                                                 \
    "A byte below 0x20 that is no tab, LF, form feed or CR is an error, as the data is no text then; --force " \
    "converts all the same. UTF-16 has such bytes: put iconv before this stage.\n\n"                           \
    "Several threads work at once, and a line may be of any length."

const struct leat_stage_type leat_stage_dos2unix = {
    .name = "dos2unix",
    .summary = "convert line ends of CR LF to LF",
    .manual =
        "Each CR LF becomes LF, as dos2unix does. Another CR stays. A byte order mark of UTF-8 at the start is "
        "removed, unless --keep-bom is given.\n\n" BINARY,
    .examples = "dos2unix\n"
                "read words.txt : dos2unix : rev",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .params_size = sizeof(struct crlf_params),
    .state_size = sizeof(struct crlf),
    .options = crlf_options,
    .lanes = &crlf_lanes,
    .plan = crlf_plan,
    .step = dos2unix_step,
};

const struct leat_stage_type leat_stage_unix2dos = {
    .name = "unix2dos",
    .summary = "convert line ends of LF to CR LF",
    .manual =
        "Each LF without a CR before it becomes CR LF, as unix2dos does. A byte order mark of UTF-8 at the start "
        "stays, unless --remove-bom is given.\n\n" BINARY,
    .examples = "unix2dos\n"
                "read words.txt : unix2dos -m : write words.dos",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .params_size = sizeof(struct crlf_params),
    .state_size = sizeof(struct crlf),
    .options = crlf_options,
    .lanes = &crlf_lanes,
    .plan = crlf_plan,
    .step = unix2dos_step,
};
