/* plan.h - the plan of a batch over shards: dealt, written, read. It prints nothing and knows no loop.
 *
 *     {"leat":"plan","version":1,"leat_version":"0.1.0","id":"0123456789abcdef","pipeline":"read {} | …","same":"size+mtime",
 *      "shards":4,"force":false,"inputs_n":2,"bytes":300,"inputs":[
 *     {"path":"a.gz","size":100,"mtime_ns":5,"rel":0,"shard":0},
 *     {"path":"b.gz","size":200,"mtime_ns":6,"rel":0,"shard":1}
 *     ]}
 *
 * (the head is one line). An input has "sha256" too if a manifest tells it, "etag" if it is a URL whose server does, and "offset" and "length" if it is a range of a
 * file; of BGZF these are those of whole members, and "skip" and "drop" bytes of their content are not in the range.
 */
#ifndef CMD_BATCH_PLAN_H
#define CMD_BATCH_PLAN_H

#include "document.h"
#include "inputs.h"
#include "journal.h"

#define SHARDS_MAX 1000000u
#define PLAN_ID_MAX 17u /* 16 digits */

struct plan {
    char id[PLAN_ID_MAX];
    char *pipeline; /* canonical text; owned */
    enum same same;
    uint32_t shards;
    bool force; /* its outputs replaced what was there */
    uint64_t inputs_n, bytes;
};

/* plan_deal - set the shard of each input. The inputs are sorted. The largest comes first, each to the shard with the
 * least bytes until then; of those with the same, to the one with fewer inputs, then with the lower number: so every process
 * that has the list gets the same. Returns 0 or LEAT_ENOMEM. */
int plan_deal(struct inputs *inputs, uint32_t shards);
/* plan_weight - the bytes of an input that are read. */
uint64_t plan_weight(const struct input *input);
/* plan_write - the plan at `path`. Sets inputs_n and bytes of the plan. Returns 0 or an errno; EEXIST: there is one, and
 * `replace` is false. */
int plan_write(struct plan *plan, const struct inputs *inputs, const char *path,
               const char *attempt, bool replace);

#define PLAN_ALL UINT32_MAX
/* plan_read - the plan, and the inputs of one shard, or of PLAN_ALL. Each input has its number in the whole list. Returns 0;
 * LEAT_EIO: *ret_errno says why; LEAT_ECORRUPT: line *ret_line, or the end of the file if it is 0; LEAT_EUSAGE: of
 * another version of leat; LEAT_ENOMEM. Call plan_done in any case. */
int plan_read(struct plan *plan, struct inputs *inputs, const char *path, uint32_t shard,
              size_t *ret_line, int *ret_errno);
void plan_done(struct plan *plan);

#endif
