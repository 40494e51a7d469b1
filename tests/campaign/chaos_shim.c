/* Loaded before libc (LD_PRELOAD): writes down what happens to a journal's files, fails or delays it, and moves the time of day.
 *
 *   CHAOS_CONTROL  a file of 64-bit integers, shared with whoever steers: chaos_shim.py has their names
 *   CHAOS_LOG      where writes, syncs, truncations and names are written down, in their order and with their bytes
 *   CHAOS_FOLDER   the folder of the journals
 *   CHAOS_HOME     every file below it shares the room that the control leaves (a full disk)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC, TRUNCATE, REMOVE, MAKE, FOLDER, ACK };
enum { KINDS, AT, COUNT, ERRNO, STICKY, DELAY_US, STALL_US, CLOCK_NS, ROOM, STRIKES, STRUCK_NS, SYNCS, SYNCED_NS, FIELDS };
enum { JOURNAL = 1, HOME = 2, DIRECTORY = 4, ACKS = 8 };
#define FDS 4096
#define NAME 96

static int64_t nothing[FIELDS], *control = nothing;
static int log_fd = -1;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static unsigned char what[FDS];
static char names[FDS][NAME];
static char folder[1024], home[1024];

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

static int64_t now_ns(clockid_t id) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    struct timespec t;
    real(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CHAOS_CONTROL");
    nothing[ROOM] = -1;
    if (path) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED) control = at;
    }
    if ((path = getenv("CHAOS_FOLDER"))) snprintf(folder, sizeof folder, "%s", path);
    if ((path = getenv("CHAOS_HOME"))) snprintf(home, sizeof home, "%s", path);
    if ((path = getenv("CHAOS_LOG"))) log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(int op, const char *name, int64_t offset, const void *data, size_t size) {
    if (log_fd < 0) return;
    struct __attribute__((packed)) { uint8_t op, name; uint32_t size; int64_t t, offset; } head;
    head.op = (uint8_t)op, head.name = (uint8_t)strlen(name), head.size = (uint32_t)size, head.offset = offset;
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)name, head.name}, {(void *)data, size}};
    pthread_mutex_lock(&turn);
    head.t = now_ns(CLOCK_MONOTONIC);
    if (writev(log_fd, parts, size ? 3 : 2) < 0) _exit(97);
    pthread_mutex_unlock(&turn);
}

/* Whether this call is the one that fails; errno is then set. */
static int struck(int kind) {
    if (!(control[KINDS] & (1 << kind))) return 0;
    int64_t n = __sync_add_and_fetch(&control[COUNT], 1), at = control[AT];
    if (n != at && !(n > at && control[STICKY])) return 0;
    if (!__sync_fetch_and_add(&control[STRIKES], 1)) control[STRUCK_NS] = now_ns(CLOCK_REALTIME);
    errno = (int)control[ERRNO];
    return 1;
}

static int seen(int fd, int mask) { return fd >= 0 && fd < FDS && (what[fd] & mask); }

/* Bytes that still fit on the full disk; -1 with ENOSPC when none do. */
static ssize_t room(int fd, size_t n) {
    if (!seen(fd, HOME) || control[ROOM] < 0 || !n) return (ssize_t)n;
    int64_t left = __sync_fetch_and_sub(&control[ROOM], (int64_t)n);
    if (left >= (int64_t)n) return (ssize_t)n;
    control[ROOM] = 0;
    if (!__sync_fetch_and_add(&control[STRIKES], 1)) control[STRUCK_NS] = now_ns(CLOCK_REALTIME);
    if (left > 0) return (ssize_t)left;
    errno = ENOSPC;
    return -1;
}

/* --- files ---------------------------------------------------------------------------------------------------- */

static void opened(int fd, const char *path, int made) {
    if (fd < 0 || fd >= FDS) return;
    size_t size = strlen(path);
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    int is = 0;
    if (*folder && !strcmp(path, folder)) is = DIRECTORY;
    else if (*home && !strncmp(path, home, strlen(home))) is = HOME;
    if (strstr(name, ".cockpit") && !(size > 4 && !strcmp(path + size - 4, "-shm"))) is |= JOURNAL;
    if (size > 5 && !strcmp(path + size - 5, ".acks")) is = ACKS;
    what[fd] = (unsigned char)is;
    if (is) snprintf(names[fd], NAME, "%s", name);
    if (made && (is & JOURNAL)) note(MAKE, name, 0, NULL, 0);
}

static int opening(int at, const char *path, int flags, mode_t mode) {
    REAL(int, "openat", int, const char *, int, ...);
    int fresh = (flags & O_CREAT) && faccessat(at, path, F_OK, 0);
    int fd = real(at, path, flags, mode);
    opened(fd, path, fresh);
    return fd;
}

#define MODE() mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE() return opening(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE() return opening(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int at, const char *path, int flags, ...) { MODE() return opening(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE() return opening(at, path, flags | O_LARGEFILE, mode); }

int close(int fd) {
    REAL(int, "close", int);
    if (fd >= 0 && fd < FDS) what[fd] = 0;
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t n) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (seen(fd, ACKS)) {
        note(ACK, "", 0, data, n);
        return real(fd, data, n);
    }
    if (!seen(fd, JOURNAL | HOME)) return real(fd, data, n);
    if (seen(fd, JOURNAL) && struck(WRITE)) return -1;
    ssize_t fits = room(fd, n);
    if (fits < 0) return -1;
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = real(fd, data, (size_t)fits);
    if (done > 0 && seen(fd, JOURNAL)) note(WRITE, names[fd], at, data, (size_t)done);
    return done;
}

static ssize_t placed(int fd, const void *data, size_t n, off_t at) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    if (!seen(fd, JOURNAL | HOME)) return real(fd, data, n, at);
    if (seen(fd, JOURNAL) && struck(WRITE)) return -1;
    ssize_t fits = room(fd, n);
    if (fits < 0) return -1;
    ssize_t done = real(fd, data, (size_t)fits, at);
    if (done > 0 && seen(fd, JOURNAL)) note(WRITE, names[fd], at, data, (size_t)done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return placed(fd, data, n, at); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { return placed(fd, data, n, at); }

static int shortened(int fd, off_t size) {
    REAL(int, "ftruncate", int, off_t);
    if (!seen(fd, JOURNAL)) return real(fd, size);
    if (struck(TRUNCATE)) return -1;
    int bad = real(fd, size);
    if (!bad) note(TRUNCATE, names[fd], size, NULL, 0);
    return bad;
}
int ftruncate(int fd, off_t size) { return shortened(fd, size); }
int ftruncate64(int fd, off64_t size) { return shortened(fd, size); }

static int synced(int fd, int (*real)(int)) {
    if (!seen(fd, JOURNAL | DIRECTORY)) return real(fd);
    int64_t stall = __sync_lock_test_and_set(&control[STALL_US], 0);
    if (control[DELAY_US] + stall) usleep((useconds_t)(control[DELAY_US] + stall));
    if (struck(SYNC)) return -1;
    if (real(fd)) return -1;
    note(seen(fd, DIRECTORY) ? FOLDER : SYNC, names[fd], 0, NULL, 0);
    __sync_fetch_and_add(&control[SYNCS], 1);
    control[SYNCED_NS] = now_ns(CLOCK_REALTIME);
    return 0;
}
int fsync(int fd) { REAL(int, "fsync", int); return synced(fd, real); }
int fdatasync(int fd) { REAL(int, "fdatasync", int); return synced(fd, real); }

static void removed(const char *path) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (strstr(name, ".cockpit") && !strstr(name, "-shm")) note(REMOVE, name, 0, NULL, 0);
}
int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    int bad = real(path);
    if (!bad) removed(path);
    return bad;
}

/* --- the time of day ------------------------------------------------------------------------------------------- */

int clock_gettime(clockid_t id, struct timespec *t) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int bad = real(id, t);
    int64_t offset = control[CLOCK_NS];
    if (!bad && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t ns = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec + offset;
        t->tv_sec = ns / 1000000000, t->tv_nsec = ns % 1000000000;
    }
    return bad;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int bad = clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec, t->tv_usec = now.tv_nsec / 1000;
    return bad;
}
time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
