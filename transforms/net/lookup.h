/* lookup.h - the addresses of a host, which are looked up without a wait. */
#ifndef LEAT_NET_LOOKUP_H
#define LEAT_NET_LOOKUP_H

#include <netdb.h>

#include "stage.h"

struct leat_lookup;

/* leat_lookup_new - begin to look a host up. A lookup cannot be interrupted, so it goes on in a thread of the C library,
 * which wakes the stage, and keeps its memory until it has ended.
 *
 *   host     "": any, to listen on
 *   passive  the addresses are to listen on
 *
 * Returns NULL: recorded as the failure of the stage. */
struct leat_lookup *leat_lookup_new(struct leat_stage *stage, const char *host, const char *port,
                                    bool passive);
/* leat_lookup_look - the list, which belongs to the lookup, or NULL. Returns LEAT_WAIT: not yet, and the stage waits; 0;
 * or an error of getaddrinfo, of which leat_lookup_why has the text. */
int leat_lookup_look(struct leat_lookup *lookup, struct leat_stage *stage,
                     const struct addrinfo **ret);
const char *leat_lookup_why(int error);
/* leat_lookup_free - NULL is fine. */
void leat_lookup_free(struct leat_lookup *lookup);

#endif
