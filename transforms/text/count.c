/* count.c - counts lines, words, bytes, characters and the widest line, in the form of wc.
 *
 * Without --to the stage consumes the stream and outputs the counts. With --to the stream passes
 * unchanged and the counts go to a file. Only the requested counts are made.
 */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "scan.h"
#include "stage.h"
#include "words.h"

#define WIDTH 7 /* width of a number if there are several, as in wc for a pipe */

struct count_params {
    int lines, words, bytes, chars, columns;
    const char *to;
};

struct count {
    uint64_t lines, bytes, chars;
    struct leat_words words;
    struct leat_utf8 utf8;
    struct leat_columns columns;
    bool ended;
    char text[5 * 21 + 2]; /* the output line */
    size_t text_at, text_len;
};

/* The requested counts: without options, the first three. */
static struct count_params wanted(const struct count_params *p)
{
    struct count_params w = *p;

    if (!p->lines && !p->words && !p->bytes && !p->chars && !p->columns)
        w.lines = w.words = w.bytes = 1;
    return w;
}

static int count_plan(struct leat_stage *s)
{
    const struct count_params *p = leat_params(s);

    if (p->to)
        leat_plan_flags(s, LEAT_PASS_THROUGH | LEAT_WANTS_ALL);
    if (p->lines || p->words || p->chars || p->columns)
        leat_plan_lines(s);
    return 0;
}

static int count_open(struct leat_stage *s)
{
    const struct count_params *p = leat_params(s);
    struct count *c = leat_state(s);

    if (!p->columns)
        return 0;
    c->columns.locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!c->columns.locale)
        return leat_fail(s, LEAT_EUNSUPPORTED,
                         "-L needs the locale C.UTF-8 for the widths of characters; install it");
    return 0;
}

static void count_close(struct leat_stage *s)
{
    struct count *c = leat_state(s);

    if (c->columns.locale)
        freelocale(c->columns.locale);
    c->columns.locale = (locale_t)0;
}

static void add(struct count *c, const struct count_params *w, const uint8_t *data, size_t n)
{
    c->bytes += n;
    if (w->lines)
        c->lines += leat_scan_count(data, n, '\n');
    if (w->words)
        leat_words_add(&c->words, data, n);
    if (w->chars)
        c->chars += leat_utf8_count(&c->utf8, data, n);
    if (w->columns)
        leat_columns_add(&c->columns, data, n);
}

/* Formats the output line. */
static void answer(struct count *c, const struct count_params *w)
{
    bool single = w->lines + w->words + w->bytes + w->chars + w->columns == 1;
    const struct {
        int wanted;
        uint64_t number;
    } numbers[] = {
        {w->lines, c->lines}, {w->words, c->words.words},      {w->chars, c->chars},
        {w->bytes, c->bytes}, {w->columns, c->columns.widest},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].wanted)
            c->text_len +=
                (size_t)snprintf(c->text + c->text_len, sizeof c->text - c->text_len, "%s%*" PRIu64,
                                 c->text_len ? " " : "", single ? 1 : WIDTH, numbers[i].number);
    c->text[c->text_len++] = '\n';
}

static int end(struct leat_stage *s, struct leat_out *out, const struct count_params *w)
{
    struct count *c = leat_state(s);
    int r;

    if (!c->ended) {
        c->ended = true;
        leat_words_end(&c->words);
        leat_columns_end(&c->columns);
        answer(c, w);
        if (w->to) {
            r = leat_side(s, c->text, c->text_len);
            return r < 0 ? r : LEAT_END;
        }
    }
    c->text_at += leat_write(out, c->text + c->text_at, c->text_len - c->text_at);
    return c->text_at < c->text_len ? LEAT_MORE : LEAT_END;
}

static int count_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct count_params w = wanted(leat_params(s));
    struct count *c = leat_state(s);
    size_t from = in->pos;

    if (w.to) {
        size_t n = leat_pass(out, in, in->len - in->pos);

        add(c, &w, in->data + from, n);
    } else {
        in->pos = in->len;
        add(c, &w, in->data + from, in->len - from);
    }
    return in->end && in->pos == in->len ? end(s, out, &w) : LEAT_MORE;
}

#define AT(field) offsetof(struct count_params, field)
static const struct leat_option count_options[] = {
    {"lines", 'l', LEAT_OPT_FLAG, AT(lines), .help = "count newlines"},
    {"words", 'w', LEAT_OPT_FLAG, AT(words),
     .help = "count words, which are separated by white "
             "space"},
    {"bytes", 'c', LEAT_OPT_FLAG, AT(bytes), .help = "count bytes"},
    {"chars", 'm', LEAT_OPT_FLAG, AT(chars), .help = "count characters of valid UTF-8"},
    {"max-line-length", 'L', LEAT_OPT_FLAG, AT(columns),
     .help = "the width in columns of the widest line; tab stops are every eighth column"},
    {"to", 0, LEAT_OPT_SIDE, AT(to), .metavar = "FILE",
     .help = "pass the stream on unchanged, and write the counts to FILE (-: standard output)"},
    {0},
};

const struct leat_stage_type leat_stage_count = {
    .name = "count",
    .aliases = "wc",
    .summary = "count lines, words and bytes",
    .manual =
        "Outputs the numbers of lines, words and bytes as wc does for a pipe, or the counts that "
        "the options select. Their order is always lines, words, characters, bytes, widest "
        "line.\n\n"
        "With --to the stream passes unchanged, and the counts are written to a file. That file "
        "is committed with the pipeline's other outputs.\n\n"
        "Characters are those of UTF-8, whatever the locale. Bytes that are not valid UTF-8 "
        "count as no character, but they are part of a word. White space is that of Unicode, "
        "including the no-break spaces. A last line without a newline is not counted as a line, "
        "but its words are counted.",
    .examples = "count -l\n"
                "wc\n"
                "count -l --to=n.txt : grep -v DEBUG",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_LIGHT,
    .params_size = sizeof(struct count_params),
    .state_size = sizeof(struct count),
    .options = count_options,
    .plan = count_plan,
    .open = count_open,
    .step = count_step,
    .close = count_close,
};
