/* SPDX-License-Identifier: MIT
 *
 * measure.h: fair comparisons on a machine that others use too.
 *
 * What is compared runs in turns, in slices of some milliseconds of CPU time,
 * with the order changing from round to round. A figure is the median over
 * the rounds, and a ratio is the median of the rounds' own ratios: whatever
 * slowed one round slowed both sides of it.
 */
#ifndef EE_BENCH_MEASURE_H
#define EE_BENCH_MEASURE_H

#include <stddef.h>

#define MEASURE_ROUNDS 41
#define MEASURE_SIDES  4

/* Does the operation n times. */
typedef void (*measure_fn)(void *arg, size_t n);

struct measure {
    size_t sides;
    size_t rounds;
    double ns[MEASURE_SIDES][MEASURE_ROUNDS]; /* an operation, by round */
};

/* Seconds of CPU time of this thread. */
double measure_cpu(void);

/* Runs every side in every round; slices last about slice seconds. */
void measure_run(struct measure *m, size_t rounds, double slice, size_t sides,
                 const measure_fn *fn, void *arg);

/* Nanoseconds an operation. */
double measure_median(const struct measure *m, size_t side);

/* side a's time by side b's. */
double measure_ratio(const struct measure *m, size_t a, size_t b);

/* Sorts v. */
double median(double *v, size_t n);

#endif
