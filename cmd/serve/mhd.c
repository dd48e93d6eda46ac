/* mhd.c - loads libmicrohttpd, so that other runs of leat start without it. */

#if HAVE_MICROHTTPD

#include "mhd.h"

#include <dlfcn.h>
#include <string.h>

const char *mhd_load(struct mhd *ret)
{
    static const char *const names[] = {MHD_FUNCTIONS(LEAT_LOADED_NAME) NULL};
    void *library = dlopen(LIBMICROHTTPD_SO, RTLD_NOW | RTLD_LOCAL);
    unsigned char *to = (unsigned char *)ret;
    void *symbol = library;

    for (size_t i = 0; symbol && names[i]; i++, to += sizeof symbol) {
        symbol = dlsym(library, names[i]);
        memcpy(to, &symbol, sizeof symbol);
    }
    return symbol ? NULL : dlerror();
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
