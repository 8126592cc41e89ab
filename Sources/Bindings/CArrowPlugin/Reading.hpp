// What the readers of Parquet and of Arrow's own files have in common.
#pragma once

#include "CArrowPlugin.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <arrow/c/bridge.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/status.h>
#include <parquet/exception.h>

namespace {

inline int32_t statusOf(const arrow::Status &status) {
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

inline int32_t report(const std::string &text, int32_t status, char **message) {
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

/// The memory that what is read of one file may take.
struct BoundedMemory {
    // Counts what this file takes; the cap looks at the pool below it, and the process has one for all files.
    arrow::ProxyMemoryPool own{arrow::default_memory_pool()};
    arrow::CappedMemoryPool pool;

    explicit BoundedMemory(int64_t memoryLimit) : pool(&own, memoryLimit) {}
};

/// A batch's release, which also lets go of the pool that its buffers came from.
struct HeldArray {
    ArrowArray array;
    std::shared_ptr<void> owner;
};

inline void releaseHeld(ArrowArray *array) {
    auto held = static_cast<HeldArray *>(array->private_data);
    held->array.release(&held->array);
    delete held;
    array->release = nullptr;
}

/// - owner: what the batch's buffers came from; lives as long as the batch.
inline arrow::Status exportBatch(const arrow::RecordBatch &batch, std::shared_ptr<void> owner, ArrowArray *array) {
    ARROW_RETURN_NOT_OK(batch.ValidateFull());
    auto held = std::make_unique<HeldArray>();
    held->owner = std::move(owner);
    ARROW_RETURN_NOT_OK(arrow::ExportRecordBatch(batch, &held->array));
    *array = held->array;
    array->private_data = held.release();
    array->release = releaseHeld;
    return arrow::Status::OK();
}

} // namespace
