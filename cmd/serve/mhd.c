/* mhd.c - loads libmicrohttpd, so that other runs of leat start without it. */

#if HAVE_MICROHTTPD

#include "mhd.h"

#include <dlfcn.h>
#include <string.h>

/* dlsym also looks into the libraries that this one needs. */
static void load_gnutls(void *library, struct gnutls *ret)
{
    static const char *const names[] = {"gnutls_certificate_verify_peers2", "gnutls_record_send",
                                        "gnutls_bye"};
    unsigned char *to = (unsigned char *)ret;
    void *symbols[3];

    for (size_t i = 0; i < 3; i++)
        symbols[i] = dlsym(library, names[i]);
    if (symbols[0] && symbols[1] && symbols[2])
        memcpy(to, symbols, sizeof symbols);
    else
        memset(to, 0, sizeof symbols);
}

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
    if (symbol)
        load_gnutls(library, &ret->gnutls);
    return symbol ? NULL : dlerror();
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
