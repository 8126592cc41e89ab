#include "CPNG.h"

#include "CDeadline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

struct state {
    const uint8_t *bytes;
    size_t count, position;
    tvt_deadline deadline;
    char *message;
    int32_t status;
};

static void onError(png_structp png, png_const_charp text) {
    struct state *state = png_get_error_ptr(png);
    if (state->message[0] == 0) snprintf(state->message, TVT_PNG_MESSAGE_BYTES, "%s", text);
    png_longjmp(png, 1);
}

static void onWarning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void fail(png_structp png, int32_t status, const char *text) {
    struct state *state = png_get_error_ptr(png);
    state->status = status;
    png_error(png, text);
}

static void readBytes(png_structp png, png_bytep target, size_t count) {
    struct state *state = png_get_io_ptr(png);
    if (count > state->count - state->position) fail(png, TVT_PNG_BAD_DATA, "it is cut off");
    memcpy(target, state->bytes + state->position, count);
    state->position += count;
}

static void onRow(png_structp png, png_uint_32 row, int pass) {
    (void)row;
    (void)pass;
    struct state *state = png_get_error_ptr(png);
    if (tvt_deadline_passed(&state->deadline)) fail(png, TVT_PNG_TOO_SLOW, "it takes too long to decode");
}

static int hexDigit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/// What ImageMagick wrote before there was a chunk for EXIF: the name, the number of bytes, and their digits, a line each.
static void readRawProfile(png_structp png, png_infop info, uint8_t **exif, size_t *count) {
    png_textp texts = NULL;
    int number = png_get_text(png, info, &texts, NULL);
    for (int index = 0; index < number; index++) {
        if (strcmp(texts[index].key, "Raw profile type exif") != 0 || !texts[index].text) continue;
        const char *text = texts[index].text;
        for (int line = 0; line < 3 && text; line++) text = strchr(text + (line > 0), '\n');
        if (!text || !(*exif = malloc(strlen(text) / 2 + 1))) return;
        int high = -1;
        for (; *text; text++) {
            int digit = hexDigit(*text);
            if (digit < 0) continue;
            if (high >= 0) (*exif)[(*count)++] = (uint8_t)(high << 4 | digit);
            high = high < 0 ? digit : -1;
        }
        return;
    }
}

/// A copy of the EXIF block, which may stand before or behind the pixels.
static void readExif(png_structp png, png_infop info, uint8_t **exif, size_t *count) {
    png_uint_32 found = 0;
    png_bytep block = NULL;
    if (!png_get_eXIf_1(png, info, &found, &block) || !block || found == 0) {
        readRawProfile(png, info, exif, count);
    } else if ((*exif = malloc(found))) {
        memcpy(*exif, block, found);
        *count = found;
    }
}

int32_t tvt_png_decode(
    const uint8_t *bytes, size_t count, uint64_t maxPixels, double deadline, tvt_png_image *image, char *message) {
    struct state state = {bytes, count, 0, {deadline, 0}, message, TVT_PNG_BAD_DATA};
    memset(image, 0, sizeof *image);
    message[0] = 0;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, onError, onWarning);
    if (!png) return TVT_PNG_NO_MEMORY;
    // Changed between setjmp and longjmp.
    png_infop volatile info = png_create_info_struct(png);
    uint8_t *volatile pixels = NULL;
    png_bytep *volatile rows = NULL;
    if (setjmp(png_jmpbuf(png))) {
        png_infop freed = info;
        png_destroy_read_struct(&png, &freed, NULL);
        free(pixels);
        free(rows);
        return state.status;
    }
    if (!info) fail(png, TVT_PNG_NO_MEMORY, "there is not enough memory");
    png_set_read_fn(png, &state, readBytes);
    png_set_read_status_fn(png, onRow);
    // The sums of the chunks tell of damage already; this one, over all pixels, takes a tenth of the time.
    png_set_option(png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
    // Texts and profiles may be bombs of their own.
    png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);
    png_set_chunk_malloc_max(png, 8 << 20);
    png_set_chunk_cache_max(png, 1000);
    png_read_info(png, info);
    size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    if ((uint64_t)width * height > maxPixels) {
        char text[64];
        snprintf(text, sizeof text, "%zu x %zu pixels", width, height);
        fail(png, TVT_PNG_TOO_LARGE, text);
    }
    // Palettes to RGB, 1, 2 and 4 bits to 8, a transparent colour to alpha.
    png_set_expand(png);
    // Pillow takes the higher byte of two; of grey it makes nothing that could be used.
    if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY) {
        png_set_scale_16(png);
    } else {
        png_set_strip_16(png);
    }
    png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t channels = png_get_channels(png, info);
    if (channels < 3 || channels > 4 || png_get_bit_depth(png, info) != 8) {
        fail(png, TVT_PNG_BAD_DATA, "its pixels have a form that does not exist");
    }
    pixels = malloc(width * height * channels);
    rows = malloc(height * sizeof *rows);
    if (!pixels || !rows) fail(png, TVT_PNG_NO_MEMORY, "there is not enough memory");
    for (size_t y = 0; y < height; y++) rows[y] = pixels + y * width * channels;
    png_read_image(png, rows);
    // Checks the chunks behind the pixels: a file that ends here is cut off.
    png_read_end(png, info);
    readExif(png, info, &image->exif, &image->exifCount);
    png_infop freed = info;
    png_destroy_read_struct(&png, &freed, NULL);
    free(rows);
    image->pixels = pixels;
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    image->channels = (uint32_t)channels;
    return TVT_PNG_OK;
}

struct written {
    uint8_t *bytes;
    size_t count, capacity;
};

static void writeBytes(png_structp png, png_bytep bytes, size_t count) {
    struct written *written = png_get_io_ptr(png);
    if (count > written->capacity - written->count) {
        size_t capacity = written->capacity * 2 > written->count + count ? written->capacity * 2 : written->count + count;
        uint8_t *more = realloc(written->bytes, capacity);
        if (!more) fail(png, TVT_PNG_NO_MEMORY, "there is not enough memory");
        written->bytes = more;
        written->capacity = capacity;
    }
    memcpy(written->bytes + written->count, bytes, count);
    written->count += count;
}

static void flushNothing(png_structp png) { (void)png; }

int32_t tvt_png_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint8_t **bytes, size_t *count,
    char *message) {
    struct state state = {NULL, 0, 0, {0, 0}, message, TVT_PNG_BAD_DATA};
    struct written written = {NULL, 0, 0};
    message[0] = 0;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, onError, onWarning);
    if (!png) return TVT_PNG_NO_MEMORY;
    png_infop info = png_create_info_struct(png);
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return TVT_PNG_NO_MEMORY;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        free(written.bytes);
        return state.status;
    }
    png_set_write_fn(png, &written, writeBytes, flushNothing);
    png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);
    // Said here, so that it does not change with the defaults of zlib.
    png_set_compression_level(png, 6);
    png_set_IHDR(
        png, info, width, height, 8, channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
        PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    size_t rowBytes = (size_t)width * channels;
    for (uint32_t y = 0; y < height; y++) png_write_row(png, pixels + y * rowBytes);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    *bytes = written.bytes;
    *count = written.count;
    return TVT_PNG_OK;
}
