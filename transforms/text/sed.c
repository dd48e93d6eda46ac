/* sed.c - the s command of sed.
 *
 * The script is read by sed_script.h; the rest is that of replace: finder.h finds matches, and substitute.h writes lines.
 */

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "pattern/pcre.h"
#include "sed_script.h"
#include "stage.h"
#include "substitute.h"

struct sed_params {
    int extended, null_data, quiet, in_place;
};

struct sed {
    struct leat_replacement text;
    struct leat_substitute substitute;
};

/* --- building --------------------------------------------------------------------------------- */

/* Reads the text between the second and the third delimiter. */
static int make_text(struct leat_replacement *t, const struct leat_sed_script *script,
                     unsigned groups, char *why, size_t why_size)
{
    const char *at = script->text, *end = at + script->text_len;

    while (at < end) {
        char c = *at++;
        uint8_t byte = (uint8_t)c;
        size_t n = 0;

        if (c == '&') {
            leat_replacement_group(t, 0);
            continue;
        }
        if (c == '\\' && at < end) {
            c = *at;
            n = c == script->delimiter ? 0 : leat_sed_escape(at, end, &byte);
            at += n > 0 ? n : 1;
            if (n == 0 && c >= '0' && c <= '9') {
                if ((unsigned)(c - '0') > groups) {
                    snprintf(why, why_size, "\\%c is no group of the regular expression", c);
                    return LEAT_EUSAGE;
                }
                leat_replacement_group(t, (unsigned)(c - '0'));
                continue;
            }
            if (n == 0 && c && strchr("ULEul", c)) {
                if (c == 'U' || c == 'L' || c == 'E')
                    leat_replacement_case(t, '-');
                leat_replacement_case(t, c);
                continue;
            }
            byte = n > 0 ? byte : (uint8_t)c;
        }
        leat_replacement_byte(t, byte);
    }
    return 0;
}

/* Fills in the substitute and the text. `owner` is the stage, or NULL to check only. */
static int build(struct leat_stage *s, struct leat_stage *owner, struct sed *x)
{
    const struct sed_params *p = leat_params(s);
    const char *source = leat_operands(s)->v[0];
    struct leat_sed_script script = {.pattern = leat_pcre_get(owner, strlen(source) + 1)};
    struct leat_finder_options o = {
        .syntax = p->extended ? LEAT_FINDER_EXTENDED : LEAT_FINDER_BASIC,
        .eol = p->null_data ? '\0' : '\n',
    };
    char why[256] = "";
    int r = script.pattern ? leat_sed_script(source, &script, why, sizeof why) : LEAT_ENOMEM;

    if (r == 0) {
        o.pattern = script.pattern;
        o.len = script.pattern_len;
        o.fold = script.fold;
        r = leat_finder_new(owner, &o, &x->substitute.finder, why, sizeof why);
    }
    if (r == 0)
        r = leat_replacement_init(&x->text, owner, 2 * script.text_len);
    if (r == 0)
        r = make_text(&x->text, &script, leat_finder_groups(x->substitute.finder), why, sizeof why);
    leat_pcre_put(owner, script.pattern);
    if (r == LEAT_EUSAGE)
        return leat_fail(s, r, "the script cannot be used: %s", why);
    if (r == LEAT_ENOMEM && !owner)
        return leat_fail(s, r, "out of memory");
    x->substitute.text = &x->text;
    x->substitute.eol = o.eol;
    x->substitute.first = script.number > 0 ? script.number : 1;
    x->substitute.last = script.all ? UINT64_MAX : x->substitute.first;
    return r;
}

static int sed_plan(struct leat_stage *s)
{
    const struct sed_params *p = leat_params(s);
    struct sed x = {.text = {.n_parts = 0}};
    int r;

    if (p->quiet)
        return leat_fail(s, LEAT_EUSAGE, "-n needs the command p, which is not known; use grep");
    if (p->in_place)
        return leat_fail(s, LEAT_EUSAGE,
                         "-i is not known; write: read FILE : sed … : write --force FILE");
    r = build(s, NULL, &x);
    leat_replacement_done(&x.text);
    leat_finder_free(x.substitute.finder);
    if (r < 0)
        return r;
    leat_plan_delimiter(s, p->null_data ? '\0' : '\n');
    return 0;
}

static int sed_open(struct leat_stage *s)
{
    return build(s, s, leat_state(s));
}

static int sed_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct sed *x = leat_state(s);

    return leat_substitute_step(s, &x->substitute, in, out);
}

static int sed_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct sed *x = leat_state(s);

    (void)in;
    leat_substitute_begin(&x->substitute);
    return 0;
}

static void sed_close(struct leat_stage *s)
{
    struct sed *x = leat_state(s);

    leat_substitute_close(s, &x->substitute);
    leat_replacement_done(&x->text);
}

static const struct leat_lanes sed_lanes = {.begin = sed_begin};

#define AT(field) offsetof(struct sed_params, field)
static const struct leat_option sed_options[] = {
    {"regexp-extended", 'E', LEAT_OPT_FLAG, AT(extended),
     .help = "RE is a POSIX extended regular expression instead of a basic one"},
    {NULL, 'r', LEAT_OPT_FLAG, AT(extended), .help = "the same as -E"},
    {"null-data", 'z', LEAT_OPT_FLAG, AT(null_data),
     .help = "lines end with a NUL byte instead of a newline"},
    {"quiet", 'n', LEAT_OPT_FLAG, AT(quiet), .help = "refused: use grep"},
    {"in-place", 'i', LEAT_OPT_FLAG, AT(in_place),
     .help = "refused: use read FILE : sed … : write --force FILE"},
    {0},
};

const struct leat_stage_type leat_stage_sed = {
    .name = "sed",
    .summary = "replace in each line, with the s command of sed",
    .operands = "s/RE/TEXT/FLAGS",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Replaces the first match of a POSIX regular expression in each line by a text, as GNU sed does in the C locale, byte for "
        "byte. The flags are g for all matches, a number N for the Nth one only, both for the Nth and all after it, and I or i to "
        "ignore the case of A to Z. Any character but a backslash may take the place of the slashes.\n\n"
        "In the text & is the match, \\1 to \\9 are its groups, \\U and \\L change what follows to upper or lower case up to \\E, \\u and "
        "\\l the next character, and \\n is a newline.\n\n"
        "There is no other command, and only one s command: sed s/a/b/ : sed s/c/d/ does two. For the other commands, use "
        "grep, head, tail, lines and tr. replace has Perl patterns and Unicode, and needs no slashes.\n\n"
        "Several threads work at once, and lines stay in order. A regular expression that is one row of characters and sets, each "
        "repeated or not, runs as compiled code. One with branches, with repeated groups or with back-references runs in the C "
        "library, as in GNU sed, and is as slow there.",
    .examples = "sed s/ERROR/error/\n"
                "sed 's/[0-9][0-9]*/N/g'\n"
                "sed -E 's/^([^ ]+) ([^ ]+)/\\2 \\1/'",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .flags = LEAT_BY_LINE,
    .params_size = sizeof(struct sed_params),
    .state_size = sizeof(struct sed),
    .options = sed_options,
    .lanes = &sed_lanes,
    .plan = sed_plan,
    .open = sed_open,
    .step = sed_step,
    .close = sed_close,
};
