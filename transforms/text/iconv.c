/* iconv.c - converts text from one character encoding to another.
 *
 * UTF-8, UTF-16, UTF-32 and ISO-8859-1 are converted by recode.h, all others by iconv of the C library. A character that is
 * cut at the end of a piece of input waits in `held` for its rest.
 */

#include <errno.h>
#include <iconv.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/invariant.h"
#include "recode.h"
#include "stage.h"

/* The longest character of an encoding of the C library, and what one may become. */
#define HELD_MAX 32u
#define ROOM_LEAST 128u

struct iconv_params {
    const char *from, *to;
    int skip;
};

struct iconv_state {
    bool begun, by_library;
    enum leat_charset from, to;
    bool wants_mark; /* a byte order mark may begin the input, and then tells `from` */
    bool owes_mark;  /* the output begins with one */

    iconv_t library;
    bool opened;
    bool inside;   /* the library has taken the start of a character */
    bool finished; /* all input is converted */

    uint8_t held[HELD_MAX];
    size_t n_held;
    uint64_t skipped; /* sequences left out with -c */
};

/* --- names ------------------------------------------------------------------------------------ */

struct name {
    const char *name;
    enum leat_charset charset;
    bool mark; /* the byte order is that of the mark; without one, of the machine */
};

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define OWN_UTF16 LEAT_UTF16BE
#define OWN_UTF32 LEAT_UTF32BE
#else
#define OWN_UTF16 LEAT_UTF16LE
#define OWN_UTF32 LEAT_UTF32LE
#endif

static const struct name names[] = {
    {"UTF-8", LEAT_UTF8, false},        {"UTF8", LEAT_UTF8, false},
    {"UTF-16", OWN_UTF16, true},        {"UTF16", OWN_UTF16, true},
    {"UTF-16LE", LEAT_UTF16LE, false},  {"UTF16LE", LEAT_UTF16LE, false},
    {"UTF-16BE", LEAT_UTF16BE, false},  {"UTF16BE", LEAT_UTF16BE, false},
    {"UTF-32", OWN_UTF32, true},        {"UTF32", OWN_UTF32, true},
    {"UTF-32LE", LEAT_UTF32LE, false},  {"UTF32LE", LEAT_UTF32LE, false},
    {"UTF-32BE", LEAT_UTF32BE, false},  {"UTF32BE", LEAT_UTF32BE, false},
    {"ISO-8859-1", LEAT_LATIN1, false}, {"ISO8859-1", LEAT_LATIN1, false},
    {"ISO_8859-1", LEAT_LATIN1, false}, {"ISO88591", LEAT_LATIN1, false},
    {"LATIN1", LEAT_LATIN1, false},     {"L1", LEAT_LATIN1, false},
};

static const struct name *find_name(const char *name)
{
    size_t n = strlen(name);

    if (n >= 2 && strcmp(name + n - 2, "//") == 0) /* as in the list of iconv -l */
        n -= 2;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncasecmp(names[i].name, name, n) == 0 && names[i].name[n] == '\0')
            return &names[i];
    return NULL;
}

static const char *name_or(const char *name, const char *otherwise)
{
    return name ? name : otherwise;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int iconv_plan(struct leat_stage *s)
{
    const struct iconv_params *p = leat_params(s);
    const char *from = name_or(p->from, "UTF-8"), *to = name_or(p->to, "UTF-8");

    if (!p->from && !p->to)
        return leat_fail(s, LEAT_EUSAGE, "needs -f, -t or both");
    if (!*from || !*to)
        return leat_fail(s, LEAT_EUSAGE, "the name of an encoding is empty");
    if (strlen(from) > 100 || strlen(to) > 100)
        return leat_fail(s, LEAT_EUSAGE, "the name of an encoding is too long");
    return 0;
}

static int open_library(struct leat_stage *s, const char *from, const char *to)
{
    const struct iconv_params *p = leat_params(s);
    struct iconv_state *c = leat_state(s);
    char name[128];

    if (p->skip)
        snprintf(name, sizeof name, "%s%s", to,
                 strstr(to, "//") ? (strcasestr(to, "IGNORE") ? "" : ",IGNORE") : "//IGNORE");
    else
        snprintf(name, sizeof name, "%s", to);
    c->library = iconv_open(name, from);
    if (c->library == (iconv_t)-1) {
        if (errno != EINVAL)
            return leat_fail_errno(s, errno, "the C library cannot convert from %s to %s", from,
                                   to);
        return leat_fail(s, LEAT_EUSAGE,
                         "the C library does not convert from %s to %s; iconv -l lists the "
                         "encodings that it knows",
                         from, to);
    }
    c->opened = c->by_library = true;
    return 0;
}

static int iconv_open_stage(struct leat_stage *s)
{
    const struct iconv_params *p = leat_params(s);
    struct iconv_state *c = leat_state(s);
    const char *from = name_or(p->from, "UTF-8"), *to = name_or(p->to, "UTF-8");
    const struct name *f = find_name(from), *t = find_name(to);

    if (!f || !t)
        return open_library(s, from, to);
    c->from = f->charset;
    c->to = t->charset;
    c->wants_mark = f->mark;
    c->owes_mark = t->mark;
    return 0;
}

static void iconv_close_stage(struct leat_stage *s)
{
    struct iconv_state *c = leat_state(s);

    if (c->opened)
        iconv_close(c->library);
    c->opened = false;
}

/* --- errors ----------------------------------------------------------------------------------- */

static const char *from_name(const struct leat_stage *s)
{
    const struct iconv_params *p = leat_params(s);

    return name_or(p->from, "UTF-8");
}

static int fail_invalid(struct leat_stage *s, uint64_t offset)
{
    return leat_fail_at(s, LEAT_ECORRUPT, offset,
                        "the bytes here are not valid %s; -c leaves such bytes out", from_name(s));
}

static int fail_none(struct leat_stage *s, uint64_t offset)
{
    const struct iconv_params *p = leat_params(s);

    return leat_fail_at(
        s, LEAT_ECORRUPT, offset,
        "%s does not have the character here; -c leaves it out, and -t %s//TRANSLIT "
        "puts similar ones in its place",
        name_or(p->to, "UTF-8"), name_or(p->to, "UTF-8"));
}

static int fail_incomplete(struct leat_stage *s, uint64_t offset)
{
    return leat_fail_at(s, LEAT_ETRUNCATED, offset, "the input ends inside a character of %s",
                        from_name(s));
}

static int finish(struct leat_stage *s)
{
    struct iconv_state *c = leat_state(s);

    if (c->skipped > 0)
        leat_warning(s, "-c left out %" PRIu64 " sequence%s of bytes", c->skipped,
                     c->skipped == 1 ? "" : "s");
    c->skipped = 0;
    return LEAT_END;
}

/* --- by hand ---------------------------------------------------------------------------------- */

/* Moves bytes of the input to `held`, until there are n. Returns whether there are. */
static bool hold(struct iconv_state *c, struct leat_in *in, size_t n)
{
    leat_assert(n <= HELD_MAX);
    while (c->n_held < n && in->pos < in->len)
        c->held[c->n_held++] = in->data[in->pos++];
    return c->n_held >= n;
}

static void unhold(struct iconv_state *c, size_t n)
{
    leat_assert(n <= c->n_held);
    memmove(c->held, c->held + n, c->n_held - n);
    c->n_held -= n;
}

/* The first bytes may be a byte order mark. Returns false if there are not yet enough. */
static bool take_mark(struct iconv_state *c, struct leat_in *in)
{
    static const uint8_t marks[2][4] = {{0xff, 0xfe, 0, 0}, {0, 0, 0xfe, 0xff}};
    bool wide = c->from == OWN_UTF32;
    size_t n = wide ? 4 : 2;

    if (!hold(c, in, n))
        return false;
    for (unsigned big = 0; big < 2; big++) {
        if (memcmp(c->held, marks[big] + (big && !wide ? 2 : 0), n) != 0)
            continue;
        c->from = wide ? (big ? LEAT_UTF32BE : LEAT_UTF32LE) : (big ? LEAT_UTF16BE : LEAT_UTF16LE);
        unhold(c, n);
        break;
    }
    c->wants_mark = false;
    return true;
}

/* Decides how to go on where the conversion has stopped, before `left` bytes. Returns how many of them to leave out; 0: none; or an
 * error at the offset. */
static int stopped(struct leat_stage *s, enum leat_recode_stop why, const uint8_t *at, size_t left,
                   uint64_t offset)
{
    const struct iconv_params *p = leat_params(s);
    struct iconv_state *c = leat_state(s);

    if (why != LEAT_RECODE_INVALID && why != LEAT_RECODE_NONE)
        return 0;
    if (!p->skip)
        return why == LEAT_RECODE_INVALID ? fail_invalid(s, offset) : fail_none(s, offset);
    c->skipped++;
    return (int)leat_recode_skip(c->from, at, left);
}

/* Converts what is held, with more input if that is needed; there is room for it. Returns 1 if nothing is held any more,
 * 0 if more input is needed, or an error. */
static int convert_held(struct leat_stage *s, struct leat_in *in, struct leat_recode *r)
{
    struct iconv_state *c = leat_state(s);

    while (c->n_held > 0) {
        enum leat_recode_stop why;
        int skip;

        r->in = c->held;
        r->in_end = c->held + c->n_held;
        why = leat_recode(c->from, c->to, r, true);
        unhold(c, (size_t)(r->in - c->held));
        leat_assert(why != LEAT_RECODE_ROOM);
        if (why == LEAT_RECODE_INCOMPLETE && in->pos == in->len)
            return 0;
        skip = stopped(s, why, c->held, c->n_held, in->offset + in->pos - c->n_held);
        if (skip < 0)
            return skip;
        unhold(c, (size_t)skip);
        if (why == LEAT_RECODE_INCOMPLETE)
            hold(c, in, c->n_held + 1);
    }
    return 1;
}

/* Converts the input. Returns 1 if it is used up, 0 if there is no room, or an error. */
static int convert_input(struct leat_stage *s, struct leat_in *in, struct leat_recode *r)
{
    struct iconv_state *c = leat_state(s);

    for (;;) {
        enum leat_recode_stop why;
        int skip;

        r->in = in->data + in->pos;
        r->in_end = in->data + in->len;
        why = in->pos < in->len ? leat_recode(c->from, c->to, r, true) : LEAT_RECODE_DONE;
        in->pos = (size_t)(r->in - in->data);
        if (why == LEAT_RECODE_ROOM)
            return 0;
        if (why == LEAT_RECODE_INCOMPLETE)
            hold(c, in, in->len - in->pos);
        if (why == LEAT_RECODE_DONE || why == LEAT_RECODE_INCOMPLETE)
            return 1;
        skip = stopped(s, why, r->in, in->len - in->pos, in->offset + in->pos);
        if (skip < 0)
            return skip;
        in->pos += (size_t)skip;
    }
}

static int step_by_hand(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct iconv_state *c = leat_state(s);
    struct leat_recode r = {.in = NULL};
    uint8_t *to;
    size_t room;
    int done = 0;

    for (;;) {
        if (c->wants_mark && !take_mark(c, in)) {
            if (in->end && c->n_held > 0)
                return fail_incomplete(s, in->offset + in->pos - c->n_held);
            return in->end ? LEAT_END : LEAT_MORE;
        }
        room = leat_reserve_least(out, ROOM_LEAST, &to);
        if (room == 0)
            return LEAT_MORE;
        r.out = to;
        r.out_end = to + room;
        if (c->owes_mark && (c->n_held > 0 || in->pos < in->len)) {
            r.out += leat_recode_put(c->to, 0xfeff, r.out);
            c->owes_mark = false;
        }
        done = convert_held(s, in, &r);
        if (done > 0)
            done = convert_input(s, in, &r);
        leat_commit(out, (size_t)(r.out - to));
        if (done < 0)
            return done;
        if (in->pos == in->len && (done > 0 || c->n_held > 0))
            break;
    }
    if (!in->end)
        return LEAT_MORE;
    if (c->n_held > 0)
        return fail_incomplete(s, in->offset + in->pos - c->n_held);
    return finish(s);
}

/* --- by the C library ------------------------------------------------------------------------- */

/* Converts n bytes. Returns 1 if all that make whole characters are converted, 0 if there is no room, or an error. */
static int convert_by_library(struct leat_stage *s, const uint8_t **at, size_t *n, uint8_t **to,
                              size_t *room, uint64_t offset)
{
    const struct iconv_params *p = leat_params(s);
    struct iconv_state *c = leat_state(s);
    char *from = (char *)(uintptr_t)*at, *out = (char *)*to;
    size_t before = *n, r = iconv(c->library, &from, n, &out, room);
    int error = errno;

    *at += before - *n;
    *to = (uint8_t *)out;
    c->inside = false;
    if (r != (size_t)-1)
        return 1;
    if (error == E2BIG)
        return 0;
    if (error == EINVAL) {
        c->inside = *n == 0;
        return 1;
    }
    if (error == EILSEQ && p->skip) {
        c->skipped++;
        return 1;
    }
    offset += before - *n;
    if (error == EILSEQ)
        return leat_fail_at(s, LEAT_ECORRUPT, offset,
                            "the bytes here are not valid %s, or the other encoding does not have "
                            "the character; -c leaves it out",
                            from_name(s));
    return leat_fail_errno(s, error, "the C library cannot convert");
}

/* This many bytes are more than one character in every encoding. */
static int fail_stuck(struct leat_stage *s)
{
    return leat_fail(s, LEAT_EINTERNAL,
                     "the C library neither converts these bytes nor refuses them");
}

/* One round, with room. Returns as above. */
static int library_round(struct leat_stage *s, struct leat_in *in, uint8_t **to, size_t *room)
{
    struct iconv_state *c = leat_state(s);
    const uint8_t *at;
    size_t n;
    int r;

    while (c->n_held > 0 && (in->pos < in->len || in->end)) {
        size_t added = c->n_held;

        hold(c, in, c->n_held + 1 < HELD_MAX ? c->n_held + 1 : HELD_MAX);
        added = c->n_held - added;
        at = c->held;
        n = c->n_held;
        r = convert_by_library(s, &at, &n, to, room, in->offset + in->pos - c->n_held);
        unhold(c, (size_t)(at - c->held));
        if (r == 0)
            return 0;
        if (r < 0)
            return r;
        if (added == 0)
            return in->end ? 1 : fail_stuck(s);
    }
    if (c->n_held > 0)
        return 1;
    at = in->data + in->pos;
    n = in->len - in->pos;
    r = n > 0 ? convert_by_library(s, &at, &n, to, room, in->offset + in->pos) : 1;
    if (r > 0 && n >= HELD_MAX && in->pos == in->len - n)
        return fail_stuck(s);
    in->pos = in->len - n;
    if (r > 0 && n > 0 && n < HELD_MAX)
        hold(c, in, n);
    return r;
}

static int step_by_library(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct iconv_state *c = leat_state(s);
    uint8_t *to, *start;
    size_t room, left;
    int r;

    for (;;) {
        room = leat_reserve_least(out, ROOM_LEAST, &to);
        if (room == 0)
            return LEAT_MORE;
        start = to;
        r = library_round(s, in, &to, &room);
        leat_commit(out, (size_t)(to - start));
        if (r < 0)
            return r;
        if (r > 0 && in->pos == in->len)
            break;
    }
    if (!in->end)
        return LEAT_MORE;
    if (c->n_held > 0 || c->inside)
        return fail_incomplete(s, in->offset + in->pos - c->n_held);
    room = leat_reserve_least(out, ROOM_LEAST, &to);
    if (room == 0)
        return LEAT_MORE;
    left = room;
    if (iconv(c->library, NULL, NULL, (char **)&to, &left) == (size_t)-1)
        return leat_fail_errno(s, errno, "the C library cannot end the output");
    leat_commit(out, room - left);
    return finish(s);
}

static int iconv_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct iconv_state *c = leat_state(s);

    return c->by_library ? step_by_library(s, in, out) : step_by_hand(s, in, out);
}

#define AT(field) offsetof(struct iconv_params, field)
static const struct leat_option iconv_options[] = {
    {"from-code", 'f', LEAT_OPT_STRING, AT(from), .metavar = "NAME",
     .help = "the encoding of the input; UTF-8 if it is not given"},
    {"to-code", 't', LEAT_OPT_STRING, AT(to), .metavar = "NAME",
     .help = "the encoding of the output; UTF-8 if it is not given"},
    {NULL, 'c', LEAT_OPT_FLAG, AT(skip),
     .help = "leave out what is invalid, and characters that the output cannot have"},
    {0},
};

const struct leat_stage_type leat_stage_iconv = {
    .name = "iconv",
    .summary = "convert text to another character encoding",
    .manual =
        "Converts text from the encoding -f to the encoding -t, as iconv of GNU does. iconv -l lists the names; with "
        "//TRANSLIT after the name of the output, characters that it does not have become similar ones.\n\n"
        "UTF-16 and UTF-32 begin with a byte order mark in the output. In the input the mark tells the byte order and is left "
        "out; without a mark the order is that of this machine. UTF-16LE, UTF-16BE, UTF-32LE, UTF-32BE and UTF-8 do not treat a "
        "mark in any special way.\n\n"
        "Invalid bytes, and characters that the output's encoding does not have, are an error that tells the byte offset; what "
        "was converted before is passed on. With -c they are left out, and a warning tells how many. An input that ends "
        "inside a character is always an error. A code above 10FFFF is invalid in UTF-8, also where iconv of GNU passes it on.\n\n"
        "UTF-8, UTF-16, UTF-32 and ISO-8859-1 are converted by code of our own, all others by the C library.",
    .examples = "iconv -f ISO-8859-1 -t UTF-8\n"
                "iconv -f UTF-16 : grep -c e\n"
                "iconv -c -t ISO-8859-15//TRANSLIT",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .params_size = sizeof(struct iconv_params),
    .state_size = sizeof(struct iconv_state),
    .options = iconv_options,
    .plan = iconv_plan,
    .open = iconv_open_stage,
    .step = iconv_step,
    .close = iconv_close_stage,
};
