/* primesieve: the fastest sieve there is, as a limit. On one thread, all primes into one array. */
#include <primesieve.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static size_t all(uint64_t n, double *seconds) {
    struct timespec start, end;
    size_t count = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    primesieve_free(primesieve_generate_primes(0, n - 1, &count, UINT64_PRIMES));
    clock_gettime(CLOCK_MONOTONIC, &end);
    *seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    return count;
}

int main(void) {
    double small, large;
    size_t a = all(100000, &small), b = all(10000000, &large);
    printf("{\"seconds\": {\"to 100,000\": %.9f, \"to 10,000,000\": %.9f}, \"result\": [%zu, %zu]}\n", small, large, a, b);
    return 0;
}
