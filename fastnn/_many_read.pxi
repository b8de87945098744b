# Predictions of many networks in one call of the core. Included by _fastnn.pyx, after Net.

@cython.final
@cython.auto_pickle(False)
cdef class Together:
    """Networks of one shape that predict side by side, one in each lane; see fnn_forward_many.

    It holds the networks, not their parameters: these are read anew at each call.
    """

    cdef fnn_net **nets
    cdef readonly int64_t n
    cdef tuple kept
    cdef Net first

    def __cinit__(self, cores):
        cdef int64_t i
        self.kept = tuple(cores)
        self.n = len(self.kept)
        self.first = <Net?>self.kept[0]
        self.nets = <fnn_net **>PyMem_Malloc(self.n * sizeof(fnn_net *))
        if self.nets == NULL:
            raise MemoryError
        for i in range(self.n):
            self.nets[i] = (<Net?>self.kept[i]).net

    def __dealloc__(self):
        PyMem_Free(self.nets)

    def forward(self, Rows X not None, int64_t begin, int64_t end, cnp.ndarray out not None,
                int n_threads):
        """Write the outputs of rows [begin, end) into `out`, (n, end - begin, n_out)."""
        cdef int64_t apart = (end - begin) * self.first.n_out
        cdef void *to = writable(out, self.first.dtype, self.n * apart)
        cdef fnn_status status
        self.first.fits(X, None)
        with nogil:
            status = fnn_forward_many(self.nets, self.n, &X.matrix, begin, end, to, apart, n_threads)
        check(status)

    def forward_few(self, X, Scaling scaling):
        """Return the outputs for a few rows of a plain array; None if `forward` is to see to them."""
        cdef fnn_matrix matrix
        cdef cnp.ndarray outputs
        cdef cnp.npy_intp shape[3]
        cdef fnn_status status
        cdef int64_t n, work
        cdef void *to
        if type(X) is cnp.ndarray and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2:
            if cnp.PyArray_DIM(<cnp.ndarray>X, 0) * self.n * self.first.n_params > FNN_WORTH_A_TEAM:
                return None
        memset(&matrix, 0, sizeof(matrix))
        n = self.first.rows_few(X, scaling, "never", True, &matrix)
        if n == 0:
            return None
        shape[0], shape[1], shape[2] = self.n, n, self.first.n_out
        outputs = cnp.PyArray_SimpleNew(3, shape, self.first.dtype.num)
        to = cnp.PyArray_DATA(outputs)
        work = n * self.n * self.first.n_params
        if work < BRIEF:
            status = fnn_forward_many(self.nets, self.n, &matrix, 0, n, to, n * shape[2], 1)
        else:
            with nogil:
                status = fnn_forward_many(self.nets, self.n, &matrix, 0, n, to, n * shape[2], 1)
        check(status)
        return outputs


def are_still(list states not None, tuple names not None, list values not None) -> bool:
    """Return whether the dicts have these values, by identity: those of the first dict, then the next."""
    cdef Py_ssize_t i = 0
    for state in states:
        for name in names:
            if (<dict?>state).get(name) is not values[i]:
                return False
            i += 1
    return True
