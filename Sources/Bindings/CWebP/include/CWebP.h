// C shim over libwebp: one call that decodes an image, or the first picture of a moving one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    /// 8 bits a channel, rows from the top, `width * channels` bytes each; to be freed.
    uint8_t *pixels;
    uint32_t width, height;
    /// 3: RGB, or 4: RGB and alpha.
    uint32_t channels;
    /// The EXIF chunk, inside of the bytes that were given; NULL for none.
    const uint8_t *exif;
    size_t exifCount;
} tvt_webp_image;

enum {
    TVT_WEBP_OK = 0,
    /// The bytes are no WebP, or damaged, or cut off.
    TVT_WEBP_BAD_DATA = 1,
    /// More pixels than `maxPixels`.
    TVT_WEBP_TOO_LARGE = 2,
    TVT_WEBP_NO_MEMORY = 3,
    /// The deadline passed.
    TVT_WEBP_TOO_SLOW = 4,
};

enum { TVT_WEBP_MESSAGE_BYTES = 256 };

/// Decodes any WebP: lossy, lossless, with or without alpha; of a moving one the first picture as it stands on its canvas.
/// Colour profiles are left alone.
///
/// - wholly: decodes the further pictures of a moving image as well, and keeps none of them.
/// - deadline: seconds of CLOCK_THREAD_CPUTIME_ID.
/// - message: at least TVT_WEBP_MESSAGE_BYTES, filled where the result is not TVT_WEBP_OK.
int32_t tvt_webp_decode(
    const uint8_t *bytes, size_t count, uint64_t maxPixels, double deadline, bool wholly, tvt_webp_image *image,
    char *message);

#ifdef __cplusplus
}
#endif
