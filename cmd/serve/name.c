/* name.c - percent-decodes and checks names that a client chooses. It knows nothing of HTTP. */

#include "name.h"

#include <string.h>

#include "leat.h"

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

const char *name_refusal(const char *name)
{
    bool plain;
    size_t n;

    if (*name == '\0')
        return "the name is empty";
    if (*name == '.')
        return "the name begins with a dot";
    if (*name == '-')
        return "the name begins with a dash";
    if (strlen(name) > NAME_BYTES_MAX)
        return "the name is longer than 200 bytes";
    if (strpbrk(name, "/\\"))
        return "the name has a slash";
    for (; *name; name += n) {
        n = leat_show_char(name, &plain);
        if (n == 0)
            return "the name is not UTF-8";
        if (!plain)
            return "the name has a control character";
    }
    return NULL;
}

const char *name_decode(const char *raw, size_t n, char *ret)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        char c = raw[i];

        if (c == '%') {
            int high = i + 2 < n ? nibble(raw[i + 1]) : -1,
                low = high < 0 ? -1 : nibble(raw[i + 2]);

            if (low < 0)
                return "the name has a % without two hex digits";
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return "the name has a control character";
        if (at == NAME_BYTES_MAX)
            return "the name is longer than 200 bytes";
        ret[at++] = c;
    }
    ret[at] = '\0';
    return name_refusal(ret);
}
