// C door to libjpeg: one call that decodes a whole image, one that encodes. Its error jumps stay inside.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    /// 8-bit RGB, rows from the top, `width * 3` bytes each; to be freed.
    uint8_t *pixels;
    uint32_t width, height;
    /// The payload of the EXIF segment, behind "Exif\0\0", inside of the bytes that were given; NULL for none.
    const uint8_t *exif;
    size_t exifCount;
} tvt_jpeg_image;

enum {
    TVT_JPEG_OK = 0,
    /// The bytes are no JPEG, or damaged, or cut off.
    TVT_JPEG_BAD_DATA = 1,
    /// More pixels than `maxPixels`, or more scans than an honest image has.
    TVT_JPEG_TOO_LARGE = 2,
    TVT_JPEG_NO_MEMORY = 3,
    /// The deadline passed.
    TVT_JPEG_TOO_SLOW = 4,
    /// A kind of JPEG that libjpeg does not read: lossless, 12 bits.
    TVT_JPEG_UNSUPPORTED = 7,
};

enum { TVT_JPEG_MESSAGE_BYTES = 256 };

/// Decodes grey, YCbCr, RGB, CMYK and YCCK to RGB.
///
/// - deadline: seconds of CLOCK_THREAD_CPUTIME_ID.
/// - message: at least TVT_JPEG_MESSAGE_BYTES; libjpeg's words where the result is not TVT_JPEG_OK.
int32_t tvt_jpeg_decode(
    const uint8_t *bytes, size_t count, uint64_t maxPixels, double deadline, tvt_jpeg_image *image, char *message);

/// Encodes 8-bit RGB, rows from the top without gaps: baseline, YCbCr with colours halved both ways, Huffman tables of its
/// own. The same pixels give the same bytes, with one version of libjpeg.
///
/// - quality: 1 to 100, as libjpeg counts.
/// - bytes: to be freed.
int32_t tvt_jpeg_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, int32_t quality, uint8_t **bytes, size_t *count,
    char *message);

#ifdef __cplusplus
}
#endif
