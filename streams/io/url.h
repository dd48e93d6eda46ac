/* url.h - which words name something outside of the file system. */
#ifndef LEAT_IO_URL_H
#define LEAT_IO_URL_H

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* leat_url_is_socket - is it the address of a socket, as of the stage connect? */
static inline bool leat_url_is_socket(const char *word)
{
    static const char *const prefixes[] = {"tcp://", "tls://", "unix:"};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncasecmp(word, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

#endif
