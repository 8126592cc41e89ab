// Inlined so that XXH3 is compiled into its callers.
#define XXH_INLINE_ALL
#include <xxhash.h>
