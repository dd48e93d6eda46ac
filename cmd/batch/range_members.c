/* range_members.c - ranges of a BGZF file: whole members, without the lines at their ends that belong to another shard.
 *
 * A shard begins with the first line whose first byte is in a member at or after the shard's part of the file. That line may
 * begin in the middle of a member, which the shard before decodes, too.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "range.h"

/* A place in the content. */
struct place {
    uint64_t at; /* of a member, or the end of the file */
    uint32_t in; /* decoded bytes of it before the place; less than it has */
};

static int members_fail(const struct ranged *r, int code)
{
    const struct config *config = r->batch->config;
    char shown[SHOWN_MAX];

    (void)leat_show(r->path, shown, sizeof shown);
    if (code == LEAT_EIO)
        return message_fail(config, code, "each: %s: %s", shown, strerror(errno));
    if (code == LEAT_ETRUNCATED)
        return message_fail(
            config, code, "each: %s: the file ends within a BGZF member: it was truncated", shown);
    return message_fail(
        config, code,
        "each: %s: no BGZF member begins at byte %" PRIu64
        ", so it has no ranges for shards; check it with: leat read %s : gunzip : null",
        shown, r->members.bad_at, shown);
}

/* Walk from the member at `from` to the first one at or after `target`, or to the end of the file. *ret_before: the last one
 * before it that has content; size 0: none. */
static int walk(struct ranged *r, uint64_t from, uint64_t target, struct member *ret,
                struct member *ret_before)
{
    struct member member = {.at = from};

    *ret_before = (struct member){.size = 0};
    for (uint64_t at = from;; at += member.size) {
        int code = members_read(&r->members, at, &member);

        if (code < 0)
            return code;
        if (at >= target || member.size == 0)
            break;
        if (member.content > 0)
            *ret_before = member;
    }
    *ret = member;
    return 0;
}

/* The same from where the index has a member near to the target; an index of another file is left alone. */
static int walk_near(struct ranged *r, uint64_t least, uint64_t target, struct member *ret,
                     struct member *ret_before)
{
    uint64_t from;
    int code = members_near(&r->members, target, least, &from);

    if (code == 0)
        code = walk(r, from, target, ret, ret_before);
    if (code == LEAT_EIO || (code == 0 && (ret_before->size > 0 || from == least)))
        return code;
    if (code < 0)
        members_forget(&r->members);
    return walk(r, least, target, ret, ret_before);
}

int range_look_at_members(struct ranged *r, bool *ret)
{
    struct member first, member = {.size = 0}, before = {.size = 0};
    char shown[SHOWN_MAX];
    int code;

    *ret = false;
    members_open(&r->members, r->fd, r->size, r->path);
    code = members_read(&r->members, 0, &first);
    if (code == LEAT_ECORRUPT)
        return 0;
    *ret = true;
    if (code == 0)
        code = walk_near(r, 0, r->size, &member, &before);
    if (code < 0)
        return members_fail(r, code);
    r->size = member.at; /* without padding */
    /* An empty member is the last one, so it is not the last one with content. */
    if (before.size > 0 && before.at + before.size == member.at)
        return message_fail(
            r->batch->config, LEAT_ETRUNCATED,
            "each: %s: the empty member that ends a BGZF file is missing: it was truncated",
            leat_show(r->path, shown, sizeof shown));
    return 0;
}

/* The place of the n-th decoded byte from the member on. */
static int locate(struct ranged *r, uint64_t at, uint64_t n, struct place *ret)
{
    struct member member;

    for (;; at += member.size, n -= member.content) {
        int code = members_read(&r->members, at, &member);

        if (code == 0 && member.size == 0 && n > 0)
            code = LEAT_ECORRUPT;
        if (code < 0)
            return code;
        if (member.size == 0 || n < member.content)
            break;
    }
    *ret = (struct place){.at = at, .in = (uint32_t)n};
    return 0;
}

/* The first line that begins in a member at or after `target`, if it comes after `begin`. */
static int next_line(struct ranged *r, uint64_t target, const struct place *begin,
                     struct place *ret)
{
    struct member member, before;
    char source[64];
    uint64_t n;
    int code = walk_near(r, begin->at, target, &member, &before), status;

    if (code < 0)
        return members_fail(r, code);
    *ret = *begin;
    if (before.size == 0)
        return 0; /* no content up to there */
    (void)snprintf(source, sizeof source, "read --offset=%" PRIu64, before.at);
    status = range_newline(r, source, "gunzip", before.content - 1, &n);
    if (status != 0)
        return status;
    code = locate(r, before.at, n, ret);
    return code < 0 ? members_fail(r, code) : 0;
}

static int add(struct ranged *r, const struct place *begin, const struct place *end, uint32_t shard)
{
    uint64_t to = end->at;
    struct member last = {.content = 0};
    struct input_extra *extra;
    struct input *range;
    int code = end->in > 0 ? members_read(&r->members, end->at, &last) : 0;

    if (code == 0 && last.content < end->in)
        code = LEAT_ECORRUPT; /* it has changed since */
    if (code < 0)
        return members_fail(r, code);
    to += last.size;
    range = range_add(r, begin->at, to - begin->at, shard);
    if (!range)
        return leat_exit_status(LEAT_ENOMEM);
    extra = input_extra(&r->batch->inputs, range);
    if (!extra)
        return message_fail(r->batch->config, LEAT_ENOMEM, "out of memory");
    extra->skip = begin->in;
    extra->drop = end->in > 0 ? last.content - end->in : 0;
    return 0;
}

int range_cut_members(struct ranged *r)
{
    struct place begin = {.at = 0}, end;
    unsigned shards = r->batch->options->shards;
    int status = 0;

    for (unsigned i = 0; i < shards && status == 0; i++, begin = end) {
        uint64_t target = r->size / shards * (i + 1);

        end = begin;
        if (i + 1 == shards)
            end = (struct place){.at = r->size};
        else if (target > begin.at)
            status = next_line(r, target, &begin, &end);
        if (status == 0 && (end.at > begin.at || end.in > begin.in))
            status = add(r, &begin, &end, i);
    }
    return status;
}
