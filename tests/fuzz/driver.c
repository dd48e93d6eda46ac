/* driver.c - runs a fuzzer without libFuzzer: on files, or on inputs drawn from a seed.
 *
 *   PROGRAM [-runs=N] [-seed=N] [FILE...]
 *
 * Prints TAP, for `make check`; a crash is the failure. The input of a crash is in last-input of
 * the directory $FUZZ_KEEP, if that is set. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 2000u
#define SIZE_MAX_OF_RUN 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t state = 1;

static uint64_t draw(uint64_t below)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static void keep(const uint8_t *data, size_t size)
{
    const char *dir = getenv("FUZZ_KEEP");
    char path[4096];
    FILE *file;

    if (!dir)
        return;
    snprintf(path, sizeof(path), "%s/last-input", dir);
    file = fopen(path, "wb");
    if (!file)
        return;
    if (fwrite(data, 1, size, file) != size)
        perror(path);
    fclose(file);
}

static void run_one(const uint8_t *data, size_t size)
{
    /* A copy of the exact size, so that a sanitizer sees a read beyond it. */
    uint8_t *exact = malloc(size ? size : 1);

    if (!exact)
        exit(2);
    memcpy(exact, data, size);
    keep(data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

/* Bytes, words or runs: three shapes that reach different depths. */
static size_t make_input(uint8_t *to)
{
    static const char *const words[] = {
        "read a ", "gzip ", ": ", "| ",       "[ ", "] ", "\n", "'",
        "\\",      "${a} ", "-9", "--level=", "#",  "\"", "a",  "\x1f\x8b\x08"};
    size_t n = draw(SIZE_MAX_OF_RUN), at = 0;
    uint64_t shape = draw(3);

    while (at < n) {
        if (shape == 0) {
            to[at++] = (uint8_t)draw(256);
        } else if (shape == 1) {
            const char *word = words[draw(16)];
            size_t len = strlen(word) < n - at ? strlen(word) : n - at;

            memcpy(to + at, word, len); // NOLINT(bugprone-not-null-terminated-result)
            at += len;
        } else {
            size_t len = 1 + draw(64);

            len = len < n - at ? len : n - at;
            memset(to + at, (int)draw(256), len);
            at += len;
        }
    }
    return n;
}

static int run_file(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t n;

    if (!file) {
        perror(path);
        return 1;
    }
    n = fread(data, 1, sizeof(data), file);
    fclose(file);
    run_one(data, n);
    return 0;
}

int main(int argc, char **argv)
{
    static uint8_t data[SIZE_MAX_OF_RUN];
    uint64_t runs = RUNS, i;
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    int files = 0, failed = 0, a;

    for (a = 1; a < argc; a++) {
        if (strncmp(argv[a], "-runs=", 6) == 0) {
            runs = strtoull(argv[a] + 6, NULL, 10);
        } else if (strncmp(argv[a], "-seed=", 6) == 0) {
            state = strtoull(argv[a] + 6, NULL, 10);
        } else {
            failed |= run_file(argv[a]);
            files++;
        }
    }
    for (i = 0; i < runs && !files; i++)
        run_one(data, make_input(data));
    printf("%sok 1 %s\n1..1\n", failed ? "not " : "", name);
    return failed;
}
