/* library.c - shared libraries that few pipelines need, loaded when a stage first needs one. */

#include <dlfcn.h>
#include <string.h>

#include "stage.h"

int leat_load(struct leat_stage *stage, const char *file, const char *package,
              const char *const *names, void *table)
{
    /* The library stays loaded: some libraries leave pointers into themselves behind. */
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    unsigned char *to = table;
    void *symbol = library;
    int r = 0;

    for (; symbol && *names; names++, to += sizeof symbol) {
        symbol = dlsym(library, *names);
        memcpy(to, &symbol, sizeof symbol);
    }
    if (!symbol) /* before dlclose: the text belongs to the linker */
        r = leat_fail(stage, LEAT_EUNSUPPORTED, "needs %s of the Debian package %s: %s", file,
                      package, dlerror());
    if (library && dlclose(library) != 0 && r == 0)
        r = leat_fail(stage, LEAT_EINTERNAL, "could not release %s: %s", file, dlerror());
    return r;
}
