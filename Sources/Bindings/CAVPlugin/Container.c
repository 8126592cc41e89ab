#include "Container.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavutil/channel_layout.h>
#include <libavutil/display.h>

/// Containers of one file each; no playlists, no devices, nothing that names another file.
static const char *const allowedFormats =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,asf,mxf,ivf,ogg,wav,w64,aiff,au,flac,mp3,aac,"
    "amr,caf,ac3,eac3,dts,wv,tta,ape,mpc,mpc8,tak,dsf,voc,nistsphere,"
    "gif,bmp_pipe,tiff_pipe";

bool isLate(tvt_av *av) { return tvt_deadline_passed(&av->deadline); }

static int isInterrupted(void *context) { return isLate(context); }

int32_t fail(int32_t status, const char *text, char *message) {
    snprintf(message, TVT_AV_MESSAGE_BYTES, "%s", text);
    return status;
}

int32_t failFor(tvt_av *av, int error, char *message) {
    if (isLate(av)) return fail(TVT_AV_TOO_SLOW, "it takes too long to decode", message);
    av_strerror(error, message, TVT_AV_MESSAGE_BYTES);
    switch (error) {
    // A file that asks for more than there can be; where memory is short in truth, the system ends the process.
    case AVERROR(ENOMEM): return TVT_AV_TOO_LARGE;
    case AVERROR_PATCHWELCOME:
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND: return TVT_AV_UNSUPPORTED;
    default: return TVT_AV_BAD_DATA;
    }
}

// MARK: - Bytes

/// Puts the bytes of the patches over those that were read from `position` on.
static void applyPatches(const tvt_av *av, uint8_t *target, size_t size) {
    for (size_t index = 0; index < av->patchCount; index++) {
        const tvt_av_patch *patch = &av->patches[index];
        for (int byte = 0; byte < patch->byteCount; byte++) {
            size_t offset = patch->offset + (size_t)byte;
            if (offset < av->position || offset - av->position >= size) continue;
            int place = patch->isBigEndian ? patch->byteCount - 1 - byte : byte;
            target[offset - av->position] = (uint8_t)(patch->value >> 8 * place);
        }
    }
}

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
    applyPatches(av, target, size);
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

// MARK: - Streams

/// The cover of an album is no video, nor are the small pictures that a player shows while it seeks.
static bool isCover(const AVStream *stream) {
    return (stream->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)) != 0;
}

static int bestVideo(AVFormatContext *container) {
    int best = av_find_best_stream(container, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (best < 0 || !isCover(container->streams[best])) return best;
    for (unsigned index = 0; index < container->nb_streams; index++) {
        const AVStream *stream = container->streams[index];
        if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !isCover(stream)) return (int)index;
    }
    return -1;
}

// MARK: - MP4

static bool isMP4(const tvt_av *av) { return strncmp(av->container->iformat->name, "mov,", 4) == 0; }

static bool readAt(const tvt_av *av, uint64_t offset, uint8_t *target, size_t size) {
    if (offset > av->count || size > av->count - offset) return false;
    if (!av->bytes) return pread(av->file, target, size, (off_t)offset) == (ssize_t)size;
    memcpy(target, av->bytes + offset, size);
    return true;
}

static uint64_t big(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int index = 0; index < count; index++) value = value << 8 | bytes[index];
    return value;
}

/// Whether any box at the top is a movie fragment: then the tables of the movie tell of its start at most.
static bool hasFragments(tvt_av *av) {
    uint8_t head[16];
    for (uint64_t offset = 0; readAt(av, offset, head, 8) && !isLate(av);) {
        uint64_t size = big(head, 4);
        if (memcmp(head + 4, "moof", 4) == 0) return true;
        if (size == 1) {
            if (!readAt(av, offset, head, 16)) return false;
            size = big(head + 8, 8);
        }
        if (size < 8 || size > av->count - offset) return false;
        offset += size;
    }
    return false;
}

/// What the tables of an MP4 say of a stream, its edit list applied: how many of its samples are shown, and where the last
/// of them ends in the file.
static void readTable(AVStream *stream, size_t *shown, int64_t *end) {
    int count = avformat_index_get_entries_count(stream);
    for (int index = 0; index < count; index++) {
        const AVIndexEntry *entry = avformat_index_get_entry(stream, index);
        if (!(entry->flags & AVINDEX_DISCARD_FRAME)) ++*shown;
        if (entry->pos + entry->size > *end) *end = entry->pos + entry->size;
    }
}

/// Notes what the tables of an MP4 tell without its packets.
static int32_t readTables(tvt_av *av, char *message) {
    bool isFragmented = hasFragments(av);
    int64_t end = 0;
    for (int kind = 0; kind < 2; kind++) {
        int number = kind == 0 ? av->video : av->sound;
        if (number < 0) continue;
        AVStream *stream = av->container->streams[number];
        size_t shown = 0;
        readTable(stream, &shown, &end);
        if (isFragmented || stream->nb_frames <= 0) continue;
        if (kind == 0 && stream->codecpar->codec_id != AV_CODEC_ID_VP8) av->pictureCount = shown;
        if (kind == 1 && stream->duration != AV_NOPTS_VALUE) {
            av->soundEnd = (double)stream->duration * av_q2d(stream->time_base);
        }
    }
    if (end < 0 || (uint64_t)end <= av->count) return TVT_AV_OK;
    snprintf(
        message, TVT_AV_MESSAGE_BYTES, "its tables announce %lld bytes, and it ends after %zu", (long long)end, av->count);
    return TVT_AV_BAD_DATA;
}

// MARK: - Ogg

/// Whether an Ogg file is one stream from its start to its end: nothing beside it, and nothing behind.
static bool isSingleOggStream(tvt_av *av) {
    uint8_t head[27], sizes[255];
    size_t beginCount = 0;
    for (uint64_t offset = 0; readAt(av, offset, head, 27) && memcmp(head, "OggS", 4) == 0;) {
        if (isLate(av) || !readAt(av, offset + 27, sizes, head[26])) return false;
        if (head[5] & 2 && ++beginCount > 1) return false;
        offset += 27 + head[26];
        for (int index = 0; index < head[26]; index++) offset += sizes[index];
    }
    return beginCount == 1;
}

/// The last page says where Vorbis ends. libav applies that to long sounds only.
static void readOggEnd(tvt_av *av) {
    if (av->sound < 0 || strcmp(av->container->iformat->name, "ogg") != 0) return;
    const AVStream *stream = av->container->streams[av->sound];
    if (stream->codecpar->codec_id != AV_CODEC_ID_VORBIS || stream->duration == AV_NOPTS_VALUE) return;
    if (isSingleOggStream(av)) av->soundEnd = (double)stream->duration * av_q2d(stream->time_base);
}

// MARK: - Opening

static int32_t openStreams(tvt_av *av, char *message) {
    int error = avformat_open_input(&av->container, NULL, NULL, NULL);
    if (error >= 0) error = avformat_find_stream_info(av->container, NULL);
    if (error == AVERROR_EOF) return fail(TVT_AV_BAD_DATA, "it ends behind its header", message);
    if (error < 0) return failFor(av, error, message);
    av->video = bestVideo(av->container);
    av->sound = av_find_best_stream(av->container, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (av->video < 0 && av->sound < 0) {
        return fail(TVT_AV_MISSING, "there is neither a picture nor a sound in it", message);
    }
    if (av->video >= 0) {
        const AVCodecParameters *codec = av->container->streams[av->video]->codecpar;
        if ((uint64_t)codec->width * (uint64_t)codec->height > av->maxPixels) {
            snprintf(message, TVT_AV_MESSAGE_BYTES, "%d x %d pixels", codec->width, codec->height);
            return TVT_AV_TOO_LARGE;
        }
    }
    readOggEnd(av);
    return isMP4(av) ? readTables(av, message) : TVT_AV_OK;
}

int32_t door_av_open(const tvt_av_source *source, uint64_t maxPixels, double deadline, tvt_av **opened, char *message) {
    // Its words come back as messages; what it prints besides would go to the user's terminal.
    av_log_set_level(AV_LOG_QUIET);
    tvt_av *av = calloc(1, sizeof *av);
    if (!av) return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    *av = (tvt_av){
        .bytes = source->bytes, .file = source->file, .count = source->count, .patchCount = source->patchCount,
        .maxPixels = maxPixels, .deadline = {deadline, 0}, .video = -1, .sound = -1, .soundEnd = -1};
    memcpy(av->patches, source->patches, sizeof av->patches);
    av->container = avformat_alloc_context();
    enum { bufferBytes = 1 << 16 };
    uint8_t *buffer = av_malloc(bufferBytes);
    if (buffer) av->input = avio_alloc_context(buffer, bufferBytes, 0, av, readBytes, NULL, seekBytes);
    if (!av->container || !av->input) {
        if (!av->input) av_free(buffer);
        door_av_close(av);
        return fail(TVT_AV_NO_MEMORY, "there is not enough memory", message);
    }
    av->container->pb = av->input;
    av->container->io_open = refuseToOpen;
    av->container->interrupt_callback = (AVIOInterruptCB){isInterrupted, av};
    av->container->format_whitelist = av_strdup(allowedFormats);
    av->container->probesize = 8 << 20;
    av->container->error_recognition = AV_EF_CRCCHECK;
    int32_t status = openStreams(av, message);
    if (status == TVT_AV_OK) {
        *opened = av;
    } else {
        door_av_close(av);
    }
    return status;
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

/// Whether the container counts the samples of its sound, so that its packets need not be read.
static bool countsSamples(const AVFormatContext *container, const AVStream *stream) {
    if (container->duration_estimation_method != AVFMT_DURATION_FROM_STREAM || stream->duration == AV_NOPTS_VALUE) {
        return false;
    }
    if (stream->time_base.num != 1 || stream->time_base.den != stream->codecpar->sample_rate) return false;
    static const char *const formats[] = {"wav", "w64", "aiff", "au", "caf"};
    bool isOfSamples = av_get_exact_bits_per_sample(stream->codecpar->codec_id) > 0;
    for (size_t index = 0; index < sizeof formats / sizeof *formats; index++) {
        if (strcmp(container->iformat->name, formats[index]) == 0) return isOfSamples;
    }
    return strcmp(container->iformat->name, "flac") == 0;
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
        info.pictureCount = av->pictureCount;
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
        info.countsSamples = av->video < 0 && countsSamples(container, stream);
        if (info.countsSamples) info.duration = (double)stream->duration / stream->codecpar->sample_rate;
    }
    return info;
}
