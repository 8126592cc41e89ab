// C shim over libav*: what a video or a sound is, its samples, some of its pictures.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A container in memory, open for one pass: describe it, then measure or decode one thing.
typedef struct tvt_av tvt_av;

/// A number of a file that is read as another one: a size that its writer could not know.
typedef struct {
    size_t offset;
    uint64_t value;
    /// 1, 2, 4 or 8.
    uint8_t byteCount;
    bool isBigEndian;
} tvt_av_patch;

enum { TVT_AV_PATCHES = 3 };

/// Where the bytes of a container are.
typedef struct {
    /// NULL where they are the first `count` of the open descriptor `file`, whose position is left alone.
    const uint8_t *bytes;
    int32_t file;
    size_t count;
    tvt_av_patch patches[TVT_AV_PATCHES];
    size_t patchCount;
} tvt_av_source;

typedef struct {
    /// libav's names; live as long as the process. NULL without such a stream.
    const char *format, *videoCodec, *audioCodec;
    /// In seconds; negative where it is unknown.
    double duration;
    /// Whether the duration is no more than the size divided by a bit rate.
    bool durationIsGuess;
    /// Whether the container counts the samples of a sound: its duration is exact, and no packets need be read for it.
    bool countsSamples;
    /// Pictures of the video that are shown, where tables say so; otherwise 0.
    uint64_t pictureCount;
    uint32_t width, height;
    /// Pictures a second; 0 where it is unknown.
    double frameRate;
    /// How far clockwise pictures are to be turned to be seen as they were meant: 0, 90, 180 or 270.
    int32_t turn;
    uint32_t sampleRate, channelCount;
} tvt_av_info;

enum {
    TVT_AV_OK = 0,
    /// The bytes are of no known kind, or damaged, or cut off.
    TVT_AV_BAD_DATA = 1,
    /// More pixels, samples or pictures than allowed.
    TVT_AV_TOO_LARGE = 2,
    TVT_AV_NO_MEMORY = 3,
    /// The deadline passed.
    TVT_AV_TOO_SLOW = 4,
    /// There is no stream of the kind that was asked for, or nothing in it.
    TVT_AV_MISSING = 5,
    /// libav cannot be loaded.
    TVT_AV_NOT_LOADED = 6,
    /// A kind, or a variant of one, that libav does not know; the bytes may be whole.
    TVT_AV_UNSUPPORTED = 7,
};

enum { TVT_AV_MESSAGE_BYTES = 256 };

/// Opens a container. Nothing else is ever opened, whatever the bytes ask for.
///
/// - source: its bytes, or its descriptor, must stay until the container is closed.
/// - deadline: seconds of CLOCK_THREAD_CPUTIME_ID, of this and all further calls.
/// - message: at least TVT_AV_MESSAGE_BYTES, filled where the result is not TVT_AV_OK; so of all calls.
int32_t tvt_av_open(
    const tvt_av_source *source, uint64_t maxPixels, double deadline, tvt_av **av, char *message);
void tvt_av_close(tvt_av *av);

tvt_av_info tvt_av_describe(const tvt_av *av);

/// Counts the pictures of the first video that are shown, and the seconds of its packets or, where they are more, of those
/// of the first sound (negative where they have no times); read without decoding.
int32_t tvt_av_measure_pictures(tvt_av *av, size_t maxPictures, size_t *pictures, double *seconds, char *message);

/// Measures the first sound: the samples that a decoder gives, without the delay and the padding of its encoder, over their
/// rate. Read from the packets, and decoded where those do not tell.
int32_t tvt_av_measure_sound(tvt_av *av, double maxSeconds, double *seconds, char *message);

/// Decodes the first video and the first sound to their ends and keeps nothing: whether all of it is whole.
///
/// - needsPictures: whether it is to be a video; otherwise samples of a sound are needed.
int32_t tvt_av_decode_all(
    tvt_av *av, bool needsPictures, size_t maxPictures, double maxSoundSeconds, char *message);

/// All samples of the first sound as mono float32 at `rate`; `samples` is to be freed.
int32_t tvt_av_decode_sound(
    tvt_av *av, uint32_t rate, size_t maxSamples, float **samples, size_t *count, char *message);

/// Samples as they lie in a file: little-endian, of all channels in turn.
typedef struct {
    const uint8_t *bytes;
    /// Of one channel.
    size_t count;
    uint32_t rate;
    /// 1 to 64.
    uint32_t channelCount;
    /// Where the channels are, as WAVE_FORMAT_EXTENSIBLE has it; 0 where nobody says so.
    uint32_t channelMask;
    /// Of a sample: 8 (without a sign), 16, 24 or 32, or of floats 32 or 64.
    uint32_t bitCount;
    bool isFloat;
} tvt_av_pcm;

/// What `tvt_av_decode_sound` gives of a container with these samples, to the bit; no container is looked for.
int32_t tvt_av_convert_samples(
    const tvt_av_pcm *pcm, uint32_t rate, size_t maxSamples, double deadline, float **samples, size_t *count,
    char *message);

/// When each picture of the first video is shown, in seconds from the first, ascending; read without decoding.
///
/// - seconds: from the beginning of the first to the end of that which ends last; negative where their packets do not say.
int32_t tvt_av_picture_times(
    tvt_av *av, size_t maxPictures, double **times, size_t *count, double *seconds, char *message);

/// Decodes pictures by their number in the order of showing.
///
/// - numbers: ascending; the same may come again.
/// - hasAlpha: 4 bytes a pixel (RGBA) instead of 3 (RGB).
/// - take: gets each in turn; `pixels` are rows from the top without gaps, valid during the call.
int32_t tvt_av_decode_pictures(
    tvt_av *av, const size_t *numbers, size_t count, bool hasAlpha,
    void (*take)(void *context, const uint8_t *pixels, uint32_t width, uint32_t height), void *context, char *message);

#ifdef __cplusplus
}
#endif
