# Operands of the core's calls: scaling, rows, targets and optimisers, with the arrays they hold on to.
# Included by _fastnn.pyx.

cdef fnn_dtype code_of(cnp.dtype dtype) except *:
    if dtype.num == cnp.NPY_FLOAT32:
        return FNN_F32
    if dtype.num == cnp.NPY_FLOAT64:
        return FNN_F64
    if dtype.num == cnp.NPY_UINT8:
        return FNN_U8
    raise TypeError(f"the core reads float32, float64 and uint8, not {dtype}")


cdef const void *pointer(cnp.ndarray array, cnp.dtype dtype, int64_t size) except? NULL:
    """Return the data of a C-contiguous array of exactly this dtype and size."""
    if array.descr.num != dtype.num or not cnp.PyArray_ISCARRAY_RO(array):
        raise TypeError(f"the core needs a contiguous {dtype} array")
    if cnp.PyArray_SIZE(array) != size:
        raise ValueError(f"the core needs {size} values, not {cnp.PyArray_SIZE(array)}")
    return cnp.PyArray_DATA(array)


cdef const int64_t *rows_of(cnp.ndarray order, int64_t begin, int64_t end, Rows X) except? NULL:
    """Return an order of rows, of which those from begin to end are rows of X."""
    cdef const int64_t *rows = <const int64_t *>pointer(order, INT64, cnp.PyArray_SIZE(order))
    cdef int64_t i
    if begin < 0 or end > cnp.PyArray_SIZE(order):
        raise IndexError("the order has fewer rows")
    for i in range(begin, end):
        if rows[i] < 0 or rows[i] >= X.n_rows:
            raise IndexError(f"row {rows[i]} of {X.n_rows}")
    return rows


cdef void *writable(cnp.ndarray array, cnp.dtype dtype, int64_t size) except? NULL:
    if not cnp.PyArray_ISWRITEABLE(array):
        raise ValueError("the core needs a writable array")
    return <void *>pointer(array, dtype, size)


@cython.cdivision(True)
cdef void divide(cnp.ndarray values, double by) noexcept:
    """Divide contiguous float32 or float64 values in double: without the microsecond of NumPy's call."""
    cdef float *singles = <float *>cnp.PyArray_DATA(values)
    cdef double *doubles = <double *>cnp.PyArray_DATA(values)
    cdef int64_t i
    if cnp.PyArray_TYPE(values) == cnp.NPY_FLOAT32:
        for i in range(cnp.PyArray_SIZE(values)):
            singles[i] = <float>(singles[i] / by)
    else:
        for i in range(cnp.PyArray_SIZE(values)):
            doubles[i] /= by


cdef cnp.dtype INT64 = np.dtype(np.int64)
cdef cnp.dtype FLOAT64 = np.dtype(np.float64)
cdef cnp.dtype INTC = np.dtype(np.intc)


@cython.final
@cython.auto_pickle(False)
cdef class Scaling:
    """Scaling of inputs: (x - shift) * scale, in double, whatever the dtypes.

    ``shift`` and ``scale`` are read-only (n_in,) float64 arrays. `keeps_zeros`: the shift is 0 and
    all columns have one scale, so that zeros stay zeros.
    """

    cdef readonly object shift, scale
    cdef readonly double factor
    cdef readonly bint keeps_zeros
    cdef int64_t n_cols

    def __init__(self, cnp.ndarray shift not None, cnp.ndarray scale not None):
        self.n_cols = cnp.PyArray_SIZE(scale)
        pointer(shift, FLOAT64, self.n_cols)
        pointer(scale, FLOAT64, self.n_cols)
        self.shift, self.scale = shift.copy(), scale.copy()
        self.shift.flags.writeable = self.scale.flags.writeable = False
        self.keeps_zeros = not np.any(shift) and bool(np.all(scale == scale[0]))
        self.factor = scale[0] if self.keeps_zeros else 1

    def __reduce__(self):
        return Scaling, (self.shift, self.scale)

    def applied(self, X):
        """Return the inputs for X (n, n_in), of any dtype: scaled, in double."""
        return (X - self.shift) * self.scale

    cdef int describe(self, fnn_matrix *matrix, int64_t n_cols) except -1:
        if self.n_cols != n_cols:
            raise ValueError(f"the core needs {n_cols} shifts and scales, not {self.n_cols}")
        matrix.factor = self.factor
        if not self.keeps_zeros:
            matrix.shift = <const double *>cnp.PyArray_DATA(self.shift)
            matrix.scale = <const double *>cnp.PyArray_DATA(self.scale)
        return 0


@cython.final
cdef class Rows:
    """Rows of X as the core reads them: a 2-D array in place, or the three arrays of a CSR matrix.

    Keeps references to the arrays and copies none.
    """

    cdef fnn_matrix matrix
    cdef object kept
    cdef readonly int64_t n_rows, n_cols

    def __init__(self, cnp.ndarray data not None, shape=None, indices=None, indptr=None,
                 Scaling scaling=None):
        cdef cnp.ndarray values = data
        cdef cnp.ndarray starts, columns
        memset(&self.matrix, 0, sizeof(self.matrix))
        self.matrix.dtype = code_of(values.descr)
        if not values.dtype.isnative:
            raise TypeError("the core reads numbers in this machine's byte order")
        self.matrix.data = cnp.PyArray_BYTES(values)
        if indptr is None:
            if cnp.PyArray_NDIM(values) != 2:
                raise ValueError("the core reads 2-D arrays")
            self.n_rows, self.n_cols = cnp.PyArray_DIM(values, 0), cnp.PyArray_DIM(values, 1)
            self.matrix.row_stride = cnp.PyArray_STRIDE(values, 0)
            self.matrix.col_stride = cnp.PyArray_STRIDE(values, 1)
        else:
            self.n_rows, self.n_cols = shape
            starts, columns = indptr, indices
            if columns.dtype == np.uint16:
                if starts.dtype != np.int64:
                    raise TypeError("uint16 columns need int64 row starts")
            elif starts.descr.num != columns.descr.num:
                raise TypeError("the core reads CSR with one index type")
            elif starts.dtype != np.int32 and starts.dtype != np.int64:
                raise TypeError(f"the core reads int32 and int64 indices, not {starts.dtype}")
            self.matrix.data = <const char *>pointer(values, values.descr, cnp.PyArray_SIZE(values))
            self.matrix.indptr = pointer(starts, starts.descr, self.n_rows + 1)
            self.matrix.indices = pointer(columns, columns.descr, cnp.PyArray_SIZE(columns))
            self.matrix.index_bytes = columns.descr.itemsize
            if (
                starts[0] < 0
                or starts[-1] > min(cnp.PyArray_SIZE(columns), cnp.PyArray_SIZE(values))
                or (np.diff(starts) < 0).any()
                or columns.min(initial=0) < 0
                or (columns.size and columns.max() >= self.n_cols)
            ):
                raise ValueError("the indices of a CSR matrix are out of range")
            self.matrix.col_stride = values.descr.itemsize
        self.matrix.n_rows = self.n_rows
        self.matrix.factor = 1
        if scaling is not None:
            scaling.describe(&self.matrix, self.n_cols)
        self.kept = (values, indices, indptr, scaling)

    @property
    def sparse(self) -> bool:
        """Whether the first layer computes with the non-zeros of these rows alone; may be set."""
        return bool(self.matrix.sparse)

    @sparse.setter
    def sparse(self, bint value):
        if value and self.matrix.shift != NULL:
            raise ValueError("the non-zeros of shifted rows cannot be used alone")
        if value and self.kept[2] is not None and np.diff(self.kept[2]).max(initial=0) > self.n_cols:
            raise ValueError("the non-zeros of rows with duplicate columns cannot be used alone")
        self.matrix.sparse = value

    @property
    def bytes(self) -> bool:
        """Whether X is uint8."""
        return self.matrix.dtype == FNN_U8

    def above_one(self) -> bool:
        """Whether a stored value of X is above 1."""
        values = self.kept[0]
        step = max(1, LOOK_AT // max(self.n_cols, 1))
        for start in range(0, len(values), step):
            PyErr_CheckSignals()
            if values[start : start + step].max(initial=0) > 1:
                return True
        return False

    def density(self) -> float:
        """Return the share of values that are not 0, estimated from some 256 rows."""
        cdef double share
        with nogil:
            share = fnn_density(&self.matrix, self.n_cols)
        return share

    def listed(self, int64_t most_bytes):
        """Return these rows as a CSR copy; None if that would take more than `most_bytes`."""
        cdef int64_t n = self.n_rows, row = 0, reached, capacity, size = self.kept[0].itemsize
        cdef cnp.ndarray starts, columns, values
        cdef Rows lists
        if self.matrix.indptr != NULL or self.matrix.shift != NULL or self.n_cols > 65536:
            return None
        cdef int64_t step = max(1, LOOK_AT // max(self.n_cols, 1))
        capacity = <int64_t>(1.25 * self.density() * n * self.n_cols) + self.n_cols
        if capacity * (size + 2) > most_bytes:
            return None
        starts = np.zeros(n + 1, np.int64)
        columns, values = np.empty(capacity, np.uint16), np.empty(capacity, self.kept[0].dtype)
        while True:
            PyErr_CheckSignals()
            with nogil:
                reached = fnn_list_rows(
                    &self.matrix, self.n_cols, row, min(n, row + step), capacity,
                    <int64_t *>cnp.PyArray_DATA(starts), <uint16_t *>cnp.PyArray_DATA(columns),
                    cnp.PyArray_DATA(values),
                )
            if reached < 0:
                raise MemoryError("not enough memory for the non-zeros of X")
            if reached == n:
                break
            if reached < min(n, row + step):  # the sampled rows had more zeros than the others
                capacity = capacity * 3 // 2 + self.n_cols
                if capacity * (size + 2) > most_bytes:
                    return None
                columns.resize(capacity, refcheck=False)
                values.resize(capacity, refcheck=False)
            row = reached
        # Made by the core, so not checked again; the spare room is never touched.
        lists = <Rows>Rows.__new__(Rows)
        memset(&lists.matrix, 0, sizeof(lists.matrix))
        lists.matrix.dtype, lists.matrix.n_rows = self.matrix.dtype, n
        lists.matrix.data, lists.matrix.col_stride = cnp.PyArray_BYTES(values), size
        lists.matrix.indptr, lists.matrix.indices = cnp.PyArray_DATA(starts), cnp.PyArray_DATA(columns)
        lists.matrix.index_bytes, lists.matrix.sparse = 2, True
        lists.matrix.factor = self.matrix.factor
        lists.n_rows, lists.n_cols = n, self.n_cols
        lists.kept = (values, columns, starts, self.kept[3])
        return lists

    def all_finite(self, cnp.dtype dtype=None) -> bool:
        """Whether every stored value is finite, and read as a finite number of `dtype`.

        `dtype` is float32 or float64. Where the values of a CSR matrix are scaled by column, only
        the values themselves are looked at.
        """
        cdef fnn_matrix look = self.matrix
        cdef bint by_column = look.shift != NULL
        cdef fnn_dtype kind = FNN_F64 if dtype is None else code_of(dtype)
        cdef int64_t n = self.n_cols, left = self.n_rows, step, at
        cdef int result = 1
        if look.indptr != NULL:  # the stored values as one row
            n, left = cnp.PyArray_SIZE(self.kept[0]), 1
            look.indptr, look.shift, look.scale, by_column = NULL, NULL, NULL, False
        step = max(1, LOOK_AT // max(n, 1))
        while left > 0 and result:
            look.n_rows = min(left, step)
            for at in range(0, n, LOOK_AT):  # a piece of one long row, or some rows
                PyErr_CheckSignals()
                with nogil:
                    result = fnn_all_finite(&look, min(n - at, LOOK_AT), kind)
                if not result:
                    break
                look.data += LOOK_AT * look.col_stride
                if by_column:
                    look.shift, look.scale = look.shift + LOOK_AT, look.scale + LOOK_AT
            look.shift, look.scale = self.matrix.shift, self.matrix.scale
            look.data = self.matrix.data + (self.n_rows - left + look.n_rows) * look.row_stride
            left -= look.n_rows
        return bool(result)


@cython.final
cdef class Targets:
    """Targets of the rows: int64 ``labels`` (n,) or ``values`` (n, n_out), and weights.

    With `linear`, ``values`` are dC/da of a cost of the caller's own.
    """

    cdef fnn_targets targets
    cdef object kept
    cdef int64_t n_rows, n_out

    def __init__(self, labels, values, weight, int metric, int64_t n_rows, int64_t n_out,
                 output_weight=None, bint linear=False):
        cdef int64_t label, i, most = max(n_out, 2)
        memset(&self.targets, 0, sizeof(self.targets))
        if (labels is None) == (values is None):
            raise TypeError("targets must be either labels or values")
        if labels is not None:
            pointer(labels, INT64, n_rows)
            labels = labels.copy()  # the caller must not change them after this check
            self.targets.labels = <const int64_t *>pointer(labels, INT64, n_rows)
            for i in range(n_rows):
                label = self.targets.labels[i]
                if label < 0 or label >= most:
                    raise ValueError(f"label {label} is out of range")
        else:
            self.targets.values = pointer(values, (<cnp.ndarray>values).descr, n_rows * n_out)
        if weight is not None:
            self.targets.weight = <const double *>pointer(weight, FLOAT64, n_rows)
        if output_weight is not None:
            self.targets.output_weight = pointer(
                output_weight, (<cnp.ndarray>output_weight).descr, n_rows * n_out
            )
        self.targets.metric, self.targets.linear = <fnn_metric>metric, linear
        self.n_rows, self.n_out = n_rows, n_out
        self.kept = (labels, values, weight, output_weight)


@cython.final
cdef class Optimiser:
    """Constants of an optimiser and its moments ``m`` and ``v``: (n_params,) arrays or None."""

    cdef fnn_optimiser optimiser
    cdef object kept
    cdef int64_t n_params

    def __init__(self, int kind, m, v, *, double momentum=0, double beta1=0, double beta2=0,
                 double eps=0, double weight_decay=0, bint nesterov=False, bint decoupled=False,
                 double clip_norm=0, double clip_value=0):
        memset(&self.optimiser, 0, sizeof(self.optimiser))
        self.optimiser.kind = <fnn_optimiser_kind>kind
        self.optimiser.momentum, self.optimiser.beta1 = momentum, beta1
        self.optimiser.beta2, self.optimiser.eps = beta2, eps
        self.optimiser.weight_decay = weight_decay
        self.optimiser.clip_norm, self.optimiser.clip_value = clip_norm, clip_value
        self.optimiser.nesterov, self.optimiser.decoupled = nesterov, decoupled
        self.n_params = -1
        for moment in (m, v):
            if moment is not None:
                self.n_params = cnp.PyArray_SIZE(moment)
        if m is not None:
            self.optimiser.m = writable(m, (<cnp.ndarray>m).descr, self.n_params)
        if v is not None:
            self.optimiser.v = writable(v, (<cnp.ndarray>v).descr, self.n_params)
        if not fnn_has_moments(&self.optimiser):
            raise ValueError("this optimiser needs its moments")
        self.kept = (m, v)
