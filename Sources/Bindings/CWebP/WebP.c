#include "CWebP.h"

#include "CDeadline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

static int32_t fail(int32_t status, const char *text, char *message) {
    snprintf(message, TVT_WEBP_MESSAGE_BYTES, "%s", text);
    return status;
}

/// Decodes a still image in pieces, so that the deadline is seen.
static int32_t decodeStill(
    const WebPDemuxer *demuxer, tvt_deadline *deadline, tvt_webp_image *image, char *message) {
    WebPIterator frame;
    WebPDecoderConfig config;
    if (!WebPDemuxGetFrame(demuxer, 1, &frame)) return fail(TVT_WEBP_BAD_DATA, "there is no picture in it", message);
    const uint8_t *bytes = frame.fragment.bytes;
    size_t count = frame.fragment.size;
    image->channels = frame.has_alpha ? 4 : 3;
    WebPDemuxReleaseIterator(&frame);
    size_t stride = (size_t)image->width * image->channels, size = stride * image->height;
    image->pixels = malloc(size);
    if (!image->pixels || !WebPInitDecoderConfig(&config)) {
        return fail(TVT_WEBP_NO_MEMORY, "there is not enough memory", message);
    }
    config.output.colorspace = image->channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){.rgba = image->pixels, .stride = (int)stride, .size = size};
    WebPIDecoder *decoder = WebPIDecode(NULL, 0, &config);
    if (!decoder) return fail(TVT_WEBP_NO_MEMORY, "there is not enough memory", message);
    enum { pieceBytes = 1 << 17 };
    VP8StatusCode code = VP8_STATUS_SUSPENDED;
    int32_t status = TVT_WEBP_OK;
    for (size_t end = 0; code == VP8_STATUS_SUSPENDED && end < count && status == TVT_WEBP_OK;) {
        end = count - end > pieceBytes ? end + pieceBytes : count;
        code = WebPIUpdate(decoder, bytes, end);
        if (tvt_deadline_passed(deadline)) status = fail(TVT_WEBP_TOO_SLOW, "it takes too long to decode", message);
    }
    WebPIDelete(decoder);
    if (status != TVT_WEBP_OK || code == VP8_STATUS_OK) return status;
    if (code == VP8_STATUS_OUT_OF_MEMORY) return fail(TVT_WEBP_NO_MEMORY, "there is not enough memory", message);
    return fail(TVT_WEBP_BAD_DATA, code == VP8_STATUS_SUSPENDED ? "it is cut off" : "its pixels are damaged", message);
}

/// Keeps a canvas, without alpha where all of it is opaque.
static int32_t keep(const uint8_t *canvas, tvt_webp_image *image, char *message) {
    size_t pixels = (size_t)image->width * image->height;
    image->channels = 3;
    for (size_t pixel = 0; pixel < pixels && image->channels == 3; pixel++) {
        if (canvas[pixel * 4 + 3] != 0xFF) image->channels = 4;
    }
    image->pixels = malloc(pixels * image->channels);
    if (!image->pixels) return fail(TVT_WEBP_NO_MEMORY, "there is not enough memory", message);
    for (size_t pixel = 0; pixel < pixels; pixel++) {
        memcpy(image->pixels + pixel * image->channels, canvas + pixel * 4, image->channels);
    }
    return TVT_WEBP_OK;
}

static int32_t decodeMoving(
    const WebPData *data, tvt_deadline *deadline, bool wholly, tvt_webp_image *image, char *message) {
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(data, NULL);
    if (!decoder) return fail(TVT_WEBP_BAD_DATA, "its pictures are damaged", message);
    int32_t status = TVT_WEBP_OK;
    do {
        uint8_t *canvas = NULL;
        int time = 0;
        if (tvt_deadline_passed(deadline)) {
            status = fail(TVT_WEBP_TOO_SLOW, "it takes too long to decode", message);
        } else if (!WebPAnimDecoderGetNext(decoder, &canvas, &time)) {
            status = fail(TVT_WEBP_BAD_DATA, "a picture of it is damaged", message);
        } else if (!image->pixels) {
            status = keep(canvas, image, message);
        }
    } while (status == TVT_WEBP_OK && wholly && WebPAnimDecoderHasMoreFrames(decoder));
    WebPAnimDecoderDelete(decoder);
    return status;
}

int32_t tvt_webp_decode(
    const uint8_t *bytes, size_t count, uint64_t maxPixels, double deadline, bool wholly, tvt_webp_image *image,
    char *message) {
    memset(image, 0, sizeof *image);
    message[0] = 0;
    tvt_deadline limit = {deadline, 0};
    if (tvt_deadline_passed(&limit)) return fail(TVT_WEBP_TOO_SLOW, "it takes too long to decode", message);
    WebPData data = {bytes, count};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
    if (!demuxer || state != WEBP_DEMUX_DONE) {
        WebPDemuxDelete(demuxer);
        bool isCut = state == WEBP_DEMUX_PARSING_HEADER || state == WEBP_DEMUX_PARSED_HEADER;
        return fail(TVT_WEBP_BAD_DATA, isCut ? "it is cut off" : "its chunks are damaged", message);
    }
    image->width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH);
    image->height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    int32_t status;
    if ((uint64_t)image->width * image->height > maxPixels) {
        snprintf(message, TVT_WEBP_MESSAGE_BYTES, "%u x %u pixels", image->width, image->height);
        status = TVT_WEBP_TOO_LARGE;
    } else if (WebPDemuxGetI(demuxer, WEBP_FF_FORMAT_FLAGS) & ANIMATION_FLAG) {
        status = decodeMoving(&data, &limit, wholly, image, message);
    } else {
        status = decodeStill(demuxer, &limit, image, message);
    }
    WebPChunkIterator chunk;
    if (status == TVT_WEBP_OK && WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        image->exif = chunk.chunk.bytes;
        image->exifCount = chunk.chunk.size;
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    WebPDemuxDelete(demuxer);
    if (status != TVT_WEBP_OK) {
        free(image->pixels);
        image->pixels = NULL;
    }
    return status;
}
