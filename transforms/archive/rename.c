/* rename.c - the names of entries, rewritten by rules of the form RE=TEXT. */

#include "rename.h"

#include <regex.h>
#include <string.h>

#include "base/invariant.h"

#define GROUPS 10u
#define EXPRESSION_MAX 4096u

struct rule {
    regex_t expression;
    const char *text; /* borrowed */
    bool compiled;
};

struct leat_rename {
    size_t n;
    struct rule v[];
};

/* The first `=` without a backslash; NULL: there is none. */
static const char *find_equals(const char *rule)
{
    for (const char *c = rule; *c; c++) {
        if (*c == '=')
            return c;
        if (*c == '\\' && c[1])
            c++;
    }
    return NULL;
}

/* The expression ends at the `=`; the pair `\=` in it is a plain `=`. */
static int compile(struct leat_stage *s, const char *text, struct rule *rule)
{
    const char *equals = find_equals(text);
    char expression[EXPRESSION_MAX], message[256];
    size_t n = 0;
    int r;

    if (!equals || equals == text)
        return leat_fail(s, LEAT_EUSAGE, "--rename '%s': must be RE=TEXT", text);
    if ((size_t)(equals - text) >= sizeof expression)
        return leat_fail(s, LEAT_EUSAGE, "--rename: the expression is longer than %u bytes",
                         EXPRESSION_MAX - 1);
    for (const char *c = text; c < equals; c++)
        if (!(*c == '\\' && c[1] == '='))
            expression[n++] = *c;
    expression[n] = '\0';
    r = regcomp(&rule->expression, expression, REG_EXTENDED);
    if (r != 0) {
        (void)regerror(r, &rule->expression, message, sizeof message);
        return leat_fail(s, LEAT_EUSAGE, "--rename '%s': %s", text, message);
    }
    rule->compiled = true;
    rule->text = equals + 1;
    return 0;
}

int leat_rename_new(struct leat_stage *s, const struct leat_strings *rules,
                    struct leat_rename **ret)
{
    struct leat_rename *rename;
    int r = 0;

    *ret = NULL;
    if (rules->n == 0)
        return 0;
    rename = leat_alloc(s, sizeof *rename + rules->n * sizeof *rename->v);
    if (!rename)
        return LEAT_ENOMEM;
    rename->n = rules->n;
    for (size_t i = 0; r == 0 && i < rules->n; i++)
        r = compile(s, rules->v[i], &rename->v[i]);
    *ret = rename;
    return r;
}

int leat_rename_check(struct leat_stage *s, const struct leat_strings *rules)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < rules->n; i++) {
        struct rule rule = {.compiled = false};

        r = compile(s, rules->v[i], &rule);
        if (rule.compiled)
            regfree(&rule.expression);
    }
    return r;
}

void leat_rename_free(struct leat_stage *s, struct leat_rename *rename)
{
    for (size_t i = 0; rename && i < rename->n; i++)
        if (rename->v[i].compiled)
            regfree(&rename->v[i].expression);
    leat_free(s, rename);
}

struct result {
    char bytes[LEAT_RENAME_MAX];
    size_t n;
    bool too_long;
};

static void add(struct result *result, const char *from, size_t n)
{
    if (n >= sizeof result->bytes - result->n) {
        result->too_long = true;
        return;
    }
    memcpy(result->bytes + result->n, from, n);
    result->n += n;
}

static void add_group(struct result *result, const char *name, const regmatch_t *group)
{
    if (group->rm_so >= 0)
        add(result, name + group->rm_so, (size_t)(group->rm_eo - group->rm_so));
}

/* The text of the rule, with the groups of this match. */
static void add_text(struct result *result, const char *text, const char *name,
                     const regmatch_t *groups)
{
    for (const char *c = text; *c; c++) {
        if (*c == '&') {
            add_group(result, name, &groups[0]);
        } else if (*c == '\\' && c[1] >= '0' && c[1] <= '9') {
            add_group(result, name, &groups[c[1] - '0']);
            c++;
        } else {
            c += *c == '\\' && c[1];
            add(result, c, 1);
        }
    }
}

int leat_rename_apply(struct leat_stage *s, const struct leat_rename *rename, char *name)
{
    for (size_t i = 0; rename && i < rename->n; i++) {
        regmatch_t groups[GROUPS];
        struct result result = {.n = 0};

        leat_assert(rename->v[i].compiled);
        if (regexec(&rename->v[i].expression, name, GROUPS, groups, 0) != 0)
            continue;
        add(&result, name, (size_t)groups[0].rm_so);
        add_text(&result, rename->v[i].text, name, groups);
        add(&result, name + groups[0].rm_eo, strlen(name + groups[0].rm_eo));
        if (result.too_long)
            return leat_fail(s, LEAT_ELIMIT, "--rename makes a name longer than %u bytes",
                             LEAT_RENAME_MAX - 1);
        memcpy(name, result.bytes, result.n);
        name[result.n] = '\0';
    }
    return 0;
}
