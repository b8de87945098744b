/* block.inc.h: the scratch of one block of examples, and each thread's share of the work on it.
 * Template on `real`; included by net.inc.h. */
typedef FNN_T(nonzeros) nonzeros;
typedef FNN_T(by_column) by_column;
typedef FNN_T(const_matrix) const_matrix;
typedef FNN_T(matrix) matrix;

/* The step W = beta W + alpha a[l]ᵀ δ[l+1] that is still to be made, of a batch of one row */
typedef struct block block;
typedef struct {
    const block *of;
    const int *trainable;
    real alpha, beta;
} owed_step;

/* Scratch of one block of `rows` examples. Index l is the layer: a[0] is the input. */
struct block {
    int64_t rows;
    int64_t lanes; /* V for a group of V networks, whose numbers stand side by side; else 1 */
    int shared;    /* the networks of a group read the same rows: a[0] is theirs together */
    int64_t *ld;   /* L + 1: row strides of a[l], slope[l], delta[l] */
    real **a;      /* (rows, n_l) activations; a[L] holds z while costs are wanted */
    real **slope;  /* f'(z), and the dropout mask in it, where it does not follow from a */
    real **delta;  /* dC/dz */
    real *output;  /* (rows, n_L) a[L] beside z */
    real *y;       /* (rows, n_L) */
    int64_t *label; /* (rows,) the largest y, where the metric compares predictions with it */
    real *weight;  /* (rows,) an example's share of the cost: w / Σ w over the batch */
    real *output_weight; /* (rows, n_L), or NULL: all 1 */
    double *cost;  /* (rows,) */
    double *correct; /* (rows,) by the metric, 0 … 1 */
    real *gradient;
    int *finite;     /* NULL, or set to 0 if z[1][0] of a row is not finite */
    double *partial; /* sums of squares of pieces of the gradient, for its norm */
    real *pack; /* pack_reals a thread, for copies of weights */
    size_t pack_reals;
    nonzeros *input;           /* the rows by their non-zeros instead of a[0], or NULL */
    by_column *columns;        /* the same by column (CSC), where the first layer is wide, or NULL */
    real **row_a, **row_delta; /* L + 1: where one example's stand, for gradients of each */
    const owed_step *owed;     /* is made by forward(), which reads W anyway; or NULL */
};

enum { PIECE = 4096 }; /* parameters of a partial sum of |gradient|²: whole cache lines */

typedef enum { NEED_FORWARD, NEED_COST, NEED_DELTAS, NEED_GRADIENT } need;

/* Whether f' of hidden layer l has memory of its own: it does not follow from a, or holds a mask too */
static int stores_slope(const fnn_net *net, int l)
{
#define SLOPE(F, HOW) HOW,
    static const slope_kind kinds[] = {FNN_ACTIVATIONS(SLOPE)};
#undef SLOPE
    return kinds[net->activation[l]] == STORED || net->dropout[l] > 0;
}

/* A row's stride: a cache line is added to n of many whole lines, or the rows would share cache sets. */
static int64_t row_stride(int64_t n)
{
    int64_t line = FNN_LINE / (int64_t)sizeof(real);
    return n >= 8 * line && n % (4 * line) == 0 ? n + line : n;
}

/* Reals that a thread needs for copies of wide weights (nn) and transposed ones (nt: all layers but the
 * first) */
static size_t pack_reals(const fnn_net *net)
{
    int64_t widest = 0;
    for (int l = 1; l <= net->n_layers; l++)
        if (net->sizes[l] > widest) widest = net->sizes[l];
    size_t side = (size_t)widest + 32, most = FNN_PACK_REALS;
    return side < 1024 && side * side < most ? side * side : most;
}

/* The same of a group, whose networks may share the rows: nn of the first layer alone */
static size_t pack_reals_of_group(const fnn_net *net, int64_t lanes)
{
#ifdef FNN_FLOAT32_ALONE /* of a page, which has no groups */
    (void)net, (void)lanes;
    return 0;
#endif
    size_t columns = fnn_plus(fnn_times((size_t)net->sizes[1], (size_t)lanes), 32);
    size_t all = fnn_times((size_t)net->sizes[0], columns), most = FNN_PACK_REALS;
    return all < most ? all : most;
}

/* `sparse`: the input as dense rows, as non-zeros by row (and by column if the layer is wide), or as
 * non-zeros by row and column whatever the width. Batches of several blocks need that: a block's dW
 * must be a sum of its own before it is added to the others', whether one thread or many work on the
 * blocks. Batches of one row whose gradient is not stored have no sums, and need no columns at any width. */
enum { DENSE, NONZEROS_BY_ROW, NONZEROS_BY_COLUMN, NONZEROS_OF_ONE_ROW };

static block *layout(fnn_arena *arena, const fnn_net *net, int64_t rows, int threads, need what,
                     int sparse, int64_t lanes)
{
    int L = net->n_layers;
    block *b = fnn_take(arena, 1, sizeof *b), measured;
    int64_t *ld = fnn_take(arena, (size_t)L + 1, sizeof *ld);
    real **a = fnn_take(arena, (size_t)L + 1, sizeof *a);
    real **slope = fnn_take(arena, (size_t)L + 1, sizeof *slope);
    real **delta = fnn_take(arena, (size_t)L + 1, sizeof *delta);
    measured.row_a = fnn_take(arena, (size_t)L + 1, sizeof *a);
    measured.row_delta = fnn_take(arena, (size_t)L + 1, sizeof *delta);
    size_t examples = fnn_times((size_t)rows, (size_t)lanes);
    size_t outputs = fnn_times(examples, (size_t)net->sizes[L]);
    for (int l = 0; l <= L; l++) {
        int64_t n = net->sizes[l] * lanes, stride = l == L ? n : row_stride(n);
        size_t reals = fnn_times((size_t)rows, (size_t)stride);
        int hidden_slope = l > 0 && l < L && stores_slope(net, l - 1) && what >= NEED_DELTAS;
        real *al = fnn_take(arena, reals, sizeof(real));
        real *sl = hidden_slope || (l == L && what >= NEED_DELTAS)
                       ? fnn_take(arena, reals, sizeof(real)) : NULL;
        real *dl = l > 0 && what >= NEED_DELTAS ? fnn_take(arena, reals, sizeof(real)) : NULL;
        if (arena->base) ld[l] = stride, a[l] = al, slope[l] = sl, delta[l] = dl;
    }
    measured.output = what >= NEED_COST ? fnn_take(arena, outputs, sizeof(real)) : NULL;
    measured.y = what >= NEED_COST ? fnn_take(arena, outputs, sizeof(real)) : NULL;
    measured.label = what >= NEED_COST ? fnn_take(arena, examples, sizeof *measured.label) : NULL;
    measured.weight = fnn_take(arena, examples, sizeof(real));
    measured.cost = fnn_take(arena, examples, sizeof(double));
    measured.correct = fnn_take(arena, examples, sizeof(double));
    measured.output_weight = what >= NEED_COST ? fnn_take(arena, outputs, sizeof(real)) : NULL;
    measured.gradient = /* of each lane, and what an exchange adds */
        what == NEED_GRADIENT ? fnn_take(arena, fnn_times((size_t)net->n_params, (size_t)lanes) + 3, sizeof(real)) : NULL;
    measured.partial =
        what == NEED_GRADIENT ? fnn_take(arena, (size_t)net->n_params / PIECE + 1, sizeof(double)) : NULL;
    measured.pack_reals = lanes > 1 ? pack_reals_of_group(net, lanes) : pack_reals(net);
    measured.pack = fnn_take(arena, fnn_times((size_t)threads, measured.pack_reals), sizeof(real));
    nonzeros *input = sparse ? fnn_take(arena, 1, sizeof *input) : NULL, found = {0};
    if (sparse) { /* a vector more than a row: v_append writes whole ones */
        found.stride = net->sizes[0] + FNN_LINE / 4;
        size_t entries = fnn_times((size_t)rows, (size_t)found.stride);
        found.count = fnn_take(arena, (size_t)rows, sizeof *found.count);
        found.index = fnn_take(arena, entries, sizeof *found.index);
        found.value = fnn_take(arena, entries, sizeof *found.value);
    }
    int wide = net->sizes[1] > FNN_BY_COLUMN_FROM * FNN_TABLE->lanes;
    int by_columns = what >= NEED_DELTAS && (sparse == NONZEROS_BY_COLUMN || (sparse == NONZEROS_BY_ROW && wide));
    by_column *columns = by_columns ? fnn_take(arena, 1, sizeof *columns) : NULL, sorted = {0};
    if (by_columns) {
        size_t entries = fnn_times((size_t)rows, (size_t)net->sizes[0]);
        sorted.start = fnn_take(arena, (size_t)net->sizes[0] + 2, sizeof *sorted.start);
        sorted.row = fnn_take(arena, entries, sizeof *sorted.row);
        sorted.value = fnn_take(arena, entries, sizeof *sorted.value);
    }
    if (!arena->base) return NULL;
    if (sparse) *input = found;
    if (by_columns) *columns = sorted;
    measured.input = input, measured.columns = columns, measured.finite = NULL, measured.owed = NULL;
    measured.rows = rows, measured.lanes = lanes, measured.shared = 0, measured.ld = ld;
    measured.a = a, measured.slope = slope, measured.delta = delta;
    *b = measured;
    return b;
}

static size_t layout_size(const fnn_net *net, int64_t rows, int threads, need what, int sparse)
{
    fnn_arena measure = {NULL, 0};
    layout(&measure, net, rows, threads, what, sparse, 1);
    return measure.used;
}

/* ---- shares ------------------------------------------------------------------------------- */

typedef struct { int64_t r0, r1, c0, c1; } region; /* rows [r0, r1) × columns [c0, c1) */

/* This worker's part of an (m, n) matrix, cut along the side with more tiles */
static region share_of(const fnn_worker *me, int64_t m, int64_t n)
{
    region r = {0, m, 0, n};
    if (me->size == 1) return r;
    if (n / FNN_TABLE->panel >= m / FNN_TABLE->strip) fnn_share(me, n, FNN_TABLE->panel, &r.c0, &r.c1);
    else fnn_share(me, m, FNN_TABLE->strip, &r.r0, &r.r1);
    return r;
}

static real *my_pack(const block *b, const fnn_worker *me)
{
    return b->pack + (size_t)me->rank * b->pack_reals;
}

static nonzeros rows_from(const nonzeros *all, int64_t row)
{
    int64_t at = row * all->stride;
    return (nonzeros){all->stride, all->count + row, all->index + at, all->value + at};
}
