#define _GNU_SOURCE
#include "CProcess.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

pid_t tvt_process_start(const char *path, char *const arguments[], const char *folder, int output) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child != 0) return child;
  // From here on only calls that are safe between fork and exec: other threads may have held locks.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The parent may have died before it could be asked to tell.
  if (getppid() != parent) _exit(130);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int input = open("/dev/null", O_RDONLY);
  if (chdir(folder) != 0 || input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0) _exit(127);
  if (input > 2) close(input);
  execv(path, arguments);
  _exit(127);
}
