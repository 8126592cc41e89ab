#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

// A process may be started with some of its standard descriptors closed. The first file that it opens would take such a
// number, and whatever is then printed would go into that file. So the numbers are occupied, in the way that makes their
// use fail as if they were closed: standard input cannot be read, the other two cannot be written.
static void occupy_standard_descriptors(void) {
  for (int descriptor = 0; descriptor <= 2; descriptor++) {
    if (fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is this one, since those below are taken.
    int mode = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (open("/dev/null", mode) != descriptor && open("/", O_RDONLY | O_DIRECTORY) != descriptor) _exit(74);
  }
}

// Runs before the initialisers of all shared libraries, which may open files of their own.
__attribute__((section(".preinit_array"), used)) static void (*const first_of_all)(void) = occupy_standard_descriptors;
