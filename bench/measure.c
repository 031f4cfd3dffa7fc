/* SPDX-License-Identifier: MIT
 *
 * measure.c: interleaved slices and their medians.
 */
#include "measure.h"

#include <stdlib.h>
#include <time.h>

double measure_cpu(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double timed(measure_fn fn, void *arg, size_t n)
{
    const double start = measure_cpu();

    fn(arg, n);
    return measure_cpu() - start;
}

/* Operations that take about slice seconds; warms the caches, too. */
static size_t calibrate(measure_fn fn, void *arg, double slice)
{
    size_t n = 1;
    double t = timed(fn, arg, n);

    while (t < slice / 4) {
        n *= 2;
        t = timed(fn, arg, n);
    }
    t = slice / t * (double)n;
    return t < 1 ? 1 : (size_t)t;
}

void measure_run(struct measure *m, size_t rounds, double slice, size_t sides,
                 const measure_fn *fn, void *arg)
{
    size_t n[MEASURE_SIDES] = {0};

    m->sides = sides;
    m->rounds = rounds < MEASURE_ROUNDS ? rounds : MEASURE_ROUNDS;
    for (size_t s = 0; s < sides; s++) {
        n[s] = calibrate(fn[s], arg, slice);
    }
    for (size_t r = 0; r < m->rounds; r++) {
        for (size_t i = 0; i < sides; i++) {
            size_t s = r % 2 == 0 ? (i + r / 2) % sides
                                  : (2 * sides - 1 - i + r / 2) % sides;

            m->ns[s][r] = timed(fn[s], arg, n[s]) * 1e9 / (double)n[s];
        }
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, compare);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

double measure_median(const struct measure *m, size_t side)
{
    double v[MEASURE_ROUNDS] = {0};

    for (size_t r = 0; r < m->rounds; r++) {
        v[r] = m->ns[side][r];
    }
    return median(v, m->rounds);
}

double measure_ratio(const struct measure *m, size_t a, size_t b)
{
    double v[MEASURE_ROUNDS] = {0};

    for (size_t r = 0; r < m->rounds; r++) {
        v[r] = m->ns[a][r] / m->ns[b][r];
    }
    return median(v, m->rounds);
}
