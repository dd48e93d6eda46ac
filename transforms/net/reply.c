/* reply.c - the first line of the body of an answer, for a message. */

#include <string.h>

#include "client.h"

/* Text of a page of HTML is shown without its tags. Other bytes than those of text become spaces. */
void leat_reply_line(const char *reply, char *to, size_t size)
{
    bool tag = false;
    size_t n = 0;

    for (const char *p = reply; *p && n < size - 1; p++) {
        unsigned char c = (unsigned char)*p;

        if (*reply == '<' && (c == '<' || c == '>')) {
            tag = c == '<';
            continue;
        }
        if (tag)
            continue;
        if ((c == '\n' || c == '\r') && n > 0)
            break;
        if (c <= ' ' || c == 0x7f) { /* no space at the start, nor two of them */
            if (n == 0 || to[n - 1] == ' ')
                continue;
            c = ' ';
        }
        to[n++] = (char)c;
    }
    while (n > 0 && to[n - 1] == ' ')
        n--;
    to[n] = '\0';
}
