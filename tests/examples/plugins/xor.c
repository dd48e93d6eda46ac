/* xor.c - an example of a plugin: a codec that works on blocks, and a source.
 *
 * `example.xor` writes a magic number, then each block as its length in four bytes and its bytes, each
 * XORed with a key. `example.unxor` decodes that. `example.numbers -n N` is a source of lines.
 *
 * cc -shared -fPIC $(pkg-config --cflags leat) -o xor.so xor.c
 */
#include <leat/stage.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 65536u
#define HEAD 4u
static const uint8_t magic[HEAD] = {'X', 'O', 'R', 1};

struct xor_params {
    int64_t key;
};

/* --- encoder: each lane sees a whole block, and has room for all of its output ------------------ */

static int xor_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct xor_params *params = leat_params(stage);
    size_t n = in->len - in->pos;
    uint8_t *to;

    if (n == 0)
        return in->end ? LEAT_END : LEAT_MORE;
    if (leat_reserve_least(out, HEAD + n, &to) == 0)
        return LEAT_MORE;
    for (unsigned i = 0; i < HEAD; i++)
        to[i] = (uint8_t)(n >> 8 * i);
    for (size_t i = 0; i < n; i++)
        to[HEAD + i] = in->data[in->pos + i] ^ (uint8_t)params->key;
    leat_commit(out, HEAD + n);
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

/* The magic number, before the first block. The state is that of an instance of its own. */
struct xor_join {
    size_t done;
};

static int xor_join(struct leat_stage *stage, enum leat_join when, const void *result,
                    struct leat_out *out)
{
    struct xor_join *join = leat_state(stage);

    (void)result;
    if (when == LEAT_JOIN_HEAD)
        join->done += leat_write(out, magic + join->done, HEAD - join->done);
    return join->done < HEAD ? LEAT_MORE : LEAT_END;
}

/* --- decoder ------------------------------------------------------------------------------------ */

struct unxor {
    size_t head;  /* bytes of the head that are read */
    bool started; /* the magic number is read */
    uint8_t bytes[HEAD];
    uint32_t left; /* of the block */
};

static int end_head(struct leat_stage *stage, struct unxor *u)
{
    u->head = 0;
    if (!u->started) {
        u->started = true;
        return memcmp(u->bytes, magic, HEAD) == 0
                   ? 0
                   : leat_fail(stage, LEAT_ECORRUPT, "not the output of example.xor");
    }
    for (unsigned i = 0; i < HEAD; i++)
        u->left |= (uint32_t)u->bytes[i] << 8 * i;
    if (u->left == 0 || u->left > BLOCK)
        return leat_fail(stage, LEAT_ECORRUPT, "a block of %u bytes", u->left);
    return 0;
}

static int unxor_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct xor_params *params = leat_params(stage);
    struct unxor *u = leat_state(stage);
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = 0;
    int r = 0;

    while (r == 0 && in->pos < in->len && (u->left == 0 || n < room)) {
        uint8_t byte = in->data[in->pos++];

        if (u->left > 0) {
            to[n++] = byte ^ (uint8_t)params->key;
            u->left--;
        } else {
            u->bytes[u->head++] = byte;
            r = u->head == HEAD ? end_head(stage, u) : 0;
        }
    }
    leat_commit(out, n);
    if (r < 0 || !in->end || in->pos < in->len)
        return r < 0 ? r : LEAT_MORE;
    return u->head == 0 && u->left == 0 && u->started
               ? LEAT_END
               : leat_fail(stage, LEAT_ETRUNCATED, "the input ends inside a block");
}

/* --- a source ----------------------------------------------------------------------------------- */

struct numbers_params {
    int64_t count;
};

struct numbers {
    int64_t next;
    size_t done; /* bytes of the line that are written */
};

static int numbers_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct numbers_params *params = leat_params(stage);
    struct numbers *s = leat_state(stage);
    char line[24];

    (void)in;
    while (s->next < params->count) {
        size_t n = (size_t)snprintf(line, sizeof line, "%lld\n", (long long)s->next + 1);

        s->done += leat_write(out, line + s->done, n - s->done);
        if (s->done < n)
            return LEAT_MORE;
        s->done = 0;
        s->next++;
    }
    return LEAT_END;
}

/* ------------------------------------------------------------------------------------------------ */

static int needs_nothing(struct leat_stage *stage)
{
    return leat_plan_access(stage, NULL, LEAT_ACCESS_NOTHING);
}

static const struct leat_option xor_options[] = {
    {.name = "key",
     .short_name = 'k',
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct xor_params, key),
     .metavar = "N",
     .initial = 85,
     .max = 255,
     .help = "the byte that each byte is combined with"},
    {0},
};
static const struct leat_option numbers_options[] = {
    {.name = "count",
     .short_name = 'n',
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct numbers_params, count),
     .metavar = "N",
     .initial = 10,
     .max = INT64_MAX,
     .help = "so many lines"},
    {0},
};

static const struct leat_lanes xor_lanes = {.block = BLOCK, .whole = BLOCK, .join = xor_join};

static const struct leat_stage_type xor_type = {
    LEAT_STAGE_INIT,
    .name = "example.xor",
    .summary = "combine each byte with a key, in blocks",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .flags = LEAT_NO_STDOUT_TTY,
    .lanes = &xor_lanes,
    .params_size = sizeof(struct xor_params),
    .state_size = sizeof(struct xor_join),
    .options = xor_options,
    .suffixes = ".xor",
    .plan = needs_nothing,
    .step = xor_step,
};
static const struct leat_stage_type unxor_type = {
    LEAT_STAGE_INIT,
    .name = "example.unxor",
    .summary = "decode the output of example.xor",
    .kind = LEAT_TRANSFORM,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct xor_params),
    .state_size = sizeof(struct unxor),
    .options = xor_options,
    .plan = needs_nothing,
    .step = unxor_step,
};
static const struct leat_stage_type numbers_type = {
    LEAT_STAGE_INIT,
    .name = "example.numbers",
    .summary = "lines with the numbers from 1",
    .kind = LEAT_SOURCE,
    .params_size = sizeof(struct numbers_params),
    .state_size = sizeof(struct numbers),
    .options = numbers_options,
    .plan = needs_nothing,
    .step = numbers_step,
};

static const struct leat_stage_type *const types[] = {&xor_type, &unxor_type, &numbers_type, NULL};
LEAT_PLUGIN(types);
