#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Runs in the child, where only calls are allowed that are safe between fork and exec: other threads may have held locks.
// Returns where the program cannot be started.
static void become(const char *path, char *const arguments[], const char *folder, int output, int error,
                   int64_t memory, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The parent may have died before it could be asked to tell.
  if (getppid() != parent) _exit(130);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  // What we ignore would stay ignored.
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  int input = open("/dev/null", O_RDONLY);
  if (input < 0 || chdir(folder) != 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(error, STDERR_FILENO) < 0
      || dup2(input, STDIN_FILENO) < 0)
    return;
  if (input > STDERR_FILENO) close(input);
  struct rlimit limit = {(rlim_t)memory, (rlim_t)memory};
  if (memory > 0 && setrlimit(RLIMIT_AS, &limit) != 0) return;
  execv(path, arguments);
}

pid_t tvt_process_start(const char *path, char *const arguments[], const char *folder, int output, int error,
                        int64_t memory) {
  // Closed by a successful exec; otherwise the child writes its errno there.
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return -1;
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    become(path, arguments, folder, output, error, memory, parent);
    int reason = errno;
    _exit(write(report[1], &reason, sizeof reason) == sizeof reason ? 127 : 126);
  }
  int reason = errno;
  close(report[1]);
  if (child > 0) {
    ssize_t count;
    do count = read(report[0], &reason, sizeof reason);
    while (count < 0 && errno == EINTR);
    if (count == sizeof reason) {
      waitpid(child, NULL, 0);
      child = -1;
    }
  }
  close(report[0]);
  errno = reason;
  return child;
}
