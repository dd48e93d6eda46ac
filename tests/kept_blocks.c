/* kept_blocks.c - with AddressSanitizer, the large blocks that tests and library free are used again.
 *
 * Its allocator maps a large block anew each time and writes the shadow of all of it twice: in a thousand
 * runs of a codec that is most of the time. A block that is freed is poisoned and kept here. The oldest one of
 * a size is used again, and only if another one of its size was freed later, so that an access after free
 * is still found, as is a second free. A report about a block may show the stack of its first allocation.
 *
 * Linked with --wrap for these functions (KEPT in the Makefile). Codec libraries that call malloc themselves are
 * not affected.
 */
#ifdef __SANITIZE_ADDRESS__

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LEAST ((size_t)16 << 10)
#define KEPT_MAX 256u
#define KEPT_BYTES_MAX ((size_t)24 << 20)

struct block {
    void *memory;
    size_t size;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block kept[KEPT_MAX]; /* the oldest first */
static size_t n_kept, kept_bytes;
static _Bool ends; /* the leak sanitizer reads all that is kept: nothing is */

/* The linker's names: __wrap_x is called for x, __real_x is x. */
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __sanitizer_get_ownership(const void *memory); /* gcc comes without the header */
size_t __sanitizer_get_allocated_size(const void *memory);
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
int __real_posix_memalign(void **ret, size_t align, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __wrap_posix_memalign(void **ret, size_t align, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

/* Under the lock. */
static void *remove_at(size_t i)
{
    void *memory = kept[i].memory;

    kept_bytes -= kept[i].size;
    n_kept--;
    memmove(&kept[i], &kept[i + 1], (n_kept - i) * sizeof(kept[0]));
    return memory;
}

/* NULL: there is none that may be used again. */
static void *take(size_t align, size_t size)
{
    void *memory = NULL;
    size_t i, oldest = KEPT_MAX, n = 0;

    if (size < SIZE_LEAST)
        return NULL;
    pthread_mutex_lock(&lock);
    for (i = 0; i < n_kept && n < 2; i++)
        if (kept[i].size == size && (uintptr_t)kept[i].memory % align == 0 && n++ == 0)
            oldest = i;
    if (n == 2)
        memory = remove_at(oldest);
    pthread_mutex_unlock(&lock);
    if (memory)
        __asan_unpoison_memory_region(memory, size);
    return memory;
}

/* The size of a block that is kept; 0: it is no block, or too small, or too large. */
static size_t size_to_keep(const void *memory)
{
    size_t size =
        memory && __sanitizer_get_ownership(memory) ? __sanitizer_get_allocated_size(memory) : 0;

    return size >= SIZE_LEAST && size <= KEPT_BYTES_MAX / 4 ? size : 0;
}

void *__wrap_malloc(size_t size)
{
    void *memory = take(1, size);

    return memory ? memory : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *memory = size == 0 || n <= KEPT_BYTES_MAX / size ? take(1, n * size) : NULL;

    return memory ? memset(memory, 0, n * size) : __real_calloc(n, size);
}

int __wrap_posix_memalign(void **ret, size_t align, size_t size)
{
    void *memory = take(align, size);

    if (!memory)
        return __real_posix_memalign(ret, align, size);
    *ret = memory;
    return 0;
}

void __wrap_free(void *memory)
{
    size_t size = size_to_keep(memory);

    if (size == 0 || ends) {
        __real_free(memory);
        return;
    }
    (void)*(volatile char *)memory; /* a second free is reported here */
    __asan_poison_memory_region(memory, size);
    pthread_mutex_lock(&lock);
    while (n_kept == KEPT_MAX || kept_bytes > KEPT_BYTES_MAX - size)
        __real_free(remove_at(0));
    kept[n_kept++] = (struct block){memory, size};
    kept_bytes += size;
    pthread_mutex_unlock(&lock);
}

void *__wrap_realloc(void *old, size_t size)
{
    size_t had = old ? __sanitizer_get_allocated_size(old) : 0;
    void *memory;

    if (had < SIZE_LEAST && size < SIZE_LEAST)
        return __real_realloc(old, size);
    memory = __wrap_malloc(size);
    if (!memory || !old)
        return memory;
    memcpy(memory, old, had < size ? had : size);
    __wrap_free(old);
    return memory;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static void free_all(void)
{
    pthread_mutex_lock(&lock);
    ends = 1;
    while (n_kept > 0)
        __real_free(remove_at(n_kept - 1));
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void free_all_at_exit(void)
{
    (void)atexit(free_all);
}

#endif
