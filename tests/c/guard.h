/* guard.h: memory between two pages that fault, random numbers, and reports of what is wrong.
 * For guard.c and its template. */
#ifndef GUARD_H
#define GUARD_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Where operands lie: directly after a page that faults, or directly before one */
typedef enum { AT_START, AT_END } placement;
extern placement where;

/* The case that is being checked, for messages */
typedef struct {
    const char *isa, *what;
    int bits; /* of a real */
    int64_t m, n, k, variant;
} doing;
extern doing now;

/* Reports that something is wrong with this case; exits after the twentieth time. */
void wrong(const char *why);

/* A case takes its operands one by one, each with pages of its own and filled with 0xFF, which is NaN. */
void case_begins(placement place);
void *guarded(size_t bytes);
/* Reports bytes that were written beside an operand, on the side without a page. */
void case_ends(void);

/* The same numbers for the same seed */
void reseed(uint64_t seed);
uint64_t random_bits(void);
double uniform(double low, double high);

/* FNV-1a: equal bytes, equal hashes */
static inline uint64_t hash(uint64_t h, const void *p, size_t bytes)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < bytes; i++) h = (h ^ c[i]) * 1099511628211u;
    return h;
}
#define HASH_SEED 14695981039346656037u

/* Runs CALL, which returns a hash of its results, with the operands in either place. */
#define IN_BOTH_PLACES(CALL)                                                                      \
    do {                                                                                          \
        uint64_t result[2];                                                                       \
        for (int place = AT_START; place <= AT_END; place++) {                                    \
            case_begins((placement)place);                                                        \
            reseed(1);                                                                            \
            result[place] = (CALL);                                                               \
            case_ends();                                                                          \
        }                                                                                         \
        if (result[0] != result[1]) wrong("the bits depend on where operands lie");               \
    } while (0)

/* Every kernel of the ISA in use, in a few sizes, in pairs or in triples of sizes */
typedef enum { FEW, PAIRS, TRIPLES } extent;
void guard_kernels_f32(extent how_many);
void guard_kernels_f64(extent how_many);
/* Whole calls of fnn.h */
void guard_calls(extent how_many);

/* ---- rows in every layout that fnn_matrix can describe, for kernels and calls ------------------------- */

#include "fnn.h"

typedef enum {
    PLAIN,
    GAPS,        /* three elements between rows */
    ODD,         /* a byte between rows: elements are not aligned */
    EVERY_OTHER, /* only every other column is used */
    COLUMNS,     /* Fortran order */
    BACKWARDS,   /* negative strides, from the last element on */
    CSR_2,       /* 16-bit columns, 64-bit starts */
    CSR_4,
    CSR_8,
    N_LAYOUTS
} rows_layout;

/* n random numbers of FNN_F32 or FNN_F64, guarded */
void *reals(fnn_dtype dtype, int64_t n, double low, double high);

/* (rows, columns) numbers of which about a half are 0, guarded; *dense gets them row by row, as
 * doubles. Bytes have the factor 1/255. dense: (rows · columns,) */
fnn_matrix guarded_rows(fnn_dtype dtype, rows_layout layout, int64_t rows, int64_t columns,
                        double *dense);
#endif
