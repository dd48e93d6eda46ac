/* zstd_memory.h - the memory needs of zstd compression, and how they are fitted into a limit.
 *
 * libzstd's own estimates are not part of its stable interface, and there is none for workers.
 * Therefore the numbers are here; a test compares them with the sizes that the library reports.
 */
#ifndef LEAT_CODEC_ZSTD_ZSTD_MEMORY_H
#define LEAT_CODEC_ZSTD_ZSTD_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define LEAT_ZSTD_LEVEL_MAX 22

/* Workers are used if two of them fit into their part of the limit. */
struct leat_zstd_plan {
    bool workers; /* jobs in libzstd's workers; else in the calling thread */
    uint64_t job; /* bytes of input in a job, if workers */
};

/* leat_zstd_memory_part - the part of a limit that workers may use; the rest is for other
 * stages. */
uint64_t leat_zstd_memory_part(uint64_t limit);

/* leat_zstd_memory_plan - how to compress at a level within a limit.
 *
 *   level       negative to LEAT_ZSTD_LEVEL_MAX
 *   long_log    window logarithm of --long, or 0
 *   limit       bytes that the whole pipeline may use
 *
 * The result depends on nothing else, because the output depends on it: not on the number of
 * threads, and not on the memory of other stages. */
struct leat_zstd_plan leat_zstd_memory_plan(int level, int long_log, uint64_t limit);

/* leat_zstd_memory_need - bytes that libzstd holds; `workers` 0: compressing in the calling
 * thread. */
uint64_t leat_zstd_memory_need(int level, int long_log, unsigned workers, uint64_t job);

#endif
