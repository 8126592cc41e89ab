#ifndef TVT_CPROCESS_H
#define TVT_CPROCESS_H
#include <stdint.h>
#include <sys/types.h>

/// Starts a program with an empty standard input, in a process group of its own. It gets SIGTERM when the calling thread
/// ends.
///
/// - path: the program; arguments: of which the first is its name, with NULL at the end.
/// - folder: where it works.
/// - output, error: descriptors that become its standard output and its standard error.
/// - memory: bytes of address space that it may have; 0 for any number.
/// Returns its process id, or -1 with errno where the program cannot be started.
pid_t tvt_process_start(const char *path, char *const arguments[], const char *folder, int output, int error,
                        int64_t memory);
#endif
