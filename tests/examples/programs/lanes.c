/* lanes.c - an example: a stage of lines that runs on several blocks of lines at once, with a counter for all of them.
 *
 *     lanes 4 <IN >OUT      letters to upper case, on 4 workers; prints the number of lines
 */
#include <ctype.h>
#include <leat/stage.h>
#include <stdlib.h>
#ifdef __cplusplus
#include <atomic>
typedef std::atomic<unsigned long> counter;
#else
#include <stdatomic.h>
typedef atomic_ulong counter;
#endif

static int upper_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    counter *lines = (counter *)leat_user(stage);
    unsigned long seen = 0;
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = 0;

    while (in->pos < in->len && n < room) {
        to[n] = (uint8_t)toupper(in->data[in->pos++]);
        seen += to[n++] == '\n';
    }
    leat_commit(out, n);
    *lines += seen; /* several lanes at once */
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

/* C++17 has no designators, so a program for both languages fills the type in. */
static struct leat_stage_type upper_type(void)
{
    static struct leat_lanes lanes; /* all zero: the engine cuts at ends of lines */
    struct leat_stage_type type = leat_stage_type_init();

    type.name = "example.upper";
    type.kind = LEAT_TRANSFORM;
    type.nature = LEAT_PARALLEL;
    type.framing = LEAT_LINES;
    type.lanes = &lanes;
    type.step = upper_step;
    return type;
}

int main(int argc, char **argv)
{
    static counter lines;
    static struct leat_settings settings = LEAT_INIT(leat_settings);
    const struct leat_stage_type type = upper_type();
    struct leat_builder *b = leat_builder_new(NULL);
    struct leat_pipeline *pipeline = NULL;
    int r;

    settings.threads = argc == 2 ? (unsigned)atoi(argv[1]) : 0;
    (void)leat_builder_own_stage(b, &type, &lines, NULL); /* finish tells of all failures */
    r = leat_builder_finish(b, &settings, &pipeline, NULL);
    if (r == 0)
        r = leat_pipeline_run(pipeline);
    if (r == 0)
        fprintf(stderr, "%lu lines\n", (unsigned long)lines);
    else
        fprintf(stderr, "lanes: %s\n", leat_strerror(r));
    leat_pipeline_unref(pipeline);
    leat_builder_free(b);
    return leat_exit_status(r);
}
