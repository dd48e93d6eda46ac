/* pack_notes.c - what `pack` tells about files that are not in the archive as they are on disk. */

#include <inttypes.h>
#include <string.h>

#include "pack_impl.h"

/* Warnings of each kind, before they are only counted; a run keeps 64. */
#define LISTED 8u
#define CHANGED_LISTED 20u

/* `one`: the text after the path of one, NULL: it is only counted; `all`: after the count. */
static const struct {
    const char *one, *all;
} texts[LEAT_NOTES] = {
    [LEAT_NOTE_SOCKET] = {"is a socket, and is left out", "sockets are left out"},
    [LEAT_NOTE_OUTPUT] = {"is an output of this pipeline, and is left out",
                          "outputs of this pipeline are left out"},
    [LEAT_NOTE_CHANGED] = {"changed while it was read", "files changed while they were read"},
    [LEAT_NOTE_REMOVED] = {"was removed before it was read, and is left out",
                           "files were removed before they were read, and are left out"},
    [LEAT_NOTE_UNREADABLE] = {"cannot be read, and is left out",
                              "files cannot be read, and are left out"},
    [LEAT_NOTE_FRACTION] = {NULL, "fractions of a second"},
    [LEAT_NOTE_LINK] = {NULL, "hard links"},
    [LEAT_NOTE_OWNER] = {NULL, "owners"},
};

static uint64_t listed(enum leat_pack_note note)
{
    return note == LEAT_NOTE_CHANGED ? CHANGED_LISTED : LISTED;
}

void leat_pack_note(struct leat_pack *p, enum leat_pack_note note, const char *path,
                    const char *more)
{
    const char *shown = leat_pack_shown(path);

    if (p->notes.n[note]++ == 0)
        memcpy(p->notes.first[note], shown, strlen(shown) + 1);
    if (texts[note].one && p->notes.n[note] <= listed(note))
        leat_warning(p->stage, "%s: %s%s", shown, texts[note].one, more);
}

/* For example, the list of users was replaced, and a confined process may not read the new one. */
static void note_owners(struct leat_pack *p)
{
    int error = p->users.error ? p->users.error : p->groups.error;

    if (error)
        leat_warning(p->stage,
                     "names of owners cannot be looked up (%s); numbers are stored instead",
                     strerrordesc_np(error));
}

void leat_pack_notes_end(struct leat_pack *p)
{
    note_owners(p);
    for (unsigned i = 0; i < LEAT_NOTES; i++) {
        uint64_t n = p->notes.n[i];

        if (texts[i].one && n > listed(i))
            leat_warning(p->stage, "%" PRIu64 " %s in all", n, texts[i].all);
        else if (!texts[i].one && n > 0)
            leat_warning(p->stage,
                         "--format=%s holds no %s: %" PRIu64 " lost, first of %s; --format=pax "
                         "keeps them",
                         p->writer.holds->name, texts[i].all, n, p->notes.first[i]);
    }
}
