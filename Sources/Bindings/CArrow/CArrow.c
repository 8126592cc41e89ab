#include "CArrow.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// Named like the functions here, but with "door_" for "tvt_", since both are in one process.
static struct {
    __typeof__(tvt_parquet_open) *open;
    __typeof__(tvt_parquet_close) *close;
    __typeof__(tvt_parquet_row_count) *row_count;
    __typeof__(tvt_parquet_schema) *schema;
    __typeof__(tvt_parquet_pass_begin) *pass_begin;
    __typeof__(tvt_parquet_pass_end) *pass_end;
    __typeof__(tvt_parquet_next) *next;
} door;

static pthread_once_t once = PTHREAD_ONCE_INIT;
/// NULL once all functions are found.
static const char *failure = "it was not loaded";

static void load(void) {
    // It lies beside the executable, where the run path of every tool leads.
    void *library = dlopen("libCArrowPlugin.so", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        failure = reason ? strdup(reason) : "no reason given";
        return;
    }
#define FIND(name) \
    if (!(door.name = (__typeof__(door.name))dlsym(library, "door_parquet_" #name))) { \
        failure = "libCArrowPlugin.so is of another build"; \
        return; \
    }
    FIND(open)
    FIND(close)
    FIND(row_count)
    FIND(schema)
    FIND(pass_begin)
    FIND(pass_end)
    FIND(next)
    failure = NULL;
}

void tvt_parquet_free_message(char *message) { free(message); }

int32_t tvt_parquet_open(const char *path, int64_t memoryLimit, tvt_parquet_file **file, char **message) {
    pthread_once(&once, load);
    if (!failure) return door.open(path, memoryLimit, file, message);
    *message = strdup(failure);
    return TVT_PARQUET_NOT_LOADED;
}

void tvt_parquet_close(tvt_parquet_file *file) { door.close(file); }

int64_t tvt_parquet_row_count(const tvt_parquet_file *file) { return door.row_count(file); }

int32_t tvt_parquet_schema(tvt_parquet_file *file, struct ArrowSchema *schema, char **message) {
    return door.schema(file, schema, message);
}

int32_t tvt_parquet_pass_begin(
    tvt_parquet_file *file, const int32_t *columns, int32_t columnCount, int64_t batchBytes, tvt_parquet_pass **pass,
    char **message) {
    return door.pass_begin(file, columns, columnCount, batchBytes, pass, message);
}

void tvt_parquet_pass_end(tvt_parquet_pass *pass) { door.pass_end(pass); }

int32_t tvt_parquet_next(tvt_parquet_pass *pass, struct ArrowArray *batch, char **message) {
    return door.next(pass, batch, message);
}
