/* Counts how often each thread of one program asks for memory. Preloaded; the program's own allocator does the work. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static __thread long count __attribute__((tls_model("initial-exec")));

long bench_allocations(void) { return count; }

/* dlsym may itself ask for memory, a little and once. */
static char early[65536];
static size_t early_used;

static void *early_memory(size_t size) {
    void *memory = early + early_used;
    early_used += (size + 15) & ~(size_t)15;
    return early_used <= sizeof early ? memory : NULL;
}

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);

__attribute__((constructor)) static void prepare(void) {
    static int begun;
    if (begun++) return;
    real_calloc = dlsym(RTLD_NEXT, "calloc");
    real_realloc = dlsym(RTLD_NEXT, "realloc");
    real_free = dlsym(RTLD_NEXT, "free");
    real_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    real_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    real_malloc = dlsym(RTLD_NEXT, "malloc");
}

void *malloc(size_t size) {
    if (!real_malloc) prepare();
    count++;
    return real_malloc ? real_malloc(size) : early_memory(size);
}

void *calloc(size_t items, size_t size) {
    if (!real_calloc) prepare();
    count++;
    return real_calloc ? real_calloc(items, size) : early_memory(items * size);
}

void *realloc(void *memory, size_t size) {
    if (!real_realloc) prepare();
    count++;
    return real_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (!real_posix_memalign) prepare();
    count++;
    return real_posix_memalign(memory, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    if (!real_aligned_alloc) prepare();
    count++;
    return real_aligned_alloc(alignment, size);
}

void free(void *memory) {
    if ((char *)memory >= early && (char *)memory < early + sizeof early) return;
    if (!real_free) prepare();
    if (real_free) real_free(memory);
}
