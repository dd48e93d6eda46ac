/* field.c - an example of a line transform: one field of each line.
 *
 * `example.field -n 2` writes the second of the fields that tabs separate, and a newline. A line with fewer fields
 * becomes an empty line. The engine shows whole lines, so the step never joins pieces.
 */
#include <leat/stage.h>
#include <string.h>

struct field_params {
    int64_t number; /* from 1 */
};

/* Where the output of the line at the input cursor stands. */
struct field {
    size_t done; /* bytes of it that are written */
};

/* The field of a line without its newline; sets *ret_len. */
static const char *find(const char *line, size_t len, int64_t number, size_t *ret_len)
{
    const char *end = line + len;

    for (; number > 1; number--) {
        const char *tab = memchr(line, '\t', (size_t)(end - line));

        line = tab ? tab + 1 : end;
    }
    *ret_len = (size_t)(end - line);
    if (memchr(line, '\t', *ret_len))
        *ret_len = (size_t)((const char *)memchr(line, '\t', *ret_len) - line);
    return line;
}

static int field_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct field_params *params = leat_params(stage);
    struct field *state = leat_state(stage);

    while (in->pos < in->len) {
        const char *line = (const char *)in->data + in->pos, *field;
        const char *newline = memchr(line, '\n', in->len - in->pos);
        size_t len = newline ? (size_t)(newline - line) : in->len - in->pos, n;

        field = find(line, len, params->number, &n);
        if (state->done < n)
            state->done += leat_write(out, field + state->done, n - state->done);
        if (state->done == n)
            state->done += leat_write(out, "\n", 1);
        if (state->done <= n)
            return LEAT_MORE; /* no room now: the next step goes on in this line */
        state->done = 0;
        in->pos += len + (newline != NULL);
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_option field_options[] = {
    {.name = "number",
     .short_name = 'n',
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct field_params, number),
     .initial = 1,
     .min = 1,
     .max = 1000,
     .metavar = "N",
     .help = "the number of the field, from 1"},
    {0},
};

const struct leat_stage_type example_field = {
    LEAT_STAGE_INIT,
    .name = "example.field",
    .summary = "one field of each line",
    .kind = LEAT_TRANSFORM,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct field_params),
    .state_size = sizeof(struct field),
    .options = field_options,
    .step = field_step,
};
