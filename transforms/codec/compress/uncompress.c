/* uncompress.c - decodes .Z (adaptive LZW).
 *
 * The format: three bytes of header, then codes of 9 to 16 bits, the low bits first. A code stands
 * for the string of an earlier code and one more byte. Codes come in groups of eight; where their
 * width changes, and where the table is cleared, the rest of the group is skipped.
 *
 * libarchive, which compress.c uses for encoding, is not used here: its filter accepts an end of
 * the input within a code as a normal end of the stream.
 */

#include <string.h>

#include "../shared/decoder.h"
#include "../shared/expansion.h"

#define HEADER_LEN 3u
#define MAGIC_0 0x1f
#define MAGIC_1 0x9d
#define FLAG_WIDTH 0x1fu
#define FLAG_RESERVED 0x60u
#define FLAG_CLEARS 0x80u
#define WIDTH_MIN 9u
#define WIDTH_MAX 16u
#define CODES_MAX ((size_t)1 << WIDTH_MAX)
#define LITERALS 256u
#define CODE_CLEAR 256u
#define GROUP 8u /* codes */

/* The string of each code: the string of `prefix`, and then `last`. */
struct table {
    uint16_t prefix[CODES_MAX];
    uint16_t length[CODES_MAX]; /* of the string, minus one */
    uint8_t last[CODES_MAX];
    uint8_t string[CODES_MAX]; /* a string that did not fit in the room */
};

struct uncompress {
    struct table *table;
    uint8_t header[HEADER_LEN];
    size_t header_have;
    uint64_t header_at; /* byte offset */
    unsigned width_max, width;
    bool clears;
    uint32_t next;     /* the code that is defined next */
    bool has_previous; /* a code was read since the start */
    uint32_t previous; /* that code */
    uint8_t first;     /* the first byte of its string */
    uint64_t bits;     /* bits read ahead: n_bits of them, low bits first */
    unsigned n_bits;
    unsigned in_group;             /* codes read of this group */
    unsigned skip;                 /* bits to skip */
    size_t string_pos, string_len; /* of table->string: the part that is still to be written */
};

static int uncompress_open(struct leat_stage *stage, void *state)
{
    struct uncompress *u = state;

    u->table = leat_alloc(stage, sizeof *u->table);
    if (!u->table)
        return LEAT_ENOMEM;
    for (unsigned i = 0; i < LITERALS; i++)
        u->table->last[i] = (uint8_t)i;
    return 0;
}

static void uncompress_close(struct leat_stage *stage, void *state)
{
    struct uncompress *u = state;

    leat_free(stage, u->table);
}

/* Returns LEAT_END when the header is complete and valid. */
static int read_header(struct leat_stage *stage, struct uncompress *u, struct leat_in *in)
{
    uint8_t flags;

    if (u->header_have == 0)
        u->header_at = in->offset + in->pos;
    while (u->header_have < HEADER_LEN && in->pos < in->len)
        u->header[u->header_have++] = in->data[in->pos++];
    if (u->header_have < HEADER_LEN)
        return in->end ? leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in a .Z header")
                       : LEAT_MORE;
    flags = u->header[2];
    if (u->header[0] != MAGIC_0 || u->header[1] != MAGIC_1)
        return leat_fail_at(stage, LEAT_ECORRUPT, u->header_at, "not in .Z format");
    u->width_max = flags & FLAG_WIDTH;
    if (u->width_max < WIDTH_MIN || u->width_max > WIDTH_MAX || (flags & FLAG_RESERVED))
        return leat_fail_at(stage, LEAT_ECORRUPT, u->header_at + 2,
                            "invalid .Z header: flags 0x%02x", flags);
    u->clears = flags & FLAG_CLEARS;
    u->width = WIDTH_MIN;
    u->next = u->clears ? CODE_CLEAR + 1 : LITERALS;
    return LEAT_END;
}

static void fill_bits(struct uncompress *u, struct leat_in *in)
{
    while (u->n_bits <= 56 && in->pos < in->len) {
        u->bits |= (uint64_t)in->data[in->pos++] << u->n_bits;
        u->n_bits += 8;
    }
}

static void drop_bits(struct uncompress *u, unsigned n)
{
    u->bits = n < 64 ? u->bits >> n : 0;
    u->n_bits -= n;
}

/* Skips the rest of the group, in codes of this width. */
static void leave_group(struct uncompress *u)
{
    u->skip = (GROUP - u->in_group) % GROUP * u->width;
    u->in_group = 0;
}

/* Returns false: more input is needed. */
static bool pass_over(struct uncompress *u, struct leat_in *in)
{
    while (u->skip > 0) {
        unsigned n;

        fill_bits(u, in);
        n = u->n_bits < u->skip ? u->n_bits : u->skip;
        if (n == 0)
            return false;
        drop_bits(u, n);
        u->skip -= n;
    }
    return true;
}

/* Returns false: more input is needed. */
static bool next_code(struct uncompress *u, struct leat_in *in, uint32_t *ret_code)
{
    if (u->next > (1u << u->width) - 1 && u->width < u->width_max) {
        leave_group(u);
        u->width++;
    }
    if (u->skip > 0 && !pass_over(u, in))
        return false;
    if (u->n_bits < u->width)
        fill_bits(u, in);
    if (u->n_bits < u->width)
        return false;
    *ret_code = (uint32_t)(u->bits & ((1u << u->width) - 1));
    drop_bits(u, u->width);
    u->in_group = (u->in_group + 1) % GROUP;
    return true;
}

static void define(struct uncompress *u, uint32_t prefix, uint8_t last)
{
    struct table *t = u->table;

    t->prefix[u->next] = (uint16_t)prefix;
    t->length[u->next] = (uint16_t)(t->length[prefix] + 1);
    t->last[u->next] = last;
    u->next++;
}

/* Writes the string of a code, n bytes of it, to `to`. */
static void spell(const struct table *t, uint32_t code, size_t n, uint8_t *to)
{
    while (n-- > 0) {
        to[n] = t->last[code];
        code = t->prefix[code];
    }
}

/* Writes as much of the string as fits in the room, and keeps the rest.
 * Returns how many bytes were written. */
static size_t write_string(struct uncompress *u, uint32_t code, uint8_t *to, size_t room)
{
    size_t n = (size_t)u->table->length[code] + 1;

    if (n <= room) {
        spell(u->table, code, n, to);
        u->first = to[0];
        return n;
    }
    spell(u->table, code, n, u->table->string);
    u->first = u->table->string[0];
    memcpy(to, u->table->string, room);
    u->string_pos = room;
    u->string_len = n;
    return room;
}

/* Does a code define the next one, which may be itself? */
static bool defines_next(const struct uncompress *u)
{
    return u->has_previous && u->next < (1u << u->width_max);
}

static bool is_defined(const struct uncompress *u, uint32_t code)
{
    if (code < LITERALS)
        return true;
    return u->has_previous && (code < u->next || (code == u->next && defines_next(u)));
}

/* Fails for the code that was read last; its first bit may be in a byte of the one before it. */
static int fail_undefined(struct leat_stage *stage, const struct uncompress *u,
                          const struct leat_in *in, uint32_t code)
{
    uint64_t at = in->offset + in->pos - (u->n_bits + u->width + 7) / 8;

    return leat_fail_at(stage, LEAT_ECORRUPT, at, "invalid .Z data: code %u is not defined", code);
}

/* Processes one code that is defined and not CLEAR. Returns how many bytes were written. */
static size_t take_code(struct uncompress *u, uint32_t code, uint8_t *to, size_t room)
{
    bool defines = defines_next(u);
    size_t n;

    if (code == u->next) { /* the string of the previous code and its own first byte */
        define(u, u->previous, u->first);
        defines = false;
    }
    n = write_string(u, code, to, room);
    if (defines)
        define(u, u->previous, u->first);
    u->previous = code;
    u->has_previous = true;
    return n;
}

/* No more codes: the remaining bits must be the padding of the last byte. */
static int at_end(struct leat_stage *stage, const struct uncompress *u)
{
    if (u->n_bits >= 8 || u->bits != 0)
        return leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input in .Z data");
    return LEAT_END;
}

static void clear(struct uncompress *u)
{
    leave_group(u);
    u->width = WIDTH_MIN;
    u->next = CODE_CLEAR; /* the code after it defines this one, which is not usable */
}

static int decode(struct leat_stage *stage, struct uncompress *u, struct leat_in *in, uint8_t *to,
                  size_t room, size_t *ret_written)
{
    uint32_t code;

    *ret_written = 0;
    while (*ret_written < room && u->string_len == 0) {
        if (!next_code(u, in, &code))
            return in->end && in->pos == in->len ? at_end(stage, u) : LEAT_MORE;
        if (u->clears && code == CODE_CLEAR) {
            clear(u);
            continue;
        }
        if (!is_defined(u, code))
            return fail_undefined(stage, u, in, code);
        *ret_written += take_code(u, code, to + *ret_written, room - *ret_written);
    }
    return LEAT_MORE;
}

static int uncompress_step(struct leat_stage *stage, void *state, struct leat_in *in,
                           struct leat_out *out)
{
    struct uncompress *u = state;
    size_t room, n;
    uint8_t *to;
    int r;

    if (u->width == 0) {
        r = read_header(stage, u, in);
        if (r != LEAT_END)
            return r;
    }
    do {
        const uint8_t *string = u->table->string;

        u->string_pos += leat_write(out, string + u->string_pos, u->string_len - u->string_pos);
        if (u->string_pos < u->string_len)
            return LEAT_MORE;
        u->string_pos = u->string_len = 0;
        room = leat_reserve(out, &to);
        if (room == 0)
            return LEAT_MORE;
        r = decode(stage, u, in, to, room, &n);
        leat_commit(out, n);
    } while (r == LEAT_MORE && n > 0);
    return r;
}

const struct leat_decoder leat_decoder_compress = {
    .name = "compress",
    .state_size = sizeof(struct uncompress),
    .open = uncompress_open,
    .step = uncompress_step,
    .close = uncompress_close,
};

/* --- the stage -------------------------------------------------------------------------------- */

LEAT_DECODER_CALLBACKS(leat_decoder_compress)

const struct leat_stage_type leat_stage_uncompress = {
    .name = "uncompress",
    .summary = "decompress .Z, the format of the old compress command",
    .manual =
        "Decompresses one stream of LZW codes of 9 to 16 bits. Errors are: an impossible code, "
        "and an end in the middle of a code. The format has neither a length nor a checksum, so "
        "other damage and other truncation go unnoticed.",
    .examples = "read big.log : compress : uncompress : count -l",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .flags = LEAT_DECODES,
    .params_size = sizeof(struct leat_expansion_params),
    .state_size = sizeof(struct uncompress),
    .options = leat_expansion_options,
    .plan = leat_expansion_plan,
    .open = stage_open,
    .step = stage_step,
    .close = stage_close,
};
