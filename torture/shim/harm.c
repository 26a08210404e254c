/* Stands between a program and the C library, to do harm that needs no rights and no devices.
 *
 * Power cuts (HARM_SYNCED=1): each fsync and fdatasync of a file whose name holds ".db" also copies it to NAME.synced.
 * After a SIGKILL those copies are what the disk would hold, had it lost all that was not synced: put in the place of
 * the files themselves, they are what a program finds after the power came back.
 *
 * Clocks (HARM_CLOCK=FILE): the wall clock is ahead by the nanoseconds in FILE, a 64-bit integer that others change
 * while the program runs. The monotonic clocks are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_function)(int);
typedef int (*clock_function)(clockid_t, struct timespec *);

/* Reads through the program's own descriptor: closing a second one would give up its POSIX locks on the file. */
static int copy_all(int fd, int out)
{
    char buffer[1 << 16];
    off_t at = 0;
    ssize_t n;
    while ((n = pread(fd, buffer, sizeof buffer, at)) > 0) {
        if (write(out, buffer, (size_t)n) != n)
            return -1;
        at += n;
    }
    return n < 0 ? -1 : 0;
}

static void keep(int fd)
{
    char link[64], name[4000], synced[4096], part[4096], lock_name[4096];
    if (!getenv("HARM_SYNCED"))
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0)
        return;
    name[length] = 0;
    if (!strstr(name, ".db"))
        return;
    snprintf(synced, sizeof synced, "%s.synced", name);
    snprintf(part, sizeof part, "%s.part", name);
    snprintf(lock_name, sizeof lock_name, "%s.lock", name);
    /* One copy at a time, by whichever process: one that began sooner must not take the place of a later one. */
    int lock = open(lock_name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock < 0)
        return;
    if (flock(lock, LOCK_EX) == 0) {
        int out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (out >= 0) {
            int copied = copy_all(fd, out);
            close(out);
            if (copied == 0)
                rename(part, synced);
        }
    }
    close(lock);
}

static int sync_and_keep(const char *function, int fd)
{
    sync_function real = (sync_function)dlsym(RTLD_NEXT, function);
    int result = real(fd);
    int error = errno;
    if (result == 0)
        keep(fd);
    errno = error;
    return result;
}

int fsync(int fd)
{
    return sync_and_keep("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_and_keep("fdatasync", fd);
}

static int64_t ahead(void)
{
    static const volatile int64_t *offset;
    static int looked;
    if (!looked) {
        const char *file = getenv("HARM_CLOCK");
        int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
        if (fd >= 0) {
            void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
            close(fd);
            if (mapped != MAP_FAILED)
                offset = mapped;
        }
        looked = 1;
    }
    return offset ? *offset : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    clock_function real = (clock_function)dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ns = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec + ahead();
        now->tv_sec = ns / 1000000000;
        now->tv_nsec = ns % 1000000000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0)
        return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where)
{
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0)
        return -1;
    if (where)
        *where = exact.tv_sec;
    return exact.tv_sec;
}
