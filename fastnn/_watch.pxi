# Looks for signals in the middle of a large mini-batch. Included by _fastnn.pyx.

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
