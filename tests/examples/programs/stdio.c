/* stdio.c - an example: FILEs, for code that knows only stdio.
 *
 *     stdio N OUT.zst       writes the numbers to N, and counts those that contain a 7
 */
#include <leat/leat.h>
#include <stdlib.h>

static FILE *open_pipeline(struct leat_context *context, const char *stages, const char *name,
                           const char *mode)
{
    char text[4200], *quoted = leat_quote(name);
    struct leat_error error = LEAT_INIT(leat_error);
    FILE *file = NULL;

    if (quoted && snprintf(text, sizeof text, stages, quoted) < (int)sizeof text)
        file = leat_fopen(NULL, context, text, mode, NULL, &error);
    free(quoted);
    if (!file)
        fprintf(stderr, "stdio: %s\n", error.text);
    return file;
}

/* Returns 0 or -1. */
static int write_numbers(FILE *file, long n)
{
    for (long i = 1; file && i <= n; i++)
        fprintf(file, "%ld\n", i);
    if (!file || fclose(file) == 0) /* waits: now the file is there, or never */
        return file ? 0 : -1;
    perror("stdio: write");
    return -1;
}

static int count_lines(FILE *file)
{
    long lines = 0;
    int c, failed;

    while (file && (c = getc(file)) != EOF)
        lines += c == '\n';
    failed = !file || ferror(file);
    if (file && fclose(file) == EOF)
        failed = 1;
    if (failed)
        perror("stdio: read");
    else
        printf("%ld\n", lines);
    return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct leat_context *context = NULL;
    int r;

    if (argc != 3 || leat_context_new(NULL, &context) < 0)
        return 2;
    r = write_numbers(open_pipeline(context, "zstd : write -- %s", argv[2], "w"), atol(argv[1]));
    if (r == 0)
        r = count_lines(open_pipeline(context, "read -- %s : unzstd : grep 7", argv[2], "r"));
    leat_context_unref(context);
    return r < 0;
}
