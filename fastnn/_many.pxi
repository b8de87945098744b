# Trains many networks in one call of the core. Included by _fastnn.pyx.


def lanes(dtype) -> int:
    """Return the numbers of this dtype in a vector: the networks of a group."""
    return fnn_lanes(code_of(np.dtype(dtype)))


def train_many(Rows X not None, list runs not None, int64_t batch_size, bint by_lanes, int n_threads):
    """Step through a run of mini-batches of each network; see fnn_train_many.

    ``runs`` has a tuple a network: (net, targets, optimiser, order, rates, dropout_seed, before,
    counter, trainable), as of `Net.train`; the attribute `steps` of `counter` is read and increased.
    Returns (loss, correct, weight, batches, finite) of each network, or the error of a signal's
    handler, after which the counters say how far each network has come.
    """
    cdef int64_t n = len(runs), i
    cdef fnn_task *tasks = <fnn_task *>PyMem_Malloc(max(n, 1) * sizeof(fnn_task))
    cdef fnn_run *each = <fnn_run *>PyMem_Malloc(max(n, 1) * sizeof(fnn_run))
    cdef fnn_sums *sums = <fnn_sums *>PyMem_Malloc(max(n, 1) * sizeof(fnn_sums))
    cdef Watch watch = None
    cdef fnn_status status
    cdef int (*stop)(void *arg) noexcept nogil
    cdef void *stop_arg = NULL
    stop = NULL
    if batch_size < 1:
        raise ValueError("batch_size must be at least 1")
    try:
        if tasks == NULL or each == NULL or sums == NULL:
            raise MemoryError
        memset(each, 0, n * sizeof(fnn_run))
        memset(sums, 0, n * sizeof(fnn_sums))
        for i in range(n):
            describe_run(X, <tuple?>runs[i], batch_size, tasks + i, each + i, sums + i)
        if threading.get_ident() == threading.main_thread().ident:
            watch = Watch.__new__(Watch)
            watch.next = now() + LOOK_EVERY
            stop, stop_arg = wants_to_stop, <void *>watch
        with nogil:
            status = fnn_train_many(tasks, n, &X.matrix, by_lanes, n_threads, stop, stop_arg)
        for i in range(n):
            (<tuple>runs[i])[7].steps += sums[i].batches
        if status != FNN_STOPPED:
            check(status)
        done = [
            (sums[i].loss, sums[i].correct, sums[i].weight, sums[i].batches, bool(sums[i].finite))
            for i in range(n)
        ]
        return done, watch.error if status == FNN_STOPPED else None
    finally:
        PyMem_Free(tasks)
        PyMem_Free(each)
        PyMem_Free(sums)


cdef int describe_run(Rows X, tuple given, int64_t batch_size, fnn_task *task, fnn_run *run,
                      fnn_sums *sums) except -1:
    cdef Net net = <Net?>given[0]
    cdef Targets y = <Targets?>given[1]
    cdef Optimiser optimiser = <Optimiser?>given[2]
    cdef cnp.ndarray order = given[3], rates = given[4]
    cdef int64_t i
    net.fits(X, y)
    net.has_moments_of(optimiser)
    run.n = X.n_rows if order is None else cnp.PyArray_SIZE(order)
    run.order = NULL if order is None else <const int64_t *>pointer(order, INT64, run.n)
    for i in range(run.n if order is not None else 0):
        if run.order[i] < 0 or run.order[i] >= X.n_rows:
            raise IndexError(f"row {run.order[i]} of {X.n_rows}")
    run.batch_size, run.n_threads = batch_size, 1
    run.rates = <const double *>pointer(rates, FLOAT64, (run.n + batch_size - 1) // batch_size)
    run.dropout_seed, run.steps_taken = given[5], given[7].steps
    run.trainable = net.flags(given[8])
    sums.loss, sums.correct, sums.weight = given[6]
    task.net, task.y, task.optimiser = net.net, &y.targets, &optimiser.optimiser
    task.run, task.sums = run, sums
    return 0
