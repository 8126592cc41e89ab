// Until when a decoding may compute, by the processor time of the thread that it stays on.
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    /// Of CLOCK_THREAD_CPUTIME_ID.
    double seconds;
    /// Of CLOCK_MONOTONIC: until then it cannot have passed. 0 at first.
    double nextLook;
} tvt_deadline;

/// Whether the calling thread has computed longer than it may; cheap enough for every row of an image.
bool tvt_deadline_passed(tvt_deadline *deadline);

#ifdef __cplusplus
}
#endif
