/* version.c - the version of the library that runs, which may be newer than the headers of the program. */

#include "leat.h"

unsigned leat_version_number(void)
{
    return LEAT_VERSION_NUMBER;
}
