# Callbacks of the core within a mini-batch: signals, and the exchange of gradients. Included by _fastnn.pyx.

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        int64_t tv_sec
        long tv_nsec
    int timespec_get(timespec *now, int base)
    int TIME_UTC


cdef double now() noexcept nogil:
    cdef timespec moment
    timespec_get(&moment, TIME_UTC)
    return <double>moment.tv_sec + 1e-9 * <double>moment.tv_nsec


cdef double LOOK_EVERY = 0.02  # seconds between two checks for signals within one mini-batch


@cython.final
@cython.auto_pickle(False)
cdef class Watch:
    """A check for signals within a large mini-batch: their handlers run there and may raise.

    A handler may read or save the network: its parameters are those of the last batch boundary. Of
    many networks, which have no such boundary in common, `net` is None: a handler finds them busy.
    """

    cdef Net net
    cdef double next
    cdef object error

    cdef int look(self) noexcept with gil:
        if self.net is not None:
            self.net.asking = True
        try:
            PyErr_CheckSignals()
        except BaseException as error:
            self.error = error
        if self.net is not None:
            self.net.asking = False
        self.next = now() + LOOK_EVERY
        return self.error is not None


cdef int wants_to_stop(void *watch) noexcept nogil:
    cdef double moment = now()
    # `next` is at most LOOK_EVERY ahead; if it is far ahead, the clock has been set back
    if moment < (<Watch>watch).next and moment > (<Watch>watch).next - 10 * LOOK_EVERY:
        return 0
    return (<Watch>watch).look()


@cython.final
@cython.auto_pickle(False)
cdef class Exchange:
    """The sums of gradients over the ranks of a data-parallel training.

    `add` is called with an array (n_params + 3,), the memory of the core, and replaces its values by
    their sums over the ranks; what it raises ends the training before the step.
    """

    cdef Net net
    cdef object add
    cdef object error

    cdef int describe(self, Net net, tuple shared, fnn_run *run) except -1:
        self.net, self.add = net, shared[0]
        run.exchange, run.exchange_arg = exchange_sums, <void *>self
        run.ends = <const int64_t *>pointer(shared[1], INT64, run.n_batches)
        if (np.diff(shared[1], prepend=0, append=run.n) < 0).any():
            raise ValueError("the batches must end in order, within the rows")
        return 0

    cdef int call(self, void *sums) noexcept with gil:
        cdef cnp.npy_intp n = self.net.n_params + 3
        self.net.asking = True
        try:
            self.add(cnp.PyArray_SimpleNewFromData(1, &n, self.net.dtype.num, sums))
        except BaseException as error:
            self.error = error
        self.net.asking = False
        return self.error is not None


cdef int exchange_sums(void *exchange, void *sums) noexcept nogil:
    return (<Exchange>exchange).call(sums)
