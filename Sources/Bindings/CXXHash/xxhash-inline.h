// XXH3 inlined into its callers. The library's inline build hides its names behind macros, which Swift does not see.
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t tvt_xxh3_64(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}
static inline XXH128_hash_t tvt_xxh3_128(const void *bytes, size_t count) { return XXH3_128bits(bytes, count); }
// The streaming state is over-aligned, so Swift sees it through this opaque name.
typedef struct tvt_xxh3_state tvt_xxh3_state;
static inline tvt_xxh3_state *tvt_xxh3_new(void) { return (tvt_xxh3_state *)XXH3_createState(); }
static inline void tvt_xxh3_free(tvt_xxh3_state *state) { XXH3_freeState((XXH3_state_t *)state); }
static inline void tvt_xxh3_128_reset(tvt_xxh3_state *state) { XXH3_128bits_reset((XXH3_state_t *)state); }
static inline void tvt_xxh3_128_update(tvt_xxh3_state *state, const void *bytes, size_t count) {
    XXH3_128bits_update((XXH3_state_t *)state, bytes, count);
}
static inline XXH128_hash_t tvt_xxh3_128_digest(const tvt_xxh3_state *state) {
    return XXH3_128bits_digest((const XXH3_state_t *)state);
}
// XXH64 is the checksum inside zstd's frames.
typedef struct tvt_xxh64_state tvt_xxh64_state;
static inline tvt_xxh64_state *tvt_xxh64_new(void) { return (tvt_xxh64_state *)XXH64_createState(); }
static inline void tvt_xxh64_free(tvt_xxh64_state *state) { XXH64_freeState((XXH64_state_t *)state); }
static inline void tvt_xxh64_reset(tvt_xxh64_state *state) { XXH64_reset((XXH64_state_t *)state, 0); }
static inline void tvt_xxh64_update(tvt_xxh64_state *state, const void *bytes, size_t count) {
    XXH64_update((XXH64_state_t *)state, bytes, count);
}
static inline uint64_t tvt_xxh64_digest(const tvt_xxh64_state *state) {
    return XXH64_digest((const XXH64_state_t *)state);
}
static inline uint64_t tvt_xxh64(const void *bytes, size_t count) { return XXH64(bytes, count, 0); }
