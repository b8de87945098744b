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
    int64_t fail_allocation; /* so many more succeed, then one fails; −1: none does */
    int64_t fail_thread;     /* the same for threads, but from there on all fail */
    int64_t allocations;     /* asked for so far */
    int64_t live;            /* pieces not yet released */
    int64_t threads;         /* started so far */
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
