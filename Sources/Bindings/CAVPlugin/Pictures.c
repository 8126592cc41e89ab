#include "Container.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <libswscale/swscale.h>

static int ascending(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

/// As others compute it, so that the rates that follow from it are theirs to the last bit.
static double inSeconds(int64_t time, AVRational unit) { return (double)time * unit.num / unit.den; }

int32_t door_av_picture_times(
    tvt_av *av, size_t maxPictures, double **times, size_t *count, double *seconds, char *message) {
    if (av->video < 0) return fail(TVT_AV_MISSING, "there is no picture in it", message);
    AVPacket *packet = av_packet_alloc();
    if (!packet) return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    double *found = NULL;
    size_t size = 0, capacity = 0;
    int32_t status = TVT_AV_OK;
    AVRational unit = av->container->streams[av->video]->time_base;
    double start = INFINITY, lastStart = -INFINITY, end = -INFINITY;
    while (status == TVT_AV_OK) {
        int error = nextPacket(av, packet);
        if (error == AVERROR_EOF) break;
        if (error < 0) {
            status = failFor(av, error, message);
            break;
        }
        bool isPicture = isShown(av, packet);
        if (isFirstKey(av, packet)) {
            size = 0;
            start = INFINITY, lastStart = end = -INFINITY;
        }
        int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts, duration = packet->duration;
        av_packet_unref(packet);
        if (!isPicture) continue;
        if (size == maxPictures) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu pictures", maxPictures);
            status = TVT_AV_TOO_LARGE;
            break;
        }
        if (size == capacity) {
            capacity = capacity ? capacity * 2 : 256;
            double *more = realloc(found, capacity * sizeof *more);
            if (!more) {
                status = fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
                break;
            }
            found = more;
        }
        found[size] = time == AV_NOPTS_VALUE ? (double)size : inSeconds(time, unit);
        start = fmin(start, found[size]);
        lastStart = fmax(lastStart, found[size]);
        if (time != AV_NOPTS_VALUE && duration >= 0 && time <= INT64_MAX - duration) {
            end = fmax(end, inSeconds(time + duration, unit));
        }
        size++;
    }
    av_packet_free(&packet);
    if (status == TVT_AV_OK && size == 0) status = fail(TVT_AV_MISSING, "there are no pictures in it", message);
    if (status != TVT_AV_OK) {
        free(found);
        return status;
    }
    qsort(found, size, sizeof *found, ascending);
    double first = found[0];
    for (size_t index = 0; index < size; index++) found[index] -= first;
    *times = found;
    *count = size;
    *seconds = end > lastStart ? end - start : -1;
    return TVT_AV_OK;
}

struct pictureTaker {
    const tvt_av *av;
    const size_t *numbers;
    size_t count, done, shown;
    bool hasAlpha;
    void (*take)(void *context, const uint8_t *pixels, uint32_t width, uint32_t height);
    void *context;
    struct SwsContext *scaler;
    uint8_t *pixels;
    size_t pixelBytes;
};

static int32_t convertPicture(struct pictureTaker *taker, const AVFrame *frame, char *message) {
    int width = frame->width, height = frame->height;
    if (width <= 0 || height <= 0 || (uint64_t)width * (uint64_t)height > taker->av->maxPixels) {
        snprintf(message, TVT_AV_MESSAGE_BYTES, "%d x %d pixels", width, height);
        return TVT_AV_TOO_LARGE;
    }
    int stride = width * (taker->hasAlpha ? 4 : 3);
    // The scaler writes whole vectors, over the end of the last row.
    size_t bytes = (size_t)stride * (size_t)height + 64;
    if (bytes > taker->pixelBytes) {
        free(taker->pixels);
        taker->pixels = malloc(bytes);
        taker->pixelBytes = taker->pixels ? bytes : 0;
        if (!taker->pixels) return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    }
    taker->scaler = sws_getCachedContext(
        taker->scaler, width, height, frame->format, width, height,
        taker->hasAlpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24,
        SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    if (!taker->scaler) return fail(TVT_AV_BAD_DATA, "its pixels have a form that cannot be converted", message);
    if (frame->colorspace != AVCOL_SPC_UNSPECIFIED && frame->colorspace != AVCOL_SPC_RGB) {
        sws_setColorspaceDetails(
            taker->scaler, sws_getCoefficients(frame->colorspace), frame->color_range == AVCOL_RANGE_JPEG,
            sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    }
    uint8_t *target[4] = {taker->pixels};
    int strides[4] = {stride};
    sws_scale(taker->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, height, target, strides);
    return TVT_AV_OK;
}

static int32_t takePicture(void *context, AVFrame *frame, char *message) {
    struct pictureTaker *taker = context;
    size_t number = taker->shown++;
    if (number != taker->numbers[taker->done]) return TVT_AV_OK;
    int32_t status = convertPicture(taker, frame, message);
    while (status == TVT_AV_OK && taker->numbers[taker->done] == number) {
        taker->take(taker->context, taker->pixels, (uint32_t)frame->width, (uint32_t)frame->height);
        if (++taker->done == taker->count) return ENOUGH;
    }
    return status;
}

int32_t door_av_decode_pictures(
    tvt_av *av, const size_t *numbers, size_t count, bool hasAlpha,
    void (*take)(void *context, const uint8_t *pixels, uint32_t width, uint32_t height), void *context, char *message) {
    if (av->video < 0) return fail(TVT_AV_MISSING, "there is no picture in it", message);
    if (count == 0) return TVT_AV_OK;
    struct pictureTaker taker = {
        .av = av, .numbers = numbers, .count = count, .hasAlpha = hasAlpha, .take = take, .context = context};
    int32_t status = decodeStream(av, av->video, takePicture, &taker, message);
    if (status == TVT_AV_OK && taker.done < count) {
        snprintf(
            message, TVT_AV_MESSAGE_BYTES, "it ends after %zu pictures, before number %zu", taker.shown,
            numbers[taker.done]);
        status = TVT_AV_BAD_DATA;
    }
    sws_freeContext(taker.scaler);
    free(taker.pixels);
    return status;
}
