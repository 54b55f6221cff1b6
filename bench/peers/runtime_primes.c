/* The same sieve in C: four ranges on as many threads, in pieces of 64 KiB. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 1 << 16, RANGES = 4 };

struct range {
    size_t start, end, count, room;
    size_t *primes;
};

static void push(struct range *found, size_t n) {
    if (found->count == found->room) {
        found->room = found->room ? found->room * 2 : 1024;
        found->primes = realloc(found->primes, found->room * sizeof *found->primes);
    }
    found->primes[found->count++] = n;
}

static void find(struct range *found) {
    size_t root = (size_t)sqrtl((long double)found->end);
    struct range small = {2, root + 1, 0, 0, NULL};
    if (root >= 2) find(&small);
    unsigned char *prime = malloc(PIECE);
    for (size_t low = found->start < 2 ? 2 : found->start; low < found->end; low += PIECE) {
        size_t length = found->end - low < PIECE ? found->end - low : PIECE;
        memset(prime, 1, length);
        for (size_t i = 0; i < small.count; i++) {
            size_t p = small.primes[i], first = (low + p - 1) / p * p;
            if (first < p * p) first = p * p;
            for (size_t n = first - low; n < length; n += p) prime[n] = 0;
        }
        for (size_t n = 0; n < length; n++)
            if (prime[n]) push(found, low + n);
    }
    free(prime);
    free(small.primes);
}

static void *run(void *range) {
    find(range);
    return NULL;
}

static size_t all(size_t n, double *seconds) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    struct range ranges[RANGES];
    pthread_t threads[RANGES];
    size_t total = 0;
    for (size_t i = 0; i < RANGES; i++) {
        ranges[i] = (struct range){i * (n / RANGES), (i + 1) * (n / RANGES), 0, 0, NULL};
        pthread_create(&threads[i], NULL, run, &ranges[i]);
    }
    for (size_t i = 0; i < RANGES; i++) {
        pthread_join(threads[i], NULL);
        total += ranges[i].count;
    }
    size_t *primes = malloc(total * sizeof *primes), at = 0;
    for (size_t i = 0; i < RANGES; i++) {
        memcpy(primes + at, ranges[i].primes, ranges[i].count * sizeof *primes);
        at += ranges[i].count;
        free(ranges[i].primes);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    *seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    free(primes);
    return total;
}

int main(void) {
    double small, large;
    size_t a = all(100000, &small), b = all(10000000, &large);
    printf("{\"seconds\": {\"to 100,000\": %.9f, \"to 10,000,000\": %.9f}, \"result\": [%zu, %zu]}\n", small, large, a, b);
    return 0;
}
