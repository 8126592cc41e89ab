#include "CArrowPlugin.h"
#include "Reading.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <arrow/c/bridge.h>
#include <arrow/record_batch.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

namespace {

/// What a file's readers and its batches stand on; the last of them takes it along.
struct Contents : BoundedMemory {
    std::unique_ptr<parquet::arrow::FileReader> reader;

    using BoundedMemory::BoundedMemory;
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
        return exportBatch(*next, pass->contents, batch);
    });
}
}
