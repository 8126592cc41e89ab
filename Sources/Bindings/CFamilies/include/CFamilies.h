/// The entries of the sections `tvt_families` and `tvt_towers` of this program or library.
#pragma once
#include <stddef.h>

/// Writes a family, or a kind of towers, to `out`, whose type is the writer's and the reader's affair.
typedef void (*CFamiliesEntry)(void *out);

size_t cfamilies_count(void);
/// `index` below the count.
CFamiliesEntry cfamilies_entry(size_t index);

size_t ctowers_count(void);
/// `index` below the count.
CFamiliesEntry ctowers_entry(size_t index);
