#include "CDeadline.h"

#include <time.h>

static double secondsOf(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

bool tvt_deadline_passed(tvt_deadline *deadline) {
    // A thread computes no longer than time goes by, and to ask how long it has is a call of the kernel; the other is none.
    double now = secondsOf(CLOCK_MONOTONIC);
    if (now < deadline->nextLook) return false;
    double left = deadline->seconds - secondsOf(CLOCK_THREAD_CPUTIME_ID);
    deadline->nextLook = now + left;
    return left < 0;
}
