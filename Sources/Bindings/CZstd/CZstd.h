// The fast-cover trainer is exported by the library but declared only for those who ask.
#define ZDICT_STATIC_LINKING_ONLY
#include <zdict.h>
#include <zstd.h>
