#include "Container.h"

#include <stdio.h>

/// What has been decoded of a container.
struct tally {
    size_t pictures, maxPictures;
    uint64_t samples;
    double seconds, maxSeconds;
    /// When the last packet that is shown ends, in seconds.
    double end;
    bool hasTimes;
};

static int32_t takeAll(
    tvt_av *av, AVCodecContext *decoder, AVFrame *frame, bool isSound, struct tally *tally, char *message) {
    for (;;) {
        int error = avcodec_receive_frame(decoder, frame);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return TVT_AV_OK;
        if (error < 0) return failFor(av, error, message);
        if (!isSound) tally->pictures++;
        if (isSound && frame->sample_rate > 0) {
            uint64_t before = tally->samples;
            cutAtSoundEnd(av, frame, &tally->samples);
            tally->seconds += (double)(tally->samples - before) / frame->sample_rate;
        }
        av_frame_unref(frame);
        if (tally->pictures > tally->maxPictures) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu pictures", tally->maxPictures);
            return TVT_AV_TOO_LARGE;
        }
        if (tally->seconds > tally->maxSeconds) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %.0f seconds of sound", tally->maxSeconds);
            return TVT_AV_TOO_LARGE;
        }
        if (isLate(av)) return fail(TVT_AV_TOO_SLOW, "it takes too long to decode", message);
    }
}

static void noteTimes(struct tally *tally, const tvt_av *av, const AVPacket *packet) {
    int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (time == AV_NOPTS_VALUE || packet->flags & AV_PKT_FLAG_DISCARD) return;
    double unit = av_q2d(av->container->streams[packet->stream_index]->time_base);
    double end = (double)(time + packet->duration) * unit;
    if (!tally->hasTimes || end > tally->end) tally->end = end;
    tally->hasTimes = true;
}

/// Gives a packet, or NULL at the end, to a decoder and takes what comes out.
static int32_t pass(
    tvt_av *av, AVCodecContext *decoder, const AVPacket *packet, AVFrame *frame, bool isSound, struct tally *tally,
    char *message) {
    if (packet && packet->flags & AV_PKT_FLAG_CORRUPT) {
        return fail(TVT_AV_BAD_DATA, "a part of it is damaged or cut off", message);
    }
    // A decoder takes a packet once what it had is out; an empty one would be the end for it.
    if (packet && packet->size == 0) return TVT_AV_OK;
    int error = avcodec_send_packet(decoder, packet);
    if (error < 0 && error != AVERROR_EOF) return failFor(av, error, message);
    return takeAll(av, decoder, frame, isSound, tally, message);
}

static int32_t passAll(tvt_av *av, AVCodecContext *const decoders[2], struct tally *tally, char *message) {
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    int32_t status = packet && frame ? TVT_AV_OK : fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    bool isAtEnd = false;
    while (status == TVT_AV_OK && !isAtEnd) {
        int error = nextPacket(av, packet);
        isAtEnd = error == AVERROR_EOF;
        if (error < 0 && !isAtEnd) status = failFor(av, error, message);
        for (int kind = 0; kind < 2 && status == TVT_AV_OK; kind++) {
            int stream = kind == 0 ? av->video : av->sound;
            if (!decoders[kind] || (!isAtEnd && packet->stream_index != stream)) continue;
            if (!isAtEnd) noteTimes(tally, av, packet);
            status = pass(av, decoders[kind], isAtEnd ? NULL : packet, frame, kind == 1, tally, message);
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    av_frame_free(&frame);
    return status;
}

int32_t door_av_decode_all(
    tvt_av *av, bool needsPictures, size_t maxPictures, double maxSoundSeconds, char *message) {
    AVCodecContext *decoders[2] = {NULL, NULL};
    struct tally tally = {.maxPictures = maxPictures, .maxSeconds = maxSoundSeconds};
    int32_t status = TVT_AV_OK;
    for (int kind = 0; kind < 2 && status == TVT_AV_OK; kind++) {
        int stream = kind == 0 ? av->video : av->sound;
        if (stream >= 0) status = makeDecoder(av, stream, &decoders[kind], message);
    }
    if (status == TVT_AV_OK) status = passAll(av, decoders, &tally, message);
    for (int kind = 0; kind < 2; kind++) avcodec_free_context(&decoders[kind]);
    if (status != TVT_AV_OK) return status;
    if (av->video >= 0 && needsPictures && tally.pictures == 0) return fail(TVT_AV_MISSING, "there are no pictures in it", message);
    if (!needsPictures && av->sound >= 0 && tally.seconds == 0) return fail(TVT_AV_MISSING, "there are no samples in it", message);
    // What a file announces and does not hold was cut off. Its sound may begin late, so the end counts and not the length.
    double found = tally.seconds > tally.end ? tally.seconds : tally.end;
    bool isTimed = tally.hasTimes || av->video < 0;
    return isTimed && (av->video < 0 || tally.pictures > 0) ? checkAnnounced(av, found, tally.pictures, message) : TVT_AV_OK;
}
