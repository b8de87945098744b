# Trains many networks in one call of the core, and shuffles rows. Included by _fastnn.pyx.

cdef extern from "numpy/random/bitgen.h" nogil:
    ctypedef struct bitgen_t:
        void *state
        uint32_t (*next_uint32)(void *state) noexcept nogil

cdef int64_t MOST_SHUFFLED = 1 << 32  # rows


cdef fnn_random random_of(generator) except *:
    """Read a NumPy generator, which nobody else may use meanwhile."""
    cdef bitgen_t *bits = <bitgen_t *>PyCapsule_GetPointer(
        generator.bit_generator.capsule, "BitGenerator"
    )
    return fnn_random(bits.next_uint32, bits.state)


def permutation(generator, rows):
    """Return row numbers in random order: those given, (n,) int64, or 0, 1, ... n - 1.

    The bits of ``generator.permutation(rows)``, some 2.5 times as fast.
    """
    cdef cnp.ndarray order = np.array(rows, INT64) if isinstance(rows, np.ndarray) else np.arange(rows)
    cdef int64_t n = cnp.PyArray_SIZE(order)
    cdef int64_t *at = <int64_t *>pointer(order, INT64, n)
    cdef fnn_random random
    if n > MOST_SHUFFLED:
        return generator.permutation(rows)
    with generator.bit_generator.lock:
        random = random_of(generator)
        with nogil:
            fnn_shuffle(at, n, random)
    return order


def lanes(dtype) -> int:
    """Return the numbers of this dtype in a vector: the networks of a group."""
    return fnn_lanes(code_of(np.dtype(dtype)))


def train_many(Rows X not None, list runs not None, int64_t batch_size, bint by_lanes, int n_threads):
    """Train each network for whole epochs; see fnn_train_many.

    ``runs`` has a tuple a network: (net, targets, optimiser, order, generator, epochs, rates,
    decays, dropout_seed, counter, trainable, check), as of `Net.train`; the order is shuffled by
    the generator unless that is None; `check` is that of fnn_task. The attribute `steps` of `counter` is read and increased.
    Returns of each network the sums (loss, correct, weight) of the epochs that it completed, its
    batches, and whether its loss stayed finite; and the error of a signal's handler or None.
    """
    cdef int64_t n = len(runs), i, all_epochs = 0
    cdef fnn_task *tasks = <fnn_task *>PyMem_Malloc(max(n, 1) * sizeof(fnn_task))
    cdef fnn_run *each = <fnn_run *>PyMem_Malloc(max(n, 1) * sizeof(fnn_run))
    cdef fnn_sums *sums = NULL
    cdef Watch watch = None
    cdef fnn_status status
    cdef int (*stop)(void *arg) noexcept nogil
    cdef void *stop_arg = NULL
    stop = NULL
    if batch_size < 1:
        raise ValueError("batch_size must be at least 1")
    try:
        if tasks == NULL or each == NULL:
            raise MemoryError
        memset(each, 0, n * sizeof(fnn_run))
        for i in range(n):
            describe_run(X, <tuple?>runs[i], batch_size, tasks + i, each + i)
            all_epochs += tasks[i].epochs
        sums = <fnn_sums *>PyMem_Malloc(max(all_epochs, 1) * sizeof(fnn_sums))
        if sums == NULL:
            raise MemoryError
        memset(sums, 0, all_epochs * sizeof(fnn_sums))
        all_epochs = 0
        for i in range(n):
            tasks[i].sums = sums + all_epochs
            all_epochs += tasks[i].epochs
        if threading.get_ident() == threading.main_thread().ident:
            watch = Watch.__new__(Watch)
            watch.next = now() + LOOK_EVERY
            stop, stop_arg = wants_to_stop, <void *>watch
        with nogil:
            status = fnn_train_many(tasks, n, &X.matrix, by_lanes, n_threads, stop, stop_arg)
        done = [completed(tasks + i) for i in range(n)]
        for i in range(n):
            (<tuple>runs[i])[9].steps += (<tuple>done[i])[1]
        if status != FNN_STOPPED:
            check(status)
        return done, watch.error if status == FNN_STOPPED else None
    finally:
        PyMem_Free(tasks)
        PyMem_Free(each)
        PyMem_Free(sums)


cdef tuple completed(const fnn_task *task):
    cdef int64_t epoch, all_batches = 0
    cdef int64_t each = (task.run.n + task.run.batch_size - 1) // task.run.batch_size
    cdef bint finite = True
    cdef const fnn_sums *sums
    cdef list epochs = []
    for epoch in range(task.epochs):
        sums = task.sums + epoch
        all_batches += sums.batches
        finite = finite and sums.finite
        if sums.batches == each:
            epochs.append((sums.loss, sums.correct, sums.weight))
    return epochs, all_batches, finite


cdef int describe_run(Rows X, tuple given, int64_t batch_size, fnn_task *task, fnn_run *run) except -1:
    cdef Net net = <Net?>given[0]
    cdef Targets y = <Targets?>given[1]
    cdef Optimiser optimiser = <Optimiser?>given[2]
    cdef cnp.ndarray order = given[3], rates = given[6], decays = given[7]
    cdef int64_t epochs = given[5], batches
    net.fits(X, y)
    net.has_moments_of(optimiser)
    run.n = X.n_rows if order is None else cnp.PyArray_SIZE(order)
    run.order = NULL if order is None else rows_of(order, 0, run.n, X)
    if epochs < 0 or run.n > MOST_SHUFFLED:
        raise ValueError("many networks take at most 2^32 rows, and 0 epochs or more")
    run.batch_size, run.n_threads = batch_size, 1
    batches = epochs * ((run.n + batch_size - 1) // batch_size)
    run.rates = <const double *>pointer(rates, FLOAT64, batches)
    run.decays = NULL if decays is None else <const double *>pointer(decays, FLOAT64, batches)
    run.dropout_seed, run.steps_taken = given[8], given[9].steps
    run.trainable = net.flags(given[10])
    task.net, task.y, task.optimiser = net.net, &y.targets, &optimiser.optimiser
    task.run, task.epochs, task.check = run, epochs, given[11]
    task.random = fnn_random(NULL, NULL) if given[4] is None else random_of(given[4])
    return 0
