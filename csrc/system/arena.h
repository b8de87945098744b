/* arena.h: the only place that allocates: one allocation for all the pieces of a layout.
 *
 * A layout is a function that takes pieces from an arena. On an arena without memory it only
 * measures, so size and layout cannot disagree. Pieces are aligned to cache lines. Sizes saturate at
 * SIZE_MAX, which cannot be allocated.
 */
#ifndef FNN_ARENA_H
#define FNN_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { FNN_LINE = 64 };

typedef struct {
    char *base; /* NULL: measuring */
    size_t used;
} fnn_arena;

static inline size_t fnn_times(size_t a, size_t b) { return b && a > SIZE_MAX / b ? SIZE_MAX : a * b; }

static inline size_t fnn_plus(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }

/* A piece for `count` elements of `size` bytes, or NULL while measuring */
static inline void *fnn_take(fnn_arena *arena, size_t count, size_t size)
{
    size_t lines = fnn_plus(fnn_times(count, size), FNN_LINE - 1) / FNN_LINE;
    void *piece = arena->base ? arena->base + arena->used : NULL;
    arena->used = fnn_plus(arena->used, fnn_times(lines, FNN_LINE));
    return piece;
}

/* `size` bytes aligned to a cache line, not cleared; NULL without memory. Free with fnn_release. */
void *fnn_acquire(size_t size);
void fnn_release(void *memory);

#endif
