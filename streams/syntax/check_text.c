/* check_text.c - for the checks of types: the reason of a refusal, names, and texts for people. */
#include <stdarg.h>
#include <string.h>

#include "base/show.h"
#include "type_check.h"

bool leat_type_refuse(const struct leat_type_check *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    leat_show_v(c->text, c->size, format, args);
    va_end(args);
    return false;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool leat_type_name(const char *name, size_t n, size_t most)
{
    if (n == 0 || n > most || name[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(name[i]) && (name[i] == '\0' || !strchr("-_.+", name[i])))
            return false;
    return true;
}

bool leat_type_text(const struct leat_type_check *c, const char *what, const char *text,
                    size_t most, bool many_lines)
{
    size_t n = 0;

    if (!text)
        return true;
    if (*text == '\0')
        return leat_type_refuse(c, "%s is empty: leave it NULL", what);
    while (text[n] != '\0') {
        size_t plain = many_lines && text[n] == '\n' ? 1 : leat_show_plain(text + n);

        if (plain == 0)
            return leat_type_refuse(c, "%s: byte %zu is a control character, or not UTF-8", what,
                                    n);
        n += plain;
        if (n > most)
            return leat_type_refuse(c, "%s is longer than %zu bytes", what, most);
    }
    return true;
}
