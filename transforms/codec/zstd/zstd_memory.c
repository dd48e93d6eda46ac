/* zstd_memory.c - the memory needs of zstd compression, and how they are fitted into a limit. */

#include "zstd_memory.h"

#include <stddef.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

#define JOB_LEAST MIB
#define JOB_MOST ((uint64_t)1 << 29) /* libzstd's own limit on 32-bit machines */
#define JOB_WINDOWS 4u               /* windows in a job, as in libzstd */
#define JOBS_QUEUED 3u               /* one being filled, its overlap, and one to spare */
/* Memory left to other stages; if the limit is less than twice that, all but a part of the
 * limit. */
#define OTHERS (64 * MIB)
#define LITTLE_PARTS 4u

/* For a level: its window, and the memory of its tables and buffers (KiB), for input of any
 * length. */
static const struct {
    uint8_t window_log;
    uint32_t tables;
} levels[LEAT_ZSTD_LEVEL_MAX + 1] = {
    {19, 800}, /* negative levels */
    {19, 832},   {20, 1024},   {21, 1536},   {21, 2816},   {21, 3840},  {21, 3840},
    {21, 6912},  {21, 6912},   {22, 13056},  {22, 25344},  {22, 25344}, {22, 49920},
    {22, 33536}, {22, 49920},  {22, 66304},  {22, 33728},  {23, 50176}, {23, 50752},
    {23, 83520}, {25, 165440}, {26, 329280}, {27, 665280},
};

static size_t row(int level)
{
    return level < 0 ? 0 : level > LEAT_ZSTD_LEVEL_MAX ? LEAT_ZSTD_LEVEL_MAX : (size_t)level;
}

static uint64_t window_of(int level)
{
    return (uint64_t)1 << levels[row(level)].window_log;
}

/* The data of the previous job that a job sees again, at most: libzstd makes no job smaller. */
static uint64_t overlap_of(int level)
{
    unsigned part = level >= 19 ? 1 : level >= 16 ? 2 : 4;

    return window_of(level) / part;
}

/* The tables of long-distance matching: an entry of 8 bytes for 128 of the window, and buckets. */
static uint64_t long_tables(int long_log)
{
    uint64_t window = (uint64_t)1 << long_log;

    return long_log ? window / 16 + window / 512 + 64 * KIB : 0;
}

uint64_t leat_zstd_memory_need(int level, int long_log, unsigned workers, uint64_t job)
{
    uint64_t tables = levels[row(level)].tables * KIB;
    uint64_t window = long_log ? (uint64_t)1 << long_log : 0;
    uint64_t input, output;

    if (workers == 0)
        return (window ? window : window_of(level)) + tables + long_tables(long_log);
    input = workers * job;
    if (input < window)
        input = window;
    input += JOBS_QUEUED * job;
    output = (workers + 1) * job;
    return input + output + workers * tables + long_tables(long_log);
}

uint64_t leat_zstd_memory_part(uint64_t limit)
{
    return limit < 2 * OTHERS ? limit / LITTLE_PARTS : limit - OTHERS;
}

struct leat_zstd_plan leat_zstd_memory_plan(int level, int long_log, uint64_t limit)
{
    uint64_t job = JOB_WINDOWS * window_of(level), least = overlap_of(level);
    uint64_t part = leat_zstd_memory_part(limit);

    if (least < JOB_LEAST)
        least = JOB_LEAST;
    if (job > JOB_MOST)
        job = JOB_MOST;
    for (; job >= least; job /= 2)
        if (leat_zstd_memory_need(level, long_log, 2, job) <= part)
            return (struct leat_zstd_plan){.workers = true, .job = job};
    return (struct leat_zstd_plan){.workers = false};
}
