#include "CAVPlugin.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>

/// Containers of one file each; no playlists, no devices, nothing that names another file.
static const char *const allowedFormats =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,asf,ogg,wav,w64,aiff,au,flac,mp3,aac,amr,caf,ac3,"
    "gif,webp_pipe,jpeg_pipe,png_pipe,bmp_pipe,tiff_pipe";

struct tvt_av {
    /// NULL where they are in `file`.
    const uint8_t *bytes;
    int32_t file;
    size_t count, position;
    uint64_t maxPixels;
    double deadline;
    AVFormatContext *container;
    AVIOContext *input;
    int video, sound;
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static int isLate(void *context) { return now() > ((tvt_av *)context)->deadline; }

static int readBytes(void *context, uint8_t *target, int wanted) {
    tvt_av *av = context;
    // Some demuxers look for a sign of life in all of a file, without asking the callback for interruptions.
    if (isLate(av)) return AVERROR_EXIT;
    size_t rest = av->count - av->position;
    if (rest == 0) return AVERROR_EOF;
    size_t size = (size_t)wanted < rest ? (size_t)wanted : rest;
    if (av->bytes) {
        memcpy(target, av->bytes + av->position, size);
    } else {
        ssize_t got = pread(av->file, target, size, (off_t)av->position);
        if (got < 0) return AVERROR(errno);
        if (got == 0) return AVERROR_EOF;
        size = (size_t)got;
    }
    av->position += size;
    return (int)size;
}

static int64_t seekBytes(void *context, int64_t offset, int whence) {
    tvt_av *av = context;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE) return (int64_t)av->count;
    if (whence == SEEK_CUR) offset += (int64_t)av->position;
    if (whence == SEEK_END) offset += (int64_t)av->count;
    if (offset < 0 || (uint64_t)offset > av->count) return AVERROR(EINVAL);
    av->position = (size_t)offset;
    return offset;
}

static int refuseToOpen(
    AVFormatContext *container, AVIOContext **input, const char *url, int flags, AVDictionary **options) {
    (void)container, (void)input, (void)url, (void)flags, (void)options;
    return AVERROR(EPERM);
}

void door_av_close(tvt_av *av);

static int32_t say(int32_t status, const char *text, char *message) {
    snprintf(message, TVT_AV_MESSAGE_BYTES, "%s", text);
    return status;
}

/// Our status for libav's, and its words.
static int32_t report(const tvt_av *av, int error, char *message) {
    if (now() > av->deadline) return say(TVT_AV_TOO_SLOW, "it takes too long to decode", message);
    av_strerror(error, message, TVT_AV_MESSAGE_BYTES);
    return error == AVERROR(ENOMEM) ? TVT_AV_NO_MEMORY : TVT_AV_BAD_DATA;
}

int32_t door_av_open(
    const uint8_t *bytes, int32_t file, size_t count, uint64_t maxPixels, double deadline, tvt_av **opened,
    char *message) {
    // Its words come back as messages; what it prints besides would go to the user's terminal.
    av_log_set_level(AV_LOG_QUIET);
    tvt_av *av = calloc(1, sizeof *av);
    if (!av) return say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    *av = (tvt_av){
        .bytes = bytes, .file = file, .count = count, .maxPixels = maxPixels, .deadline = deadline};
    av->container = avformat_alloc_context();
    enum { bufferBytes = 1 << 16 };
    uint8_t *buffer = av_malloc(bufferBytes);
    if (buffer) av->input = avio_alloc_context(buffer, bufferBytes, 0, av, readBytes, NULL, seekBytes);
    if (!av->container || !av->input) {
        if (!av->input) av_free(buffer);
        door_av_close(av);
        return say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    }
    av->container->pb = av->input;
    av->container->io_open = refuseToOpen;
    av->container->interrupt_callback = (AVIOInterruptCB){isLate, av};
    av->container->format_whitelist = av_strdup(allowedFormats);
    av->container->probesize = 8 << 20;
    av->container->error_recognition = AV_EF_CRCCHECK;
    int error = avformat_open_input(&av->container, NULL, NULL, NULL);
    if (error >= 0) error = avformat_find_stream_info(av->container, NULL);
    if (error < 0) {
        int32_t status = report(av, error, message);
        door_av_close(av);
        return status;
    }
    av->video = av_find_best_stream(av->container, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    av->sound = av_find_best_stream(av->container, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    // A cover in a sound file is no video.
    if (av->video >= 0 && av->container->streams[av->video]->disposition & AV_DISPOSITION_ATTACHED_PIC) av->video = -1;
    if (av->video < 0 && av->sound < 0) {
        door_av_close(av);
        return say(TVT_AV_BAD_DATA, "there is neither a picture nor a sound in it", message);
    }
    if (av->video >= 0) {
        const AVCodecParameters *codec = av->container->streams[av->video]->codecpar;
        if ((uint64_t)codec->width * (uint64_t)codec->height > maxPixels) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "%d x %d pixels", codec->width, codec->height);
            door_av_close(av);
            return TVT_AV_TOO_LARGE;
        }
    }
    *opened = av;
    return TVT_AV_OK;
}

void door_av_close(tvt_av *av) {
    if (!av) return;
    avformat_close_input(&av->container);
    if (av->input) {
        av_freep(&av->input->buffer);
        avio_context_free(&av->input);
    }
    free(av);
}

tvt_av_info door_av_describe(const tvt_av *av) {
    const AVFormatContext *container = av->container;
    tvt_av_info info = {.format = container->iformat->name, .duration = -1};
    if (container->duration != AV_NOPTS_VALUE) info.duration = (double)container->duration / AV_TIME_BASE;
    info.durationIsGuess = container->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE;
    if (av->video >= 0) {
        const AVStream *stream = container->streams[av->video];
        info.videoCodec = avcodec_get_name(stream->codecpar->codec_id);
        info.width = (uint32_t)stream->codecpar->width;
        info.height = (uint32_t)stream->codecpar->height;
        // Others count what they meant to write, or pictures that are empty.
        bool isTable = strncmp(container->iformat->name, "mov,", 4) == 0;
        if (isTable && stream->nb_frames > 0) info.pictureCount = (uint64_t)stream->nb_frames;
        if (stream->avg_frame_rate.den > 0) info.frameRate = av_q2d(stream->avg_frame_rate);
        size_t size = 0;
        const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
        if (matrix && size >= 9 * sizeof(int32_t)) {
            // libav turns counter-clockwise.
            double angle = -av_display_rotation_get((const int32_t *)matrix);
            if (!isnan(angle)) info.turn = (((int32_t)lround(angle / 90) % 4) + 4) % 4 * 90;
        }
    }
    if (av->sound >= 0) {
        const AVStream *stream = container->streams[av->sound];
        info.audioCodec = avcodec_get_name(stream->codecpar->codec_id);
        info.sampleRate = (uint32_t)stream->codecpar->sample_rate;
        info.channelCount = (uint32_t)stream->codecpar->ch_layout.nb_channels;
    }
    return info;
}

/// A decoder for a stream, on one thread: whoever decodes much has threads of his own.
static int32_t makeDecoder(tvt_av *av, int stream, AVCodecContext **made, char *message) {
    const AVCodecParameters *parameters = av->container->streams[stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    if (!codec) {
        snprintf(message, TVT_AV_MESSAGE_BYTES, "there is no decoder for %s", avcodec_get_name(parameters->codec_id));
        return TVT_AV_BAD_DATA;
    }
    AVCodecContext *decoder = avcodec_alloc_context3(codec);
    if (!decoder) return say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    int error = avcodec_parameters_to_context(decoder, parameters);
    decoder->pkt_timebase = av->container->streams[stream]->time_base;
    decoder->thread_count = 1;
    decoder->max_pixels = (int64_t)(av->maxPixels < INT64_MAX ? av->maxPixels : INT64_MAX);
    decoder->err_recognition = AV_EF_CRCCHECK;
    if (error >= 0) error = avcodec_open2(decoder, codec, NULL);
    if (error < 0) {
        avcodec_free_context(&decoder);
        return report(av, error, message);
    }
    *made = decoder;
    return TVT_AV_OK;
}

/// Calls `take` with each frame of a stream from its start, until it returns something other than 0.
static int32_t decode(
    tvt_av *av, int stream, int32_t (*take)(void *context, AVFrame *frame, char *message), void *context,
    char *message) {
    AVCodecContext *decoder = NULL;
    int32_t status = makeDecoder(av, stream, &decoder, message);
    if (status != TVT_AV_OK) return status;
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    if (!packet || !frame) {
        status = say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    } else {
        int error = 0, isAtEnd = 0;
        while (status == TVT_AV_OK && error != AVERROR_EOF) {
            if (isLate(av)) {
                status = say(TVT_AV_TOO_SLOW, "it takes too long to decode", message);
                break;
            }
            error = avcodec_receive_frame(decoder, frame);
            if (error == 0) {
                status = take(context, frame, message);
                av_frame_unref(frame);
                continue;
            }
            if (error == AVERROR_EOF) break;
            if (error != AVERROR(EAGAIN) || isAtEnd) {
                status = report(av, error, message);
                break;
            }
            error = av_read_frame(av->container, packet);
            if (error == AVERROR_EOF) {
                isAtEnd = 1;
                error = avcodec_send_packet(decoder, NULL);
            } else if (error < 0) {
                status = report(av, error, message);
            } else {
                if (packet->stream_index == stream) error = avcodec_send_packet(decoder, packet);
                av_packet_unref(packet);
            }
            if (error < 0 && error != AVERROR(EAGAIN) && error != AVERROR_EOF) status = report(av, error, message);
        }
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    return status < 0 ? TVT_AV_OK : status;
}

/// What a taker returns when it needs no more.
enum { ENOUGH = -1 };

/// When the packets of a container begin and end, in seconds.
struct span {
    double start, end;
    bool isKnown;
};

static void extend(struct span *span, const AVFormatContext *container, const AVPacket *packet) {
    int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (time == AV_NOPTS_VALUE || packet->flags & AV_PKT_FLAG_DISCARD) return;
    double unit = av_q2d(container->streams[packet->stream_index]->time_base);
    double start = (double)time * unit, end = (double)(time + packet->duration) * unit;
    if (!span->isKnown || start < span->start) span->start = start;
    if (!span->isKnown || end > span->end) span->end = end;
    span->isKnown = true;
}

int32_t door_av_measure(tvt_av *av, size_t maxPictures, size_t *pictures, double *seconds, char *message) {
    AVPacket *packet = av_packet_alloc();
    if (!packet) return say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    struct span span = {0};
    // Of the video and of the sound; times of packets may begin anywhere, their durations do not.
    double sums[2] = {0, 0};
    size_t count = 0;
    int32_t status = TVT_AV_OK;
    while (status == TVT_AV_OK) {
        int error = isLate(av) ? AVERROR_EXIT : av_read_frame(av->container, packet);
        if (error == AVERROR_EOF) break;
        if (error < 0) {
            status = report(av, error, message);
            break;
        }
        extend(&span, av->container, packet);
        for (int kind = 0; kind < 2; kind++) {
            if (packet->stream_index != (kind == 0 ? av->video : av->sound)) continue;
            sums[kind] += (double)packet->duration * av_q2d(av->container->streams[packet->stream_index]->time_base);
        }
        if (packet->stream_index == av->video && !(packet->flags & AV_PKT_FLAG_DISCARD) && ++count > maxPictures) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu pictures", maxPictures);
            status = TVT_AV_TOO_LARGE;
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    *pictures = count;
    *seconds = sums[0] > sums[1] ? sums[0] : sums[1];
    if (*seconds <= 0) *seconds = span.isKnown ? span.end - span.start : -1;
    return status;
}

/// Counts what a decoder gives.
static int32_t takeAll(
    tvt_av *av, AVCodecContext *decoder, AVFrame *frame, bool isSound, size_t *pictures, double *seconds,
    size_t maxPictures, double maxSeconds, char *message) {
    for (;;) {
        int error = avcodec_receive_frame(decoder, frame);
        if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return TVT_AV_OK;
        if (error < 0) return report(av, error, message);
        if (isSound && frame->sample_rate > 0) *seconds += (double)frame->nb_samples / frame->sample_rate;
        if (!isSound) ++*pictures;
        av_frame_unref(frame);
        if (*pictures > maxPictures) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu pictures", maxPictures);
            return TVT_AV_TOO_LARGE;
        }
        if (*seconds > maxSeconds) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %.0f seconds of sound", maxSeconds);
            return TVT_AV_TOO_LARGE;
        }
        if (isLate(av)) return say(TVT_AV_TOO_SLOW, "it takes too long to decode", message);
    }
}

int32_t door_av_decode_all(tvt_av *av, size_t maxPictures, double maxSoundSeconds, char *message) {
    AVCodecContext *decoders[2] = {NULL, NULL};
    int streams[2] = {av->video, av->sound};
    size_t pictures = 0;
    double seconds = 0;
    struct span span = {0};
    int32_t status = TVT_AV_OK;
    for (int kind = 0; kind < 2 && status == TVT_AV_OK; kind++) {
        if (streams[kind] >= 0) status = makeDecoder(av, streams[kind], &decoders[kind], message);
    }
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    if (status == TVT_AV_OK && (!packet || !frame)) status = say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    bool isAtEnd = false;
    while (status == TVT_AV_OK && !isAtEnd) {
        int error = isLate(av) ? AVERROR_EXIT : av_read_frame(av->container, packet);
        isAtEnd = error == AVERROR_EOF;
        if (error < 0 && !isAtEnd) {
            status = report(av, error, message);
            break;
        }
        for (int kind = 0; kind < 2 && status == TVT_AV_OK; kind++) {
            if (!decoders[kind] || (!isAtEnd && packet->stream_index != streams[kind])) continue;
            if (!isAtEnd && packet->flags & AV_PKT_FLAG_CORRUPT) {
                status = say(TVT_AV_BAD_DATA, "a part of it is damaged or cut off", message);
                break;
            }
            // A decoder takes a packet once what it had is out.
            error = avcodec_send_packet(decoders[kind], isAtEnd ? NULL : packet);
            if (error < 0 && error != AVERROR_EOF) {
                status = report(av, error, message);
                break;
            }
            status = takeAll(
                av, decoders[kind], frame, kind == 1, &pictures, &seconds, maxPictures, maxSoundSeconds, message);
        }
        if (!isAtEnd) {
            extend(&span, av->container, packet);
            av_packet_unref(packet);
        }
    }
    av_packet_free(&packet);
    av_frame_free(&frame);
    for (int kind = 0; kind < 2; kind++) avcodec_free_context(&decoders[kind]);
    if (status != TVT_AV_OK) return status;
    if (av->video >= 0 && pictures == 0) return say(TVT_AV_BAD_DATA, "there are no pictures in it", message);
    if (av->video < 0 && seconds == 0) return say(TVT_AV_BAD_DATA, "there are no samples in it", message);
    // What a file announces and does not hold was cut off.
    tvt_av_info info = door_av_describe(av);
    if (info.duration <= 0 || info.durationIsGuess || (av->video >= 0 && !span.isKnown)) return TVT_AV_OK;
    double found = seconds, slack = 0.1 + info.duration * 0.01;
    if (av->video >= 0) {
        // The last picture may have no duration of its own.
        found = span.end - span.start;
        slack += 0.5 + 2 * info.duration / (double)pictures;
    } else {
        // Encoders that lose something add silence at both ends, which decoders take away.
        const AVCodecParameters *codec = av->container->streams[av->sound]->codecpar;
        const AVCodecDescriptor *descriptor = avcodec_descriptor_get(codec->codec_id);
        if (descriptor && descriptor->props & AV_CODEC_PROP_LOSSY && codec->sample_rate > 0) {
            slack += 2304.0 / codec->sample_rate;
        }
    }
    if (info.duration - found <= slack) return TVT_AV_OK;
    snprintf(
        message, TVT_AV_MESSAGE_BYTES, "it ends after %.1f of the %.1f seconds that it announces", found, info.duration);
    return TVT_AV_BAD_DATA;
}

struct soundTaker {
    SwrContext *resampler;
    uint32_t rate;
    size_t limit, count, capacity;
    float *samples;
    int inputRate, inputFormat;
    AVChannelLayout inputLayout;
};

static int32_t reserve(struct soundTaker *taker, size_t more, char *message) {
    if (taker->count + more <= taker->capacity) return TVT_AV_OK;
    size_t capacity = taker->capacity * 2 > taker->count + more ? taker->capacity * 2 : taker->count + more;
    float *samples = realloc(taker->samples, capacity * sizeof *samples);
    if (!samples) return say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    taker->samples = samples;
    taker->capacity = capacity;
    return TVT_AV_OK;
}

/// Resamples a frame, or (for NULL) what the resampler still holds.
static int32_t resample(struct soundTaker *taker, const AVFrame *frame, char *message) {
    int inputCount = frame ? frame->nb_samples : 0;
    int bound = swr_get_out_samples(taker->resampler, inputCount);
    if (bound < 0) return say(TVT_AV_BAD_DATA, "its samples cannot be converted", message);
    if (bound == 0) return TVT_AV_OK;
    int32_t status = reserve(taker, (size_t)bound, message);
    if (status != TVT_AV_OK) return status;
    uint8_t *target = (uint8_t *)(taker->samples + taker->count);
    int got = swr_convert(
        taker->resampler, &target, bound, frame ? (const uint8_t **)frame->extended_data : NULL, inputCount);
    if (got < 0) return say(TVT_AV_BAD_DATA, "its samples cannot be converted", message);
    taker->count += (size_t)got;
    if (taker->count <= taker->limit) return TVT_AV_OK;
    snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu samples", taker->limit);
    return TVT_AV_TOO_LARGE;
}

static int32_t takeSound(void *context, AVFrame *frame, char *message) {
    struct soundTaker *taker = context;
    if (frame->sample_rate <= 0 || frame->ch_layout.nb_channels <= 0) {
        return say(TVT_AV_BAD_DATA, "a part of it has no sample rate or no channels", message);
    }
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
        if (error < 0) return say(TVT_AV_BAD_DATA, "its samples have a form that cannot be converted", message);
        taker->inputRate = frame->sample_rate;
        taker->inputFormat = frame->format;
        av_channel_layout_uninit(&taker->inputLayout);
        av_channel_layout_copy(&taker->inputLayout, &frame->ch_layout);
    }
    return resample(taker, frame, message);
}

int32_t door_av_decode_sound(
    tvt_av *av, uint32_t rate, size_t maxSamples, float **samples, size_t *count, char *message) {
    if (av->sound < 0) return say(TVT_AV_MISSING, "there is no sound in it", message);
    struct soundTaker taker = {.rate = rate, .limit = maxSamples};
    int32_t status = decode(av, av->sound, takeSound, &taker, message);
    if (status == TVT_AV_OK && taker.resampler) status = resample(&taker, NULL, message);
    if (status == TVT_AV_OK && taker.count == 0) status = say(TVT_AV_BAD_DATA, "there are no samples in it", message);
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

static int ascending(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

int32_t door_av_picture_times(tvt_av *av, size_t maxPictures, double **times, size_t *count, char *message) {
    if (av->video < 0) return say(TVT_AV_MISSING, "there is no picture in it", message);
    AVPacket *packet = av_packet_alloc();
    if (!packet) return say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    double *found = NULL;
    size_t size = 0, capacity = 0;
    int32_t status = TVT_AV_OK;
    double unit = av_q2d(av->container->streams[av->video]->time_base);
    while (status == TVT_AV_OK) {
        int error = av_read_frame(av->container, packet);
        if (error == AVERROR_EOF) break;
        if (error < 0) {
            status = report(av, error, message);
            break;
        }
        bool isShown = packet->stream_index == av->video && !(packet->flags & AV_PKT_FLAG_DISCARD);
        int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
        av_packet_unref(packet);
        if (!isShown) continue;
        if (size == maxPictures) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "more than %zu pictures", maxPictures);
            status = TVT_AV_TOO_LARGE;
            break;
        }
        if (size == capacity) {
            capacity = capacity ? capacity * 2 : 256;
            double *more = realloc(found, capacity * sizeof *more);
            if (!more) {
                status = say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
                break;
            }
            found = more;
        }
        found[size] = time == AV_NOPTS_VALUE ? (double)size : (double)time * unit;
        size++;
    }
    av_packet_free(&packet);
    if (status == TVT_AV_OK && size == 0) status = say(TVT_AV_BAD_DATA, "there are no pictures in it", message);
    if (status != TVT_AV_OK) {
        free(found);
        return status;
    }
    qsort(found, size, sizeof *found, ascending);
    double first = found[0];
    for (size_t index = 0; index < size; index++) found[index] -= first;
    *times = found;
    *count = size;
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
        if (!taker->pixels) return say(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    }
    taker->scaler = sws_getCachedContext(
        taker->scaler, width, height, frame->format, width, height,
        taker->hasAlpha ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24,
        SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    if (!taker->scaler) return say(TVT_AV_BAD_DATA, "its pixels have a form that cannot be converted", message);
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
    if (av->video < 0) return say(TVT_AV_MISSING, "there is no picture in it", message);
    if (count == 0) return TVT_AV_OK;
    struct pictureTaker taker = {
        .av = av, .numbers = numbers, .count = count, .hasAlpha = hasAlpha, .take = take, .context = context};
    int32_t status = decode(av, av->video, takePicture, &taker, message);
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
