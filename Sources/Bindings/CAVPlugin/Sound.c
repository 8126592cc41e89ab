#include "Container.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

/// The most channels that libswresample mixes.
enum { CHANNELS = 64 };

/// How much of the band is kept as it is: the rest is what the filter needs to let nothing pass above it.
static const double passband = 0.99;

struct soundTaker {
    SwrContext *resampler;
    uint32_t rate;
    size_t limit, count, capacity;
    float *samples;
    const tvt_av *av;
    /// Samples of frames, at their own rate.
    uint64_t taken;
    /// Samples that the resampler was given, and those that were there before it.
    uint64_t given;
    size_t before;
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

static int32_t checkLimit(const struct soundTaker *taker, char *message) {
    if (taker->count <= taker->limit) return TVT_AV_OK;
    snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu samples", taker->limit);
    return TVT_AV_TOO_LARGE;
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
    return checkLimit(taker, message);
}

/// Ends a run of frames of one form: what the resampler holds comes, and the samples are n · rate / inputRate, rounded
/// half up.
static int32_t endRun(struct soundTaker *taker, char *message) {
    if (!taker->resampler) return TVT_AV_OK;
    int32_t status = resample(taker, NULL, message);
    swr_free(&taker->resampler);
    if (status != TVT_AV_OK) return status;
    uint64_t doubled = 2 * (uint64_t)taker->inputRate;
    uint64_t whole = taker->given / (uint64_t)taker->inputRate, rest = taker->given % (uint64_t)taker->inputRate;
    size_t end = taker->before
        + (size_t)(whole * taker->rate + (2 * rest * taker->rate + (uint64_t)taker->inputRate) / doubled);
    // libsoxr counts so itself, but for what it rounds on the way of a long sound.
    if (end > taker->count) {
        status = reserve(taker, end - taker->count, message);
        if (status != TVT_AV_OK) return status;
        memset(taker->samples + taker->count, 0, (end - taker->count) * sizeof *taker->samples);
    }
    taker->count = end;
    return checkLimit(taker, message);
}

/// Sets how much of each channel is heard, so that equal channels keep their level.
///
/// - isPlaced: whether it depends on where they are, as libswresample has it; otherwise it is their mean, or of sound from
///   all around the middle.
static int setMix(SwrContext *resampler, const AVChannelLayout *layout, bool isPlaced) {
    // Without it only whole numbers are kept from being louder.
    if (isPlaced) return av_opt_set_double(resampler, "rematrix_maxval", 1, 0);
    if (layout->nb_channels > CHANNELS) return AVERROR(EINVAL);
    double weights[CHANNELS] = {1};
    for (int channel = 0; channel < layout->nb_channels && layout->order != AV_CHANNEL_ORDER_AMBISONIC; channel++) {
        weights[channel] = 1.0 / layout->nb_channels;
    }
    return swr_set_matrix(resampler, weights, CHANNELS);
}

static int openResampler(struct soundTaker *taker, AVFrame *frame, bool isPlaced) {
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    int error = swr_alloc_set_opts2(
        &taker->resampler, &mono, AV_SAMPLE_FMT_FLT, (int)taker->rate, &frame->ch_layout, frame->format,
        frame->sample_rate, 0, NULL);
    if (error >= 0) error = setMix(taker->resampler, &frame->ch_layout, isPlaced);
    if (error >= 0 && frame->sample_rate != (int)taker->rate) {
        // libswresample's own filter lets pass what is above the band, loses what is shorter than itself, and gives a
        // sample more or less.
        error = av_opt_set_int(taker->resampler, "resampler", SWR_ENGINE_SOXR, 0);
        if (error >= 0) error = av_opt_set_double(taker->resampler, "cutoff", passband, 0);
    }
    return error < 0 ? error : swr_init(taker->resampler);
}

/// What makes samples of a frame's form ours.
static int32_t makeResampler(struct soundTaker *taker, AVFrame *frame, char *message) {
    if (frame->sample_rate != (int)taker->rate && !strstr(swresample_configuration(), "--enable-libsoxr")) {
        snprintf(
            message, TVT_AV_MESSAGE_BYTES,
            "it has %d samples a second, not %u, and libswresample was built without libsoxr", frame->sample_rate,
            taker->rate);
        return TVT_AV_UNSUPPORTED;
    }
    bool isPlaced = frame->ch_layout.order == AV_CHANNEL_ORDER_NATIVE;
    int error = openResampler(taker, frame, isPlaced);
    // Speakers at odd places, of which some front, or one of two, is missing.
    if (error < 0 && isPlaced) error = openResampler(taker, frame, false);
    return error < 0 ? fail(TVT_AV_BAD_DATA, "its samples have a form that cannot be converted", message) : TVT_AV_OK;
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
        int32_t status = endRun(taker, message);
        if (status == TVT_AV_OK) status = makeResampler(taker, frame, message);
        if (status != TVT_AV_OK) return status;
        taker->given = 0;
        taker->before = taker->count;
        taker->inputRate = frame->sample_rate;
        taker->inputFormat = frame->format;
        av_channel_layout_uninit(&taker->inputLayout);
        av_channel_layout_copy(&taker->inputLayout, &frame->ch_layout);
    }
    taker->given += (uint64_t)frame->nb_samples;
    return resample(taker, frame, message);
}

/// Hands over what was taken, or frees it.
static int32_t finish(
    struct soundTaker *taker, int32_t status, float **samples, size_t *count, char *message) {
    if (status == TVT_AV_OK) status = endRun(taker, message);
    if (status == TVT_AV_OK && taker->count == 0 && taker->taken > 0) {
        snprintf(
            message, TVT_AV_MESSAGE_BYTES, "it has %llu samples, which are less than half of one at a rate of %u",
            (unsigned long long)taker->taken, taker->rate);
        status = TVT_AV_MISSING;
    }
    if (status == TVT_AV_OK && taker->count == 0) status = fail(TVT_AV_MISSING, "there are no samples in it", message);
    swr_free(&taker->resampler);
    av_channel_layout_uninit(&taker->inputLayout);
    if (status != TVT_AV_OK) {
        free(taker->samples);
        return status;
    }
    *samples = taker->samples;
    *count = taker->count;
    return TVT_AV_OK;
}

int32_t door_av_decode_sound(
    tvt_av *av, uint32_t rate, size_t maxSamples, float **samples, size_t *count, char *message) {
    if (av->sound < 0) return fail(TVT_AV_MISSING, "there is no sound in it", message);
    struct soundTaker taker = {.rate = rate, .limit = maxSamples, .av = av};
    int32_t status = decodeStream(av, av->sound, takeSound, &taker, message);
    return finish(&taker, status, samples, count, message);
}

// MARK: - Samples without a container

/// Samples of a channel that are resampled at a time: of a second or less, so that what is made of them stays in the cache.
enum { BLOCK = 8192 };

static enum AVSampleFormat formatOf(const tvt_av_pcm *pcm) {
    if (pcm->isFloat) return pcm->bitCount == 64 ? AV_SAMPLE_FMT_DBL : AV_SAMPLE_FMT_FLT;
    switch (pcm->bitCount) {
    case 8: return AV_SAMPLE_FMT_U8;
    case 16: return AV_SAMPLE_FMT_S16;
    default: return AV_SAMPLE_FMT_S32;
    }
}

/// - Returns: an error of libav, or 0.
static int openBlock(const tvt_av_pcm *pcm, AVFrame *frame) {
    frame->format = formatOf(pcm);
    frame->sample_rate = (int)pcm->rate;
    frame->nb_samples = pcm->count < BLOCK ? (int)pcm->count : BLOCK;
    if (pcm->channelMask) {
        int error = av_channel_layout_from_mask(&frame->ch_layout, pcm->channelMask);
        if (error < 0) return error;
    } else {
        frame->ch_layout = (AVChannelLayout){.order = AV_CHANNEL_ORDER_UNSPEC, .nb_channels = (int)pcm->channelCount};
    }
    return av_frame_get_buffer(frame, 0);
}

/// Copies samples of all channels. Those of 24 bits become the upper ones of 32.
static void fillBlock(const tvt_av_pcm *pcm, AVFrame *frame, size_t first) {
    size_t sampleBytes = pcm->bitCount / 8, count = (size_t)frame->nb_samples * pcm->channelCount;
    const uint8_t *source = pcm->bytes + first * pcm->channelCount * sampleBytes;
    if (sampleBytes != 3) {
        memcpy(frame->data[0], source, count * sampleBytes);
        return;
    }
    uint32_t *target = (uint32_t *)frame->data[0];
    for (size_t index = 0; index < count; index++, source += 3) {
        target[index] = (uint32_t)source[0] << 8 | (uint32_t)source[1] << 16 | (uint32_t)source[2] << 24;
    }
}

int32_t door_av_convert_samples(
    const tvt_av_pcm *pcm, uint32_t rate, size_t maxSamples, double deadline, float **samples, size_t *count,
    char *message) {
    tvt_av av = {.deadline = {deadline, 0}, .soundEnd = -1};
    struct soundTaker taker = {.rate = rate, .limit = maxSamples, .av = &av};
    AVFrame *frame = av_frame_alloc();
    if (!frame) return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    int error = openBlock(pcm, frame);
    int32_t status = error < 0 ? failFor(&av, error, message) : TVT_AV_OK;
    for (size_t first = 0; first < pcm->count && status == TVT_AV_OK; first += BLOCK) {
        frame->nb_samples = pcm->count - first < BLOCK ? (int)(pcm->count - first) : BLOCK;
        fillBlock(pcm, frame, first);
        status = takeSound(&taker, frame, message);
        if (status == TVT_AV_OK && isLate(&av)) status = fail(TVT_AV_TOO_SLOW, "it takes too long to decode", message);
    }
    av_frame_free(&frame);
    return finish(&taker, status, samples, count, message);
}
