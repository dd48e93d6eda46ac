/* timestamp.c - puts the time before each line, as ts of moreutils does.
 *
 * The time of a line is that at which its first byte came. All lines that begin in one piece of input have the same time, so
 * the clock is read, and the text made, once for a piece.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/invariant.h"
#include "emit.h"
#include "stage.h"

#define FORMAT_MAX 256u
#define TEXT_MAX 4096u /* no conversion of two bytes makes more than 32 */
#define NS_PER_S 1000000000u
#define NS_PER_US 1000u
#define MICROSECONDS 6u /* digits */

struct timestamp_params {
    int increment, since_start, utc, zero;
};

struct timestamp {
    uint64_t last_ns; /* -s: of the start; -i: of the last line */
    bool in_line;     /* the line at the cursor has begun */
    bool has_text;    /* `text` is that of shown_ns */
    uint64_t shown_ns;
    char text[TEXT_MAX + 1]; /* the time and a space */
    size_t text_len, owed;   /* and how many of its last bytes are to be written */
};

static const char *format_of(const struct leat_stage *s)
{
    const struct timestamp_params *p = leat_params(s);

    if (leat_operands(s)->n > 0)
        return leat_operands(s)->v[0];
    return p->increment || p->since_start ? "%H:%M:%S" : "%b %d %H:%M:%S";
}

static int timestamp_plan(struct leat_stage *s)
{
    const struct timestamp_params *p = leat_params(s);

    if (p->increment && p->since_start)
        return leat_fail(s, LEAT_EUSAGE, "only one of -i and -s can be given");
    if (p->utc && (p->increment || p->since_start))
        return leat_fail(s, LEAT_EUSAGE, "--utc is for times of the day, not for -i and -s");
    if (strlen(format_of(s)) > FORMAT_MAX)
        return leat_fail(s, LEAT_EUSAGE, "the format is longer than %u bytes", FORMAT_MAX);
    leat_plan_lines(s);
    return 0;
}

static int timestamp_open(struct leat_stage *s)
{
    struct timestamp *t = leat_state(s);

    t->last_ns = leat_clock_ns(s);
    return 0;
}

/* Copies the format, with digits in place of the point in %.S, %.s and %.T. */
static void put_fraction(const char *format, unsigned us, char *to)
{
    char digits[MICROSECONDS];

    for (size_t i = MICROSECONDS; i > 0; us /= 10)
        digits[--i] = (char)('0' + us % 10);
    while (*format) {
        if (format[0] == '%' && format[1] == '.' && format[2] && strchr("SsT", format[2])) {
            *to++ = '%';
            *to++ = format[2];
            *to++ = '.';
            memcpy(to, digits, sizeof digits);
            to += sizeof digits;
            format += 3;
            continue;
        }
        if (format[0] == '%' && format[1])
            *to++ = *format++;
        *to++ = *format++;
    }
    *to = '\0';
}

/* The format is the user's, and strftime has no conversion that reads other memory than `tm`. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static int make_text(struct leat_stage *s, uint64_t ns)
{
    const struct timestamp_params *p = leat_params(s);
    struct timestamp *t = leat_state(s);
    char format[4 * FORMAT_MAX];
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm tm = {0};
    bool is_utc = p->utc || p->increment || p->since_start;

    put_fraction(format_of(s), (unsigned)(ns % NS_PER_S / NS_PER_US), format);
    if (is_utc ? !gmtime_r(&seconds, &tm) : !localtime_r(&seconds, &tm))
        return leat_fail(s, LEAT_EIO, "the clock shows a time without a year");
    t->text_len = strftime(t->text, TEXT_MAX, format, &tm);
    t->text[t->text_len++] = ' ';
    t->shown_ns = ns;
    t->has_text = true;
    return 0;
}
#pragma GCC diagnostic pop

/* The time to show before a line that begins now. */
static int read_clock(struct leat_stage *s, uint64_t *ret_ns)
{
    const struct timestamp_params *p = leat_params(s);
    struct timestamp *t = leat_state(s);
    struct timespec now;

    if (p->increment || p->since_start) {
        uint64_t ns = leat_clock_ns(s);

        leat_assert(ns >= t->last_ns);
        *ret_ns = ns - t->last_ns;
        if (p->increment)
            t->last_ns = ns;
        return 0;
    }
    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return leat_fail_errno(s, errno, "the clock cannot be read");
    *ret_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
    return 0;
}

/* Owes the text of the line that begins at the cursor. `is_first`: it is the first one in this step. */
static int begin_line(struct leat_stage *s, bool is_first)
{
    const struct timestamp_params *p = leat_params(s);
    struct timestamp *t = leat_state(s);
    uint64_t ns = p->increment ? 0 : t->shown_ns;
    int r = is_first ? read_clock(s, &ns) : 0;

    if (r == 0 && (!t->has_text || ns != t->shown_ns))
        r = make_text(s, ns);
    t->owed = t->text_len;
    t->in_line = true;
    return r;
}

/* Returns 1 when the input is used up, 0 if there is no room, or fails. */
static int add_times(struct leat_stage *s, struct leat_in *in, struct leat_emit *e)
{
    const struct timestamp_params *p = leat_params(s);
    struct timestamp *t = leat_state(s);
    bool is_first = true;

    while (in->pos < in->len) {
        const uint8_t *data = in->data + in->pos, *hit;
        size_t n = in->len - in->pos, done;

        if (!t->in_line) {
            int r = begin_line(s, is_first);

            if (r < 0)
                return r;
            is_first = false;
        }
        t->owed -= leat_emit_some(e, t->text + t->text_len - t->owed, t->owed);
        if (t->owed > 0)
            return 0;
        hit = memchr(data, p->zero ? '\0' : '\n', n);
        if (hit)
            n = (size_t)(hit - data) + 1;
        done = leat_emit_some(e, data, n);
        in->pos += done;
        if (done < n)
            return 0;
        t->in_line = !hit;
    }
    return 1;
}

static int timestamp_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_emit e;
    int r;

    leat_emit_begin(&e, out);
    r = add_times(s, in, &e);
    leat_emit_end(&e);
    return r < 0 ? r : r > 0 && in->end ? LEAT_END : LEAT_MORE;
}

#define AT(field) offsetof(struct timestamp_params, field)
static const struct leat_option timestamp_options[] = {
    {"increment", 'i', LEAT_OPT_FLAG, AT(increment),
     .help = "the time since the last line, or for the first one since the start"},
    {"since-start", 's', LEAT_OPT_FLAG, AT(since_start), .help = "the time since the start"},
    {"utc", 'u', LEAT_OPT_FLAG, AT(utc), .help = "in UTC instead of the local time zone"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_timestamp = {
    .name = "timestamp",
    .aliases = "ts",
    .summary = "put the time before each line",
    .operands = "FORMAT",
    .operands_max = 1,
    .manual =
        "Outputs each line after the time at which its first byte came, and a space. The format is that of "
        "strftime(3), by default '%b %d %H:%M:%S', or with -i and -s '%H:%M:%S'. %.S, %.s and %.T are %S, %s "
        "and %T with six digits of microseconds. Lines that come at once, as from a file, have one time.\n\n"
        "A line may be of any length, and its bytes are output as they come.",
    .examples = "timestamp '%Y-%m-%dT%H:%M:%S%z'\n"
                "timestamp -s '%.S'\n"
                "timestamp -u '%FT%.TZ' : grep INFO",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .params_size = sizeof(struct timestamp_params),
    .state_size = sizeof(struct timestamp),
    .options = timestamp_options,
    .plan = timestamp_plan,
    .open = timestamp_open,
    .step = timestamp_step,
};
