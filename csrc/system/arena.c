/* arena.c: aligned memory from the C library. */
#include "system/arena.h"

#include "system/faults.h"

#ifdef FNN_FAULTS
struct fnn_faults fnn_faults = {-1, -1, 0, 0, 0};
#endif

/* malloc with room for the alignment, and the original pointer in front of the piece: Windows has no
 * aligned_alloc. */
void *fnn_acquire(size_t size)
{
    char *raw = NULL;
    if (size <= SIZE_MAX / 2 && !FNN_FAULT_ALLOCATION()) raw = malloc(size + FNN_LINE + sizeof(void *));
    if (!raw) return NULL;
    FNN_FAULT_COUNT(live, 1);
    uintptr_t first = (uintptr_t)raw + sizeof(void *);
    char *piece = raw + sizeof(void *) + (FNN_LINE - first % FNN_LINE) % FNN_LINE;
    ((void **)piece)[-1] = raw;
    return piece;
}

void fnn_release(void *memory)
{
    if (!memory) return;
    FNN_FAULT_COUNT(live, -1);
    free(((void **)memory)[-1]);
}
