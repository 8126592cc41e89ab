#include "CArrowPlugin.h"
#include "Reading.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <arrow/buffer.h>
#include <arrow/io/file.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/type.h>

namespace {

/// One reader over a file or a stream, whichever it is.
struct Reader : BoundedMemory {
    std::shared_ptr<arrow::io::MemoryMappedFile> bytes;
    std::shared_ptr<arrow::ipc::RecordBatchFileReader> file;
    std::shared_ptr<arrow::ipc::RecordBatchStreamReader> stream;
    int nextBatch = 0;

    using BoundedMemory::BoundedMemory;

    /// - columns: positions in the schema, in its order; empty for all.
    arrow::Status open(const std::string &path, const std::vector<int> &columns) {
        // Mapped: buffers that are not compressed are read where they lie, however large a batch is.
        ARROW_ASSIGN_OR_RAISE(bytes, arrow::io::MemoryMappedFile::Open(path, arrow::io::FileMode::READ));
        auto options = arrow::ipc::IpcReadOptions::Defaults();
        options.memory_pool = &pool;
        options.use_threads = false;
        options.included_fields = columns;
        options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
        ARROW_ASSIGN_OR_RAISE(auto head, bytes->ReadAt(0, 6));
        if (head->size() == 6 && std::memcmp(head->data(), "ARROW1", 6) == 0) {
            return arrow::ipc::RecordBatchFileReader::Open(bytes, options).Value(&file);
        }
        ARROW_RETURN_NOT_OK(bytes->Seek(0));
        return arrow::ipc::RecordBatchStreamReader::Open(bytes, options).Value(&stream);
    }

    std::shared_ptr<arrow::Schema> schema() const { return file ? file->schema() : stream->schema(); }

    arrow::Status next(std::shared_ptr<arrow::RecordBatch> *batch) {
        if (stream) {
            ARROW_RETURN_NOT_OK(stream->ReadNext(batch));
            return *batch ? arrow::Status::OK() : checkEnd();
        }
        if (nextBatch == file->num_record_batches()) return arrow::Status::OK();
        return file->ReadRecordBatch(nextBatch++).Value(batch);
    }

    /// Writers end a stream with a message of no bytes; one that was cut off between two batches looks whole otherwise.
    arrow::Status checkEnd() {
        ARROW_ASSIGN_OR_RAISE(int64_t size, bytes->GetSize());
        ARROW_ASSIGN_OR_RAISE(auto end, bytes->ReadAt(std::max<int64_t>(0, size - 8), 8));
        const uint8_t mark[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
        if (end->size() == 8 && std::memcmp(end->data(), mark, 8) == 0) return arrow::Status::OK();
        return arrow::Status::Invalid("the stream does not end as streams do: it was cut off, or its writer did not finish");
    }
};

} // namespace

struct tvt_arrow_file {
    std::string path;
    int64_t memoryLimit;
    std::shared_ptr<Reader> reader;
    int64_t rowCount;
};

struct tvt_arrow_pass {
    std::shared_ptr<Reader> reader;
    // The order in which the caller wants the columns that the reader gives in the schema's.
    std::vector<int> order;
};

extern "C" {

int32_t door_arrow_open(const char *path, int64_t memoryLimit, tvt_arrow_file **file, char **message) {
    return guarded(message, [&]() -> arrow::Status {
        auto reader = std::make_shared<Reader>(memoryLimit);
        ARROW_RETURN_NOT_OK(reader->open(path, {}));
        int64_t rowCount = -1;
        if (reader->file) ARROW_RETURN_NOT_OK(reader->file->CountRows().Value(&rowCount));
        *file = new tvt_arrow_file{path, memoryLimit, std::move(reader), rowCount};
        return arrow::Status::OK();
    });
}

void door_arrow_close(tvt_arrow_file *file) { delete file; }

int64_t door_arrow_row_count(const tvt_arrow_file *file) { return file->rowCount; }

int32_t door_arrow_schema(tvt_arrow_file *file, ArrowSchema *schema, char **message) {
    return guarded(message, [&]() -> arrow::Status { return arrow::ExportSchema(*file->reader->schema(), schema); });
}

int32_t door_arrow_pass_begin(
    tvt_arrow_file *file, const int32_t *columns, int32_t columnCount, tvt_arrow_pass **pass, char **message) {
    return guarded(message, [&]() -> arrow::Status {
        std::vector<int> inFile(columns, columns + columnCount);
        std::sort(inFile.begin(), inFile.end());
        std::vector<int> order;
        for (int32_t index = 0; index < columnCount; index++) {
            if (columns[index] < 0 || columns[index] >= file->reader->schema()->num_fields()) {
                return arrow::Status::IndexError("there is no column ", columns[index]);
            }
            order.push_back(int(std::lower_bound(inFile.begin(), inFile.end(), columns[index]) - inFile.begin()));
        }
        auto reader = std::make_shared<Reader>(file->memoryLimit);
        ARROW_RETURN_NOT_OK(reader->open(file->path, inFile));
        *pass = new tvt_arrow_pass{std::move(reader), std::move(order)};
        return arrow::Status::OK();
    });
}

void door_arrow_pass_end(tvt_arrow_pass *pass) { delete pass; }

int32_t door_arrow_next(tvt_arrow_pass *pass, ArrowArray *batch, char **message) {
    batch->release = nullptr;
    return guarded(message, [&]() -> arrow::Status {
        std::shared_ptr<arrow::RecordBatch> next;
        ARROW_RETURN_NOT_OK(pass->reader->next(&next));
        if (!next) return arrow::Status::OK();
        ARROW_ASSIGN_OR_RAISE(next, next->SelectColumns(pass->order));
        return exportBatch(*next, pass->reader, batch);
    });
}
}
