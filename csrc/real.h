/* real.h: opens the template. A source that is compiled once a dtype defines FNN_F32_SOURCE or
 * FNN_F64_SOURCE, includes this, and gets `real` and FNN_T(name) = name_f32 / name_f64. */
#if defined(FNN_F32_SOURCE) == defined(FNN_F64_SOURCE)
#error "define FNN_F32_SOURCE or FNN_F64_SOURCE before a template"
#endif
#ifdef FNN_F32_SOURCE
typedef float real;
#define FNN_T(name) name##_f32
#else
typedef double real;
#define FNN_T(name) name##_f64
#endif
