/* seekable.c - find the part of a seekable file that holds a range of its content, and cut it out.
 * */

#include "seekable.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "stage/engine_ops.h"

#define MAGIC 0x184d2a5eu /* of the skippable frame that holds the table */
#define FOOTER_MAGIC 0x8f92eab1u
#define HEAD 8u
#define FOOTER 9u
#define ENTRY 8u
#define ENTRY_CHECKED 12u
#define HAS_CHECKSUMS 0x80u
#define RESERVED 0x7cu
#define READ_AT_ONCE 12288u /* bytes of the table: a multiple of both sizes of entries */

struct table {
    uint64_t at; /* of the first entry in the file */
    uint32_t frames;
    size_t entry; /* bytes */
};

static uint32_t le32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

int leat_range_parse(const char *text, struct leat_range *ret)
{
    const char *colon = strchr(text, ':');
    char offset[32];
    size_t n;

    *ret = (struct leat_range){.length = UINT64_MAX};
    n = colon ? (size_t)(colon - text) : sizeof offset;
    if (n >= sizeof offset)
        return LEAT_EUSAGE;
    memcpy(offset, text, n);
    offset[n] = '\0';
    if (leat_parse_size(offset, &ret->offset) < 0)
        return LEAT_EUSAGE;
    if (colon[1] && (leat_parse_size(colon + 1, &ret->length) < 0 || ret->length == 0))
        return LEAT_EUSAGE;
    return 0;
}

/* Read all n bytes. */
static int read_at(struct leat_stage *s, int fd, uint64_t at, uint8_t *to, size_t n,
                   const char *name)
{
    while (n > 0) {
        ssize_t r = pread(fd, to, n, (off_t)at);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return leat_fail_errno(s, errno, "%s", name);
        if (r == 0)
            return leat_fail(s, LEAT_EIO, "%s: became shorter while it was read", name);
        to += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return 0;
}

static int not_seekable(struct leat_stage *s, const char *name)
{
    return leat_fail(s, LEAT_EUSAGE,
                     "%s: is not seekable: it does not end with a seek table, as zstd --seekable "
                     "writes it",
                     name);
}

static int bad_table(struct leat_stage *s, const char *name, uint64_t at)
{
    return leat_fail_at(s, LEAT_ECORRUPT, at, "%s: the seek table does not agree with the file",
                        name);
}

static int find_table(struct leat_stage *s, int fd, uint64_t size, const char *name,
                      struct table *ret)
{
    uint8_t footer[FOOTER], head[HEAD];
    uint64_t bytes;
    int r;

    if (size < HEAD + FOOTER)
        return not_seekable(s, name);
    r = read_at(s, fd, size - FOOTER, footer, FOOTER, name);
    if (r < 0)
        return r;
    if (le32(footer + 5) != FOOTER_MAGIC || footer[4] & RESERVED)
        return not_seekable(s, name);
    ret->frames = le32(footer);
    ret->entry = footer[4] & HAS_CHECKSUMS ? ENTRY_CHECKED : ENTRY;
    bytes = (uint64_t)ret->frames * ret->entry + FOOTER;
    if (bytes + HEAD > size)
        return bad_table(s, name, size - FOOTER);
    ret->at = size - bytes;
    r = read_at(s, fd, ret->at - HEAD, head, HEAD, name);
    if (r < 0)
        return r;
    return le32(head) == MAGIC && le32(head + 4) == bytes ? 0 : bad_table(s, name, ret->at - HEAD);
}

/* Add one frame to the results: its sizes in the file and decoded, and its offsets in both. */
static void add_frame(struct leat_range *range, uint64_t at, uint64_t made, uint64_t decoded_at,
                      uint64_t decoded)
{
    uint64_t end =
        range->length > UINT64_MAX - range->offset ? UINT64_MAX : range->offset + range->length;

    if (decoded_at + decoded <= range->offset || decoded_at >= end)
        return;
    if (range->bytes == 0) {
        range->from = at;
        range->skip = range->offset - decoded_at;
    }
    range->bytes = at + made - range->from;
    range->after += decoded; /* reduced by skip and left after the last frame */
}

/* A frame before the range must have the decoded size that the table states. */
static int check_frame(struct leat_stage *s, int fd, uint64_t at, uint32_t made, uint32_t decoded,
                       const char *name)
{
    uint8_t head[LEAT_FRAME_HEAD];
    size_t n = made < sizeof head ? made : sizeof head;
    uint64_t holds;
    int r = read_at(s, fd, at, head, n, name);

    if (r < 0)
        return r;
    holds = s->info->range.decoder->frame_holds(head, n);
    if (holds == decoded || holds == UINT64_MAX)
        return 0;
    return leat_fail_at(s, LEAT_ECORRUPT, at,
                        "%s: a frame holds %" PRIu64 " bytes, but the seek table says %" PRIu32,
                        name, holds, decoded);
}

int leat_range_find(struct leat_stage *s, struct leat_range *range, int fd, uint64_t size,
                    const char *name)
{
    uint64_t at = 0, decoded_at = 0, before = UINT64_MAX;
    uint8_t part[READ_AT_ONCE] = {0};
    struct table t = {.frames = 0};
    int r = find_table(s, fd, size, name, &t);

    for (uint32_t i = 0; r == 0 && i < t.frames;) {
        uint32_t most = (uint32_t)(READ_AT_ONCE / t.entry), n = t.frames - i;

        if (n > most)
            n = most;
        r = read_at(s, fd, t.at + (uint64_t)i * t.entry, part, n * t.entry, name);
        i += n;
        for (const uint8_t *e = part; r == 0 && n > 0; n--, e += t.entry) {
            uint32_t made = le32(e), decoded = le32(e + 4);

            add_frame(range, at, made, decoded_at, decoded);
            if (decoded != before && decoded_at + decoded <= range->offset && at + made < t.at)
                r = check_frame(s, fd, at, made, decoded, name);
            before = decoded;
            at += made;
            decoded_at += decoded;
        }
    }
    if (r < 0)
        return r;
    if (at != t.at - HEAD)
        return bad_table(s, name, t.at);
    if (range->offset >= decoded_at ||
        (range->length != UINT64_MAX && range->length > decoded_at - range->offset))
        return leat_fail(s, LEAT_EUSAGE,
                         "%s: the range ends beyond the content of %" PRIu64 " bytes", name,
                         decoded_at);
    range->left = range->length != UINT64_MAX ? range->length : decoded_at - range->offset;
    range->after -= range->skip + range->left;
    return 0;
}

/* --- cutting it out --------------------------------------------------------------------------- */

static int fail_cut(struct leat_stage *s, const char *how)
{
    return leat_fail(s, LEAT_ECORRUPT, "the frames hold %s than the seek table says", how);
}

/* Read on after the range: the checksum of a frame is at its end, and the table may be wrong. */
static int cut_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_range *range = leat_shared(s);
    size_t n = in->len - in->pos;

    if (range->skip > 0) {
        n = n < range->skip ? n : (size_t)range->skip;
        in->pos += n;
        range->skip -= n;
        n = in->len - in->pos;
    }
    while (range->skip == 0 && range->left > 0 && n > 0) {
        n = n < range->left ? n : (size_t)range->left;
        n = leat_pass(out, in, n);
        if (n == 0)
            return LEAT_MORE;
        range->left -= n;
        n = in->len - in->pos;
    }
    if (n > range->after)
        return fail_cut(s, "more");
    range->after -= n;
    in->pos += n;
    if (!in->end)
        return LEAT_MORE;
    return range->skip + range->left + range->after > 0 ? fail_cut(s, "less") : LEAT_END;
}

static const struct leat_engine_ops cut_ops = {.hidden = true};

const struct leat_stage_type leat_range_cut = {
    .name = "range",
    .kind = LEAT_TRANSFORM,
    .step = cut_step,
    .engine = &cut_ops,
};
