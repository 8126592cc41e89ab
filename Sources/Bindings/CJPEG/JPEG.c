#include "CJPEG.h"

#include "CDeadline.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/// A progressive image of an honest encoder has about ten; each costs as much time as all of a baseline image.
enum { MOST_SCANS = 200 };

struct errors {
    struct jpeg_error_mgr base;
    jmp_buf out;
    char *message;
    int32_t status;
};

struct progress {
    struct jpeg_progress_mgr base;
    tvt_deadline deadline;
};

_Noreturn static void leave(j_common_ptr info, int32_t status, const char *text) {
    struct errors *errors = (struct errors *)info->err;
    errors->status = status;
    if (text) {
        snprintf(errors->message, TVT_JPEG_MESSAGE_BYTES, "%s", text);
    } else {
        char buffer[JMSG_LENGTH_MAX];
        errors->base.format_message(info, buffer);
        snprintf(errors->message, TVT_JPEG_MESSAGE_BYTES, "%s", buffer);
    }
    longjmp(errors->out, 1);
}

static void onError(j_common_ptr info) {
    switch (info->err->msg_code) {
    case JERR_OUT_OF_MEMORY: leave(info, TVT_JPEG_NO_MEMORY, NULL);
    // Lossless JPEG, 12 bits a sample, and other kinds that the file may rightly be of.
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED: leave(info, TVT_JPEG_UNSUPPORTED, NULL);
    default: leave(info, TVT_JPEG_BAD_DATA, NULL);
    }
}

/// libjpeg goes on after damage and fills what it does not know with grey; an image that is not whole is an error here.
static void onMessage(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL: leave(info, TVT_JPEG_BAD_DATA, NULL);
    default: info->err->num_warnings++;
    }
}

/// Makes libjpeg's errors ours; whoever calls sets where they lead.
static struct jpeg_error_mgr *begin(struct errors *errors, char *message) {
    struct jpeg_error_mgr *base = jpeg_std_error(&errors->base);
    base->error_exit = onError;
    base->emit_message = onMessage;
    errors->message = message;
    errors->status = TVT_JPEG_BAD_DATA;
    return base;
}

static void onProgress(j_common_ptr info) {
    if (tvt_deadline_passed(&((struct progress *)info->progress)->deadline)) {
        leave(info, TVT_JPEG_TOO_SLOW, "it takes too long to decode");
    }
    if (((j_decompress_ptr)info)->input_scan_number > MOST_SCANS) {
        leave(info, TVT_JPEG_TOO_LARGE, "it has too many scans");
    }
}

/// `value * scale / 255`, rounded.
static uint8_t scaled(unsigned value, unsigned scale) {
    unsigned product = value * scale + 128;
    return (uint8_t)((product + (product >> 8)) >> 8);
}

int32_t tvt_jpeg_decode(
    const uint8_t *bytes, size_t count, uint64_t maxPixels, double deadline, tvt_jpeg_image *image, char *message) {
    struct jpeg_decompress_struct info;
    struct errors errors;
    struct progress progress;
    // Changed between setjmp and longjmp.
    uint8_t *volatile pixels = NULL;
    uint8_t *volatile inks = NULL;
    memset(image, 0, sizeof *image);
    memset(&info, 0, sizeof info);
    info.err = begin(&errors, message);
    if (setjmp(errors.out)) {
        jpeg_destroy_decompress(&info);
        free(pixels);
        free(inks);
        return errors.status;
    }
    jpeg_create_decompress(&info);
    progress.base.progress_monitor = onProgress;
    progress.deadline = (tvt_deadline){deadline, 0};
    info.progress = &progress.base;
    jpeg_mem_src(&info, bytes, count);
    jpeg_save_markers(&info, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&info, TRUE);
    if ((uint64_t)info.image_width * info.image_height > maxPixels) {
        // Not in `message`, which is written anew from it.
        char size[64];
        snprintf(size, sizeof size, "%u x %u pixels", info.image_width, info.image_height);
        leave((j_common_ptr)&info, TVT_JPEG_TOO_LARGE, size);
    }
    bool isInk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    info.out_color_space = isInk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info);
    size_t width = info.output_width, height = info.output_height;
    pixels = malloc(width * height * 3);
    if (isInk) inks = malloc(width * 4);
    if (!pixels || (isInk && !inks)) leave((j_common_ptr)&info, TVT_JPEG_NO_MEMORY, "there is not enough memory");
    while (info.output_scanline < height) {
        uint8_t *row = pixels + (size_t)info.output_scanline * width * 3;
        JSAMPROW target = isInk ? inks : row;
        jpeg_read_scanlines(&info, &target, 1);
        if (!isInk) continue;
        // Adobe writes inks inverted, and says so by its marker.
        for (size_t x = 0; x < width; x++) {
            const uint8_t *ink = inks + x * 4;
            unsigned flip = info.saw_Adobe_marker ? 0 : 0xFF;
            unsigned light = ink[3] ^ flip;
            for (int channel = 0; channel < 3; channel++) row[x * 3 + channel] = scaled(ink[channel] ^ flip, light);
        }
    }
    for (jpeg_saved_marker_ptr marker = info.marker_list; marker; marker = marker->next) {
        if (marker->data_length < 6 || memcmp(marker->data, "Exif\0", 6) != 0) continue;
        // libjpeg's copy goes with it; the same bytes are in the input.
        const uint8_t *found = memmem(bytes, count, marker->data, marker->data_length);
        if (found) {
            image->exif = found + 6;
            image->exifCount = marker->data_length - 6;
        }
        break;
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    free(inks);
    image->pixels = pixels;
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    return TVT_JPEG_OK;
}

int32_t tvt_jpeg_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, int32_t quality, uint8_t **bytes, size_t *count,
    char *message) {
    struct jpeg_compress_struct info;
    struct errors errors;
    unsigned char *output = NULL;
    unsigned long size = 0;
    memset(&info, 0, sizeof info);
    info.err = begin(&errors, message);
    if (width > JPEG_MAX_DIMENSION || height > JPEG_MAX_DIMENSION) {
        snprintf(
            message, TVT_JPEG_MESSAGE_BYTES, "%u x %u pixels, and a side of a JPEG has at most %ld", width, height,
            JPEG_MAX_DIMENSION);
        return TVT_JPEG_TOO_LARGE;
    }
    if (setjmp(errors.out)) {
        // What libjpeg has written so far is lost: `output` may be a buffer that was freed when it grew. It fails for want of
        // memory only.
        jpeg_destroy_compress(&info);
        return errors.status;
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &output, &size);
    info.image_width = width;
    info.image_height = height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    info.optimize_coding = TRUE;
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < height) {
        JSAMPROW row = (JSAMPROW)(pixels + (size_t)info.next_scanline * width * 3);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    *bytes = output;
    *count = size;
    return TVT_JPEG_OK;
}
