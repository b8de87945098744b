/* faults.h: counters and injected failures of a build with -DFNN_FAULTS, which is for tests only.
 * tests/c/faults.c and tests/system/test_faults.py set and read it. */
#ifndef FNN_FAULTS_H
#define FNN_FAULTS_H

#ifdef FNN_FAULTS
#include <stdint.h>

#if defined(__GNUC__)
__attribute__((visibility("default"))) /* so that a test finds it in the extension */
#endif
extern struct fnn_faults {
    int64_t fail_allocation; /* this many allocations succeed, then one fails; −1: none fails */
    int64_t fail_thread;     /* this many threads start, and then none; −1: none fails */
    int64_t allocations;     /* calls of fnn_acquire so far */
    int64_t live;            /* allocations not yet released */
    int64_t threads;         /* threads started so far */
} fnn_faults;

#define FNN_FAULT_ALLOCATION() (fnn_faults.allocations++, fnn_faults.fail_allocation >= 0 && fnn_faults.fail_allocation-- == 0)
#define FNN_FAULT_THREAD() (fnn_faults.fail_thread >= 0 && fnn_faults.fail_thread-- <= 0 && (fnn_faults.fail_thread = 0, 1))
#define FNN_FAULT_COUNT(what, by) (fnn_faults.what += (by))
#else
#define FNN_FAULT_ALLOCATION() 0
#define FNN_FAULT_THREAD() 0
#define FNN_FAULT_COUNT(what, by) ((void)0)
#endif

#endif
