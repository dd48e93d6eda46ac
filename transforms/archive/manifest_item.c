/* manifest_item.c - one line of a manifest. */

#include <inttypes.h>
#include <string.h>

#include "manifest.h"

static char letter_of(const struct leat_reader_entry *e)
{
    static const char letters[] = {
        [LEAT_ENTRY_FILE] = 'f',   [LEAT_ENTRY_DIRECTORY] = 'd', [LEAT_ENTRY_SYMLINK] = 'l',
        [LEAT_ENTRY_LINK] = 'h',   [LEAT_ENTRY_DEVICE] = 'c',    [LEAT_ENTRY_FIFO] = 'p',
        [LEAT_ENTRY_SOCKET] = 's',
    };

    return e->kind == LEAT_ENTRY_DEVICE && e->is_block ? 'b' : letters[e->kind];
}

void leat_manifest_item(const struct leat_reader_entry *e, const char *name, const char *target,
                        struct leat_manifest_item *ret)
{
    *ret = (struct leat_manifest_item){
        .type = letter_of(e), .mode = e->mode, .name = name, .target = target};
}

void leat_manifest_tidy(char *name)
{
    char *to = name;

    if (*name == '/')
        to++;
    for (const char *from = to; *from;) {
        size_t n = strcspn(from, "/");

        if (n > 0 && !(n == 1 && *from == '.')) {
            if (to > name && to[-1] != '/')
                *to++ = '/';
            memmove(to, from, n);
            to += n;
        }
        from += n + (from[n] == '/');
    }
    if (to == name)
        *to++ = '.'; /* there is room: it had "." or more, or is empty, with its NUL */
    *to = '\0';
}

void leat_manifest_line(struct leat_line *l, const struct leat_manifest_item *item)
{
    if (*item->digest)
        leat_line_format(l, "%s %" PRIu64, item->digest, item->size);
    else
        leat_line_format(l, "- -");
    leat_line_format(l, " %c %04o ", item->type, item->mode);
    leat_line_name(l, item->name);
    if (item->target) {
        leat_line_format(l, "\t-> ");
        leat_line_name(l, item->target);
    }
    leat_line_add(l, "\n", 1);
}
