/* Files that lose what was not synced: the model behind the interposed calls. */

#ifndef VOLATILE_H
#define VOLATILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A file of ours; `NONE` is any other, `DIRECTORY` the directory that they are in. */
typedef int volatile_file;
enum { NONE = -1, DIRECTORY = -2 };

/* The file that a path names. */
volatile_file volatile_named(const char *path);

/* The file that a descriptor is open on. */
volatile_file volatile_of(int descriptor);

/* Notes that a descriptor is open on a file, or, with NONE, on none of ours. */
void volatile_bind(int descriptor, volatile_file file);

/* Where the file's current content is, made from the durable content where the process has not had it yet.
   Null where there is no such file and it is not to be created. */
const char *volatile_copy(volatile_file file, bool create);

/* Where a path leads for whoever only looks. */
const char *volatile_seen(const char *path);

/* What was done to the current content. */
void volatile_wrote(volatile_file file, int descriptor, const void *data, size_t length, off_t offset);
void volatile_truncated(volatile_file file, off_t length);
void volatile_unlinked(volatile_file file);
void volatile_renamed(volatile_file from, volatile_file to);

/* Makes a file's content durable, or, for the directory, which names there are. 0, or -1 with errno. */
int volatile_sync(volatile_file file);

/* Notes bytes that leave through a socket, if they begin a request. */
void volatile_sent(int descriptor, const void *data, size_t length);

#endif
