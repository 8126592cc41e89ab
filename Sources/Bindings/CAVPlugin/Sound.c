#include "Container.h"

#include <stdio.h>
#include <stdlib.h>

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

struct soundTaker {
    SwrContext *resampler;
    uint32_t rate;
    size_t limit, count, capacity;
    float *samples;
    const tvt_av *av;
    /// Samples of frames, at their own rate.
    uint64_t taken;
    int inputRate, inputFormat;
    AVChannelLayout inputLayout;
};

static int32_t reserve(struct soundTaker *taker, size_t more, char *message) {
    if (taker->count + more <= taker->capacity) return TVT_AV_OK;
    size_t capacity = taker->capacity * 2 > taker->count + more ? taker->capacity * 2 : taker->count + more;
    float *samples = realloc(taker->samples, capacity * sizeof *samples);
    if (!samples) return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    taker->samples = samples;
    taker->capacity = capacity;
    return TVT_AV_OK;
}

/// Resamples a frame, or (for NULL) what the resampler still holds.
static int32_t resample(struct soundTaker *taker, const AVFrame *frame, char *message) {
    int inputCount = frame ? frame->nb_samples : 0;
    int bound = swr_get_out_samples(taker->resampler, inputCount);
    if (bound < 0) return fail(TVT_AV_BAD_DATA, "its samples cannot be converted", message);
    if (bound == 0) return TVT_AV_OK;
    int32_t status = reserve(taker, (size_t)bound, message);
    if (status != TVT_AV_OK) return status;
    uint8_t *target = (uint8_t *)(taker->samples + taker->count);
    int got = swr_convert(
        taker->resampler, &target, bound, frame ? (const uint8_t **)frame->extended_data : NULL, inputCount);
    if (got < 0) return fail(TVT_AV_BAD_DATA, "its samples cannot be converted", message);
    taker->count += (size_t)got;
    if (taker->count <= taker->limit) return TVT_AV_OK;
    snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu samples", taker->limit);
    return TVT_AV_TOO_LARGE;
}

static int32_t takeSound(void *context, AVFrame *frame, char *message) {
    struct soundTaker *taker = context;
    if (frame->sample_rate <= 0 || frame->ch_layout.nb_channels <= 0) {
        return fail(TVT_AV_BAD_DATA, "a part of it has no sample rate or no channels", message);
    }
    cutAtSoundEnd(taker->av, frame, &taker->taken);
    if (frame->nb_samples == 0) return TVT_AV_OK;
    bool isSame = taker->resampler && taker->inputRate == frame->sample_rate && taker->inputFormat == frame->format
        && av_channel_layout_compare(&taker->inputLayout, &frame->ch_layout) == 0;
    if (!isSame) {
        // Sounds may change on their way; what the old resampler holds comes first.
        if (taker->resampler) {
            int32_t status = resample(taker, NULL, message);
            if (status != TVT_AV_OK) return status;
            swr_free(&taker->resampler);
        }
        AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
        int error = swr_alloc_set_opts2(
            &taker->resampler, &mono, AV_SAMPLE_FMT_FLT, (int)taker->rate, &frame->ch_layout, frame->format,
            frame->sample_rate, 0, NULL);
        if (error >= 0) error = swr_init(taker->resampler);
        if (error < 0) return fail(TVT_AV_BAD_DATA, "its samples have a form that cannot be converted", message);
        taker->inputRate = frame->sample_rate;
        taker->inputFormat = frame->format;
        av_channel_layout_uninit(&taker->inputLayout);
        av_channel_layout_copy(&taker->inputLayout, &frame->ch_layout);
    }
    return resample(taker, frame, message);
}

int32_t door_av_decode_sound(
    tvt_av *av, uint32_t rate, size_t maxSamples, float **samples, size_t *count, char *message) {
    if (av->sound < 0) return fail(TVT_AV_MISSING, "there is no sound in it", message);
    struct soundTaker taker = {.rate = rate, .limit = maxSamples, .av = av};
    int32_t status = decodeStream(av, av->sound, takeSound, &taker, message);
    if (status == TVT_AV_OK && taker.resampler) status = resample(&taker, NULL, message);
    if (status == TVT_AV_OK && taker.count == 0) status = fail(TVT_AV_MISSING, "there are no samples in it", message);
    swr_free(&taker.resampler);
    av_channel_layout_uninit(&taker.inputLayout);
    if (status != TVT_AV_OK) {
        free(taker.samples);
        return status;
    }
    *samples = taker.samples;
    *count = taker.count;
    return TVT_AV_OK;
}
