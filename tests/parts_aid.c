/* parts_aid.c - runs that write many files into the directory of the test. */
#include "parts_aid.h"

#include <ftw.h>
#include <unistd.h>

#include "test.h"

#define TEXT_MAX 2048u

void parts_configure(struct memio *io, uint64_t seed)
{
    io->piece = MEMIO_RANDOM;
    io->seed = io->settings.seed = seed;
    io->settings.chunk = seed % 5 ? 300 : 0;
    io->settings.threads = 1 + seed % 4;
    io->settings.executor = seed % 8 == 7 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_SEEDED;
}

int parts_run(struct memio *io, const char *stage, const char *format)
{
    char text[TEXT_MAX];
    size_t n = (size_t)snprintf(text, sizeof text, "memsource --at=%lld | ", memio_at(io));

    for (; *format; format++) {
        if (*format == '@' || *format == '$')
            n += (size_t)snprintf(text + n, sizeof text - n, "%s",
                                  *format == '@' ? test_tmp_dir() : stage);
        else
            text[n++] = *format;
        ASSERT_LT(n, sizeof text);
    }
    text[n] = '\0';
    return memio_run_text(io, text);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    return ftw->level == 0 ? 0 : kind == FTW_DP ? rmdir(path) : unlink(path);
}

void parts_clean(void)
{
    ASSERT_EQ(nftw(test_tmp_dir(), remove_one, 16, FTW_PHYS | FTW_DEPTH), 0);
}
