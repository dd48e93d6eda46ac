/* sample.c - a random sample of the lines, in their order.
 *
 * Both kinds draw how many lines to skip until the next one of interest, and skip those without a look at each. For a share of
 * the lines the number has a geometric distribution. For N lines it is that of Algorithm L (Li, 1994): the sample is held, and
 * each line of interest takes the place of a random one in it. What is drawn depends on the seed and on the numbers of lines
 * only, not on pieces.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/invariant.h"
#include "draw.h"
#include "emit.h"
#include "scan.h"
#include "stage.h"

#define FIRST_LINES ((size_t)64)       /* places for lines at first */
#define FIRST_BYTES ((size_t)64 << 10) /* and bytes for them */
#define SHARE_DIGITS 15u               /* digits of a percentage that count */

struct sample_params {
    struct leat_count lines;
    int64_t seed;
    int zero;
};

/* A line of the sample: its bytes are in `bytes`, and in the order of `number` at the end. */
struct place {
    uint64_t number;
    size_t at, len;
};

struct sample {
    uint64_t random, number; /* lines that were seen or skipped */
    uint64_t skip;           /* lines to skip before the next one of interest */
    double share;            /* of the lines; 0: N lines */
    size_t pass;             /* bytes of a selected line that are still to be passed */

    double weight; /* Algorithm L: the largest of the N smallest random numbers */
    uint64_t wanted;
    struct place *places;
    size_t n_places, places_size;
    uint8_t *bytes;
    size_t used, bytes_size, live; /* of the bytes: used, and used by lines of the sample */
    bool is_final;
    size_t out_at, out_done; /* the place that is output now, and how many of its bytes are */
};

static uint8_t line_end(const struct sample_params *p)
{
    return p->zero ? '\0' : '\n';
}

/* Reads P% with 0 < P <= 100, in decimal. Returns false if it is something else. */
static bool read_share(const char *text, double *ret)
{
    double n = 0, scale = 100;
    bool point = false;
    unsigned digits = 0;

    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        if (digits++ >= SHARE_DIGITS)
            return false;
        n = 10 * n + (*text - '0');
        if (point)
            scale *= 10;
    }
    *ret = n / scale;
    return digits > 0 && strcmp(text, "%") == 0 && *ret > 0 && *ret <= 1;
}

static int sample_plan(struct leat_stage *s)
{
    const struct sample_params *p = leat_params(s);
    const struct leat_strings *words = leat_operands(s);
    double share;

    if (p->lines.given == (words->n > 0))
        return leat_fail(s, LEAT_EUSAGE, "needs either -n N or a percentage, such as 1%%");
    if (words->n > 0 && !read_share(words->v[0], &share))
        return leat_fail(
            s, LEAT_EUSAGE,
            "'%s' is no percentage; give a number above 0 and up to 100 with a percent "
            "sign, such as 0.5%%",
            words->v[0]);
    if (p->lines.given && p->lines.sign)
        return leat_fail(s, LEAT_EUSAGE, "-n: give a number of lines without a sign");
    if (p->lines.given && p->lines.number == 0)
        leat_plan_first(s);
    leat_plan_delimiter(s, line_end(p));
    return 0;
}

/* Algorithm L: the next line of interest. */
static void draw_next(struct sample *m)
{
    m->weight *= leat_exp(leat_ln(leat_draw_part(&m->random)) / (double)m->wanted);
    m->skip = leat_draw_skip(&m->random, m->weight);
}

static int sample_open(struct leat_stage *s)
{
    const struct sample_params *p = leat_params(s);
    struct sample *m = leat_state(s);

    m->random = (uint64_t)p->seed;
    if (p->seed < 0 && getrandom(&m->random, sizeof m->random, 0) != sizeof m->random)
        return leat_fail_errno(s, errno, "no random number for a seed; give --seed");
    m->wanted = p->lines.number;
    m->weight = 1;
    if (p->lines.given || !read_share(leat_operands(s)->v[0], &m->share))
        return 0;
    m->skip = leat_draw_skip(&m->random, m->share);
    return 0;
}

static void sample_close(struct leat_stage *s)
{
    struct sample *m = leat_state(s);

    leat_free(s, m->places);
    leat_free(s, m->bytes);
    m->places = NULL;
    m->bytes = NULL;
}

/* --- a share of the lines --------------------------------------------------------------------- */

static int step_share(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct sample *m = leat_state(s);
    const uint8_t end = line_end(leat_params(s));

    while (in->pos < in->len) {
        const uint8_t *data = in->data + in->pos, *hit;
        size_t left = in->len - in->pos, passed;

        if (m->pass == 0 && m->skip > 0) {
            in->pos += leat_scan_skip(data, left, end, &m->skip);
            continue;
        }
        if (m->pass == 0) { /* lines that follow one another are passed at once */
            while (m->pass < left && m->skip == 0) {
                hit = memchr(data + m->pass, end, left - m->pass);
                m->pass = hit ? (size_t)(hit - data) + 1 : left;
                m->skip = leat_draw_skip(&m->random, m->share);
            }
        }
        if (left > m->pass)
            left = m->pass;
        passed = leat_pass(out, in, left);
        m->pass -= passed;
        if (passed < left)
            return LEAT_MORE;
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

/* --- N lines ---------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_number(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->number < y->number ? -1 : x->number > y->number;
}

/* Doubles the places, up to the wanted number of lines. */
static int more_places(struct leat_stage *s, struct sample *m)
{
    size_t size = m->places_size ? 2 * m->places_size : FIRST_LINES;
    struct place *places;

    if (size > m->wanted)
        size = (size_t)m->wanted;
    leat_assert(size > m->n_places);
    places = leat_alloc_raw(s, size * sizeof *places);
    if (!places)
        return LEAT_ENOMEM;
    if (m->n_places > 0)
        memcpy(places, m->places, m->n_places * sizeof *places);
    leat_free(s, m->places);
    m->places = places;
    m->places_size = size;
    return 0;
}

/* Makes room for n more bytes: moves the lines of the sample together, and to a larger block if they need more
 * than a half of it. */
static int more_bytes(struct leat_stage *s, struct sample *m, size_t n)
{
    size_t size = m->bytes_size ? m->bytes_size : FIRST_BYTES, at = 0;
    uint8_t *bytes = m->bytes;

    while (size / 2 < m->live + n)
        size *= 2;
    if (size > m->bytes_size && size > leat_memory_left(s) && m->live + n < leat_memory_left(s))
        size = m->live + n;
    if (size > m->bytes_size)
        bytes = leat_alloc_raw(s, size);
    if (!bytes)
        return LEAT_ENOMEM;
    if (m->n_places > 1)
        qsort(m->places, m->n_places, sizeof *m->places, by_place);
    for (size_t i = 0; i < m->n_places; i++) {
        memmove(bytes + at, m->bytes + m->places[i].at, m->places[i].len);
        m->places[i].at = at;
        at += m->places[i].len;
    }
    leat_assert(at == m->live);
    m->used = at;
    if (bytes != m->bytes) {
        leat_free(s, m->bytes);
        m->bytes = bytes;
        m->bytes_size = size;
    }
    return m->bytes_size - m->used >= n
               ? 0
               : leat_fail(
                     s, LEAT_ELIMIT,
                     "the sample does not fit in the memory limit; raise --memory, or ask for "
                     "fewer lines");
}

/* Keeps the line at the cursor, in a new place or in that of another line. */
static int keep_line(struct leat_stage *s, struct sample *m, const uint8_t *line, size_t len)
{
    struct place *to;
    size_t i = m->n_places;
    int r = 0;

    if (m->n_places < m->wanted) {
        if (m->n_places == m->places_size)
            r = more_places(s, m);
    } else {
        i = (size_t)leat_draw_below(&m->random, m->wanted);
    }
    if (r == 0 && i < m->n_places) {
        m->live -= m->places[i].len;
        m->places[i] = m->places[--m->n_places];
        i = m->n_places;
    }
    if (r == 0 && m->bytes_size - m->used < len)
        r = more_bytes(s, m, len);
    if (r < 0)
        return r;
    to = &m->places[m->n_places++];
    *to = (struct place){.number = m->number, .at = m->used, .len = len};
    memcpy(m->bytes + m->used, line, len);
    m->used += len;
    m->live += len;
    if (m->n_places == m->wanted)
        draw_next(m);
    return 0;
}

static int give_sample(struct sample *m, struct leat_out *out)
{
    struct leat_emit e;

    if (!m->is_final && m->n_places > 1)
        qsort(m->places, m->n_places, sizeof *m->places, by_number);
    m->is_final = true;
    leat_emit_begin(&e, out);
    while (m->out_at < m->n_places &&
           leat_emit_item(&e, &m->out_done, NULL, 0, m->bytes + m->places[m->out_at].at,
                          m->places[m->out_at].len, NULL, 0))
        m->out_at++;
    leat_emit_end(&e);
    return m->out_at == m->n_places ? LEAT_END : LEAT_MORE;
}

static int step_lines(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct sample *m = leat_state(s);
    const uint8_t end = line_end(leat_params(s));

    if (m->wanted == 0)
        return LEAT_END;
    while (in->pos < in->len) {
        const uint8_t *data = in->data + in->pos, *hit;
        size_t left = in->len - in->pos, len;
        uint64_t before = m->skip;
        int r;

        if (m->skip > 0) {
            in->pos += leat_scan_skip(data, left, end, &m->skip);
            m->number += before - m->skip;
            continue;
        }
        hit = memchr(data, end, left);
        len = hit ? (size_t)(hit - data) + 1 : left;
        r = keep_line(s, m, data, len);
        if (r < 0)
            return r;
        m->number++;
        in->pos += len;
    }
    return in->end ? give_sample(m, out) : LEAT_MORE;
}

static int sample_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct sample_params *p = leat_params(s);

    return p->lines.given ? step_lines(s, in, out) : step_share(s, in, out);
}

#define AT(field) offsetof(struct sample_params, field)
static const struct leat_option sample_options[] = {
    {"lines", 'n', LEAT_OPT_COUNT, AT(lines), .metavar = "N",
     .help = "N lines, each set of N with the same probability; all if there are fewer"},
    {"seed", 0, LEAT_OPT_INT, AT(seed), .metavar = "N", .min = -1, .max = INT64_MAX, .initial = -1,
     .help = "the same N and input give the same sample; -1: another one each time"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_sample = {
    .name = "sample",
    .summary = "pass on a random sample of the lines",
    .operands = "PERCENT",
    .operands_max = 1,
    .manual =
        "Outputs a random sample of the lines, in their order. With a percentage each line is selected with that "
        "probability, independently of the others, and output at once. With -n exactly N lines are selected; "
        "they are held in memory until the input has ended, and it is an error if they do not fit in the memory "
        "limit.\n\n"
        "With --seed the sample is the same for the same input, on every machine and with any number of threads. "
        "Lines are output as they are, so a selected last line without a line end does not get one.",
    .examples = "sample 1%\n"
                "sample -n 10 --seed=5\n"
                "read big.log : sample 0.5% : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct sample_params),
    .state_size = sizeof(struct sample),
    .options = sample_options,
    .plan = sample_plan,
    .open = sample_open,
    .step = sample_step,
    .close = sample_close,
};
