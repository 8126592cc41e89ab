// What the files of this library share: a container that is open for one pass, and how errors are reported.
#pragma once

#include "CAVPlugin.h"
#include "CDeadline.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

struct tvt_av {
    /// NULL where they are in `file`.
    const uint8_t *bytes;
    int32_t file;
    size_t count, position;
    tvt_av_patch patches[TVT_AV_PATCHES];
    size_t patchCount;
    uint64_t maxPixels;
    tvt_deadline deadline;
    AVFormatContext *container;
    AVIOContext *input;
    /// Indices of streams; negative for none.
    int video, sound;
    /// Whether a packet was read from which on the video can be decoded.
    bool hasKey;
    /// Pictures that the tables of an MP4 announce and its edit list shows; 0 where only packets can tell.
    size_t pictureCount;
    /// Where the sound ends by the edit list of an MP4 or the last page of an Ogg file, in seconds; negative where nothing
    /// says so.
    double soundEnd;
};

/// Copies `text` into `message` and returns `status`.
int32_t fail(int32_t status, const char *text, char *message);

/// Our status for an error of libav, with its words as the message.
int32_t failFor(tvt_av *av, int error, char *message);

bool isLate(tvt_av *av);

/// A decoder for a stream, on one thread: callers that decode much have threads of their own.
int32_t makeDecoder(tvt_av *av, int stream, AVCodecContext **made, char *message);

/// The next packet of the container; AVERROR_EXIT after the deadline.
int nextPacket(tvt_av *av, AVPacket *packet);

/// What a function that takes frames returns when it needs no more.
enum { ENOUGH = -1 };

/// Calls `take` with each frame of a stream from its start, until it returns something other than TVT_AV_OK.
int32_t decodeStream(
    tvt_av *av, int stream, int32_t (*take)(void *context, AVFrame *frame, char *message), void *context,
    char *message);

/// Whether a packet of the video holds a picture that is shown: not one that an edit list hides, nor a reference that
/// VP8 keeps to itself, nor an empty packet that repeats the picture before.
bool isShown(const tvt_av *av, const AVPacket *packet);

/// Whether a packet is the first from which on the video can be decoded: of a stream that was cut at its start nothing is
/// shown before it.
bool isFirstKey(tvt_av *av, const AVPacket *packet);

/// Cuts a frame of sound at `soundEnd`, which libav does not do.
///
/// - taken: samples before the frame; the frame's are added.
void cutAtSoundEnd(const tvt_av *av, AVFrame *frame, uint64_t *taken);

/// Whether more was announced than was found, by more than encoders differ.
///
/// - found: seconds.
int32_t checkAnnounced(const tvt_av *av, double found, size_t pictureCount, char *message);
