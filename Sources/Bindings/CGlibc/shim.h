// What Swift's Glibc module leaves out: settings of the heap, and calls that glibc declares only with _GNU_SOURCE.
#include <malloc.h>

/// Linux: with the flag SYNC_FILE_RANGE_WRITE begins to write a part of a file to its device, and does not wait.
int sync_file_range(int descriptor, long offset, long count, unsigned int flags);
/// Linux: makes everything of the file system that the descriptor lies on durable.
int syncfs(int descriptor);

enum { TVT_SYNC_FILE_RANGE_WRITE = 2 };
