// Stands between a tool and the C library and makes calls that change a folder fail, tear or kill; see README.md.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGEST_DESCRIPTOR 4096

typedef enum { ACTION_NONE, ACTION_KILL, ACTION_KILL_AFTER, ACTION_TEAR, ACTION_ERROR, ACTION_ERROR_ONCE } Action;

static char root[PATH_MAX];
static size_t root_length;
static Action action;
static int action_errno;
static long action_at;
static long count;
static int log_descriptor = -1;
static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
// Paths of the open descriptors below the root, relative to it; NULL for all others.
static char *paths[LARGEST_DESCRIPTOR];

__attribute__((constructor)) static void start(void) {
    const char *text = getenv("TVT_FAULT_ROOT");
    if (!text) return;
    snprintf(root, sizeof root, "%s", text);
    root_length = strlen(root);
    if ((text = getenv("TVT_FAULT_AT"))) action_at = atol(text);
    text = getenv("TVT_FAULT_ACTION");
    if (!text) action = ACTION_NONE;
    else if (!strcmp(text, "kill")) action = ACTION_KILL;
    else if (!strcmp(text, "kill-after")) action = ACTION_KILL_AFTER;
    else if (!strcmp(text, "tear")) action = ACTION_TEAR;
    else if (!strncmp(text, "error:", 6)) action = ACTION_ERROR;
    else if (!strncmp(text, "error-once:", 11)) action = ACTION_ERROR_ONCE;
    else abort();
    if (action == ACTION_ERROR || action == ACTION_ERROR_ONCE) {
        const char *name = strchr(text, ':') + 1;
        action_errno = !strcmp(name, "ENOSPC") ? ENOSPC : !strcmp(name, "EIO") ? EIO : !strcmp(name, "EROFS") ? EROFS : 0;
        if (!action_errno) abort();
    }
    if ((text = getenv("TVT_FAULT_LOG")))
        log_descriptor = syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

// MARK: Which paths are watched

// The path below the root, "" for the root itself; NULL for a path elsewhere. Good until the thread asks again.
static const char *watched(int folder, const char *path) {
    static __thread char absolute[2][PATH_MAX * 2];
    static __thread int turn;
    if (!root_length || !path) return NULL;
    char *buffer = absolute[turn ^= 1];
    if (path[0] == '/') snprintf(buffer, sizeof absolute[0], "%s", path);
    else {
        char base[PATH_MAX];
        if (folder == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return NULL;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return NULL;
            base[length] = 0;
        }
        snprintf(buffer, sizeof absolute[0], "%s/%s", base, path);
    }
    size_t length = strlen(buffer);
    while (length > 1 && buffer[length - 1] == '/') buffer[--length] = 0;
    if (strncmp(buffer, root, root_length)) return NULL;
    if (!buffer[root_length]) return buffer + root_length;
    return buffer[root_length] == '/' ? buffer + root_length + 1 : NULL;
}

static const char *watched_descriptor(int descriptor) {
    return root_length && descriptor >= 0 && descriptor < LARGEST_DESCRIPTOR ? paths[descriptor] : NULL;
}

static unsigned long long inode(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) ? 0 : status.st_ino;
}

// MARK: What happens to a call

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

typedef enum { KIND_CREATE, KIND_OPEN_TO_WRITE, KIND_WRITE, KIND_SYNC, KIND_RENAME, KIND_OTHER } Kind;

static int can_fail(Kind kind) {
    switch (action_errno) {
    case ENOSPC: return kind != KIND_OTHER && kind != KIND_OPEN_TO_WRITE;
    case EROFS: return kind != KIND_SYNC && kind != KIND_WRITE;
    default: return 1;
    }
}

// Counts the call. Returns 0 if it may go on, else -1 with errno set, or 1 where it is to be torn.
// The caller holds the mutex.
static int meet(Kind kind) {
    // Opening a file that is there changes nothing; it fails with the calls that follow it, if they all do.
    if (kind == KIND_OPEN_TO_WRITE) {
        if (action != ACTION_ERROR || !action_at || count + 1 < action_at || !can_fail(kind)) return 0;
        errno = action_errno;
        return -1;
    }
    count++;
    if (!action_at) return 0;
    switch (action) {
    case ACTION_KILL: if (count == action_at) die(); return 0;
    case ACTION_TEAR:
        if (count != action_at) return 0;
        if (kind == KIND_WRITE) return 1;
        die();
    case ACTION_ERROR:
    case ACTION_ERROR_ONCE:
        if (count < action_at || !can_fail(kind) || (action == ACTION_ERROR_ONCE && count > action_at)) return 0;
        errno = action_errno;
        return -1;
    default: return 0;
    }
}

static void met(void) {
    if (action == ACTION_KILL_AFTER && count == action_at) die();
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
    if (log_descriptor < 0) return;
    char line[PATH_MAX * 3];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    syscall(SYS_write, log_descriptor, line, (size_t)length);
}


// Runs `call` between counting and noting; `notes` is what is noted once it has succeeded.
#define GUARDED(kind, result_type, call, notes) \
    do { \
        pthread_mutex_lock(&mutex); \
        result_type result = -1; \
        if (meet(kind) == 0) { \
            result = (call); \
            int kept = errno; \
            if (result >= 0) { notes; met(); } \
            else note("failed %s %d\n", __func__, kept); \
            errno = kept; \
        } \
        int kept = errno; \
        pthread_mutex_unlock(&mutex); \
        errno = kept; \
        return result; \
    } while (0)

// MARK: Opening and closing

static int opening(int folder, const char *path, int flags, mode_t mode) {
    const char *name = watched(folder, path);
    if (!name) return syscall(SYS_openat, folder, path, flags, mode);
    pthread_mutex_lock(&mutex);
    int existed = syscall(SYS_faccessat, folder, path, F_OK) == 0;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    int changes = ((flags & O_CREAT) && !existed) || (flags & O_TRUNC);
    int descriptor = -1;
    if ((!changes && !writes) || meet(changes ? KIND_CREATE : KIND_OPEN_TO_WRITE) == 0) {
        descriptor = syscall(SYS_openat, folder, path, flags, mode);
        if (descriptor >= 0 && descriptor < LARGEST_DESCRIPTOR) {
            free(paths[descriptor]);
            paths[descriptor] = strdup(name);
            if (changes || writes)
                note("open %llu %d %d %s\n", inode(descriptor), !existed, (flags & O_TRUNC) != 0, name);
            if (changes) met();
        } else if (changes) note("failed open %d\n", errno);
    }
    int kept = errno;
    pthread_mutex_unlock(&mutex);
    errno = kept;
    return descriptor;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

int open(const char *path, int flags, ...) { MODE(flags) return opening(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opening(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return opening(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return opening(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opening(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int __open_2(const char *path, int flags) { return opening(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opening(AT_FDCWD, path, flags, 0); }

int close(int descriptor) {
    if (root_length && descriptor >= 0 && descriptor < LARGEST_DESCRIPTOR) {
        pthread_mutex_lock(&mutex);
        free(paths[descriptor]);
        paths[descriptor] = NULL;
        pthread_mutex_unlock(&mutex);
    }
    return syscall(SYS_close, descriptor);
}

// MARK: Writing

static void note_bytes(int descriptor, off_t offset, const void *bytes, size_t length) {
    if (log_descriptor < 0) return;
    note("write %llu %lld %zu %s\n", inode(descriptor), (long long)offset, length, paths[descriptor]);
    syscall(SYS_write, log_descriptor, bytes, length);
    syscall(SYS_write, log_descriptor, "\n", (size_t)1);
}

// - offset: -1 to write at the descriptor's own position.
static ssize_t writing(int descriptor, const void *bytes, size_t length, off_t offset) {
#define PUT(size) (offset < 0 ? syscall(SYS_write, descriptor, bytes, size) : syscall(SYS_pwrite64, descriptor, bytes, size, offset))
    if (!watched_descriptor(descriptor)) return PUT(length);
    pthread_mutex_lock(&mutex);
    ssize_t written = -1;
    int fate = meet(KIND_WRITE);
    if (fate > 0) {
        PUT(length / 2);
        die();
    }
    if (fate == 0) {
        off_t start = offset;
        if (start < 0) {
            struct stat status;
            int appends = fcntl(descriptor, F_GETFL) & O_APPEND;
            start = appends && !fstat(descriptor, &status) ? status.st_size : lseek(descriptor, 0, SEEK_CUR);
        }
        written = PUT(length);
        int kept = errno;
        if (written >= 0) note_bytes(descriptor, start, bytes, (size_t)written);
        met();
        errno = kept;
    }
    int kept = errno;
    pthread_mutex_unlock(&mutex);
    errno = kept;
    return written;
}

ssize_t write(int descriptor, const void *bytes, size_t length) { return writing(descriptor, bytes, length, -1); }
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    return writing(descriptor, bytes, length, offset);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off_t offset) {
    return writing(descriptor, bytes, length, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int part_count) {
    if (!watched_descriptor(descriptor)) return syscall(SYS_writev, descriptor, parts, part_count);
    // A short write is always allowed, and callers go on behind it.
    for (int i = 0; i < part_count; i++)
        if (parts[i].iov_len) return writing(descriptor, parts[i].iov_base, parts[i].iov_len, -1);
    return 0;
}

ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length, unsigned flags) {
    // "Not supported here": callers fall back on read and write, which are seen.
    if (watched_descriptor(to)) return errno = EXDEV, -1;
    return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, length, flags);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
    if (watched_descriptor(to)) return errno = EINVAL, -1;
    return syscall(SYS_sendfile, to, from, offset, length);
}

static int truncating(int descriptor, off_t length) {
    if (!watched_descriptor(descriptor)) return syscall(SYS_ftruncate, descriptor, length);
    GUARDED(KIND_OTHER, int, syscall(SYS_ftruncate, descriptor, length),
            note("truncate %llu %lld %s\n", inode(descriptor), (long long)length, paths[descriptor]));
}
int ftruncate(int descriptor, off_t length) { return truncating(descriptor, length); }
int ftruncate64(int descriptor, off_t length) { return truncating(descriptor, length); }

// Space is taken when it is written.
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
    if (watched_descriptor(descriptor)) return errno = EOPNOTSUPP, -1;
    return syscall(SYS_fallocate, descriptor, mode, offset, length);
}

// MARK: Making durable

static int syncing(int descriptor, long number) {
    if (!watched_descriptor(descriptor)) return syscall(number, descriptor);
    struct stat status;
    int is_folder = !fstat(descriptor, &status) && S_ISDIR(status.st_mode);
    // A kill does not empty the system's caches, so nothing is lost without the wait; power loss is computed from the log.
    GUARDED(KIND_SYNC, int, (fcntl(descriptor, F_GETFD) < 0 ? -1 : 0),
            is_folder ? note("syncfolder %s\n", paths[descriptor])
                      : note("sync %llu %s\n", inode(descriptor), paths[descriptor]));
}
int fsync(int descriptor) { return syncing(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return syncing(descriptor, SYS_fdatasync); }

// MARK: Names

static int renaming(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    const char *old = watched(from_folder, from), *new = watched(to_folder, to);
    if (!old && !new) return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    GUARDED(KIND_RENAME, int, syscall(SYS_renameat2, from_folder, from, to_folder, to, flags),
            note("rename %s\t%s\n", old ? old : "", new ? new : ""));
}
int rename(const char *from, const char *to) { return renaming(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renaming(from_folder, from, to_folder, to, 0);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return renaming(from_folder, from, to_folder, to, flags);
}

static int linking(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    const char *old = watched(from_folder, from), *new = watched(to_folder, to);
    if (!new) return syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    GUARDED(KIND_CREATE, int, syscall(SYS_linkat, from_folder, from, to_folder, to, flags),
            note("link %s\t%s\n", old ? old : "", new));
}
int link(const char *from, const char *to) { return linking(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    return linking(from_folder, from, to_folder, to, flags);
}

static int unlinking(int folder, const char *path, int flags) {
    const char *name = watched(folder, path);
    // What is not there cannot be removed: no change, no count.
    if (!name || syscall(SYS_faccessat, folder, path, F_OK)) return syscall(SYS_unlinkat, folder, path, flags);
    GUARDED(KIND_OTHER, int, syscall(SYS_unlinkat, folder, path, flags),
            note("%s %s\n", flags & AT_REMOVEDIR ? "rmdir" : "unlink", name));
}
int unlink(const char *path) { return unlinking(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return unlinking(folder, path, flags); }
int rmdir(const char *path) { return unlinking(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat status;
    if (lstat(path, &status)) return -1;
    return unlinking(AT_FDCWD, path, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0);
}

static int making(int folder, const char *path, mode_t mode) {
    const char *name = watched(folder, path);
    if (!name) return syscall(SYS_mkdirat, folder, path, mode);
    GUARDED(KIND_CREATE, int, syscall(SYS_mkdirat, folder, path, mode), note("mkdir %s\n", name));
}
int mkdir(const char *path, mode_t mode) { return making(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return making(folder, path, mode); }

int chmod(const char *path, mode_t mode) {
    const char *name = watched(AT_FDCWD, path);
    if (!name) return syscall(SYS_chmod, path, mode);
    GUARDED(KIND_OTHER, int, syscall(SYS_chmod, path, mode), note("chmod %s\n", name));
}
int utimensat(int folder, const char *path, const struct timespec times[2], int flags) {
    const char *name = watched(folder, path);
    if (!name) return syscall(SYS_utimensat, folder, path, times, flags);
    GUARDED(KIND_OTHER, int, syscall(SYS_utimensat, folder, path, times, flags), note("touch %s\n", name));
}
int fchmod(int descriptor, mode_t mode) {
    if (!watched_descriptor(descriptor)) return syscall(SYS_fchmod, descriptor, mode);
    GUARDED(KIND_OTHER, int, syscall(SYS_fchmod, descriptor, mode), note("chmod %s\n", paths[descriptor]));
}
