/* record.h - the record of a shard: it exists once every input of the shard is done, and the first attempt's stays.
 *
 *     {"leat":"shard","version":1,"plan":"0123456789abcdef","shard":7,"attempt":"host-123-1700000000","inputs":[
 *     {"path":"a.gz","out":[{"path":"a","size":456,"sha256":"…"}]}
 *     ]}
 *
 * Its name is shard-0007.json in the directory of the plan's records. An input that is a range of a file has "offset" too.
 */
#ifndef CMD_BATCH_RECORD_H
#define CMD_BATCH_RECORD_H

#include "document.h"
#include "inputs.h"
#include "journal.h"
#include "plan.h"

/* record_path - DIRECTORY/shard-0007SUFFIX; free() it. NULL: out of memory. */
char *record_path(const char *directory, uint32_t shard, const char *suffix);

/* record_begin, record_add for each input in the order of the plan, record_end. record_end returns 0; EEXIST: another
 * attempt was first, and this record is gone; or an errno. */
void record_begin(struct draft *draft, const char *directory, const struct plan *plan,
                  uint32_t shard, const char *attempt);
void record_add(struct draft *draft, bool first, const struct input *input,
                const struct recorded_output *outputs);
int record_end(struct draft *draft, const char *directory, uint32_t shard);

/* An input of a record. The outputs are the visitor's: it frees each of them, but not their text, which is in the arena. */
struct record_line {
    const char *path; /* valid during the call */
    uint64_t offset;
    struct recorded_output *outputs;
};

void record_outputs_free(struct recorded_output *outputs);

/* record_read - call `visit` for each input of the shard's record. Returns 0; LEAT_ENOENT: there is no record; LEAT_EEXIST: it
 * is of another plan or shard; LEAT_ECORRUPT; LEAT_EIO: *ret_errno says why; LEAT_ENOMEM; or what `visit` returned, if
 * that was not 0. */
int record_read(const char *directory, const struct plan *plan, uint32_t shard, struct arena *arena,
                int (*visit)(void *user, struct record_line *line), void *user, int *ret_errno);

#endif
