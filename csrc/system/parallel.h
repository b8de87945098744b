/* parallel.h: the only place that makes threads.
 *
 * A team lives for one call: fnn_team_run starts size − 1 threads, they and the caller run the same
 * function, and all have ended when it returns. Starting two threads costs some 20 µs, little beside
 * a run of mini-batches. In exchange, no thread outlives a call: a fork, an unloaded module or an
 * interrupted program meets none.
 */
#ifndef FNN_PARALLEL_H
#define FNN_PARALLEL_H

#include <stdint.h>

enum { FNN_LARGEST_TEAM = 256 };

typedef struct fnn_team fnn_team;

typedef struct {
    int rank, size; /* this thread is number `rank` of `size` */
    fnn_team *team;
} fnn_worker;

typedef void (*fnn_work)(void *job, const fnn_worker *me);

/* Callback that returns nonzero to abandon long work; runs on the caller's thread only. NULL: never. */
typedef struct {
    int (*ask)(void *arg);
    void *arg;
} fnn_stop;

/* Runs work(job, …) on up to `size` threads; a thread that cannot start makes the team smaller,
 * and so does FNN_LARGEST_TEAM. */
void fnn_team_run(int size, fnn_work work, void *job, fnn_stop stop);

/* Returns when the whole team has called it. It spins for a short time, then yields: sooner if spinning
 * did not help before, or if the team has more threads than processors. It asks whether to stop. */
void fnn_barrier(const fnn_worker *me);

/* 1 if the work is abandoned; between two barriers all threads get the same answer. */
int fnn_given_up(const fnn_worker *me);

/* Asks whether to stop, between two barriers. A thread that gets 1 may skip its work up to the next barrier, after
 * which the work is abandoned; the other threads may learn of it only there. */
int fnn_ask(const fnn_worker *me);

/* Called by all threads: from here on the work cannot be abandoned. */
void fnn_no_return(const fnn_worker *me);

/* Yields the processor to other threads. */
void fnn_pause(void);

/* This worker's part [*begin, *end) of 0 … total, divided at multiples of `unit` */
void fnn_share(const fnn_worker *me, int64_t total, int64_t unit, int64_t *begin, int64_t *end);

/* Atomics that gcc, clang and MSVC agree on: sequentially consistent, on int */
#ifdef _MSC_VER
#include <intrin.h>
typedef volatile long fnn_atomic;
#define fnn_atomic_add(p, x) (_InterlockedExchangeAdd((p), (x)) + (x)) /* the new value */
#define fnn_atomic_load(p) _InterlockedOr((p), 0)
#define fnn_atomic_store(p, x) ((void)_InterlockedExchange((p), (x)))
#define fnn_atomic_swap_if(p, old, new_) (_InterlockedCompareExchange((p), (new_), (old)) == (old))
#else
typedef int fnn_atomic;
#define fnn_atomic_add(p, x) __atomic_add_fetch((p), (x), __ATOMIC_SEQ_CST)
#define fnn_atomic_load(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define fnn_atomic_store(p, x) __atomic_store_n((p), (x), __ATOMIC_SEQ_CST)
static inline int fnn_atomic_swap_if(fnn_atomic *p, int old, int new_)
{
    return __atomic_compare_exchange_n(p, &old, new_, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
#endif

#endif
