/* lexer.c - turn the two forms of a pipeline into tokens: text is split like in a shell, words stay
 * as they are. parser.c knows the meaning of the tokens.
 */

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "tree.h"

/* --- a growing list of tokens ----------------------------------------------------------------- */

struct tokens {
    struct leat_token *v;
    size_t n, room;
    size_t n_words;
};

static int add_token(struct tokens *t, struct leat_token token, struct leat_error *error)
{
    struct leat_token *more;

    if (token.kind == LEAT_TOKEN_WORD && ++t->n_words > LEAT_TREE_WORDS_MAX)
        return leat_error_set(error, LEAT_ELIMIT, "more than %u words", LEAT_TREE_WORDS_MAX);
    more = leat_grow(t->v, t->n, &t->room, sizeof *more);
    if (!more)
        return leat_error_set(error, LEAT_ENOMEM, "out of memory");
    t->v = more;
    t->v[t->n++] = token;
    return 0;
}

/* The kind of token of an unquoted word. */
static enum leat_token_kind operator_kind(const char *word, size_t len)
{
    if (len != 1)
        return LEAT_TOKEN_WORD;
    switch (*word) {
    case ':':
    case '|':
        return LEAT_TOKEN_JOIN;
    case '[':
        return LEAT_TOKEN_OPEN;
    case ']':
        return LEAT_TOKEN_CLOSE;
    default:
        return LEAT_TOKEN_WORD;
    }
}

/* --- words ------------------------------------------------------------------------------------ */

/* `\:` is the word `:`, and `\\:` the word `\:`, so that every word can be written. */
static const char *unescape(const char *word)
{
    size_t n = strspn(word, "\\");

    return n > 0 && operator_kind(word + n, strlen(word + n)) != LEAT_TOKEN_WORD ? word + 1 : word;
}

int leat_tree_from_words(const struct leat_registry *registry, size_t n_words,
                         const char *const *words, struct leat_tree **ret_plan,
                         struct leat_error *ret_error)
{
    struct tokens t = {.n = 0};
    int r = 0;

    for (size_t i = 0; i < n_words && r == 0; i++) {
        struct leat_token token = {.kind = operator_kind(words[i], strlen(words[i])),
                                   .where = i + 1};

        if (token.kind == LEAT_TOKEN_WORD)
            token.word = unescape(words[i]);
        r = add_token(&t, token, ret_error);
    }
    if (r == 0)
        r = leat_tree_from_tokens(registry, t.v, t.n, ret_plan, ret_error);
    free(t.v);
    return r;
}

/* --- text ------------------------------------------------------------------------------------- */

struct lexer {
    const char *text;
    size_t at;
    const struct leat_variable *variables;
    size_t n_variables;

    /* The current word. The buffer holds the words one after the other, each with its NUL. Tokens
     * get their pointers at the end, because the buffer moves when it grows. */
    char *words;
    size_t n, room;
    size_t word_start; /* of the current word, in words */
    size_t word_at;    /* of the current word, in the text */
    bool in_word, quoted;

    bool newline; /* since the last token */
    struct tokens tokens;
    struct leat_error *error;
};

static int fail_text(struct lexer *x, size_t at, int code)
{
    if (x->error) {
        x->error->has_offset = true;
        x->error->offset_of = LEAT_OFFSET_TEXT;
        x->error->offset = at;
    }
    return code;
}

static int put(struct lexer *x, const char *data, size_t n)
{
    if (n == 0)
        return 0;
    if (x->room - x->n < n) {
        size_t room = 2 * x->room + n + 64;
        char *more;

        /* The text is limited, but its size with expanded variables is not yet. */
        if (x->n + n > 2 * LEAT_TREE_TEXT_MAX) {
            leat_error_set(x->error, LEAT_ELIMIT, "variables make it longer than %zu bytes",
                           2 * LEAT_TREE_TEXT_MAX);
            return fail_text(x, x->at, LEAT_ELIMIT);
        }
        more = realloc(x->words, room);
        if (!more)
            return leat_error_set(x->error, LEAT_ENOMEM, "out of memory");
        x->words = more;
        x->room = room;
    }
    memcpy(x->words + x->n, data, n);
    x->n += n;
    return 0;
}

static void begin_word(struct lexer *x)
{
    if (x->in_word)
        return;
    x->in_word = true;
    x->quoted = false;
    x->word_start = x->n;
    x->word_at = x->at;
}

/* A newline between two words is a joiner; next to an operator it is only space. */
static int join_lines(struct lexer *x, enum leat_token_kind next)
{
    struct leat_token token = {.kind = LEAT_TOKEN_JOIN, .has_offset = true, .where = x->word_at};
    enum leat_token_kind last =
        x->tokens.n > 0 ? x->tokens.v[x->tokens.n - 1].kind : LEAT_TOKEN_JOIN;
    bool after_stage = last == LEAT_TOKEN_WORD || last == LEAT_TOKEN_CLOSE;

    if (!x->newline || !after_stage || next != LEAT_TOKEN_WORD)
        return 0;
    return add_token(&x->tokens, token, x->error);
}

static int end_word(struct lexer *x)
{
    struct leat_token token = {.has_offset = true, .where = x->word_at};
    int r;

    if (!x->in_word)
        return 0;
    x->in_word = false;
    token.kind =
        x->quoted ? LEAT_TOKEN_WORD : operator_kind(x->words + x->word_start, x->n - x->word_start);
    r = join_lines(x, token.kind);
    x->newline = false;
    if (r == 0)
        r = add_token(&x->tokens, token, x->error);
    if (r < 0)
        return r;
    if (token.kind == LEAT_TOKEN_WORD)
        return put(x, "", 1);
    x->n = x->word_start;
    return 0;
}

/* ${name}, at the dollar. The value is literal: never split, never an operator. */
static int expand(struct lexer *x)
{
    const char *name = x->text + x->at + 2;
    size_t len = strcspn(name, "}\n"), at = x->at;
    char shown[64];

    if (name[len] != '}' || len == 0 || len >= sizeof shown) {
        leat_error_set(x->error, LEAT_EUSAGE,
                       name[len] != '}' ? "'${' without '}'"
                       : len == 0       ? "'${}' has no name"
                                        : "the name in '${…}' is too long");
        leat_error_add(x->error, "; for a literal dollar write \\$");
        return fail_text(x, at, LEAT_EUSAGE);
    }
    memcpy(shown, name, len);
    shown[len] = '\0';
    x->quoted = true;
    for (size_t i = x->n_variables; i > 0; i--) { /* the last definition counts */
        const struct leat_variable *v = &x->variables[i - 1];

        if (strcmp(v->name, shown) == 0) {
            x->at += len + 3;
            return put(x, v->value, strlen(v->value));
        }
    }
    leat_error_set(x->error, LEAT_EUSAGE, "the variable '%s' is not set; give it with --set %s=…",
                   leat_shown(shown).text, leat_shown(shown).text);
    return fail_text(x, at, LEAT_EUSAGE);
}

/* The length of the line end at p; 0 if there is none. */
static size_t line_end(const char *p)
{
    return *p == '\n' ? 1 : *p == '\r' && p[1] == '\n' ? 2 : 0;
}

/* A backslash: makes the next character literal, or joins two lines. */
static int escaped(struct lexer *x, bool in_quotes)
{
    const char *next = x->text + x->at + 1;
    size_t end = line_end(next);
    int r;

    if (end > 0) {
        x->at += 1 + end;
        return 0;
    }
    if (*next == '\0') {
        leat_error_set(x->error, LEAT_EUSAGE,
                       "a backslash at the end; for a literal one write \\\\");
        return fail_text(x, x->at, LEAT_EUSAGE);
    }
    begin_word(x);
    x->quoted = true;
    if (in_quotes && !strchr("\"\\$", *next))
        r = put(x, next - 1, 2);
    else
        r = put(x, next, 1);
    x->at += 2;
    return r;
}

static int unclosed(struct lexer *x, size_t at, char quote)
{
    leat_error_set(x->error, LEAT_EUSAGE, "the quote %c is not closed", quote);
    return fail_text(x, at, LEAT_EUSAGE);
}

static int single_quotes(struct lexer *x)
{
    const char *from = x->text + x->at + 1, *end = strchr(from, '\'');

    if (!end)
        return unclosed(x, x->at, '\'');
    x->at = (size_t)(end + 1 - x->text);
    return put(x, from, (size_t)(end - from));
}

static int double_quotes(struct lexer *x)
{
    size_t start = x->at++;
    int r = 0;

    while (r == 0) {
        const char *p = x->text + x->at;

        if (*p == '"') {
            x->at++;
            return 0;
        }
        if (*p == '\0')
            return unclosed(x, start, '"');
        if (*p == '\\' && p[1] != '\0')
            r = escaped(x, true);
        else if (*p == '$' && p[1] == '{')
            r = expand(x);
        else {
            r = put(x, p, 1);
            x->at++;
        }
    }
    return r;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A backslash inside $'…': the escapes of shells, with \xH and \xHH for any byte except 0. */
static int dollar_escape(struct lexer *x)
{
    static const char names[] = "abefnrtv\\'\"?", bytes[] = "\a\b\033\f\n\r\t\v\\'\"?";
    const char *p = x->text + x->at + 1, *name = *p ? strchr(names, *p) : NULL;
    int high = *p == 'x' ? hex_digit(p[1]) : -1, low = high >= 0 ? hex_digit(p[2]) : -1;
    char byte = (char)(low >= 0 ? high << 4 | low : high);

    if (name) {
        x->at += 2;
        return put(x, &bytes[name - names], 1);
    }
    if (high < 0 || byte == 0) {
        leat_error_set(x->error, LEAT_EUSAGE,
                       "an escape that $'…' does not have: it knows \\n, \\t, \\r, \\e, \\\\, "
                       "\\', \\x01 to \\xff and a few more");
        return fail_text(x, x->at, LEAT_EUSAGE);
    }
    x->at += low >= 0 ? 4 : 3;
    return put(x, &byte, 1);
}

static int dollar_quotes(struct lexer *x)
{
    size_t start = x->at;
    int r = 0;

    for (x->at += 2; r == 0 && x->text[x->at] != '\'';) {
        const char *p = x->text + x->at;

        if (*p == '\0')
            return unclosed(x, start, '\'');
        if (*p == '\\') {
            r = dollar_escape(x);
        } else {
            r = put(x, p, 1);
            x->at++;
        }
    }
    x->at++;
    return r;
}

/* One character that belongs to a word, or a quoted part of it. */
static int word_part(struct lexer *x)
{
    const char *p = x->text + x->at;

    if (*p == '\\')
        return escaped(x, false);
    begin_word(x);
    if (*p == '\'' || *p == '"') {
        x->quoted = true;
        return *p == '"' ? double_quotes(x) : single_quotes(x);
    }
    if (*p == '$' && p[1] == '{')
        return expand(x);
    if (*p == '$' && p[1] == '\'') {
        x->quoted = true;
        return dollar_quotes(x);
    }
    x->at++;
    return put(x, p, 1);
}

static int next_part(struct lexer *x)
{
    const char *p = x->text + x->at;
    int r;

    switch (*p) {
    case ' ':
    case '\t':
    case '\r':
        r = end_word(x);
        x->at++;
        return r;
    case '\n':
        r = end_word(x);
        x->newline = true;
        x->at++;
        return r;
    case '#':
        if (x->in_word)
            return word_part(x);
        x->at += strcspn(p, "\n");
        return 0;
    default:
        return word_part(x);
    }
}

static int tokenize(struct lexer *x)
{
    const char *word;
    int r = 0;

    while (r == 0 && x->text[x->at])
        r = next_part(x);
    if (r == 0)
        r = end_word(x);
    if (r < 0)
        return r;
    word = x->words;
    for (size_t i = 0; i < x->tokens.n && word; i++) {
        if (x->tokens.v[i].kind != LEAT_TOKEN_WORD)
            continue;
        x->tokens.v[i].word = word;
        word += strlen(word) + 1;
    }
    return 0;
}

int leat_text_tokens(const char *text, const struct leat_variable *variables, size_t n_variables,
                     leat_tokens_fn use, void *arg, struct leat_error *ret_error)
{
    struct lexer x = {
        .text = text, .variables = variables, .n_variables = n_variables, .error = ret_error};
    int r;

    if (strnlen(text, LEAT_TREE_TEXT_MAX + 1) > LEAT_TREE_TEXT_MAX)
        return leat_error_set(ret_error, LEAT_ELIMIT, "the text is longer than %zu bytes",
                              LEAT_TREE_TEXT_MAX);
    r = tokenize(&x);
    if (r == 0)
        r = use(arg, x.tokens.v, x.tokens.n, ret_error);
    free(x.tokens.v);
    free(x.words);
    return r;
}

struct plan_of {
    const struct leat_registry *registry;
    struct leat_tree **ret_plan;
};

static int parse(void *arg, const struct leat_token *tokens, size_t n, struct leat_error *ret_error)
{
    const struct plan_of *of = arg;

    return leat_tree_from_tokens(of->registry, tokens, n, of->ret_plan, ret_error);
}

int leat_tree_from_text(const struct leat_registry *registry, const char *text,
                        const struct leat_variable *variables, size_t n_variables,
                        struct leat_tree **ret_plan, struct leat_error *ret_error)
{
    struct plan_of of = {.registry = registry, .ret_plan = ret_plan};

    return leat_text_tokens(text, variables, n_variables, parse, &of, ret_error);
}
