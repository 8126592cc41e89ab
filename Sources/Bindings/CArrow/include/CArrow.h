// C door to Arrow C++'s readers of Parquet and of Arrow's own files. What they read comes out through Arrow's C data interface, whose structures are
// repeated here as its specification asks (arrow.apache.org/docs/format/CDataInterface.html).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

/// A Parquet file, open.
typedef struct tvt_parquet_file tvt_parquet_file;
/// A pass over some of its columns; holds what it needs of the file, which may be closed before.
typedef struct tvt_parquet_pass tvt_parquet_pass;

enum {
    TVT_PARQUET_OK = 0,
    /// The file cannot be opened or read: an errno is in the message.
    TVT_PARQUET_IO = 1,
    /// The bytes are not what the format says.
    TVT_PARQUET_BAD_DATA = 2,
    /// More memory than `memoryLimit` would be needed.
    TVT_PARQUET_TOO_LARGE = 3,
    TVT_PARQUET_BUG = 4,
    /// Arrow's libraries cannot be loaded.
    TVT_PARQUET_NOT_LOADED = 5,
};

/// Each call that answers TVT_PARQUET_… puts a message, to be freed, into `message` where that is not TVT_PARQUET_OK.
void tvt_parquet_free_message(char *message);

/// - memoryLimit: bytes that everything read of this file may take at one time.
int32_t tvt_parquet_open(const char *path, int64_t memoryLimit, tvt_parquet_file **file, char **message);
void tvt_parquet_close(tvt_parquet_file *file);

int64_t tvt_parquet_row_count(const tvt_parquet_file *file);

/// The columns' names and types; to be released by its `release`.
int32_t tvt_parquet_schema(tvt_parquet_file *file, struct ArrowSchema *schema, char **message);

/// Begins a pass over whole columns of the schema, in the order of `columns`; others are not touched.
///
/// - batchBytes: about how large a batch is, by the sizes in the file's footer.
int32_t tvt_parquet_pass_begin(
    tvt_parquet_file *file, const int32_t *columns, int32_t columnCount, int64_t batchBytes, tvt_parquet_pass **pass,
    char **message);
void tvt_parquet_pass_end(tvt_parquet_pass *pass);

/// The next rows, each array checked in full (offsets in range, texts UTF-8); `batch->release` is NULL at the end. The
/// batch stays valid until it is released, whatever becomes of pass and file.
int32_t tvt_parquet_next(tvt_parquet_pass *pass, struct ArrowArray *batch, char **message);

/// A file of Arrow's IPC format (Feather version 2), or a stream of it in a file; open.
typedef struct tvt_arrow_file tvt_arrow_file;
/// A pass over some of its columns, which may outlive the file.
typedef struct tvt_arrow_pass tvt_arrow_pass;

/// - memoryLimit: bytes that may be taken at one time; buffers that are not compressed are mapped, and take none.
int32_t tvt_arrow_open(const char *path, int64_t memoryLimit, tvt_arrow_file **file, char **message);
void tvt_arrow_close(tvt_arrow_file *file);

/// -1 for a stream, which does not tell.
int64_t tvt_arrow_row_count(const tvt_arrow_file *file);

/// As of Parquet.
int32_t tvt_arrow_schema(tvt_arrow_file *file, struct ArrowSchema *schema, char **message);
int32_t tvt_arrow_pass_begin(
    tvt_arrow_file *file, const int32_t *columns, int32_t columnCount, tvt_arrow_pass **pass, char **message);
void tvt_arrow_pass_end(tvt_arrow_pass *pass);
int32_t tvt_arrow_next(tvt_arrow_pass *pass, struct ArrowArray *batch, char **message);

#ifdef __cplusplus
}
#endif
