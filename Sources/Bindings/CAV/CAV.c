#include "CAV.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

// Named like the functions here, but with "door_" for "tvt_", since both are in one process.
static struct {
    __typeof__(tvt_av_open) *open;
    __typeof__(tvt_av_close) *close;
    __typeof__(tvt_av_describe) *describe;
    __typeof__(tvt_av_measure_pictures) *measure_pictures;
    __typeof__(tvt_av_measure_sound) *measure_sound;
    __typeof__(tvt_av_decode_all) *decode_all;
    __typeof__(tvt_av_decode_sound) *decode_sound;
    __typeof__(tvt_av_convert_samples) *convert_samples;
    __typeof__(tvt_av_picture_times) *picture_times;
    __typeof__(tvt_av_decode_pictures) *decode_pictures;
} door;

static pthread_once_t once = PTHREAD_ONCE_INIT;
/// Empty once all functions are found.
static char failure[TVT_AV_MESSAGE_BYTES] = "it was not loaded";

static void load(void) {
    // It lies beside the executable, where the run path of every tool leads.
    void *library = dlopen("libCAVPlugin.so", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        snprintf(failure, sizeof failure, "%s", reason ? reason : "no reason given");
        return;
    }
#define FIND(name) \
    if (!(door.name = (__typeof__(door.name))dlsym(library, "door_av_" #name))) { \
        snprintf(failure, sizeof failure, "libCAVPlugin.so is of another build"); \
        return; \
    }
    FIND(open)
    FIND(close)
    FIND(describe)
    FIND(measure_pictures)
    FIND(measure_sound)
    FIND(decode_all)
    FIND(decode_sound)
    FIND(convert_samples)
    FIND(picture_times)
    FIND(decode_pictures)
    failure[0] = 0;
}

static bool isLoaded(char *message) {
    pthread_once(&once, load);
    if (failure[0] == 0) return true;
    snprintf(message, TVT_AV_MESSAGE_BYTES, "%s", failure);
    return false;
}

int32_t tvt_av_open(
    const tvt_av_source *source, uint64_t maxPixels, double deadline, tvt_av **av, char *message) {
    return isLoaded(message) ? door.open(source, maxPixels, deadline, av, message) : TVT_AV_NOT_LOADED;
}

void tvt_av_close(tvt_av *av) { door.close(av); }

tvt_av_info tvt_av_describe(const tvt_av *av) { return door.describe(av); }

int32_t tvt_av_measure_pictures(tvt_av *av, size_t maxPictures, size_t *pictures, double *seconds, char *message) {
    return door.measure_pictures(av, maxPictures, pictures, seconds, message);
}

int32_t tvt_av_measure_sound(tvt_av *av, double maxSeconds, double *seconds, char *message) {
    return door.measure_sound(av, maxSeconds, seconds, message);
}

int32_t tvt_av_decode_all(
    tvt_av *av, bool needsPictures, size_t maxPictures, double maxSoundSeconds, char *message) {
    return door.decode_all(av, needsPictures, maxPictures, maxSoundSeconds, message);
}

int32_t tvt_av_decode_sound(
    tvt_av *av, uint32_t rate, size_t maxSamples, float **samples, size_t *count, char *message) {
    return door.decode_sound(av, rate, maxSamples, samples, count, message);
}

int32_t tvt_av_convert_samples(
    const tvt_av_pcm *pcm, uint32_t rate, size_t maxSamples, double deadline, float **samples, size_t *count,
    char *message) {
    if (!isLoaded(message)) return TVT_AV_NOT_LOADED;
    return door.convert_samples(pcm, rate, maxSamples, deadline, samples, count, message);
}

int32_t tvt_av_picture_times(
    tvt_av *av, size_t maxPictures, double **times, size_t *count, double *seconds, char *message) {
    return door.picture_times(av, maxPictures, times, count, seconds, message);
}

int32_t tvt_av_decode_pictures(
    tvt_av *av, const size_t *numbers, size_t count, bool hasAlpha,
    void (*take)(void *context, const uint8_t *pixels, uint32_t width, uint32_t height), void *context, char *message) {
    return door.decode_pictures(av, numbers, count, hasAlpha, take, context, message);
}
