/// The entries of the section `tvt_families` of this program or library.
#pragma once
#include <stddef.h>

/// Writes a family to `out`, whose type is the writer's and the reader's affair.
typedef void (*CFamiliesEntry)(void *out);

size_t cfamilies_count(void);
/// `index` below the count.
CFamiliesEntry cfamilies_entry(size_t index);
