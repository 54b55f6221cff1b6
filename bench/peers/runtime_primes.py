"""The reference program, to 100,000 in one run; to 10,000,000 it would take most of an hour, so the largest part is not run."""
import json
import multiprocessing
import time


def is_prime(n):
    if n <= 1:
        return False
    for i in range(2, int(n ** 0.5) + 1):
        if n % i == 0:
            return False
    return True


def find_primes_in_range(start, end):
    return [n for n in range(start, end) if is_prime(n)]


def parallel_prime_finder(n, num_processes=4):
    pool = multiprocessing.Pool(processes=num_processes)
    chunk_size = n // num_processes
    ranges = [(i * chunk_size, (i + 1) * chunk_size) for i in range(num_processes)]
    results = pool.starmap(find_primes_in_range, ranges)
    pool.close()
    pool.join()
    return [prime for sublist in results for prime in sublist]


if __name__ == "__main__":
    start = time.perf_counter()
    primes = parallel_prime_finder(100_000)
    print(json.dumps({"seconds": {"to 100,000": time.perf_counter() - start}, "result": [len(primes)]}))
