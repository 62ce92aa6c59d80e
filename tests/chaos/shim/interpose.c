/* The calls that are interposed: each leads paths of volatile files to their copies, and says what it did. */
#define _GNU_SOURCE
/* `open` and `open64` are two symbols and one call here, where offsets have 64 bits. */
#undef _FILE_OFFSET_BITS
#include "volatile.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The call that would have been made without this library. */
#define NEXT(name)                                                                                                     \
    static __typeof__(&name) next;                                                                                     \
    if (!__atomic_load_n(&next, __ATOMIC_ACQUIRE))                                                                     \
        __atomic_store_n(&next, (__typeof__(&name))dlsym(RTLD_NEXT, #name), __ATOMIC_RELEASE)

static int opened(const char *path, int flags, mode_t mode)
{
    volatile_file file = volatile_named(path);
    if (file == DIRECTORY || file == NONE) {
        int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
        volatile_bind(descriptor, file);
        return descriptor;
    }
    const char *copy = volatile_copy(file, false);
    if (copy && (flags & O_CREAT) && (flags & O_EXCL)) {
        errno = EEXIST;
        return -1;
    }
    if (!copy && !(flags & O_CREAT)) {
        errno = ENOENT;
        return -1;
    }
    if (!copy)
        copy = volatile_copy(file, true);
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, copy, flags & ~(O_CREAT | O_EXCL), mode);
    volatile_bind(descriptor, file);
    if (descriptor >= 0 && (flags & O_TRUNC))
        volatile_truncated(file, 0);
    return descriptor;
}

static bool is_absolute(int directory, const char *path)
{
    return directory == AT_FDCWD || (path && path[0] == '/');
}

#define MODE_OF(flags, last)                                                                                           \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list arguments;                                                                                             \
        va_start(arguments, last);                                                                                     \
        mode = va_arg(arguments, mode_t);                                                                              \
        va_end(arguments);                                                                                             \
    }

int open(const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return opened(path, flags, mode);
}

static int opened_at(int directory, const char *path, int flags, mode_t mode)
{
    if (is_absolute(directory, path))
        return opened(path, flags, mode);
    int descriptor = (int)syscall(SYS_openat, directory, path, flags, mode);
    volatile_bind(descriptor, NONE);
    return descriptor;
}

int openat(int directory, const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return opened_at(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...)
{
    MODE_OF(flags, flags)
    return opened_at(directory, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return opened(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int descriptor)
{
    /* Before the call: as soon as it returns, another thread may be given the number. */
    volatile_bind(descriptor, NONE);
    NEXT(close);
    return next(descriptor);
}

int dup(int descriptor)
{
    NEXT(dup);
    int other = next(descriptor);
    volatile_bind(other, volatile_of(descriptor));
    return other;
}

int dup2(int descriptor, int other)
{
    NEXT(dup2);
    int result = next(descriptor, other);
    if (result >= 0)
        volatile_bind(result, volatile_of(descriptor));
    return result;
}

int dup3(int descriptor, int other, int flags)
{
    NEXT(dup3);
    int result = next(descriptor, other, flags);
    if (result >= 0)
        volatile_bind(result, volatile_of(descriptor));
    return result;
}

static int controlled(int descriptor, int command, void *argument)
{
    int result = (int)syscall(SYS_fcntl, descriptor, command, argument);
    if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
        volatile_bind(result, volatile_of(descriptor));
    return result;
}

#define ARGUMENT_OF(last)                                                                                              \
    va_list arguments;                                                                                                 \
    va_start(arguments, last);                                                                                         \
    void *argument = va_arg(arguments, void *);                                                                        \
    va_end(arguments);

int fcntl(int descriptor, int command, ...)
{
    ARGUMENT_OF(command)
    return controlled(descriptor, command, argument);
}

int fcntl64(int descriptor, int command, ...)
{
    ARGUMENT_OF(command)
    return controlled(descriptor, command, argument);
}

/* Where a plain write begins. */
static off_t place_of(int descriptor, ssize_t written)
{
    return lseek(descriptor, 0, SEEK_CUR) - written;
}

ssize_t write(int descriptor, const void *data, size_t length)
{
    NEXT(write);
    volatile_file file = volatile_of(descriptor);
    if (file == NONE)
        volatile_sent(descriptor, data, length);
    ssize_t written = next(descriptor, data, length);
    if (file >= 0 && written > 0)
        volatile_wrote(file, descriptor, data, (size_t)written, place_of(descriptor, written));
    return written;
}

static ssize_t wrote_at(int descriptor, const void *data, size_t length, off_t offset)
{
    ssize_t written = syscall(SYS_pwrite64, descriptor, data, length, offset);
    if (written > 0)
        volatile_wrote(volatile_of(descriptor), descriptor, data, (size_t)written, offset);
    return written;
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset)
{
    return wrote_at(descriptor, data, length, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off_t offset)
{
    return wrote_at(descriptor, data, length, offset);
}

/* Parts of one write, part by part. */
static void wrote_parts(int descriptor, const struct iovec *parts, int count, off_t offset, ssize_t written)
{
    volatile_file file = volatile_of(descriptor);
    for (int at = 0; at < count && written > 0; at++) {
        size_t length = (size_t)written < parts[at].iov_len ? (size_t)written : parts[at].iov_len;
        volatile_wrote(file, descriptor, parts[at].iov_base, length, offset);
        offset += (off_t)length;
        written -= (ssize_t)length;
    }
}

/* The first bytes of what leaves in parts. */
static void sent_parts(int descriptor, const struct iovec *parts, size_t count)
{
    char first[1024];
    size_t used = 0;
    for (size_t at = 0; at < count && used < sizeof first; at++) {
        size_t room = sizeof first - used;
        size_t length = parts[at].iov_len < room ? parts[at].iov_len : room;
        if (length > 0)
            memcpy(first + used, parts[at].iov_base, length);
        used += length;
    }
    volatile_sent(descriptor, first, used);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    NEXT(writev);
    volatile_file file = volatile_of(descriptor);
    if (file == NONE && count > 0)
        sent_parts(descriptor, parts, (size_t)count);
    ssize_t written = next(descriptor, parts, count);
    if (file >= 0 && written > 0)
        wrote_parts(descriptor, parts, count, place_of(descriptor, written), written);
    return written;
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset)
{
    NEXT(pwritev);
    ssize_t written = next(descriptor, parts, count, offset);
    wrote_parts(descriptor, parts, count, offset, written);
    return written;
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset)
{
    return pwritev(descriptor, parts, count, offset);
}

ssize_t send(int descriptor, const void *data, size_t length, int flags)
{
    NEXT(send);
    volatile_sent(descriptor, data, length);
    return next(descriptor, data, length, flags);
}

ssize_t sendto(int descriptor, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
    NEXT(sendto);
    volatile_sent(descriptor, data, length);
    return next(descriptor, data, length, flags, to, size);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags)
{
    NEXT(sendmsg);
    sent_parts(descriptor, message->msg_iov, message->msg_iovlen);
    return next(descriptor, message, flags);
}

static int cut(int descriptor, off_t length)
{
    int result = (int)syscall(SYS_ftruncate, descriptor, length);
    if (result == 0)
        volatile_truncated(volatile_of(descriptor), length);
    return result;
}

int ftruncate(int descriptor, off_t length)
{
    return cut(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length)
{
    return cut(descriptor, length);
}

/* Room that is taken without data is gone like data: a sync gives the durable file its length. */
int fsync(int descriptor)
{
    NEXT(fsync);
    volatile_file file = volatile_of(descriptor);
    return file == NONE ? next(descriptor) : volatile_sync(file);
}

int fdatasync(int descriptor)
{
    NEXT(fdatasync);
    volatile_file file = volatile_of(descriptor);
    return file == NONE ? next(descriptor) : volatile_sync(file);
}

static int removed(volatile_file file)
{
    const char *copy = volatile_copy(file, false);
    if (!copy) {
        errno = ENOENT;
        return -1;
    }
    int result = (int)syscall(SYS_unlinkat, AT_FDCWD, copy, 0);
    if (result == 0)
        volatile_unlinked(file);
    return result;
}

int unlink(const char *path)
{
    NEXT(unlink);
    volatile_file file = volatile_named(path);
    return file >= 0 ? removed(file) : next(path);
}

int unlinkat(int directory, const char *path, int flags)
{
    NEXT(unlinkat);
    volatile_file file = is_absolute(directory, path) ? volatile_named(path) : NONE;
    return file >= 0 ? removed(file) : next(directory, path, flags);
}

int rename(const char *from, const char *to)
{
    NEXT(rename);
    volatile_file old = volatile_named(from), new = volatile_named(to);
    if (old < 0 && new < 0)
        return next(from, to);
    if (old < 0 || new < 0) {
        errno = EXDEV; /* into or out of the volatile files: as if between two file systems */
        return -1;
    }
    const char *copy = volatile_copy(old, false), *target = volatile_copy(new, true);
    if (!copy) {
        errno = ENOENT;
        return -1;
    }
    int result = next(copy, target);
    if (result == 0)
        volatile_renamed(old, new);
    return result;
}

int access(const char *path, int mode)
{
    return (int)syscall(SYS_faccessat, AT_FDCWD, volatile_seen(path), mode);
}

int stat(const char *path, struct stat *status)
{
    return (int)syscall(SYS_newfstatat, AT_FDCWD, volatile_seen(path), status, 0);
}

int stat64(const char *path, struct stat64 *status)
{
    return (int)syscall(SYS_newfstatat, AT_FDCWD, volatile_seen(path), status, 0);
}

int lstat(const char *path, struct stat *status)
{
    return (int)syscall(SYS_newfstatat, AT_FDCWD, volatile_seen(path), status, AT_SYMLINK_NOFOLLOW);
}

int lstat64(const char *path, struct stat64 *status)
{
    return (int)syscall(SYS_newfstatat, AT_FDCWD, volatile_seen(path), status, AT_SYMLINK_NOFOLLOW);
}

int statx(int directory, const char *restrict path, int flags, unsigned mask, struct statx *restrict status)
{
    const char *seen = is_absolute(directory, path) ? volatile_seen(path) : path;
    return (int)syscall(SYS_statx, directory, seen, flags, mask, status);
}
