// C shim over libpng: one call that decodes a whole image, one that encodes. Its error jumps stay inside.
#pragma once

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
    /// The EXIF block, with or without "Exif\0\0" before it; to be freed. NULL for none.
    uint8_t *exif;
    size_t exifCount;
} tvt_png_image;

enum {
    TVT_PNG_OK = 0,
    /// The bytes are no PNG, or damaged, or cut off.
    TVT_PNG_BAD_DATA = 1,
    /// More pixels than `maxPixels`.
    TVT_PNG_TOO_LARGE = 2,
    TVT_PNG_NO_MEMORY = 3,
    /// The deadline passed.
    TVT_PNG_TOO_SLOW = 4,
};

enum { TVT_PNG_MESSAGE_BYTES = 256 };

/// Decodes any PNG: grey and palettes become RGB, 16 bits become 8, a transparent colour becomes alpha. Gamma and colour
/// profiles are left alone, as every reader of training data does.
///
/// - deadline: seconds of CLOCK_THREAD_CPUTIME_ID.
/// - message: at least TVT_PNG_MESSAGE_BYTES; libpng's words where the result is not TVT_PNG_OK.
int32_t tvt_png_decode(
    const uint8_t *bytes, size_t count, uint64_t maxPixels, double deadline, tvt_png_image *image, char *message);

/// Encodes 8 bits a channel, rows from the top without gaps. The same pixels give the same bytes, with one version of libpng
/// and zlib.
///
/// - channels: 3 for RGB, 4 for RGB and alpha.
/// - bytes: to be freed.
int32_t tvt_png_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint8_t **bytes, size_t *count,
    char *message);

#ifdef __cplusplus
}
#endif
