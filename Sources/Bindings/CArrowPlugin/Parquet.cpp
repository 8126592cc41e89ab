#include "CArrowPlugin.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <arrow/c/bridge.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

namespace {

int32_t statusOf(const arrow::Status &status) {
    switch (status.code()) {
    case arrow::StatusCode::OK: return TVT_PARQUET_OK;
    case arrow::StatusCode::OutOfMemory:
    case arrow::StatusCode::CapacityError: return TVT_PARQUET_TOO_LARGE;
    // Arrow says "IOError" of a file that cannot be read and of bytes that it does not like; only the former has an errno.
    case arrow::StatusCode::IOError:
        return status.detail() && std::strcmp(status.detail()->type_id(), "arrow::ErrnoDetail") == 0 ? TVT_PARQUET_IO
                                                                                                    : TVT_PARQUET_BAD_DATA;
    default: return TVT_PARQUET_BAD_DATA;
    }
}

int32_t report(const std::string &text, int32_t status, char **message) {
    *message = strdup(text.c_str());
    return status;
}

/// Runs `body`, which returns an arrow::Status; nothing that it throws comes out.
template <typename Body> int32_t guarded(char **message, Body body) {
    try {
        arrow::Status status = body();
        return status.ok() ? TVT_PARQUET_OK : report(status.message(), statusOf(status), message);
    } catch (const parquet::ParquetStatusException &error) {
        return report(error.status().message(), statusOf(error.status()), message);
    } catch (const parquet::ParquetException &error) {
        return report(error.what(), TVT_PARQUET_BAD_DATA, message);
    } catch (const std::bad_alloc &) {
        return report("there is not enough memory", TVT_PARQUET_TOO_LARGE, message);
    } catch (const std::exception &error) {
        return report(error.what(), TVT_PARQUET_BUG, message);
    } catch (...) {
        return report("an unknown exception", TVT_PARQUET_BUG, message);
    }
}

/// What a file's readers and its batches stand on; the last of them takes it along.
struct Contents {
    // Counts what this file takes; the cap looks at the pool below it, and the process has one for all files.
    arrow::ProxyMemoryPool own{arrow::default_memory_pool()};
    arrow::CappedMemoryPool pool;
    std::unique_ptr<parquet::arrow::FileReader> reader;

    explicit Contents(int64_t memoryLimit) : pool(&own, memoryLimit) {}
};

void addLeaves(const parquet::arrow::SchemaField &field, std::vector<int> &leaves) {
    if (field.is_leaf()) leaves.push_back(field.column_index);
    for (const auto &child : field.children) addLeaves(child, leaves);
}

/// The rows of a batch, so that it has about `batchBytes` bytes by what the footer says of the columns.
int64_t rowsOfBatch(const parquet::FileMetaData &metadata, const std::vector<int> &leaves, int64_t batchBytes) {
    int64_t bytes = 0, rows = 0;
    for (int group = 0; group < metadata.num_row_groups(); group++) {
        auto rowGroup = metadata.RowGroup(group);
        rows += rowGroup->num_rows();
        for (int leaf : leaves) bytes += std::max<int64_t>(0, rowGroup->ColumnChunk(leaf)->total_uncompressed_size());
    }
    if (bytes <= 0 || rows <= 0) return 1024;
    return std::clamp<int64_t>(static_cast<int64_t>(double(batchBytes) * double(rows) / double(bytes)), 1, 65536);
}

/// A batch's release, which also lets go of the pool that its buffers came from.
struct HeldArray {
    ArrowArray array;
    std::shared_ptr<Contents> contents;
};

void releaseHeld(ArrowArray *array) {
    auto held = static_cast<HeldArray *>(array->private_data);
    held->array.release(&held->array);
    delete held;
    array->release = nullptr;
}

} // namespace

struct tvt_parquet_file {
    std::shared_ptr<Contents> contents;
};

struct tvt_parquet_pass {
    std::shared_ptr<Contents> contents;
    std::unique_ptr<arrow::RecordBatchReader> batches;
    // The order in which the caller wants the columns that the reader gives in the file's.
    std::vector<int> order;
};

extern "C" {

int32_t door_parquet_open(const char *path, int64_t memoryLimit, tvt_parquet_file **file, char **message) {
    return guarded(message, [&]() -> arrow::Status {
        auto contents = std::make_shared<Contents>(memoryLimit);
        parquet::ReaderProperties readerProperties(&contents->pool);
        // Reads a column through a buffer instead of taking a whole row group's share of it into memory.
        readerProperties.enable_buffered_stream();
        readerProperties.set_buffer_size(1 << 20);
        // No threads of Arrow's own: whoever reads has workers.
        parquet::ArrowReaderProperties properties(false);
        properties.set_pre_buffer(false);
        parquet::arrow::FileReaderBuilder builder;
        ARROW_RETURN_NOT_OK(builder.OpenFile(path, /*memory_map=*/false, readerProperties));
        builder.memory_pool(&contents->pool)->properties(properties);
        ARROW_RETURN_NOT_OK(builder.Build(&contents->reader));
        *file = new tvt_parquet_file{std::move(contents)};
        return arrow::Status::OK();
    });
}

void door_parquet_close(tvt_parquet_file *file) { delete file; }

int64_t door_parquet_row_count(const tvt_parquet_file *file) {
    // The footer's own sum is wrong in files of some writers.
    auto metadata = file->contents->reader->parquet_reader()->metadata();
    int64_t rows = 0;
    for (int group = 0; group < metadata->num_row_groups(); group++) rows += metadata->RowGroup(group)->num_rows();
    return rows;
}

int32_t door_parquet_schema(tvt_parquet_file *file, ArrowSchema *schema, char **message) {
    return guarded(message, [&]() -> arrow::Status {
        std::shared_ptr<arrow::Schema> found;
        ARROW_RETURN_NOT_OK(file->contents->reader->GetSchema(&found));
        return arrow::ExportSchema(*found, schema);
    });
}

int32_t door_parquet_pass_begin(
    tvt_parquet_file *file, const int32_t *columns, int32_t columnCount, int64_t batchBytes, tvt_parquet_pass **pass,
    char **message) {
    return guarded(message, [&]() -> arrow::Status {
        auto &reader = *file->contents->reader;
        const auto &fields = reader.manifest().schema_fields;
        std::vector<int> leaves;
        std::vector<int32_t> inFile(columns, columns + columnCount);
        std::sort(inFile.begin(), inFile.end());
        std::vector<int> order;
        for (int32_t index = 0; index < columnCount; index++) {
            if (columns[index] < 0 || size_t(columns[index]) >= fields.size()) {
                return arrow::Status::IndexError("there is no column ", columns[index]);
            }
            addLeaves(fields[columns[index]], leaves);
            order.push_back(int(std::lower_bound(inFile.begin(), inFile.end(), columns[index]) - inFile.begin()));
        }
        std::sort(leaves.begin(), leaves.end());
        auto metadata = reader.parquet_reader()->metadata();
        reader.set_batch_size(rowsOfBatch(*metadata, leaves, batchBytes));
        std::vector<int> groups(metadata->num_row_groups());
        for (size_t group = 0; group < groups.size(); group++) groups[group] = int(group);
        ARROW_ASSIGN_OR_RAISE(auto batches, reader.GetRecordBatchReader(groups, leaves));
        *pass = new tvt_parquet_pass{file->contents, std::move(batches), std::move(order)};
        return arrow::Status::OK();
    });
}

void door_parquet_pass_end(tvt_parquet_pass *pass) { delete pass; }

int32_t door_parquet_next(tvt_parquet_pass *pass, ArrowArray *batch, char **message) {
    batch->release = nullptr;
    return guarded(message, [&]() -> arrow::Status {
        std::shared_ptr<arrow::RecordBatch> next;
        ARROW_RETURN_NOT_OK(pass->batches->ReadNext(&next));
        if (!next) return arrow::Status::OK();
        ARROW_ASSIGN_OR_RAISE(next, next->SelectColumns(pass->order));
        ARROW_RETURN_NOT_OK(next->ValidateFull());
        auto held = std::make_unique<HeldArray>();
        held->contents = pass->contents;
        ARROW_RETURN_NOT_OK(arrow::ExportRecordBatch(*next, &held->array));
        *batch = held->array;
        batch->private_data = held.release();
        batch->release = releaseHeld;
        return arrow::Status::OK();
    });
}
}
