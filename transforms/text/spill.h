/* spill.h - sequences of records in a temporary file without a name, for stages that hold more than their memory.
 *
 * A stage has one file (struct leat_runs) with any number of runs in it. Records are appended to a run, several runs at
 * once if need be, and later read back from the first one on. A block of whole records is compressed by zstd and written
 * at once, so the file has about a third of the bytes of a log. The file has no name: it is gone when the process is,
 * whatever ends it. All memory is charged to the stage.
 */
#ifndef LEAT_TEXT_SPILL_H
#define LEAT_TEXT_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_stage;
struct leat_runs;

/* A run, in memory of the stage's own; it begins zeroed. Only the first two members are for its user. */
struct leat_run {
    uint64_t records; /* leat_run_add and leat_run_room count them */
    uint64_t bytes;   /* of all records */
    uint8_t *buffer;  /* the block that is being filled, or was read last; NULL: none */
    size_t size, len; /* of the buffer, and of the records in it */
    size_t largest;   /* block, without compression */
    uint64_t first;   /* offset in the file of the first block, if there is one */
    uint64_t at;      /* offset of the next block to be written or read */
    uint64_t limit;   /* end of the extent that `at` is in */
    uint64_t left;    /* blocks that are not read yet */
    bool reads;
};

/* leat_runs_plan - in plan: the stage may use the directory.
 *   dir  the value of --spill; NULL: TMPDIR, or /var/tmp. Returns 0, or fails the stage. */
int leat_runs_plan(struct leat_stage *stage, const char *dir);

/* leat_runs_new - a file, which is made only when the first block is written.
 *
 *   dir    as for leat_runs_plan; borrowed
 *   block  bytes of records in a block, 1 to LEAT_RUN_BLOCK_MAX; a run that is written or read has a buffer of that size
 *
 * NULL: recorded as the stage's failure (return LEAT_ENOMEM). */
struct leat_runs *leat_runs_new(struct leat_stage *stage, const char *dir, size_t block);
#define LEAT_RUN_BLOCK_MAX ((size_t)1 << 20)
/* leat_runs_need - bytes that leat_runs_new and the first block that is written or read charge, without buffers of runs. */
uint64_t leat_runs_need(size_t block);
/* leat_runs_free - close the file. Call leat_run_done for each run first. NULL is fine. */
void leat_runs_free(struct leat_runs *runs);
/* leat_runs_written - bytes that were written to the file until now, compressed. */
uint64_t leat_runs_written(const struct leat_runs *runs);

/* leat_run_room - append a record of n bytes, which the caller writes to *ret_to before the next call with this run. A
 * record that is larger than a block gets a block of its own. leat_run_add copies the record. n may be 0.
 * Each returns 0, or fails the stage. A full disk is LEAT_EIO: the message names the directory and the remedy. */
int leat_run_room(struct leat_runs *runs, struct leat_run *run, size_t n, uint8_t **ret_to);
int leat_run_add(struct leat_runs *runs, struct leat_run *run, const void *data, size_t n);
/* leat_run_end - write what is in the buffer, and free it; no record may be added after it. Returns as leat_run_add. */
int leat_run_end(struct leat_runs *runs, struct leat_run *run);

/* leat_run_next - the next block of the run, after leat_run_end: whole records, one after another as they were added,
 * valid until the next call with this run. Returns 1; 0: there are no more; or fails the stage. */
int leat_run_next(struct leat_runs *runs, struct leat_run *run, const uint8_t **ret_data,
                  size_t *ret_len);
/* leat_run_need - bytes of the buffer that leat_run_next will charge for this run. */
size_t leat_run_need(const struct leat_run *run);
/* leat_run_done - free the buffer; the run is as at first. Blocks that were read are given back to the disk if the file
 * system can do that. */
void leat_run_done(struct leat_runs *runs, struct leat_run *run);

#endif
