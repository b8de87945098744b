/* arena.c: aligned memory from the C library. */
#include "arena.h"

/* malloc plus room to align by hand, the original pointer kept in front: aligned_alloc is missing
 * on Windows. */
void *fnn_acquire(size_t size)
{
    char *raw = size > SIZE_MAX / 2 ? NULL : malloc(size + FNN_LINE + sizeof(void *));
    if (!raw) return NULL;
    uintptr_t first = (uintptr_t)raw + sizeof(void *);
    char *piece = raw + sizeof(void *) + (FNN_LINE - first % FNN_LINE) % FNN_LINE;
    ((void **)piece)[-1] = raw;
    return piece;
}

void fnn_release(void *memory)
{
    if (memory) free(((void **)memory)[-1]);
}
