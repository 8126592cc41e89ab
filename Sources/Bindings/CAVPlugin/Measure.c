#include "Container.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <libavcodec/vorbis_parser.h>
#include <libavutil/intreadwrite.h>

int nextPacket(tvt_av *av, AVPacket *packet) { return isLate(av) ? AVERROR_EXIT : av_read_frame(av->container, packet); }

bool isShown(const tvt_av *av, const AVPacket *packet) {
    if (packet->stream_index != av->video || packet->flags & AV_PKT_FLAG_DISCARD || packet->size == 0) return false;
    // RFC 6386, section 9.1: the bit behind key frame and version.
    bool isVP8 = av->container->streams[av->video]->codecpar->codec_id == AV_CODEC_ID_VP8;
    return !isVP8 || packet->data[0] >> 4 & 1;
}

bool isFirstKey(tvt_av *av, const AVPacket *packet) {
    if (av->hasKey || packet->stream_index != av->video || !(packet->flags & AV_PKT_FLAG_KEY)) return false;
    av->hasKey = true;
    switch (av->container->streams[av->video]->codecpar->codec_id) {
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC:
    case AV_CODEC_ID_VP8:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1: return true;
    default: return false;
    }
}

/// When the packets of a stream begin and end, in seconds.
struct span {
    double start, end;
    bool isKnown;
};

static void extend(struct span *span, const AVStream *stream, const AVPacket *packet) {
    int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (time == AV_NOPTS_VALUE) return;
    double unit = av_q2d(stream->time_base);
    double start = (double)time * unit, end = (double)(time + packet->duration) * unit;
    if (!span->isKnown || start < span->start) span->start = start;
    if (!span->isKnown || end > span->end) span->end = end;
    span->isKnown = true;
}

static double length(const struct span *span) { return span->isKnown ? span->end - span->start : 0; }

int32_t checkAnnounced(const tvt_av *av, double found, size_t pictureCount, char *message) {
    tvt_av_info info = door_av_describe(av);
    if (info.duration <= 0 || info.durationIsGuess) return TVT_AV_OK;
    double slack = 0.1 + info.duration * 0.01;
    // The last picture may have no duration of its own.
    if (av->video >= 0) slack += 0.5 + 2 * info.duration / (double)pictureCount;
    // Encoders that lose something add silence at both ends, which decoders take away.
    if (av->video < 0 && info.sampleRate > 0) slack += 2304.0 / info.sampleRate;
    if (info.duration - found <= slack) return TVT_AV_OK;
    snprintf(
        message, TVT_AV_MESSAGE_BYTES, "it ends after %.1f of the %.1f seconds that it announces", found, info.duration);
    return TVT_AV_BAD_DATA;
}

int32_t door_av_measure_pictures(tvt_av *av, size_t maxPictures, size_t *pictures, double *seconds, char *message) {
    if (av->video < 0) return fail(TVT_AV_MISSING, "there is no picture in it", message);
    AVPacket *packet = av_packet_alloc();
    if (!packet) return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    // Of the video and of the sound. Times may begin anywhere, or be missing; durations may be missing as well.
    struct span spans[2] = {{.isKnown = false}, {.isKnown = false}};
    double sums[2] = {0, 0};
    size_t count = 0;
    int32_t status = TVT_AV_OK;
    for (int error; status == TVT_AV_OK && (error = nextPacket(av, packet)) != AVERROR_EOF; av_packet_unref(packet)) {
        if (error < 0) {
            status = failFor(av, error, message);
            break;
        }
        if (isFirstKey(av, packet)) count = 0;
        int kind = packet->stream_index == av->video ? 0 : 1;
        if (kind == 1 && packet->stream_index != av->sound) continue;
        if (kind == 0 ? !isShown(av, packet) : packet->flags & AV_PKT_FLAG_DISCARD) continue;
        const AVStream *stream = av->container->streams[packet->stream_index];
        extend(&spans[kind], stream, packet);
        sums[kind] += (double)packet->duration * av_q2d(stream->time_base);
        if (kind == 0 && ++count > maxPictures) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu pictures", maxPictures);
            status = TVT_AV_TOO_LARGE;
        }
    }
    av_packet_free(&packet);
    if (status == TVT_AV_OK && count == 0) status = fail(TVT_AV_MISSING, "there are no pictures in it", message);
    *pictures = count;
    double longest = 0;
    for (int kind = 0; kind < 2; kind++) longest = fmax(longest, fmax(sums[kind], length(&spans[kind])));
    *seconds = longest > 0 ? longest : -1;
    return status;
}

// MARK: - Sound

/// Samples of an Opus packet at 48 kHz: how many frames it has, times their size.
///
/// Source: RFC 6716, section 3.1.
static int64_t opusSamples(const uint8_t *data, int size) {
    if (size < 1) return 0;
    static const int16_t silk[] = {480, 960, 1920, 2880}, hybrid[] = {480, 960}, celt[] = {120, 240, 480, 960};
    int configuration = data[0] >> 3;
    int frame = configuration < 12   ? silk[configuration & 3]
                : configuration < 16 ? hybrid[configuration & 1]
                                     : celt[configuration & 3];
    switch (data[0] & 3) {
    case 0: return frame;
    case 3: return size < 2 ? 0 : (int64_t)(data[1] & 63) * frame;
    default: return 2 * frame;
    }
}

/// Whether the packets of a stream tell how many samples a decoder makes of them.
static bool packetsTellSamples(const AVStream *stream) {
    const AVCodecParameters *codec = stream->codecpar;
    if (codec->sample_rate <= 0) return false;
    switch (codec->codec_id) {
    case AV_CODEC_ID_OPUS:
    case AV_CODEC_ID_VORBIS:
    case AV_CODEC_ID_MP1:
    case AV_CODEC_ID_MP2:
    case AV_CODEC_ID_MP3:
    case AV_CODEC_ID_AC3: return true;
    // With spectral band replication a frame has twice the samples, and it is not always said.
    case AV_CODEC_ID_AAC:
        return codec->frame_size > 0 && codec->profile != FF_PROFILE_AAC_HE && codec->profile != FF_PROFILE_AAC_HE_V2;
    // Some codecs of Windows give nothing for their first packet.
    case AV_CODEC_ID_WMAV1:
    case AV_CODEC_ID_WMAV2:
    case AV_CODEC_ID_WMAPRO:
    case AV_CODEC_ID_WMAVOICE:
    case AV_CODEC_ID_WMALOSSLESS: return false;
    default: break;
    }
    if (av_get_exact_bits_per_sample(codec->codec_id) > 0) return true;
    // Otherwise durations must be whole samples.
    return stream->time_base.num == 1 && stream->time_base.den % codec->sample_rate == 0;
}

/// Counts the samples of the sound by its packets.
struct counter {
    const AVStream *stream;
    /// NULL but for Vorbis.
    AVVorbisParseContext *vorbis;
    /// In all packets; in those that an edit list hides; announced to be skipped at the start and the end.
    int64_t all, hidden, skippedAtStart, skippedAtEnd;
    size_t packetCount;
    struct span span;
};

/// - Returns: negative where the packet is damaged.
static int64_t samplesOf(struct counter *counter, const AVPacket *packet) {
    const AVStream *stream = counter->stream;
    const AVCodecParameters *codec = stream->codecpar;
    if (codec->codec_id == AV_CODEC_ID_OPUS) return opusSamples(packet->data, packet->size);
    if (counter->vorbis) {
        int duration = av_vorbis_parse_frame(counter->vorbis, packet->data, packet->size);
        // The first packet is only half of an overlap: nothing comes of it.
        return duration > 0 && counter->packetCount == 0 ? 0 : duration;
    }
    bool isFixed = av_get_exact_bits_per_sample(codec->codec_id) > 0 || codec->codec_id == AV_CODEC_ID_AAC
        || codec->codec_id == AV_CODEC_ID_MP1 || codec->codec_id == AV_CODEC_ID_MP2
        || codec->codec_id == AV_CODEC_ID_MP3 || codec->codec_id == AV_CODEC_ID_AC3;
    int fixed = isFixed ? av_get_audio_frame_duration2((AVCodecParameters *)codec, packet->size) : 0;
    if (fixed > 0) return fixed;
    return av_rescale_q(packet->duration, stream->time_base, (AVRational){1, codec->sample_rate});
}

static bool count(struct counter *counter, const AVPacket *packet) {
    int64_t samples = samplesOf(counter, packet);
    if (samples < 0) return false;
    counter->packetCount++;
    counter->all += samples;
    if (packet->flags & AV_PKT_FLAG_DISCARD) counter->hidden += samples;
    size_t size = 0;
    const uint8_t *skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (skip && size >= 8) {
        counter->skippedAtStart += AV_RL32(skip);
        counter->skippedAtEnd += AV_RL32(skip + 4);
    }
    extend(&counter->span, counter->stream, packet);
    return true;
}

/// What a decoder gives of what was counted.
///
/// - soundEnd: of the container.
static int64_t heard(const struct counter *counter, double soundEnd) {
    const AVCodecParameters *codec = counter->stream->codecpar;
    int64_t start = counter->skippedAtStart;
    // Of Opus the decoder itself skips what its header says.
    if (codec->codec_id == AV_CODEC_ID_OPUS && codec->initial_padding > start) start = codec->initial_padding;
    // What is hidden counts as skipped.
    if (counter->hidden > start) start = counter->hidden;
    int64_t samples = counter->all - start - (soundEnd < 0 ? counter->skippedAtEnd : 0);
    int64_t end = soundEnd < 0 ? samples : llround(soundEnd * codec->sample_rate);
    return samples < 0 ? 0 : samples < end ? samples : end;
}

/// Reads the packets of the sound and nothing of other streams.
static int32_t countPackets(tvt_av *av, struct counter *counter, bool isFirstEnough, char *message) {
    AVPacket *packet = av_packet_alloc();
    if (!packet) return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    int32_t status = TVT_AV_OK;
    for (int error; status == TVT_AV_OK && (error = nextPacket(av, packet)) != AVERROR_EOF; av_packet_unref(packet)) {
        if (error < 0) {
            status = failFor(av, error, message);
        } else if (packet->stream_index == av->sound && packet->size > 0) {
            if (!count(counter, packet)) status = fail(TVT_AV_BAD_DATA, "a packet of it is damaged", message);
            if (isFirstEnough) break;
        }
    }
    av_packet_free(&packet);
    return status;
}

struct decoded {
    const tvt_av *av;
    uint64_t samples;
    double maxSeconds;
};

static int32_t countFrame(void *context, AVFrame *frame, char *message) {
    struct decoded *decoded = context;
    cutAtSoundEnd(decoded->av, frame, &decoded->samples);
    int rate = decoded->av->container->streams[decoded->av->sound]->codecpar->sample_rate;
    if ((double)decoded->samples <= decoded->maxSeconds * rate) return TVT_AV_OK;
    snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %.0f seconds of sound", decoded->maxSeconds);
    return TVT_AV_TOO_LARGE;
}

void cutAtSoundEnd(const tvt_av *av, AVFrame *frame, uint64_t *taken) {
    if (av->soundEnd >= 0) {
        uint64_t end = (uint64_t)llround(av->soundEnd * frame->sample_rate);
        uint64_t rest = end > *taken ? end - *taken : 0;
        if ((uint64_t)frame->nb_samples > rest) frame->nb_samples = (int)rest;
    }
    *taken += (uint64_t)frame->nb_samples;
}

int32_t door_av_measure_sound(tvt_av *av, double maxSeconds, double *seconds, char *message) {
    if (av->sound < 0) return fail(TVT_AV_MISSING, "there is no sound in it", message);
    for (unsigned index = 0; index < av->container->nb_streams; index++) {
        if ((int)index != av->sound) av->container->streams[index]->discard = AVDISCARD_ALL;
    }
    const AVStream *stream = av->container->streams[av->sound];
    const AVCodecParameters *codec = stream->codecpar;
    int rate = codec->sample_rate;
    tvt_av_info info = door_av_describe(av);
    if (!packetsTellSamples(stream)) {
        struct decoded decoded = {.av = av, .maxSeconds = maxSeconds};
        int32_t status = decodeStream(av, av->sound, countFrame, &decoded, message);
        if (status != TVT_AV_OK) return status;
        if (decoded.samples == 0) return fail(TVT_AV_MISSING, "there are no samples in it", message);
        *seconds = (double)decoded.samples / rate;
        return TVT_AV_OK;
    }
    struct counter counter = {.stream = stream};
    if (codec->codec_id == AV_CODEC_ID_VORBIS) {
        counter.vorbis = av_vorbis_parse_init(codec->extradata, codec->extradata_size);
        if (!counter.vorbis) return fail(TVT_AV_BAD_DATA, "its header is damaged", message);
    }
    int32_t status = countPackets(av, &counter, info.countsSamples, message);
    av_vorbis_parse_free(&counter.vorbis);
    if (status != TVT_AV_OK) return status;
    if (counter.packetCount == 0) return fail(TVT_AV_MISSING, "there are no samples in it", message);
    if (info.countsSamples) {
        *seconds = info.duration;
        return TVT_AV_OK;
    }
    int64_t samples = heard(&counter, av->soundEnd);
    if (samples == 0) return fail(TVT_AV_MISSING, "there are no samples in it", message);
    *seconds = (double)samples / rate;
    if (av->video >= 0) return TVT_AV_OK;
    return checkAnnounced(av, fmax((double)counter.all / rate, counter.span.end), 0, message);
}
