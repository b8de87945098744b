/* parallel.c: the team, on POSIX and on Windows threads. */
#include "parallel.h"

#include "faults.h"
#include "fpmode.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
typedef HANDLE thread;
#define THREAD_RESULT DWORD WINAPI
static void yield_cpu(void) { SwitchToThread(); }
#else
#include <pthread.h>
#include <sched.h>
typedef pthread_t thread;
#define THREAD_RESULT void *
static void yield_cpu(void) { sched_yield(); }
#endif

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
static void spin_pause(void) { _mm_pause(); }
#elif defined(__aarch64__) && defined(__GNUC__)
static void spin_pause(void) { __asm__ volatile("yield"); }
#else
static void spin_pause(void) {}
#endif

enum { MAX_THREADS = 256, SPINS = 2000 };

struct fnn_team {
    fnn_work work;
    void *job;
    fnn_atomic size;    /* 0 until all threads that can start have started */
    fnn_atomic waiting; /* how many stand at the barrier */
    fnn_atomic round;   /* how many barriers have been passed */
    fnn_stop stop;      /* of the first thread */
    fnn_atomic wish;    /* it was answered 1 */
    fnn_atomic given_up; /* the wish as it was when the last barrier was passed */
};

typedef struct {
    fnn_team *team;
    int rank;
} member;

/* Until *p leaves `old`. Spinning first: a barrier inside a batch is a microsecond away; then
 * yielding: the others may be waiting for this very core. */
static void await_change(fnn_atomic *p, int old)
{
    for (int i = 0; fnn_atomic_load(p) == old; i++)
        if (i < SPINS) spin_pause();
        else yield_cpu();
}

int fnn_ask(const fnn_worker *me)
{
    fnn_team *team = me->team;
    if (!team) return 0;
    if (me->rank == 0 && team->stop.ask && !fnn_atomic_load(&team->wish) && team->stop.ask(team->stop.arg))
        fnn_atomic_store(&team->wish, 1);
    return fnn_atomic_load(&team->wish);
}

int fnn_given_up(const fnn_worker *me) { return me->team && fnn_atomic_load(&me->team->given_up); }

void fnn_no_return(const fnn_worker *me)
{
    if (me->team && me->rank == 0) me->team->stop.ask = NULL;
}

void fnn_barrier(const fnn_worker *me)
{
    fnn_team *team = me->team;
    if (me->rank == 0 && team && team->stop.ask) fnn_ask(me);
    if (me->size == 1) {
        if (team) fnn_atomic_store(&team->given_up, fnn_atomic_load(&team->wish));
        return;
    }
    int round = fnn_atomic_load(&team->round);
    if (fnn_atomic_add(&team->waiting, 1) == me->size) {
        fnn_atomic_store(&team->given_up, fnn_atomic_load(&team->wish));
        fnn_atomic_store(&team->waiting, 0);
        fnn_atomic_add(&team->round, 1);
    } else
        await_change(&team->round, round);
}

static void run_member(fnn_team *team, int rank)
{
    fnn_worker me = {rank, fnn_atomic_load(&team->size), team};
    fnn_fpmode mode = fnn_fpmode_set();
    team->work(team->job, &me);
    fnn_fpmode_restore(mode);
}

static THREAD_RESULT thread_main(void *arg)
{
    member *self = arg;
    await_change(&self->team->size, 0);
    run_member(self->team, self->rank);
    return 0;
}

static int start(thread *t, member *self)
{
    if (FNN_FAULT_THREAD()) return 0;
    FNN_FAULT_COUNT(threads, 1);
#ifdef _WIN32
    return (*t = CreateThread(NULL, 0, thread_main, self, 0, NULL)) != NULL;
#else
    return pthread_create(t, NULL, thread_main, self) == 0;
#endif
}

static void join(thread t)
{
#ifdef _WIN32
    WaitForSingleObject(t, INFINITE);
    CloseHandle(t);
#else
    pthread_join(t, NULL);
#endif
}

void fnn_pause(void) { yield_cpu(); }

void fnn_team_run(int size, fnn_work work, void *job, fnn_stop stop)
{
    fnn_team team = {work, job, 0, 0, 0, stop, 0, 0};
    thread threads[MAX_THREADS];
    member members[MAX_THREADS];
    int started = 1;
    if (size > MAX_THREADS) size = MAX_THREADS;
    for (; started < size; started++) {
        members[started] = (member){&team, started};
        if (!start(&threads[started], &members[started])) break;
    }
    fnn_atomic_store(&team.size, started);
    run_member(&team, 0);
    for (int i = 1; i < started; i++) join(threads[i]);
}

void fnn_share(const fnn_worker *me, int64_t total, int64_t unit, int64_t *begin, int64_t *end)
{
    int64_t units = (total + unit - 1) / unit;
    int64_t first = units * me->rank / me->size, last = units * (me->rank + 1) / me->size;
    *begin = first * unit < total ? first * unit : total;
    *end = last * unit < total ? last * unit : total;
}
