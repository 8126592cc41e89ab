// How threads of OpenMP wait for each other, in whatever computes with tensors.
#define _GNU_SOURCE
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static bool names(const char *entry, const char *variable) {
    const size_t length = strlen(variable);
    return strncmp(entry, variable, length) == 0 && entry[length] == '=';
}

/// Lets waiting threads sleep soon instead of spinning for milliseconds, unless the environment says how they wait.
///
/// On cores that others use too, threads that spin for one that cannot run made a training step take ten times as long; on
/// free cores nothing changes. libgomp reads this from the environment when it is loaded, so the process starts itself once
/// more: before any library has begun, as libtorch needs a third of a second to. Where it cannot be started again, it waits as
/// libgomp likes.
static void shortenWaits(int argumentCount, char **arguments, char **environment) {
    (void)argumentCount;
    // What the loader was told to run is not what /proc says runs.
    if (getauxval(AT_BASE) == 0) return;
    size_t count = 0;
    for (; environment[count]; ++count) {
        if (names(environment[count], "GOMP_SPINCOUNT") || names(environment[count], "OMP_WAIT_POLICY")) return;
    }
    char said[] = "GOMP_SPINCOUNT=10000";
    char *changed[count + 2];
    memcpy(changed, environment, count * sizeof *environment);
    changed[count] = said;
    changed[count + 1] = NULL;
    // Under its own name, for those who look for it by that.
    char path[PATH_MAX + 1];
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    if (length > 0) {
        path[length] = 0;
        execve(path, arguments, changed);
    }
    execve("/proc/self/exe", arguments, changed);
}

/// What the loader calls between bringing all libraries and initialising them; only a program has some, and no library.
__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) = shortenWaits;
