/* man.c - leat man stages: generates the manual page leat-stages(7) in mdoc from the tables. */

#include <string.h>

#include "../cmd.h"

/* One multi-byte UTF-8 character as a roff escape. Returns its length in bytes. */
static size_t add_special(struct buf *b, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    unsigned code = p[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 1;
        code = code << 6 | (p[i] & 0x3f);
    }
    buf_add(b, "\\[u%04X]", code);
    return n;
}

/* n bytes of plain text, escaped for roff. */
static void add_roff(struct buf *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        if ((unsigned char)text[i] >= 0x80) {
            i += add_special(b, text + i);
            continue;
        }
        if (text[i] == '\\')
            buf_add(b, "\\e");
        else if (text[i] == '-')
            buf_add(b, "\\-");
        else if (text[i] == '\'')
            buf_add(b, "\\(aq");
        else if (text[i] == '`')
            buf_add(b, "\\(ga");
        else if (text[i] == '"')
            buf_add(b, "\\(dq");
        else
            buf_bytes(b, &text[i], 1);
        i++;
    }
}

/* Prose, wrapped, with a new line for each sentence; no line is parsed as a request. */
static void add_prose(struct buf *b, const char *text, size_t n)
{
    size_t column = 0;

    for (const char *p = text, *end = text + n; p < end;) {
        size_t len = 0;
        bool sentence;

        while (p < end && (*p == ' ' || *p == '\n'))
            p++;
        while (p + len < end && p[len] != ' ' && p[len] != '\n')
            len++;
        if (len == 0)
            break;
        if (column > 0 && column + 1 + len > 76) {
            buf_add(b, "\n");
            column = 0;
        } else if (column > 0) {
            buf_add(b, " ");
            column++;
        }
        if (column == 0 && *p == '.')
            buf_add(b, "\\&");
        add_roff(b, p, len);
        column += len;
        sentence = p[len - 1] == '.' && len > 2;
        p += len;
        if (sentence && p < end) {
            buf_add(b, "\n");
            column = 0;
        }
    }
    if (column > 0)
        buf_add(b, "\n");
}

static void add_paragraphs(struct buf *b, const char *text)
{
    while (text && *text) {
        const char *end = strstr(text, "\n\n");
        size_t n = end ? (size_t)(end - text) : strlen(text);

        buf_add(b, ".Pp\n");
        add_prose(b, text, n);
        text += n;
        text += strspn(text, "\n");
    }
}

static void add_options(struct buf *b, const char *title, const struct leat_option *o)
{
    if (!o || option_is_last(o))
        return;
    if (title)
        buf_add(b, ".Pp\n%s\n", title);
    buf_add(b, ".Bl -tag -width Ds\n");
    for (; !option_is_last(o); o++) {
        struct buf label = {.n = 0}, text = {.n = 0};

        option_label(&label, o);
        buf_add(&text, "%s", o->help ? o->help : "");
        option_notes(&text, o);
        buf_add(b, ".It Li \"");
        add_roff(b, buf_text(&label), strlen(buf_text(&label)));
        buf_add(b, "\"\n");
        add_prose(b, buf_text(&text), strlen(buf_text(&text)));
        b->failed = b->failed || label.failed || text.failed;
        buf_free(&label);
        buf_free(&text);
    }
    buf_add(b, ".El\n");
}

static void add_examples(struct buf *b, const char *examples)
{
    if (!examples || !*examples)
        return;
    buf_add(b, ".Pp\nExamples:\n.Bd -literal -offset indent -compact\n");
    while (*examples) {
        size_t n = strcspn(examples, "\n");

        buf_add(b, "leat ");
        add_roff(b, examples, n);
        buf_add(b, "\n");
        examples += n + (examples[n] == '\n');
    }
    buf_add(b, ".Ed\n");
}

static void add_stage(struct buf *b, const struct leat_registry *registry,
                      const struct leat_stage_type *t)
{
    const char *plugin = leat_registry_plugin(registry, t);
    struct buf synopsis = {.n = 0}, about = {.n = 0};

    stage_synopsis(&synopsis, t);
    buf_add(&about, "%s: %s.", stage_kind(t), t->summary ? t->summary : t->name);
    if (t->aliases)
        buf_add(&about, " Also: %s.", t->aliases);
    if (t->missing)
        buf_add(&about, " This build does not contain it; it needs the Debian package %s.",
                t->missing);
    if (plugin) {
        buf_add(&about, " It is of the plugin ");
        buf_shown(&about, plugin);
        buf_add(&about, ".");
    }
    buf_add(b, ".Ss %s\n.D1 Ic \"", t->name);
    add_roff(b, buf_text(&synopsis), strlen(buf_text(&synopsis)));
    buf_add(b, "\"\n.Pp\n");
    add_prose(b, buf_text(&about), strlen(buf_text(&about)));
    add_paragraphs(b, t->manual);
    add_options(b, NULL, t->options);
    add_options(b, "Options of a branch:", t->branch_options);
    add_examples(b, t->examples);
    b->failed = b->failed || synopsis.failed || about.failed;
    buf_free(&synopsis);
    buf_free(&about);
}

static const char head[] =
    ".\\\" Made by: leat man stages\n"
    ".Dd November 22, 2026\n"
    ".Dt LEAT-STAGES 7\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm leat-stages\n"
    ".Nd the stages of a leat pipeline\n"
    ".Sh DESCRIPTION\n"
    "A stage is a name, followed by options and operands.\n"
    "Options follow the GNU conventions:\n"
    "short options can be combined, long options can be shortened while they are unambiguous, and\n"
    ".Ql \\-\\-\n"
    "ends the options.\n"
    "A readable is the first stage, a writable the last, and transforms are between them.\n"
    ".Xr leat-syntax 5\n"
    "describes how to join stages,\n"
    ".Xr leat 1\n"
    "the options of the command.\n"
    ".Pp\n"
    "Sizes are written as 4096, 64K or 1.5G: K, M, G, T, P and E are powers of 1024;\n"
    "KB, MB, GB and so on are powers of 1000.\n"
    "Durations are written as 500ms, 10s, 5m, 1.5h or 2d; a number without a unit is in seconds.\n"
    ".Sh STAGES\n";

static const char tail[] = ".Sh SEE ALSO\n"
                           ".Xr leat 1 ,\n"
                           ".Xr libleat 3 ,\n"
                           ".Xr leat-syntax 5\n";

int man_main(const struct config *c, int argc, char **argv)
{
    struct leat_registry *registry;
    struct buf out = {.n = 0};
    int status;

    if (argc != 1 || strcmp(argv[0], "stages") != 0)
        return message_fail(c, LEAT_EUSAGE, "man: the page is missing; usage: leat man stages");
    registry = registry_open(c, &status);
    if (!registry)
        return status;
    buf_add(&out, "%s", head);
    for (size_t i = 0; i < leat_registry_count(registry); i++)
        add_stage(&out, registry, leat_registry_at(registry, i));
    buf_add(&out, "%s", tail);
    leat_registry_free(registry);
    status = out_write(&out);
    buf_free(&out);
    return status;
}
