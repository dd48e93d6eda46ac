/* hash.c - the stage shared by all digests and checksums.
 *
 * Without options the stage consumes the stream and outputs one line, as sha256sum. With --to,
 * --expect or --check the stream passes unchanged. Then the line goes to a file, or the pipeline
 * fails at the end if the digest is wrong, before anything is committed.
 */

#include "hash.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 8192         /* a longer name is cut in the line */
#define SUMS_MAX ((size_t)16 << 20) /* size limit for a list of checksums */
#define LINE_MAX_BYTES (2 * LEAT_HASH_DIGEST_MAX + 2 * NAME_MAX_BYTES + 64)

void leat_hash_put_big_endian(uint8_t *to, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

/* --- the line --------------------------------------------------------------------------------- */

static void put_hex(char *to, const uint8_t *digest, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        to[2 * i] = digits[digest[i] >> 4];
        to[2 * i + 1] = digits[digest[i] & 15];
    }
    to[2 * size] = '\0';
}

/* Writes the name with backslash, newline and the like escaped; returns whether there were any. */
static bool put_name(char *to, const char *name, bool escape)
{
    bool escaped = false;

    for (size_t n = 0; *name && n < NAME_MAX_BYTES; n++, name++) {
        const char *code = strchr("\nn\rr\\\\", *name);

        if (!escape || (*name != '\n' && *name != '\r' && *name != '\\')) {
            *to++ = *name;
            continue;
        }
        *to++ = '\\';
        *to++ = code[1];
        escaped = true;
    }
    *to = '\0';
    return escaped;
}

static const char *name_of(struct leat_stage *s)
{
    const struct leat_hash_params *p = leat_params(s);

    return p->name ? p->name : leat_input_name(s);
}

static int make_line(struct leat_stage *s, const struct leat_hash_algorithm *a, const char *hex)
{
    const struct leat_hash_params *p = leat_params(s);
    struct leat_hash *h = leat_state(s);
    char *name = leat_alloc(s, 2 * NAME_MAX_BYTES + 1);
    const char *mark;

    h->line = leat_alloc(s, LINE_MAX_BYTES);
    if (!name || !h->line) {
        leat_free(s, name);
        return LEAT_ENOMEM;
    }
    mark = put_name(name, name_of(s), !a->plain_names) ? "\\" : "";
    if (p->tag)
        h->line_len =
            (size_t)snprintf(h->line, LINE_MAX_BYTES, "%s%s (%s) = %s\n", mark, a->tag, name, hex);
    else
        h->line_len = (size_t)snprintf(h->line, LINE_MAX_BYTES, "%s%s  %s\n", mark, hex, name);
    leat_free(s, name);
    return 0;
}

static int finish(struct leat_stage *s, const struct leat_hash_algorithm *a)
{
    const struct leat_hash_params *p = leat_params(s);
    struct leat_hash *h = leat_state(s);
    uint8_t digest[LEAT_HASH_DIGEST_MAX];
    char hex[2 * LEAT_HASH_DIGEST_MAX + 1];
    int r;

    h->finished = true;
    r = a->end(s, h->state, digest);
    if (r < 0)
        return r;
    put_hex(hex, digest, a->size);
    if (p->expect && strcasecmp(hex, p->expect) != 0)
        return leat_fail(s, LEAT_ECHECKSUM, "%s is %s, expected %s", a->tag, hex, p->expect);
    if (h->wanted && strcasecmp(hex, h->wanted) != 0)
        return leat_fail(s, LEAT_ECHECKSUM, "%s is %s, %s says %s%s", a->tag, hex, p->check,
                         h->wanted, h->of_stem ? LEAT_HASH_OF_STEM : "");
    if (h->passes && !p->to)
        return 0;
    r = make_line(s, a, hex);
    if (r == 0 && p->to)
        r = leat_side(s, h->line, h->line_len);
    return r;
}

/* --- the stage -------------------------------------------------------------------------------- */

int leat_hash_plan(struct leat_stage *s, const struct leat_hash_algorithm *a)
{
    const struct leat_hash_params *p = leat_params(s);

    if (p->expect && (strlen(p->expect) != 2 * a->size ||
                      strspn(p->expect, "0123456789abcdefABCDEF") != 2 * a->size))
        return leat_fail(s, LEAT_EUSAGE, "--expect: a %s digest is %zu hexadecimal digits", a->tag,
                         2 * a->size);
    if (p->to || p->expect || p->check)
        leat_plan_flags(s, LEAT_PASS_THROUGH | LEAT_WANTS_ALL);
    return p->check ? leat_plan_file(s, p->check, SUMS_MAX) : 0;
}

/* Reads the list of --check and finds the digest for this stream. */
static int read_sums(struct leat_stage *s, const struct leat_hash_algorithm *a)
{
    const struct leat_hash_params *p = leat_params(s);
    struct leat_hash *h = leat_state(s);
    const uint8_t *text;
    size_t n;
    int r;

    h->wanted = leat_alloc(s, 2 * a->size + 1);
    if (!h->wanted)
        return LEAT_ENOMEM;
    r = leat_read_file(s, p->check, &text, &n);
    if (r < 0)
        return r;
    return leat_digest_list_find(s, a, (const char *)text, n, p->check, name_of(s), h->wanted,
                                 &h->of_stem);
}

int leat_hash_open(struct leat_stage *s, const struct leat_hash_algorithm *a)
{
    const struct leat_hash_params *p = leat_params(s);
    struct leat_hash *h = leat_state(s);
    int r = p->check ? read_sums(s, a) : 0;

    h->passes = p->to || p->expect || p->check;
    if (r < 0)
        return r;
    return a->open(s, a, h->state);
}

void leat_hash_close(struct leat_stage *s, const struct leat_hash_algorithm *a)
{
    struct leat_hash *h = leat_state(s);

    if (a->close)
        a->close(h->state);
    leat_free(s, h->line);
    leat_free(s, h->wanted);
    h->line = NULL;
    h->wanted = NULL;
}

int leat_hash_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out,
                   const struct leat_hash_algorithm *a)
{
    struct leat_hash *h = leat_state(s);
    const uint8_t *data = in->data + in->pos;
    size_t n = in->len - in->pos;
    int r;

    if (h->passes)
        n = leat_pass(out, in, n);
    else
        in->pos = in->len;
    r = n > 0 ? a->add(s, h->state, data, n) : 0;
    if (r < 0)
        return r;
    if (!in->end || in->pos < in->len)
        return LEAT_MORE;
    if (!h->finished) {
        r = finish(s, a);
        if (r < 0)
            return r;
    }
    if (h->passes)
        return LEAT_END;
    h->line_at += leat_write(out, h->line + h->line_at, h->line_len - h->line_at);
    return h->line_at < h->line_len ? LEAT_MORE : LEAT_END;
}

#define AT(field) offsetof(struct leat_hash_params, field)
const struct leat_option leat_hash_options[] = {
    {"to", 0, LEAT_OPT_SIDE, AT(to), .metavar = "FILE",
     .help = "pass the stream on unchanged, and write the line to FILE (-: standard output)"},
    {"expect", 0, LEAT_OPT_STRING, AT(expect), .metavar = "HEX",
     .help = "pass the stream on unchanged, and fail if its digest differs from this one"},
    {"check", 'c', LEAT_OPT_STRING, AT(check), .metavar = "FILE",
     .help = "pass the stream on unchanged, and fail if its digest differs from the one in FILE"},
    {"name", 0, LEAT_OPT_STRING, AT(name), .metavar = "NAME",
     .help = "the file name to write in the line, and to look for in the list of --check"},
    {"tag", 0, LEAT_OPT_FLAG, AT(tag), .help = "output the line in BSD form: NAME (FILE) = DIGEST"},
    {0},
};
