# cython: freethreading_compatible=True, embedsignature=False
"""Binding of the C core: checked arrays in, one C call without the GIL, results out.

arrays.py has checked every array that is passed here; only the shapes that memory safety depends on
are checked again. Over 400 lines, because using a cdef class from a second module would need
another layer of declarations.
"""
cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from ._fnn cimport *

import os
import threading

import numpy as np

cnp.import_array()

# The share of non-zeros below which walking them was faster. Measured on a training of 784-w-10 on
# random zeros, AVX-512: at 0.3 by 1.2 to 1.4 times, at 0.4 by 1.0 to 1.15, for w from 16 to 2048.
WALK_BELOW = 0.35
cdef double _WALK_BELOW = WALK_BELOW
BLOCK = FNN_BLOCK
MOST_THREADS = FNN_MOST_THREADS


class BusyError(RuntimeError):
    """The network is being trained by another thread."""


cdef int check(fnn_status status) except -1:
    """Raise the exception for a status of the core; no other function does."""
    if status == FNN_OK:
        return 0
    if status == FNN_NO_MEMORY:
        raise MemoryError("not enough memory for this network and batch size")
    if status == FNN_TOO_LARGE:
        raise MemoryError("a network of these sizes does not fit into memory")
    if status == FNN_BUSY:
        raise BusyError(
            "this network is being trained by another thread; use one network a thread, or wait"
        )
    if status == FNN_UNAVAILABLE:
        raise ValueError("this processor or build lacks that instruction set")
    raise ValueError("the core refused an argument that the checks before it let through")


cdef int64_t LOOK_AT = 1 << 22  # values read, some milliseconds, between two checks elsewhere
include "_watch.pxi"
include "_operands.pxi"
include "_many.pxi"

cdef enum:
    MOST_LAYERS = 16
    BRIEF = 500000  # multiply-adds, some 10 µs, for which nobody minds waiting for the GIL
    AT_ONCE = 100000000  # multiply-adds, some ms, for which nobody minds waiting with Ctrl-C


@cython.final
cdef class Net:
    """A network in the core. Parameters start at zero."""

    cdef fnn_net *net
    cdef cnp.dtype dtype
    cdef readonly object params
    cdef readonly int n_layers
    cdef int64_t n_params, n_in, n_out
    cdef tuple sizes
    cdef readonly object before  # a copy of the parameters, to go back to after a step that overflows
    cdef bint asking  # a signal handler may be running, in the middle of a mini-batch

    def __cinit__(self, sizes, activation, dropout, int loss, loss_param, dtype):
        cdef cnp.ndarray widths = np.array(sizes, INT64)
        cdef cnp.ndarray codes = np.array(activation, INTC)
        cdef cnp.ndarray rates = np.array(dropout, FLOAT64)
        cdef cnp.ndarray params
        cdef fnn_spec spec
        cdef cnp.npy_intp shape
        cdef cnp.ndarray view
        if len(codes) != len(widths) - 1 or len(rates) != len(codes):
            raise ValueError("there must be one activation and one dropout rate a layer of weights")
        self.dtype = np.dtype(dtype)
        spec.dtype = code_of(self.dtype)
        spec.n_layers = len(codes)
        spec.sizes = <const int64_t *>cnp.PyArray_DATA(widths)
        spec.activation = <const int *>cnp.PyArray_DATA(codes)
        spec.dropout = <const double *>cnp.PyArray_DATA(rates)
        spec.loss, spec.loss_param, spec.loss_params = <fnn_loss>loss, 0, NULL
        if isinstance(loss_param, (int, float)):
            spec.loss_param = loss_param
        else:
            params = np.array(loss_param, np.float64)
            spec.loss_params = <const double *>pointer(params, FLOAT64, widths[-1])
        check(fnn_net_new(&spec, &self.net))
        self.n_layers = spec.n_layers
        self.sizes = tuple(widths.tolist())
        self.n_in, self.n_out = self.sizes[0], self.sizes[-1]
        self.n_params = shape = fnn_n_params(self.net)
        view = cnp.PyArray_SimpleNewFromData(1, &shape, self.dtype.num, fnn_params(self.net))
        # The view refers to a separate owner of the memory, not to this object: no cycle.
        cnp.set_array_base(view, Memory.of(self))
        self.params = view

    def get_params(self):
        """Return a copy of the parameters, never one in the middle of an update."""
        cdef cnp.ndarray copy = np.empty(self.n_params, self.dtype)
        cdef void *out = cnp.PyArray_DATA(copy)
        cdef fnn_status status
        with nogil:
            status = fnn_get_params(self.net, out)
        check(status)
        return copy

    def set_params(self, values):
        """Set all parameters at once: (n_params,) numbers, converted to the network's dtype."""
        cdef cnp.ndarray new = np.require(values, self.dtype, ["C", "A"])
        cdef const void *source = pointer(new, self.dtype, self.n_params)
        cdef fnn_status status
        if self.asking:
            raise RuntimeError(
                "a signal handler cannot set the parameters in the middle of a mini-batch"
            )
        with nogil:
            status = fnn_set_params(self.net, source)
        check(status)

    cdef const int *flags(self, cnp.ndarray trainable) except? NULL:
        """Read one C int a layer; None: all layers are trained."""
        return NULL if trainable is None else <const int *>pointer(trainable, INTC, self.n_layers)

    cdef int fits(self, Rows X, Targets y) except -1:
        if X.n_cols != self.sizes[0]:
            raise ValueError(f"X has {X.n_cols} columns; this network reads {self.sizes[0]}")
        if y is not None and y.n_rows != X.n_rows:
            raise ValueError(f"X has {X.n_rows} rows, y has {y.n_rows}")
        if y is not None and y.n_out != self.sizes[-1]:
            raise ValueError(f"y is for {y.n_out} outputs; this network has {self.sizes[-1]}")
        for values in (y.kept[1], y.kept[3]) if y is not None else ():
            if values is not None and (<cnp.ndarray>values).descr.num != self.dtype.num:
                raise TypeError(f"the core needs {self.dtype} here")
        return 0

    def train(self, Rows X not None, Targets y not None, Optimiser optimiser not None,
              cnp.ndarray order, int64_t batch_size, cnp.ndarray rates not None, int64_t step,
              uint64_t dropout_seed, int n_threads, before=(0, 0, 0), counter=None,
              cnp.ndarray trainable=None, shared=None, cnp.ndarray decays=None):
        """Step once a batch over the rows in `order`; see fnn_train.

        The attribute `steps` of `counter` is increased here: a signal handler may raise between the
        return from this function and the next line of its caller. `shared`, of a data-parallel
        training: the function for `Exchange`, and `ends` of fnn_run. Returns (loss, correct,
        weight, rows, batches, finite), the first three added to `before`.
        """
        cdef Watch watch = None
        cdef Exchange exchange = None
        cdef fnn_run run
        cdef fnn_sums sums
        cdef fnn_status status
        self.fits(X, y)
        self.has_moments_of(optimiser)
        if batch_size < 1:
            raise ValueError("batch_size must be at least 1")
        memset(&run, 0, sizeof(run))
        run.n = X.n_rows if order is None else cnp.PyArray_SIZE(order)
        run.order = NULL if order is None else rows_of(order, 0, run.n, X)
        run.batch_size, run.steps_taken, run.dropout_seed = batch_size, step, dropout_seed
        run.n_batches = (run.n + batch_size - 1) // batch_size if shared is None else len(shared[1])
        run.rates = <const double *>pointer(rates, FLOAT64, run.n_batches)
        run.decays = NULL if decays is None else <const double *>pointer(decays, FLOAT64, run.n_batches)
        run.n_threads, run.trainable = n_threads, self.flags(trainable)
        if shared is not None:
            exchange = Exchange.__new__(Exchange)
            exchange.describe(self, shared, &run)
        elif threading.get_ident() == threading.main_thread().ident:  # the only one to get signals
            watch = Watch.__new__(Watch)
            watch.net, watch.next = self, now() + LOOK_EVERY
            run.stop, run.stop_arg = wants_to_stop, <void *>watch
        memset(&sums, 0, sizeof(sums))
        sums.loss, sums.correct, sums.weight = before
        with nogil:
            status = fnn_train(self.net, &X.matrix, &y.targets, &optimiser.optimiser, &run, &sums)
        if counter is not None:
            counter.steps += sums.batches
        if status == FNN_STOPPED:
            raise watch.error if shared is None else exchange.error
        check(status)
        return sums.loss, sums.correct, sums.weight, sums.rows, sums.batches, bool(sums.finite)

    def step(self, cnp.ndarray gradient not None, Optimiser optimiser not None, double rate,
             int64_t steps_taken, int n_threads, counter=None, cnp.ndarray trainable=None):
        """Take one optimiser step with a gradient, (n_params,) finite numbers; see fnn_step."""
        cdef fnn_run run
        cdef fnn_status status
        cdef const void *values = pointer(gradient, self.dtype, self.n_params)
        self.has_moments_of(optimiser)
        memset(&run, 0, sizeof(run))
        run.rates, run.steps_taken, run.n_threads = &rate, steps_taken, n_threads
        run.trainable = self.flags(trainable)
        with nogil:
            status = fnn_step(self.net, values, &optimiser.optimiser, &run)
        if status == FNN_OK and counter is not None:
            counter.steps += 1
        check(status)

    def step_few(self, gradient, Optimiser optimiser not None, double rate, counter,
                 cnp.ndarray trainable, int n_threads):
        """Take one optimiser step with a plain gradient; False if `step` must do it.

        Raises OverflowError as `train_few`.
        """
        cdef fnn_run run
        cdef fnn_status status
        cdef cnp.ndarray values
        if type(gradient) is not cnp.ndarray:
            return False
        values = <cnp.ndarray>gradient
        if (
            values.descr.num != self.dtype.num
            or cnp.PyArray_NDIM(values) != 1
            or cnp.PyArray_SIZE(values) != self.n_params
            or not cnp.PyArray_ISCARRAY_RO(values)
        ):
            return False
        if not self.are_finite(cnp.PyArray_DATA(values), self.n_params):
            return False
        memset(&run, 0, sizeof(run))
        run.rates, run.steps_taken, run.n_threads = &rate, counter.steps, n_threads
        run.trainable = self.flags(trainable)
        self.keep_params()
        status = fnn_step(self.net, cnp.PyArray_DATA(values), &optimiser.optimiser, &run)
        if status == FNN_BUSY:  # another thread reads
            return False
        check(status)
        counter.steps += 1
        if not self.are_finite(fnn_params(self.net), self.n_params):
            raise OverflowError
        return True

    cdef int keep_params(self) except -1:
        """Copy the parameters into `before`."""
        if self.before is None:
            self.before = np.empty(self.n_params, self.dtype)
        memcpy(cnp.PyArray_DATA(<cnp.ndarray>self.before), fnn_params(self.net),
               self.n_params * self.dtype.itemsize)
        return 0

    cdef int has_moments_of(self, Optimiser optimiser) except -1:
        for moment in optimiser.kept:
            if moment is not None:
                pointer(moment, self.dtype, self.n_params)
        return 0

    def forward(self, Rows X not None, int64_t begin, int64_t end, list out not None,
                int n_threads, *, bint logits=False, cnp.ndarray order=None, dropout=None):
        """Write the activations of rows [begin, end) into `out`, an array or None a layer.

        Returns `finite` of fnn_pass. `order`: of the rows order[begin], ..., order[end - 1]. `dropout`: (seed, step, first) of
        masks, those of a training with this seed at this step, from its batch's row `first` on.
        """
        cdef void *pointers[MOST_LAYERS + 1]
        cdef void **layers = pointers
        cdef fnn_pass how
        cdef fnn_status status
        cdef int64_t i
        cdef int finite = 1
        self.fits(X, None)
        if len(out) != self.n_layers + 1:
            raise ValueError("one array or None a layer, the input first")
        memset(&how, 0, sizeof(how))
        how.begin, how.end, how.logits, how.n_threads = begin, end, logits, n_threads
        how.finite = &finite
        if order is not None:
            how.order = rows_of(order, begin, end, X)
        if dropout is not None:
            how.drop = True
            how.seed, how.step, how.first = dropout
        if self.n_layers > MOST_LAYERS:
            layers = <void **>PyMem_Malloc((self.n_layers + 1) * sizeof(void *))
            if layers == NULL:
                raise MemoryError
        try:
            for l in range(self.n_layers + 1):
                layers[l] = (
                    NULL if out[l] is None
                    else writable(out[l], self.dtype, (end - begin) * self.sizes[l])
                )
            with nogil:
                status = fnn_forward(self.net, &X.matrix, &how, <void *const *>layers)
        finally:
            if layers != pointers:
                PyMem_Free(layers)
        check(status)
        return bool(finite)

    cdef int64_t rows_few(self, X, Scaling scaling, str sparse, bint look, fnn_matrix *matrix) except -1:
        """Describe a few rows of a plain array; return their number, 0 if `Rows` is to see to them.

        For calls where a microsecond counts. Errors about X are raised elsewhere. `sparse` is the
        setting of `set_sparse`. `look`: for NaN and infinity, once at every value.
        """
        cdef cnp.ndarray rows
        cdef int64_t n
        if type(X) is not cnp.ndarray:
            return 0
        rows = <cnp.ndarray>X
        if (
            cnp.PyArray_NDIM(rows) != 2
            or cnp.PyArray_DIM(rows, 1) != self.n_in
            or not cnp.PyArray_ISNOTSWAPPED(rows)
        ):
            return 0
        n = cnp.PyArray_DIM(rows, 0)
        if cnp.PyArray_TYPE(rows) == cnp.NPY_FLOAT32:
            matrix.dtype = FNN_F32
        elif cnp.PyArray_TYPE(rows) == cnp.NPY_FLOAT64:
            matrix.dtype = FNN_F64
        elif cnp.PyArray_TYPE(rows) == cnp.NPY_UINT8:
            matrix.dtype = FNN_U8
        else:
            return 0
        matrix.n_rows, matrix.data = n, cnp.PyArray_BYTES(rows)
        matrix.row_stride, matrix.col_stride = cnp.PyArray_STRIDE(rows, 0), cnp.PyArray_STRIDE(rows, 1)
        matrix.factor = 1
        if scaling is not None:
            scaling.describe(matrix, self.n_in)
        if look and not fnn_all_finite(matrix, self.n_in, code_of(self.dtype)):
            return 0
        return n

    cdef bint numbers_few(self, values, int64_t n) except -1:
        """Whether these are (n, n_out) finite numbers as the core reads them, or (n,) of one output."""
        cdef cnp.ndarray array
        if type(values) is not cnp.ndarray:
            return False
        array = <cnp.ndarray>values
        if (
            array.descr.num != self.dtype.num
            or not cnp.PyArray_ISCARRAY_RO(array)
            or cnp.PyArray_SIZE(array) != n * self.n_out
            or cnp.PyArray_NDIM(array) != 2 and not (cnp.PyArray_NDIM(array) == 1 == self.n_out)
            or cnp.PyArray_DIM(array, 0) != n
        ):
            return False
        return self.are_finite(cnp.PyArray_DATA(array), n * self.n_out)

    cdef bint are_finite(self, const void *values, int64_t n) except -1:
        """Whether n numbers of the network's dtype are finite."""
        cdef fnn_matrix look
        memset(&look, 0, sizeof(look))
        look.dtype, look.n_rows, look.factor = code_of(self.dtype), 1, 1
        look.data, look.col_stride = <const char *>values, self.dtype.itemsize
        return fnn_all_finite(&look, n, look.dtype)

    cdef bint targets_few(self, y, slopes, bint any_number, int64_t n, fnn_targets *targets) except -1:
        """Describe plain targets, or output gradients; False if `Targets` is to see to them.

        Labels are int64 (n,), from 0, of several outputs; numbers are taken where the output says
        `any_number`.
        """
        cdef cnp.ndarray array
        cdef int64_t label, i
        if slopes is not None:
            if y is not None or not self.numbers_few(slopes, n):
                return False
            targets.values, targets.linear = cnp.PyArray_DATA(<cnp.ndarray>slopes), True
            return True
        if any_number and self.numbers_few(y, n):
            targets.values = cnp.PyArray_DATA(<cnp.ndarray>y)
            return True
        if type(y) is not cnp.ndarray or self.n_out == 1:
            return False
        array = <cnp.ndarray>y
        if (
            array.descr.num != INT64.num
            or not cnp.PyArray_ISCARRAY_RO(array)
            or cnp.PyArray_NDIM(array) != 1
            or cnp.PyArray_DIM(array, 0) != n
        ):
            return False
        targets.labels, targets.metric = <const int64_t *>cnp.PyArray_DATA(array), FNN_ARGMAX
        for i in range(n):
            label = targets.labels[i]
            if label < 0 or label >= self.n_out:
                return False
        return True

    cdef object read_few(self, X, y, slopes, bint any_number, Scaling scaling, str sparse,
                         fnn_matrix *matrix, fnn_targets *targets):
        """Describe plain rows and targets; return what must live as long, None if they are not."""
        cdef int64_t n
        memset(matrix, 0, sizeof(matrix[0]))
        memset(targets, 0, sizeof(targets[0]))
        n = self.rows_few(X, scaling, sparse, True, matrix)
        if (
            n == 0
            or n * self.n_params > AT_ONCE
            or n > 1 << 24
            or not self.targets_few(y, slopes, any_number, n, targets)
        ):
            return None
        matrix.sparse = self.walks_few(matrix, sparse)
        if targets.labels == NULL or n * self.n_params < BRIEF:
            return True
        labels = y.copy()  # without the GIL what has been checked must not change
        targets.labels = <const int64_t *>cnp.PyArray_DATA(<cnp.ndarray>labels)
        return labels

    cdef bint walks_few(self, fnn_matrix *matrix, str sparse) except -1:
        """Whether the first layer walks these rows by their non-zeros: as arrays.as_rows decides."""
        if matrix.shift != NULL or sparse == "never":
            return False
        return sparse == "always" or fnn_density(matrix, self.n_in) < _WALK_BELOW

    def forward_few(self, X, Scaling scaling, str sparse not None):
        """Return the outputs for a few rows of a plain array; None if `forward` is to see to them."""
        cdef fnn_matrix matrix
        cdef cnp.ndarray outputs
        cdef cnp.npy_intp shape[2]
        cdef void *pointers[MOST_LAYERS + 1]
        cdef fnn_pass how
        cdef fnn_status status
        cdef int64_t n, work
        cdef int finite = 1
        memset(&matrix, 0, sizeof(matrix))
        if self.n_layers > MOST_LAYERS:
            return None
        if type(X) is cnp.ndarray and cnp.PyArray_NDIM(<cnp.ndarray>X) == 2:
            if cnp.PyArray_DIM(<cnp.ndarray>X, 0) * self.n_params > FNN_WORTH_A_TEAM:
                return None
        n = self.rows_few(X, scaling, sparse, False, &matrix)
        work = n * self.n_params
        if n == 0:
            return None
        if matrix.shift == NULL and sparse != "never":  # finding non-zeros is cheaper
            matrix.sparse = n <= 4 or sparse == "always"
        shape[0], shape[1] = n, self.n_out
        outputs = cnp.PyArray_SimpleNew(2, shape, self.dtype.num)
        memset(pointers, 0, sizeof(pointers))
        pointers[self.n_layers] = cnp.PyArray_DATA(outputs)
        memset(&how, 0, sizeof(how))
        how.end, how.n_threads, how.finite = n, 1, &finite
        if work < BRIEF:
            status = fnn_forward(self.net, &matrix, &how, <void *const *>pointers)
        else:
            with nogil:
                status = fnn_forward(self.net, &matrix, &how, <void *const *>pointers)
        check(status)
        return outputs if finite else None

    def train_few(self, X, y, slopes, bint any_number, Scaling scaling, str sparse not None,
                  Optimiser optimiser not None, double rate, counter, uint64_t dropout_seed,
                  cnp.ndarray trainable, int n_threads):
        """Take one step on plain arrays as one batch; None if `train` is to see to them.

        Returns (loss, accuracy or None, whether the loss was finite). Raises OverflowError after a
        step that leaves numbers which are not finite; `before` has the parameters before it.
        """
        cdef fnn_matrix matrix
        cdef fnn_targets targets
        cdef fnn_run run
        cdef fnn_sums sums
        cdef fnn_status status
        cdef int64_t n, work
        kept = self.read_few(X, y, slopes, any_number, scaling, sparse, &matrix, &targets)
        if kept is None:
            return None
        n, work = matrix.n_rows, matrix.n_rows * self.n_params
        memset(&run, 0, sizeof(run))
        run.n, run.batch_size, run.rates = n, n, &rate
        run.steps_taken, run.dropout_seed = counter.steps, dropout_seed
        run.trainable, run.n_threads = self.flags(trainable), n_threads
        memset(&sums, 0, sizeof(sums))
        self.keep_params()
        if work < BRIEF:
            status = fnn_train(self.net, &matrix, &targets, &optimiser.optimiser, &run, &sums)
        else:
            with nogil:
                status = fnn_train(self.net, &matrix, &targets, &optimiser.optimiser, &run, &sums)
        if status == FNN_BUSY:  # another thread reads
            return None
        counter.steps += sums.batches
        check(status)
        if not sums.finite:
            return float("nan"), None, False
        if not self.are_finite(fnn_params(self.net), self.n_params):
            raise OverflowError
        if targets.metric == FNN_NO_METRIC:
            return sums.loss / sums.weight, None, True
        return sums.loss / sums.weight, sums.correct / sums.weight, True

    def gradient_few(self, X, y, slopes, bint any_number, bint of_inputs, Scaling scaling,
                     str sparse not None, int n_threads):
        """Return the mean gradient for plain arrays, and the cost; None if `backward` is to do it.

        With `of_inputs` the gradient of each row's cost with respect to its scaled inputs,
        (n, n_in). For output gradients the sum, and no cost.
        """
        cdef fnn_matrix matrix
        cdef fnn_targets targets
        cdef fnn_gradients results
        cdef fnn_sums sums
        cdef fnn_status status
        cdef cnp.ndarray found
        cdef cnp.npy_intp shape[2]
        cdef void *layers[MOST_LAYERS]
        cdef int64_t n, work
        kept = self.read_few(X, y, slopes, any_number, scaling, sparse, &matrix, &targets)
        if kept is None or self.n_layers > MOST_LAYERS:
            return None
        n, work = matrix.n_rows, matrix.n_rows * self.n_params
        memset(&results, 0, sizeof(results))
        memset(&sums, 0, sizeof(sums))
        if of_inputs:
            shape[0], shape[1] = n, self.n_in
            found = cnp.PyArray_SimpleNew(2, shape, self.dtype.num)
            memset(layers, 0, sizeof(layers))
            layers[0] = cnp.PyArray_DATA(found)
            results.layers = <void *const *>layers
        else:
            shape[0] = self.n_params
            found = cnp.PyArray_ZEROS(1, shape, self.dtype.num, 0)
            results.sum = cnp.PyArray_DATA(found)
        if work < BRIEF:
            status = fnn_backward(self.net, &matrix, &targets, 0, n, &results, &sums, n_threads)
        else:
            with nogil:
                status = fnn_backward(
                    self.net, &matrix, &targets, 0, n, &results, &sums, n_threads
                )
        check(status)
        if slopes is not None:
            return found, None
        if not of_inputs:
            divide(found, sums.weight)
        return found, sums.loss / sums.weight

    def jacobian_few(self, X, bint of_params, Scaling scaling, str sparse not None,
                     int n_threads):
        """Return the Jacobians for rows of a plain array; None if `jacobian` is to see to them."""
        cdef fnn_matrix matrix
        cdef fnn_status status
        cdef cnp.ndarray found
        cdef cnp.npy_intp shape[3]
        cdef int64_t n, work
        memset(&matrix, 0, sizeof(matrix))
        n = self.rows_few(X, scaling, sparse, True, &matrix)
        shape[0], shape[1] = n, self.n_out
        shape[2] = self.n_params if of_params else self.n_in
        work = n * self.n_params * (1 + self.n_out)
        if n == 0 or work > AT_ONCE:
            return None
        matrix.sparse = not of_params and self.walks_few(&matrix, sparse)
        found = cnp.PyArray_SimpleNew(3, shape, self.dtype.num)
        with nogil:
            status = fnn_jacobian(
                self.net, &matrix, 0, n, NULL if of_params else cnp.PyArray_DATA(found),
                cnp.PyArray_DATA(found) if of_params else NULL, n_threads
            )
        check(status)
        return found

    def cost(self, Rows X not None, Targets y not None, int64_t begin, int64_t end, per_example,
             int n_threads, before=(0, 0, 0)):
        """Add the costs of rows [begin, end) to `before`: (loss, correct, weight)."""
        cdef fnn_sums sums
        cdef fnn_status status
        cdef double *costs = NULL
        self.fits(X, y)
        if per_example is not None:
            costs = <double *>writable(per_example, FLOAT64, end - begin)
        memset(&sums, 0, sizeof(sums))
        sums.loss, sums.correct, sums.weight = before
        with nogil:
            status = fnn_cost(
                self.net, &X.matrix, &y.targets, begin, end, costs, &sums, n_threads
            )
        check(status)
        return sums.loss, sums.correct, sums.weight

    def backward(self, Rows X not None, Targets y not None, int64_t begin, int64_t end, total,
                 per_example, layers, costs, int n_threads):
        """Add Σ w ∇C to `total` (n_params,), or write each row's ∇C into `per_example`.

        `layers`: None, or for each layer of weights an array (end - begin, n_l) to write each
        row's ∂C/∂a[l] into, or None. `costs`: None, or (end - begin,) for each row's C. Returns
        (loss, correct, weight).
        """
        cdef fnn_sums sums
        cdef fnn_gradients results
        cdef fnn_status status
        cdef void **pointers = NULL
        self.fits(X, y)
        memset(&results, 0, sizeof(results))
        if total is not None:
            results.sum = writable(total, self.dtype, self.n_params)
        if per_example is not None:
            results.per_example = writable(
                per_example, self.dtype, (end - begin) * self.n_params
            )
        if costs is not None:
            results.cost = <double *>writable(costs, FLOAT64, end - begin)
        memset(&sums, 0, sizeof(sums))
        try:
            if layers is not None:
                if len(layers) != self.n_layers:
                    raise ValueError("one array or None a layer of weights")
                pointers = <void **>PyMem_Malloc(self.n_layers * sizeof(void *))
                if pointers == NULL:
                    raise MemoryError
                for l in range(self.n_layers):
                    pointers[l] = (
                        NULL if layers[l] is None
                        else writable(layers[l], self.dtype, (end - begin) * self.sizes[l])
                    )
                results.layers = <void *const *>pointers
            with nogil:
                status = fnn_backward(
                    self.net, &X.matrix, &y.targets, begin, end, &results, &sums, n_threads
                )
        finally:
            PyMem_Free(pointers)
        check(status)
        return sums.loss, sums.correct, sums.weight

    def jacobian(self, Rows X not None, int64_t begin, int64_t end, inputs, params,
                 int n_threads):
        """Write ∂a/∂x of rows [begin, end) into `inputs`, or ∂a/∂θ into `params`; see fnn_jacobian."""
        cdef fnn_status status
        cdef int64_t n = (end - begin) * self.n_out
        cdef void *of_inputs = NULL
        cdef void *of_params = NULL
        self.fits(X, None)
        if inputs is not None:
            of_inputs = writable(inputs, self.dtype, n * self.n_in)
        if params is not None:
            of_params = writable(params, self.dtype, n * self.n_params)
        with nogil:
            status = fnn_jacobian(
                self.net, &X.matrix, begin, end, of_inputs, of_params, n_threads
            )
        check(status)


@cython.final
cdef class Memory:
    """Owner of a network of the core, alive as long as the Net or a view of its parameters."""

    cdef fnn_net *net

    @staticmethod
    cdef Memory of(Net net):
        cdef Memory memory = Memory.__new__(Memory)
        memory.net = net.net
        return memory

    def __dealloc__(self):
        fnn_net_free(self.net)


include "_many_read.pxi"


def choose_isa(name: str | None) -> str:
    """Switch every kernel to one instruction set, None for the best here; return its name."""
    cdef bytes encoded = b"" if name is None else name.encode()
    check(fnn_choose_isa(NULL if name is None else <const char *>encoded))
    return isa()


def isa() -> str:
    """Return the instruction set in use."""
    return fnn_isa().decode()


def available_isas() -> tuple[str, ...]:
    """Return the instruction sets that this build and processor can run, best first."""
    names = []
    while fnn_isa_available(len(names)) != NULL:
        names.append(fnn_isa_available(len(names)).decode())
    return tuple(names)


fnn_choose_isa(NULL)


def _forked() -> None:
    fnn_forked()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forked)
