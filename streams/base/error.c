/* error.c - the table of errors, and the format of an error as one line. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "leat.h"
#include "sized.h"

static const struct error_entry {
    int code, status;
    const char *name, *text;
} errors[] = {
#define X(name, number, status, text) {number, status, #name, text},
    LEAT_ERRORS(X)
#undef X
};

static const struct error_entry *find(int code)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code)
            return &errors[i];
    return NULL;
}

const char *leat_strerror(int code)
{
    const struct error_entry *e = find(code);

    if (code >= 0)
        return "success";
    return e ? e->text : "unknown error";
}

const char *leat_error_name(int code)
{
    const struct error_entry *e = find(code);

    if (code >= 0)
        return "OK";
    return e ? e->name : "UNKNOWN";
}

int leat_exit_status(int code)
{
    const struct error_entry *e = find(code);

    if (code >= 0)
        return 0;
    return e ? e->status : 1;
}

static void format(const struct leat_error *error, char *buf, size_t size)
{
    char stage[96] = "", where[48] = "", file[4 * sizeof error->file] = "";
    const char *colon = error->file[0] ? ": " : "";
    int name_max = (int)sizeof error->stage_name - 1;

    if (error->stage_name[0] && error->stage > 0)
        snprintf(stage, sizeof stage, "%.*s (#%d): ", name_max, error->stage_name, error->stage);
    else if (error->stage_name[0])
        snprintf(stage, sizeof stage, "%.*s: ", name_max, error->stage_name);
    if (error->has_offset)
        snprintf(where, sizeof where, " (byte %" PRIu64 ")", error->offset);
    if (strcmp(error->file, "-") == 0)
        snprintf(file, sizeof file, "standard input");
    else
        leat_show(error->file, file, sizeof file);
    snprintf(size ? buf : NULL, size, "%s%s%s%s%s", stage, file, colon,
             error->text[0] ? error->text : leat_strerror(error->code), where);
}

void leat_error_format(const struct leat_error *error, char *buf, size_t size)
{
    struct leat_error e = {0};

    if (!leat_sized_is_set(error))
        snprintf(e.text, sizeof e.text, "this struct leat_error has no size: see LEAT_INIT");
    else if (error) /* without what a newer program has added */
        memcpy(&e, error, error->size < sizeof e ? error->size : sizeof e);
    format(&e, buf, size);
}
