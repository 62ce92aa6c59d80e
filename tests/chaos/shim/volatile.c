/*
 * Files that lose what was not synced.
 *
 * SIGKILL spares the page cache, a power cut does not. For the files whose path begins with VOLATILE_FILES
 * (`journal.db`, and with it `journal.db-wal`, `-shm`, `-journal`; not `*.lock`) a process sees a copy in the
 * directory VOLATILE_COPIES, made from the durable file when it is first opened. Writes go to the copy; fsync
 * and fdatasync carry what was written since the last one to the durable file. Whoever ends the process
 * throws the copies away, and the next process sees what was synced.
 *
 *  - A sync of a file also makes its name durable, as ext4, xfs and btrfs do. A deletion or renaming is
 *    durable when the directory is synced.
 *  - VOLATILE_LEAK (percent) writes some of the unsynced data to the durable file at once: a disk may write
 *    early, in any order. VOLATILE_SEED decides which.
 *  - What is mapped into memory and never synced, as SQLite's -shm, stays volatile.
 *  - VOLATILE_TRACE names a file that gets a line for each write, sync and request sent, in their order:
 *        write FILE OFFSET LENGTH TEXT | synced FILE LENGTH | sent DESCRIPTOR TEXT
 *    where whatever is no printable ASCII in TEXT is a full stop.
 */
#define _GNU_SOURCE
#include "volatile.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_FILES = 64, MAX_DESCRIPTORS = 1 << 16, MAX_PATH = 4096, MAX_OPERATIONS = 256, MAX_SENT = 700 };

struct range {
    off_t start, end;
};

struct file {
    char durable[MAX_PATH];
    char copy[MAX_PATH];
    bool has_copy;
    bool is_gone;
    /* Shortest length since the last sync, or -1: nothing behind it survived even if it was written anew. */
    off_t shortest;
    struct range *dirty;
    size_t dirty_count, dirty_room;
};

/* A change of names that the directory has not been synced for. */
struct operation {
    volatile_file from, to; /* deletion where `to` is NONE */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct file files[MAX_FILES];
static int file_count;
static struct operation operations[MAX_OPERATIONS];
static int operation_count;
/* A file plus one, or DIRECTORY; 0 is none. */
static volatile_file descriptors[MAX_DESCRIPTORS];
static char prefix[MAX_PATH], directory[MAX_PATH], copies[MAX_PATH - 16];
static bool is_on;
static int trace = -1;
static unsigned leak;
static unsigned long random_state;

__attribute__((noreturn)) static void give_up(const char *what)
{
    dprintf(STDERR_FILENO, "volatile: %s: %s\n", what, strerror(errno));
    abort();
}

/* The system's own calls: the names are interposed. */
static int system_open(const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

static void write_all(int descriptor, const char *data, size_t length, off_t offset)
{
    while (length > 0) {
        ssize_t written = syscall(SYS_pwrite64, descriptor, data, length, offset);
        if (written < 0)
            give_up("cannot write a durable file");
        data += written;
        offset += written;
        length -= (size_t)written;
    }
}

static void copy_range(int from, int to, off_t start, off_t end)
{
    char buffer[1 << 16];
    while (start < end) {
        size_t wanted = end - start < (off_t)sizeof buffer ? (size_t)(end - start) : sizeof buffer;
        ssize_t got = syscall(SYS_pread64, from, buffer, wanted, start);
        if (got < 0)
            give_up("cannot read a copy");
        if (got == 0)
            return;
        write_all(to, buffer, (size_t)got, start);
        start += got;
    }
}

__attribute__((constructor)) static void set_up(void)
{
    const char *files_of = getenv("VOLATILE_FILES"), *copies_in = getenv("VOLATILE_COPIES");
    const char *traced = getenv("VOLATILE_TRACE"), *percent = getenv("VOLATILE_LEAK"), *seed = getenv("VOLATILE_SEED");
    if (traced)
        trace = system_open(traced, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (!files_of || !copies_in)
        return;
    snprintf(prefix, sizeof prefix, "%s", files_of);
    snprintf(directory, sizeof directory, "%s", files_of);
    char *name = strrchr(directory, '/');
    if (files_of[0] != '/' || !name) {
        errno = EINVAL;
        give_up("VOLATILE_FILES must be an absolute path");
    }
    *name = 0;
    snprintf(copies, sizeof copies, "%s", copies_in);
    leak = percent ? (unsigned)strtoul(percent, NULL, 10) : 0;
    random_state = (seed ? strtoul(seed, NULL, 10) : 0) * 2 + 1;
    is_on = true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static volatile_file named(const char *path)
{
    if (!is_on || !path || strncmp(path, prefix, strlen(prefix)) != 0 || ends_with(path, ".lock"))
        return NONE;
    for (volatile_file file = 0; file < file_count; file++)
        if (strcmp(files[file].durable, path) == 0)
            return file;
    if (file_count == MAX_FILES) {
        errno = ENFILE;
        give_up("too many files");
    }
    struct file *file = &files[file_count];
    snprintf(file->durable, sizeof file->durable, "%s", path);
    snprintf(file->copy, sizeof file->copy, "%s/%d", copies, file_count);
    file->shortest = -1;
    return file_count++;
}

volatile_file volatile_named(const char *path)
{
    if (is_on && path && strcmp(path, directory) == 0)
        return DIRECTORY;
    pthread_mutex_lock(&mutex);
    volatile_file file = named(path);
    pthread_mutex_unlock(&mutex);
    return file;
}

volatile_file volatile_of(int descriptor)
{
    if (descriptor < 0 || descriptor >= MAX_DESCRIPTORS)
        return NONE;
    volatile_file bound = __atomic_load_n(&descriptors[descriptor], __ATOMIC_SEQ_CST);
    return bound > 0 ? bound - 1 : bound == DIRECTORY ? DIRECTORY : NONE;
}

void volatile_bind(int descriptor, volatile_file file)
{
    if (descriptor >= 0 && descriptor < MAX_DESCRIPTORS)
        __atomic_store_n(&descriptors[descriptor], file >= 0 ? file + 1 : file == DIRECTORY ? DIRECTORY : 0,
                         __ATOMIC_SEQ_CST);
    else if (file >= 0) {
        errno = EMFILE;
        give_up("too many descriptors");
    }
}

static void make_copy(struct file *file)
{
    int copy = system_open(file->copy, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (copy < 0)
        give_up("cannot make a copy");
    int durable = file->is_gone ? -1 : system_open(file->durable, O_RDONLY, 0);
    if (durable >= 0) {
        struct stat status;
        if (syscall(SYS_fstat, durable, &status) == 0)
            copy_range(durable, copy, 0, status.st_size);
        syscall(SYS_close, durable);
    } else {
        /* Made anew: nothing of an earlier file of this name survives the next sync. */
        file->shortest = 0;
    }
    syscall(SYS_close, copy);
    file->has_copy = true;
    file->is_gone = false;
}

static bool exists(struct file *file)
{
    return file->has_copy || (!file->is_gone && syscall(SYS_faccessat, AT_FDCWD, file->durable, F_OK) == 0);
}

const char *volatile_copy(volatile_file number, bool create)
{
    pthread_mutex_lock(&mutex);
    struct file *file = &files[number];
    bool is_there = exists(file);
    if (!file->has_copy && (is_there || create))
        make_copy(file);
    pthread_mutex_unlock(&mutex);
    return is_there || create ? file->copy : NULL;
}

const char *volatile_seen(const char *path)
{
    volatile_file number = volatile_named(path);
    if (number < 0)
        return path;
    pthread_mutex_lock(&mutex);
    struct file *file = &files[number];
    const char *seen = file->has_copy || file->is_gone ? file->copy : path;
    pthread_mutex_unlock(&mutex);
    return seen;
}

static void note(const char *kind, const char *about, const char *text, size_t length)
{
    if (trace < 0)
        return;
    char line[MAX_PATH + (1 << 16)];
    size_t used = (size_t)snprintf(line, sizeof line, "%s %s ", kind, about);
    for (size_t at = 0; at < length && used < sizeof line - 1; at++)
        line[used++] = text[at] > ' ' && text[at] < 127 ? text[at] : '.';
    line[used++] = '\n';
    if (syscall(SYS_write, trace, line, used) < 0)
        give_up("cannot write the trace");
}

static const char *name_of(struct file *file)
{
    return strrchr(file->durable, '/') + 1;
}

static void dirty(struct file *file, off_t start, off_t end)
{
    if (file->dirty_count > 0) {
        struct range *last = &file->dirty[file->dirty_count - 1];
        if (start >= last->start && start <= last->end) {
            last->end = end > last->end ? end : last->end;
            return;
        }
    }
    if (file->dirty_count == file->dirty_room) {
        file->dirty_room = file->dirty_room ? file->dirty_room * 2 : 64;
        file->dirty = realloc(file->dirty, file->dirty_room * sizeof *file->dirty);
        if (!file->dirty)
            give_up("no memory");
    }
    file->dirty[file->dirty_count++] = (struct range){start, end};
}

static bool leaks(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % 100 < leak;
}

void volatile_wrote(volatile_file number, int descriptor, const void *data, size_t length, off_t offset)
{
    (void)descriptor;
    if (number < 0 || length == 0)
        return;
    pthread_mutex_lock(&mutex);
    struct file *file = &files[number];
    dirty(file, offset, offset + (off_t)length);
    if (trace >= 0 && !ends_with(file->durable, "-shm")) {
        char about[MAX_PATH];
        snprintf(about, sizeof about, "%s %lld %zu", name_of(file), (long long)offset, length);
        note("write", about, data, length);
    }
    if (leak > 0 && leaks()) {
        int durable = system_open(file->durable, O_WRONLY, 0);
        if (durable >= 0) {
            write_all(durable, data, length, offset);
            syscall(SYS_close, durable);
        }
    }
    pthread_mutex_unlock(&mutex);
}

void volatile_truncated(volatile_file number, off_t length)
{
    if (number < 0)
        return;
    pthread_mutex_lock(&mutex);
    struct file *file = &files[number];
    if (file->shortest < 0 || length < file->shortest)
        file->shortest = length;
    for (size_t at = 0; at < file->dirty_count; at++) {
        struct range *range = &file->dirty[at];
        range->end = range->end < length ? range->end : length;
        range->start = range->start < range->end ? range->start : range->end;
    }
    pthread_mutex_unlock(&mutex);
}

static void remember(struct operation operation)
{
    if (operation_count == MAX_OPERATIONS) {
        errno = ENOSPC;
        give_up("too many changes of names without a sync of the directory");
    }
    operations[operation_count++] = operation;
}

static void forget_content(struct file *file)
{
    file->has_copy = false;
    file->is_gone = true;
    file->dirty_count = 0;
    file->shortest = -1;
}

void volatile_unlinked(volatile_file number)
{
    pthread_mutex_lock(&mutex);
    remember((struct operation){number, NONE});
    forget_content(&files[number]);
    pthread_mutex_unlock(&mutex);
}

void volatile_renamed(volatile_file from, volatile_file to)
{
    pthread_mutex_lock(&mutex);
    remember((struct operation){from, to});
    struct file *old = &files[from], *new = &files[to];
    free(new->dirty);
    new->dirty = old->dirty;
    new->dirty_count = old->dirty_count;
    new->dirty_room = old->dirty_room;
    new->shortest = old->shortest;
    new->has_copy = true;
    new->is_gone = false;
    old->dirty = NULL;
    old->dirty_room = 0;
    forget_content(old);
    for (int descriptor = 0; descriptor < MAX_DESCRIPTORS; descriptor++)
        if (descriptors[descriptor] == from + 1)
            volatile_bind(descriptor, to);
    pthread_mutex_unlock(&mutex);
}

/* Makes deletions and renamings durable. What was never synced has no durable name to lose. */
static void sync_names(void)
{
    for (int at = 0; at < operation_count; at++) {
        const char *from = files[operations[at].from].durable;
        if (operations[at].to == NONE)
            syscall(SYS_unlinkat, AT_FDCWD, from, 0);
        else
            syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, files[operations[at].to].durable);
    }
    operation_count = 0;
}

static int sync_directory(void)
{
    sync_names();
    int descriptor = system_open(directory, O_RDONLY | O_DIRECTORY, 0);
    int result = descriptor < 0 ? -1 : (int)syscall(SYS_fsync, descriptor);
    syscall(SYS_close, descriptor);
    return result;
}

static int sync_file(struct file *file)
{
    /* What was unlinked while it was open has no name to be found by. */
    if (!file->has_copy)
        return 0;
    /* The names that lead to what is synced are durable with it, and so is what came before them. */
    for (int at = 0; at < operation_count; at++)
        if (&files[operations[at].from] == file || (operations[at].to != NONE && &files[operations[at].to] == file)) {
            sync_names();
            break;
        }
    int copy = system_open(file->copy, O_RDONLY, 0);
    int durable = system_open(file->durable, O_WRONLY | O_CREAT, 0644);
    struct stat status;
    if (copy < 0 || durable < 0 || syscall(SYS_fstat, copy, &status) < 0)
        give_up("cannot sync");
    if (file->shortest >= 0) {
        struct stat old;
        if (syscall(SYS_fstat, durable, &old) == 0 && file->shortest < old.st_size &&
            syscall(SYS_ftruncate, durable, file->shortest) < 0)
            give_up("cannot truncate a durable file");
    }
    off_t carried = 0;
    for (size_t at = 0; at < file->dirty_count; at++) {
        copy_range(copy, durable, file->dirty[at].start, file->dirty[at].end);
        carried += file->dirty[at].end - file->dirty[at].start;
    }
    if (syscall(SYS_ftruncate, durable, status.st_size) < 0)
        give_up("cannot extend a durable file");
    file->dirty_count = 0;
    file->shortest = -1;
    int result = (int)syscall(SYS_fdatasync, durable);
    syscall(SYS_close, copy);
    syscall(SYS_close, durable);
    char about[MAX_PATH];
    snprintf(about, sizeof about, "%s %lld", name_of(file), (long long)carried);
    note("synced", about, "", 0);
    return result;
}

int volatile_sync(volatile_file file)
{
    pthread_mutex_lock(&mutex);
    int result = file == DIRECTORY ? sync_directory() : sync_file(&files[file]);
    pthread_mutex_unlock(&mutex);
    return result;
}

void volatile_sent(int descriptor, const void *data, size_t length)
{
    static const char *const methods[] = {"GET /", "POST /", "PUT /", "PATCH /", "DELETE /"};
    if (trace < 0)
        return;
    for (size_t at = 0; at < sizeof methods / sizeof *methods; at++) {
        size_t wanted = strlen(methods[at]);
        if (length < wanted || memcmp(data, methods[at], wanted) != 0)
            continue;
        char about[32];
        snprintf(about, sizeof about, "%d", descriptor);
        pthread_mutex_lock(&mutex);
        note("sent", about, data, length < MAX_SENT ? length : MAX_SENT);
        pthread_mutex_unlock(&mutex);
        return;
    }
}
