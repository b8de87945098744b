/* guarded_arena.h: csrc/system/arena.h for the harness of guard.c, which is included before it and takes its
 * place: every piece of scratch lies between two pages that fault, flush against the one or the other.
 * Pieces are aligned to their elements only, and begin as NaN. */
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

/* how much of an arena a piece of `size` bytes and its two pages take */
size_t guarded_room(size_t size);
/* the piece in the room at `at` */
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
