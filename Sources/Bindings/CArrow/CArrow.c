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
    __typeof__(tvt_arrow_open) *arrow_open;
    __typeof__(tvt_arrow_close) *arrow_close;
    __typeof__(tvt_arrow_row_count) *arrow_row_count;
    __typeof__(tvt_arrow_schema) *arrow_schema;
    __typeof__(tvt_arrow_pass_begin) *arrow_pass_begin;
    __typeof__(tvt_arrow_pass_end) *arrow_pass_end;
    __typeof__(tvt_arrow_next) *arrow_next;
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
#define FIND_AS(name, symbol) \
    if (!(door.name = (__typeof__(door.name))dlsym(library, symbol))) { \
        failure = "libCArrowPlugin.so is of another build"; \
        return; \
    }
#define FIND(name) FIND_AS(name, "door_parquet_" #name)
    FIND(open)
    FIND(close)
    FIND(row_count)
    FIND(schema)
    FIND(pass_begin)
    FIND(pass_end)
    FIND(next)
#define FIND_ARROW(name) FIND_AS(arrow_##name, "door_arrow_" #name)
    FIND_ARROW(open)
    FIND_ARROW(close)
    FIND_ARROW(row_count)
    FIND_ARROW(schema)
    FIND_ARROW(pass_begin)
    FIND_ARROW(pass_end)
    FIND_ARROW(next)
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

int32_t tvt_arrow_open(const char *path, int64_t memoryLimit, tvt_arrow_file **file, char **message) {
    pthread_once(&once, load);
    if (!failure) return door.arrow_open(path, memoryLimit, file, message);
    *message = strdup(failure);
    return TVT_PARQUET_NOT_LOADED;
}

void tvt_arrow_close(tvt_arrow_file *file) { door.arrow_close(file); }

int64_t tvt_arrow_row_count(const tvt_arrow_file *file) { return door.arrow_row_count(file); }

int32_t tvt_arrow_schema(tvt_arrow_file *file, struct ArrowSchema *schema, char **message) {
    return door.arrow_schema(file, schema, message);
}

int32_t tvt_arrow_pass_begin(
    tvt_arrow_file *file, const int32_t *columns, int32_t columnCount, tvt_arrow_pass **pass, char **message) {
    return door.arrow_pass_begin(file, columns, columnCount, pass, message);
}

void tvt_arrow_pass_end(tvt_arrow_pass *pass) { door.arrow_pass_end(pass); }

int32_t tvt_arrow_next(tvt_arrow_pass *pass, struct ArrowArray *batch, char **message) {
    return door.arrow_next(pass, batch, message);
}
