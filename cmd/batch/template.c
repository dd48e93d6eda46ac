/* template.c - the places {} {.} {/} {//} {/.} and {path} {dir} {base} {stem} {stem2} {ext} {rel} {n} {shard} {plain} {decoder}
 * in a word.
 *
 * The short ones are those of GNU parallel. {{ and }} around a name make the literal {name}. Other braces, such as those of a
 * regular expression, stay as they are: a place begins with a letter, or is one of the short ones.
 */

#include "template.h"

#include <stdlib.h>
#include <string.h>

#include "suffix.h"

#define WIDTH_MAX 20 /* of {n:04} */

enum place {
    PLACE_PATH,
    PLACE_NO_EXT, /* {.}: the path without the suffix */
    PLACE_BASE,
    PLACE_DIR,
    PLACE_STEM,  /* {/.}: the base without the suffix */
    PLACE_STEM2, /* without two suffixes */
    PLACE_EXT,
    PLACE_REL,
    PLACE_REL_STEM, /* {rel.}: without the suffix */
    PLACE_N,
    PLACE_SHARD,
    PLACE_DECODER,   /* the stage that decodes the file, by its suffix, or `pass` */
    PLACE_PLAIN,     /* the path without the suffix of a codec */
    PLACE_REL_PLAIN, /* {rel} without it */
    PLACE_UNTAR,     /* {plain} without .tar */
    PLACE_REL_UNTAR,
};

static const struct {
    const char *name;
    enum place place;
} places[] = {
    {"", PLACE_PATH},         {".", PLACE_NO_EXT},
    {"/", PLACE_BASE},        {"//", PLACE_DIR},
    {"/.", PLACE_STEM},       {"path", PLACE_PATH},
    {"dir", PLACE_DIR},       {"base", PLACE_BASE},
    {"stem", PLACE_STEM},     {"stem2", PLACE_STEM2},
    {"ext", PLACE_EXT},       {"rel", PLACE_REL},
    {"rel.", PLACE_REL_STEM}, {"n", PLACE_N},
    {"shard", PLACE_SHARD},   {"decoder", PLACE_DECODER},
    {"plain", PLACE_PLAIN},   {"rel.plain", PLACE_REL_PLAIN},
    {"untar", PLACE_UNTAR},   {"rel.untar", PLACE_REL_UNTAR},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The length of {name} or {name:04} at the beginning of text, or 0. */
static size_t braced(const char *text, size_t *ret_name, unsigned *ret_width)
{
    size_t n = *text == '{' ? 1 + strcspn(text + 1, "{}:") : 0, name = n;

    *ret_width = 0;
    if (n > 0 && text[n] == ':' && text[n + 1] == '0') {
        for (n += 2; text[n] >= '0' && text[n] <= '9' && *ret_width <= WIDTH_MAX; n++)
            *ret_width = *ret_width * 10 + (unsigned)(text[n] - '0');
    }
    if (n == 0 || text[n] != '}' || *ret_width > WIDTH_MAX)
        return 0;
    *ret_name = name - 1;
    return n + 1;
}

/* The length of the place at the beginning of text, or 0. */
static size_t place_at(const char *text, enum place *ret, unsigned *ret_width)
{
    size_t name, n = braced(text, &name, ret_width);

    for (size_t i = 0; n > 0 && i < sizeof places / sizeof *places; i++) {
        if (strlen(places[i].name) != name || strncmp(text + 1, places[i].name, name) != 0)
            continue;
        *ret = places[i].place;
        return *ret_width == 0 || *ret == PLACE_N || *ret == PLACE_SHARD ? n : 0;
    }
    return 0;
}

/* The length of {{name}} at the beginning of text, which stands for {name}; or 0. */
static size_t literal_at(const char *text)
{
    unsigned width;
    size_t name, n = text[0] == '{' && text[1] == '{' ? braced(text + 1, &name, &width) : 0;

    return n > 0 && text[1 + n] == '}' ? n + 2 : 0;
}

const char *template_bad(const char *word, size_t *ret_n)
{
    enum place place;
    unsigned width;
    size_t name, n;

    while (*word) {
        n = literal_at(word);
        if (n == 0)
            n = place_at(word, &place, &width);
        if (n == 0 && is_letter(word[0] == '{' ? word[1] : '\0')) {
            *ret_n = braced(word, &name, &width);
            if (*ret_n > 0 && strcspn(word, " ;$()\"'") >= *ret_n)
                return word;
        }
        word += n > 0 ? n : 1;
    }
    return NULL;
}

bool template_has(const char *word)
{
    enum place place;
    unsigned width;
    size_t n;

    for (; *word; word += n > 0 ? n : 1) {
        n = literal_at(word);
        if (n == 0 && place_at(word, &place, &width) > 0)
            return true;
    }
    return false;
}

void template_quote(struct buf *b, const char *text)
{
    while (*text) {
        unsigned width;
        size_t name, n = braced(text, &name, &width);

        if (n > 0)
            buf_add(b, "{%.*s}", (int)n, text);
        else
            buf_bytes(b, text, 1);
        text += n > 0 ? n : 1;
    }
}

/* The length of the name up to its last suffix; a dot at the beginning of the base begins none. */
static size_t without_suffix(const char *base, size_t n)
{
    const char *dot = memrchr(base, '.', n);

    return dot && dot > base ? (size_t)(dot - base) : n;
}

static void add_dir(struct buf *b, const char *path, size_t n)
{
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n > 0)
        buf_bytes(b, path, n);
    else
        buf_add(b, ".");
}

/* The places that depend on the suffix of a codec. */
static void add_by_suffix(struct buf *b, enum place place, const struct place_values *v)
{
    const struct suffix *suffix = suffix_of(v->path);
    bool rel = place == PLACE_REL_PLAIN || place == PLACE_REL_UNTAR;

    if (place == PLACE_DECODER) {
        buf_add(b, "%s", suffix ? suffix->decoder : "pass");
        return;
    }
    suffix_plain(b, rel ? v->rel : v->path);
    if ((place == PLACE_UNTAR || place == PLACE_REL_UNTAR) && suffix_is_tar(v->path) && !b->failed)
        b->data[b->n -= 4] = '\0';
}

static void add_value(struct buf *b, enum place place, unsigned width, const struct place_values *v)
{
    const char *slash = strrchr(v->path, '/'), *base = slash ? slash + 1 : v->path;
    const char *rel_slash = strrchr(v->rel, '/'), *rel_base = rel_slash ? rel_slash + 1 : v->rel;
    size_t dir = (size_t)(base - v->path), n = strlen(base), stem = without_suffix(base, n);

    switch (place) {
    case PLACE_PATH:
        buf_add(b, "%s", v->address ? v->address : v->path);
        break;
    case PLACE_NO_EXT:
        buf_bytes(b, v->path, dir + stem);
        break;
    case PLACE_BASE:
        buf_add(b, "%s", base);
        break;
    case PLACE_DIR:
        add_dir(b, v->path, dir);
        break;
    case PLACE_STEM:
        buf_bytes(b, base, stem);
        break;
    case PLACE_STEM2:
        buf_bytes(b, base, without_suffix(base, stem));
        break;
    case PLACE_EXT:
        buf_add(b, "%s", stem < n ? base + stem + 1 : "");
        break;
    case PLACE_REL:
        buf_add(b, "%s", v->rel);
        break;
    case PLACE_REL_STEM:
        buf_bytes(b, v->rel,
                  (size_t)(rel_base - v->rel) + without_suffix(rel_base, strlen(rel_base)));
        break;
    case PLACE_N:
        buf_add(b, "%0*llu", (int)width, (unsigned long long)v->n);
        break;
    case PLACE_SHARD:
        buf_add(b, "%0*llu", (int)width, (unsigned long long)v->shard);
        break;
    default:
        add_by_suffix(b, place, v);
    }
}

char *template_fill(const char *word, const struct place_values *values)
{
    struct buf b = {.n = 0};
    enum place place;
    unsigned width;
    size_t n;

    buf_bytes(&b, "", 0);
    while (*word) {
        size_t literal = literal_at(word), plain = strcspn(word + 1, "{") + 1;

        n = literal > 0 ? 0 : place_at(word, &place, &width);
        if (literal > 0)
            buf_bytes(&b, word + 1, literal - 2);
        else if (n > 0)
            add_value(&b, place, width, values);
        else
            buf_bytes(&b, word, plain);
        word += literal > 0 ? literal : n > 0 ? n : plain;
    }
    if (b.failed)
        buf_free(&b);
    return b.failed ? NULL : b.data;
}
