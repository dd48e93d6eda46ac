/* pieces.c - a pipeline as words, from canonical text or from the words of a command line. */

#include "pieces.h"

#include <stdlib.h>
#include <string.h>

static int escaped(const char **at)
{
    const char *p = *at;
    char hex[3] = "";

    *at += p[0] == 'x' ? 3 : 1;
    if (p[0] == 'n')
        return '\n';
    if (p[0] == 't')
        return '\t';
    if (p[0] == 'r')
        return '\r';
    if (p[0] != 'x')
        return p[0];
    memcpy(hex, p + 1, 2);
    return (int)strtol(hex, NULL, 16);
}

/* The next word, unquoted. *ret_plain: it had no quotes. NULL: out of memory. */
static char *next_word(const char **at, bool *ret_plain)
{
    const char *p = *at;
    bool dollar = p[0] == '$' && p[1] == '\'';
    char quote = dollar ? '\'' : *p == '\'' || *p == '"' ? *p : '\0', c;
    struct buf word = {.n = 0};

    p += quote ? 1 + dollar : 0;
    buf_bytes(&word, "", 0);
    while (*p && *p != (quote ? quote : ' ')) {
        if (*p == '\\' && (dollar || quote == '"')) {
            p++;
            c = (char)(dollar ? escaped(&p) : *p++);
        } else {
            c = *p++;
        }
        buf_bytes(&word, &c, 1);
    }
    p += quote && *p ? 1 : 0;
    *at = p + strspn(p, " ");
    *ret_plain = !quote;
    if (word.failed)
        buf_free(&word);
    return word.failed ? NULL : word.data;
}

static int add_piece(struct pieces *pieces, int kind)
{
    struct piece *more = realloc(pieces->v, (pieces->n + 1) * sizeof *more);

    if (!more)
        return LEAT_ENOMEM;
    pieces->v = more;
    pieces->v[pieces->n] = (struct piece){.words = NULL};
    pieces->v[pieces->n++].kind = kind;
    return 0;
}

/* Takes the word. */
static int add_word(struct piece *piece, char *word)
{
    size_t n = 0;
    char **more;

    while (piece->words && piece->words[n])
        n++;
    more = realloc(piece->words, (n + 2) * sizeof *more);
    if (!more) {
        free(word);
        return LEAT_ENOMEM;
    }
    piece->words = more;
    more[n] = word;
    more[n + 1] = NULL;
    return 0;
}

/* Takes the word. *in_stage: the last piece is a stage that takes further words. */
static int add_any(struct pieces *pieces, char *word, bool plain, bool *in_stage)
{
    bool bracket = plain && (strcmp(word, "[") == 0 || strcmp(word, "]") == 0);
    bool joiner = plain && (strcmp(word, "|") == 0 || strcmp(word, ":") == 0);
    int r = 0;

    if (bracket)
        r = add_piece(pieces, *word == '[' ? PIECE_OPEN : PIECE_CLOSE);
    else if (!joiner && !*in_stage)
        r = add_piece(pieces, PIECE_STAGE);
    else if (joiner && !*in_stage &&
             (pieces->n == 0 || pieces->v[pieces->n - 1].kind != PIECE_CLOSE))
        r = LEAT_EUSAGE;
    if (bracket || joiner || r < 0) {
        *in_stage = false;
        free(word);
        return r;
    }
    *in_stage = true;
    return add_word(&pieces->v[pieces->n - 1], word);
}

int pieces_of_text(struct pieces *pieces, const char *text)
{
    bool in_stage = false, plain;
    int r = 0;

    while (*text && r == 0) {
        char *word = next_word(&text, &plain);

        r = word ? add_any(pieces, word, plain, &in_stage) : LEAT_ENOMEM;
    }
    return r;
}

int pieces_of_words(struct pieces *pieces, size_t n, char *const *words)
{
    bool in_stage = false, open = false; /* open: the last word is a joiner */
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        bool literal =
            words[i][0] == '\\' && words[i][1] && strchr(":|[]", words[i][1]) && !words[i][2];
        char *word = strdup(words[i] + literal);

        r = word ? add_any(pieces, word, !literal, &in_stage) : LEAT_ENOMEM;
        open = r == 0 && !literal && (strcmp(words[i], ":") == 0 || strcmp(words[i], "|") == 0);
    }
    return r == 0 && open ? LEAT_EUSAGE : r;
}

void pieces_done(struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->n; i++) {
        for (char **w = pieces->v[i].words; w && *w; w++)
            free(*w);
        free(pieces->v[i].words);
    }
    free(pieces->v);
    *pieces = (struct pieces){.n = 0};
}

static int append_stage(char *const *words, struct leat_builder *b,
                        char *(*fill)(void *arg, const char *word), void *arg)
{
    size_t n = 0, made = 0;
    char **filled;

    while (words[n])
        n++;
    filled = calloc(n + 1, sizeof *filled);
    if (!filled)
        return LEAT_ENOMEM;
    while (made < n && (filled[made] = fill(arg, words[made])))
        made++;
    if (made == n) /* the builder keeps a failure */
        (void)leat_builder_stage(b, filled[0], (const char *const *)(filled + 1));
    for (size_t i = 0; i < made; i++)
        free(filled[i]);
    free(filled);
    return made == n ? 0 : LEAT_ENOMEM;
}

int pieces_append(const struct pieces *pieces, struct leat_builder *b,
                  char *(*fill)(void *arg, const char *word), void *arg)
{
    int r = 0;

    for (size_t i = 0; i < pieces->n && r == 0; i++) {
        if (pieces->v[i].kind == PIECE_STAGE)
            r = append_stage(pieces->v[i].words, b, fill, arg);
        else if (pieces->v[i].kind == PIECE_OPEN)
            (void)leat_builder_branch_begin(b);
        else
            (void)leat_builder_branch_end(b);
    }
    return r;
}

static void quote(struct buf *buf, const char *word)
{
    char *quoted = leat_quote(word);

    if (quoted)
        buf_add(buf, "%s", quoted);
    else
        buf->failed = true;
    free(quoted);
}

void pieces_text(struct buf *buf, const struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->n; i++) {
        const struct piece *piece = &pieces->v[i];

        if (i > 0)
            buf_add(buf, "%s",
                    piece->kind == PIECE_STAGE && pieces->v[i - 1].kind != PIECE_OPEN ? " | "
                                                                                      : " ");
        if (piece->kind != PIECE_STAGE)
            buf_add(buf, "%s", piece->kind == PIECE_OPEN ? "[" : "]");
        for (char **w = piece->words; w && *w; w++) {
            buf_add(buf, "%s", w == piece->words ? "" : " ");
            quote(buf, *w);
        }
    }
}
