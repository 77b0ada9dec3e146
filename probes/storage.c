/* Measures storage; see storage.h.
 *
 * Written are bytes that no device can compress; writing counts until the device has them
 * (fdatasync). Reads go past the page cache where O_DIRECT is to be had; elsewhere the cache is
 * told to forget the file first. Refuses file systems in memory and folders without room.
 */
#include "probes/storage.h"

#include "probes/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, PAGE = 4096, ALIGN = 4096, MAX_READS = 8192, DEFAULT_BUDGET_MS = 600 };

#define DEFAULT_BYTES (UINT64_C(128) << 20)
#define LEAST_BYTES (UINT64_C(16) << 20)
#define TMPFS 0x01021994
#define RAMFS 0x858458f6

/* ---- the file ---- */

static int open_named(const char *dir, int flags)
{
    char path[4096];
    sigset_t all, before;
    if (snprintf(path, sizeof(path), "%s/.aglm-bench-XXXXXX", dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    int fd = mkostemp(path, flags & ~(O_RDWR | O_CREAT | O_EXCL));
    int rc = fd < 0 ? -errno : fd;
    if (fd >= 0)
        (void)unlink(path);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int open_nameless(const char *dir, int flags)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | flags, 0600);
    return fd >= 0 ? fd : open_named(dir, flags); /* not every file system has O_TMPFILE */
}

int aglm_storage_open(const char *dir, bool *direct)
{
    int fd = *direct ? open_nameless(dir, O_CLOEXEC | O_DIRECT) : -EINVAL;
    *direct = fd >= 0;
    return fd >= 0 ? fd : open_nameless(dir, O_CLOEXEC);
}

static int choose_bytes(const struct aglm_storage_options *o, uint64_t *bytes, struct aglm_err *err)
{
    struct statfs st;
    if (statfs(o->dir, &st))
        return aglm_err_set(err, -errno, "storage: %s: %s", o->dir, strerror(errno));
    if ((unsigned long)st.f_type == TMPFS || (unsigned long)st.f_type == RAMFS)
        return aglm_err_set(err, -ENOTSUP, "%s lies in memory: name another folder", o->dir);
    const uint64_t room = (uint64_t)st.f_bavail * (uint64_t)st.f_bsize / 16;
    uint64_t wanted = o->max_bytes ? o->max_bytes : DEFAULT_BYTES;
    wanted = wanted < room ? wanted : room;
    if (wanted < LEAST_BYTES)
        return aglm_err_set(err, -ENOSPC, "%s: under 256 MiB free: nothing is written", o->dir);
    *bytes = wanted / BLOCK * BLOCK;
    return 0;
}

/* ---- the three parts ---- */

struct job {
    int fd;
    char *block; /* BLOCK bytes, aligned */
    uint64_t max_bytes, budget_ns;
    struct aglm_storage *out;
};

/* Noise, another in each block (splitmix64). */
static void fill(char *block, uint64_t seed)
{
    for (size_t i = 0; i < BLOCK; i += 8) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z ^= z >> 27;
        memcpy(block + i, &z, 8);
    }
}

static int whole(ssize_t done, size_t wanted)
{
    return done == (ssize_t)wanted ? 0 : done < 0 ? -errno : -EIO;
}

/* The clock stops while noise is made. */
static int write_part(struct job *j)
{
    uint64_t spent = 0, at = 0;
    while (at < j->max_bytes && (spent < j->budget_ns || at < LEAST_BYTES)) {
        fill(j->block, at);
        const uint64_t start = aglm_clock_ns();
        int rc = whole(pwrite(j->fd, j->block, BLOCK, (off_t)at), BLOCK);
        spent += aglm_clock_ns() - start;
        if (rc)
            return rc;
        at += BLOCK;
        if (spent > 4 * j->budget_ns) /* far too slow: what there is must do */
            break;
    }
    const uint64_t start = aglm_clock_ns();
    if (fdatasync(j->fd))
        return -errno;
    spent += aglm_clock_ns() - start;
    j->out->file_bytes = at;
    j->out->write_per_s = (double)at / ((double)(spent ? spent : 1) * 1e-9);
    return 0;
}

static int read_part(struct job *j)
{
    const uint64_t start = aglm_clock_ns();
    uint64_t at = 0, now = start;
    while (at < j->out->file_bytes && now - start < j->budget_ns) {
        int rc = whole(pread(j->fd, j->block, BLOCK, (off_t)at), BLOCK);
        if (rc)
            return rc;
        at += BLOCK;
        now = aglm_clock_ns();
    }
    j->out->read_per_s = (double)at / ((double)(now - start) * 1e-9);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int random_part(struct job *j)
{
    const uint64_t start = aglm_clock_ns(), pages = j->out->file_bytes / PAGE;
    uint64_t seed = 1, now = start;
    size_t n = 0;
    uint32_t *ns = malloc(MAX_READS * sizeof(*ns));
    int rc = ns ? 0 : -ENOMEM;
    while (!rc && n < MAX_READS && (now - start < j->budget_ns || n < 1)) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        rc = whole(pread(j->fd, j->block, PAGE, (off_t)((seed >> 20) % pages * PAGE)), PAGE);
        const uint64_t end = aglm_clock_ns(), took = end - now;
        ns[n++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
        now = end;
    }
    if (!rc) {
        qsort(ns, n, sizeof(*ns), by_value);
        j->out->random_per_s = (double)n / ((double)(now - start) * 1e-9);
        j->out->random_ns = ns[n / 2];
    }
    free(ns);
    return rc;
}

/* The share of the file in the page cache, -1 where it cannot be seen. */
static double cached_share(int fd, uint64_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (size_t)bytes / page;
    void *map = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, fd, 0);
    unsigned char *in = map == MAP_FAILED ? NULL : malloc(n + 1);
    double share = -1;
    if (in && mincore(map, (size_t)bytes, in) == 0) {
        size_t cached = 0;
        for (size_t i = 0; i < n; i++)
            cached += in[i] & 1;
        share = (double)cached / (double)n;
    }
    free(in);
    if (map != MAP_FAILED)
        munmap(map, (size_t)bytes);
    return share;
}

static int run(struct job *j)
{
    int rc = write_part(j);
    if (!rc) {
        (void)posix_fadvise(j->fd, 0, 0, POSIX_FADV_DONTNEED);
        rc = read_part(j);
    }
    if (!rc) {
        (void)posix_fadvise(j->fd, 0, 0, POSIX_FADV_DONTNEED);
        (void)posix_fadvise(j->fd, 0, 0, POSIX_FADV_RANDOM);
        rc = random_part(j);
    }
    j->out->cached_share = rc || !j->out->direct ? -1 : cached_share(j->fd, j->out->file_bytes);
    return rc;
}

int aglm_storage_measure(struct aglm_storage *out, const struct aglm_storage_options *options,
                         struct aglm_err *err)
{
    const uint64_t start = aglm_clock_ns();
    const unsigned ms = options->budget_ms ? options->budget_ms : DEFAULT_BUDGET_MS;
    struct aglm_storage storage = {.direct = true};
    struct job job = {.fd = -1, .budget_ns = ms * UINT64_C(1000000), .out = &storage};
    int rc = choose_bytes(options, &job.max_bytes, err);
    if (rc)
        return rc;
    job.block = aligned_alloc(ALIGN, BLOCK);
    if (!job.block)
        return aglm_err_set(err, -ENOMEM, "storage: out of memory");
    job.fd = aglm_storage_open(options->dir, &storage.direct);
    rc = job.fd < 0 ? job.fd : run(&job);
    if (rc == -EINVAL && storage.direct) { /* accepted by open, refused by the first write */
        close(job.fd);
        storage = (struct aglm_storage){.direct = false};
        job.fd = aglm_storage_open(options->dir, &storage.direct);
        rc = job.fd < 0 ? job.fd : run(&job);
    }
    if (job.fd >= 0)
        close(job.fd);
    free(job.block);
    if (rc)
        return aglm_err_set(err, rc, "%s: cannot be measured: %s", options->dir, strerror(-rc));
    storage.ns = aglm_clock_ns() - start;
    *out = storage;
    return 0;
}

bool aglm_storage_implausible(const struct aglm_storage *s, double memory_read_per_s, char *buf,
                              size_t cap)
{
    /* PCIe 5.0 x4 carries 15.8 GB/s; a flash cell takes tens of microseconds to be read. */
    const double bus_per_s = 16e9, cell_ns = 8000;
    if (!s->direct)
        snprintf(buf, cap, "read through the page cache: O_DIRECT was refused");
    else if (s->cached_share > 0.1)
        snprintf(buf, cap, "O_DIRECT was not kept: %.0f%% of the file lies in the page cache",
                 s->cached_share * 100);
    else if (memory_read_per_s > 0 && s->read_per_s > memory_read_per_s / 2)
        snprintf(buf, cap, "reads at memory's speed: a cache of the host answers");
    else if (s->read_per_s > bus_per_s)
        snprintf(buf, cap, "reads faster than any storage bus: a cache of the host answers");
    else if (s->random_ns > 0 && s->random_ns < cell_ns)
        snprintf(buf, cap, "random reads faster than flash cells: a cache of the host answers");
    else
        return false;
    return true;
}
