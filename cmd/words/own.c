/* own.c - options of one subcommand, from the table that is also its help. */

#include <stdlib.h>
#include <string.h>

#include "../cmd.h"

static int add(struct config *c, size_t option, const char *value)
{
    struct own_word *more = realloc(c->own, (c->n_own + 1) * sizeof *more);

    if (!more) {
        (void)message_fail(c, LEAT_ENOMEM, "out of memory");
        return -1;
    }
    c->own = more;
    c->own[c->n_own++] = (struct own_word){.option = option, .value = value};
    return 0;
}

/* -9, -19 */
static bool is_digits(const char *word)
{
    size_t n = word[0] == '-' ? strspn(word + 1, "0123456789") : 0;

    return n > 0 && word[1 + n] == '\0';
}

int own_option(struct config *c, const struct subcommand *sub, char *const *words)
{
    size_t len = strcspn(words[0], "=");
    const char *value = words[0][len] == '=' ? words[0] + len + 1 : NULL;

    for (size_t i = 0; i < *sub->n_options && words[0][0] == '-' && words[0][1] && !words[0][2];
         i++)
        if (sub->options[i].short_name == words[0][1] && !sub->options[i].metavar)
            return add(c, i, NULL) < 0 ? -1 : 1;
    for (size_t i = 0; i < *sub->n_options && is_digits(words[0]); i++)
        if (sub->options[i].short_name == LEAT_DIGITS)
            return add(c, i, words[0] + 1) < 0 ? -1 : 1;
    if (strncmp(words[0], "--", 2) != 0)
        return 0;
    for (size_t i = 0; i < *sub->n_options; i++) {
        const struct global_option *o = &sub->options[i];
        int used = 1;

        if (strlen(o->name) != len - 2 || strncmp(o->name, words[0] + 2, len - 2) != 0)
            continue;
        if (o->metavar && !value) {
            value = words[1];
            used = 2;
        }
        if (!o->metavar != !value) {
            (void)message_fail(c, LEAT_EUSAGE, "option --%s %s", o->name,
                               o->metavar ? "needs a value" : "takes no value");
            return -1;
        }
        return add(c, i, value) < 0 ? -1 : used;
    }
    return 0;
}
