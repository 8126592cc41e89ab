#include "Container.h"

#include <stdio.h>

int32_t makeDecoder(tvt_av *av, int stream, AVCodecContext **made, char *message) {
    const AVCodecParameters *parameters = av->container->streams[stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec) {
        snprintf(message, TVT_AV_MESSAGE_BYTES, "there is no decoder for %s", avcodec_get_name(parameters->codec_id));
        return TVT_AV_UNSUPPORTED;
    }
    AVCodecContext *decoder = avcodec_alloc_context3(codec);
    if (!decoder) return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    int error = avcodec_parameters_to_context(decoder, parameters);
    decoder->pkt_timebase = av->container->streams[stream]->time_base;
    decoder->thread_count = 1;
    decoder->max_pixels = (int64_t)(av->maxPixels < INT64_MAX ? av->maxPixels : INT64_MAX);
    decoder->err_recognition = AV_EF_CRCCHECK;
    // Of a short Vorbis libav cuts too much: it takes the first packet, of which nothing comes, for samples. Where the end is
    // known, `cutAtSoundEnd` cuts.
    if (stream == av->sound && parameters->codec_id == AV_CODEC_ID_VORBIS && av->soundEnd >= 0) {
        decoder->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
    }
    if (error >= 0) error = avcodec_open2(decoder, codec, NULL);
    if (error < 0) {
        avcodec_free_context(&decoder);
        return failFor(av, error, message);
    }
    *made = decoder;
    return TVT_AV_OK;
}

/// Gives the decoder the next packet of its stream, or its end.
static int32_t feed(tvt_av *av, AVCodecContext *decoder, int stream, AVPacket *packet, bool *isAtEnd, char *message) {
    int error = nextPacket(av, packet);
    *isAtEnd = error == AVERROR_EOF;
    // An empty packet would be the end for the decoder.
    if (error >= 0 && (packet->stream_index != stream || packet->size == 0)) {
        av_packet_unref(packet);
        return TVT_AV_OK;
    }
    if (error >= 0 || *isAtEnd) error = avcodec_send_packet(decoder, *isAtEnd ? NULL : packet);
    av_packet_unref(packet);
    return error < 0 && error != AVERROR_EOF ? failFor(av, error, message) : TVT_AV_OK;
}

int32_t decodeStream(
    tvt_av *av, int stream, int32_t (*take)(void *context, AVFrame *frame, char *message), void *context,
    char *message) {
    AVCodecContext *decoder = NULL;
    int32_t status = makeDecoder(av, stream, &decoder, message);
    if (status != TVT_AV_OK) return status;
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    if (!packet || !frame) status = fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    bool isAtEnd = false;
    while (status == TVT_AV_OK) {
        int error = avcodec_receive_frame(decoder, frame);
        if (error == AVERROR_EOF) break;
        if (error == 0) {
            status = take(context, frame, message);
            av_frame_unref(frame);
        } else if (error == AVERROR(EAGAIN) && !isAtEnd) {
            status = feed(av, decoder, stream, packet, &isAtEnd, message);
        } else {
            status = failFor(av, error, message);
        }
        if (status == TVT_AV_OK && isLate(av)) status = fail(TVT_AV_TOO_SLOW, "it takes too long to decode", message);
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    return status == ENOUGH ? TVT_AV_OK : status;
}
