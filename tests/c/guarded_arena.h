/* guarded_arena.h: replaces csrc/system/arena.h in the harness of guard.c, by being included before it.
 * Every piece of scratch lies between two pages that fault, directly beside one of them. Pieces are
 * aligned to their elements only, and are filled with NaN. */
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

/* Bytes of an arena that a piece of `size` bytes and its two pages take */
size_t guarded_room(size_t size);
/* The piece in the pages from `at` on */
void *guarded_piece(char *at, size_t size);

static inline void *fnn_take(fnn_arena *arena, size_t count, size_t size)
{
    size_t bytes = fnn_times(count, size);
    void *piece = arena->base ? guarded_piece(arena->base + arena->used, bytes) : NULL;
    arena->used = fnn_plus(arena->used, guarded_room(bytes));
    return piece;
}

void *fnn_acquire(size_t size);
void fnn_release(void *memory);

#endif
