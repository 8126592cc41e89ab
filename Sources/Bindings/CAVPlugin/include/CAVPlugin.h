// The functions that this library has are those of CAV.h.
#pragma once
#include "../../CAV/include/CAV.h"

int32_t door_av_open(
    const tvt_av_source *source, uint64_t maxPixels, double deadline, tvt_av **opened, char *message);
void door_av_close(tvt_av *av);
tvt_av_info door_av_describe(const tvt_av *av);
