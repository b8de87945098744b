/* parallel.c: the team, of POSIX or Windows threads. */
#define _GNU_SOURCE /* sched_getaffinity; before any header */
#include "system/parallel.h"

#include "system/faults.h"
#include "system/fpmode.h"

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
typedef HANDLE thread;
#define THREAD_RESULT DWORD WINAPI
static void yield_cpu(void) { SwitchToThread(); }
static int processors(void)
{
    DWORD_PTR mine, all;
    int n = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &mine, &all))
        for (; mine; mine &= mine - 1) n++;
    return n;
}
#else
#include <pthread.h>
#include <sched.h>
typedef pthread_t thread;
#define THREAD_RESULT void *
static void yield_cpu(void) { sched_yield(); }
#ifdef __linux__
/* Number of processors that this thread may run on; 0: unknown */
static int processors(void)
{
    cpu_set_t mine;
    return sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 0;
}
#else
#include <unistd.h>
static int processors(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }
#endif
#endif

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
static void spin_pause(void) { _mm_pause(); }
#elif defined(__aarch64__) && defined(__GNUC__)
static void spin_pause(void) { __asm__ volatile("yield"); }
#else
static void spin_pause(void) {}
#endif

/* Spins before a thread yields: at most some 30 to 100 µs, depending on the length of a pause */
enum { MOST_SPINS = 2000, LEAST_SPINS = 8 };

struct spins {
    int n; /* spins before the thread yields at a barrier */
    char padding[60]; /* to a cache line */
};

struct fnn_team {
    fnn_work work;
    void *job;
    fnn_atomic size;    /* 0 until all threads that can start have started */
    fnn_atomic waiting; /* threads at the barrier */
    fnn_atomic round;   /* barriers passed */
    fnn_stop stop;      /* of the first thread */
    fnn_atomic wish;    /* `stop` returned nonzero */
    fnn_atomic given_up; /* `wish` when the last barrier was passed */
    struct spins *spins; /* of each thread */
};

typedef struct {
    fnn_team *team;
    int rank;
} member;

/* Waits until *p is no longer `old`. First it spins: inside a batch, the others are a microsecond
 * behind. Then it yields: they may be waiting for this processor. If spinning did not help, as with
 * more busy threads than processors, in this team or in all processes, the next wait yields sooner. */
static void await_change(fnn_atomic *p, int old, int *spins)
{
    int i = 0;
    for (; fnn_atomic_load(p) == old; i++)
        if (i < *spins) spin_pause();
        else yield_cpu();
    if (i > *spins) *spins = *spins / 2 > LEAST_SPINS ? *spins / 2 : LEAST_SPINS;
    else *spins = *spins * 2 < MOST_SPINS ? *spins * 2 : MOST_SPINS;
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
        await_change(&team->round, round, &team->spins[me->rank].n);
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
    await_change(&self->team->size, 0, &self->team->spins[self->rank].n);
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
    struct spins spins[FNN_LARGEST_TEAM];
    fnn_team team = {work, job, 0, 0, 0, stop, 0, 0, spins};
    thread threads[FNN_LARGEST_TEAM];
    member members[FNN_LARGEST_TEAM];
    int started = 1;
    if (size > FNN_LARGEST_TEAM) size = FNN_LARGEST_TEAM;
    int first = size > 1 && size > processors() ? LEAST_SPINS : MOST_SPINS;
    for (int i = 0; i < size; i++) spins[i].n = first;
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
