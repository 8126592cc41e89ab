#include "CFamilies.h"

// Made by the linker, where there are such sections.
extern const CFamiliesEntry __start_tvt_families[] __attribute__((weak, visibility("hidden")));
extern const CFamiliesEntry __stop_tvt_families[] __attribute__((weak, visibility("hidden")));
extern const CFamiliesEntry __start_tvt_towers[] __attribute__((weak, visibility("hidden")));
extern const CFamiliesEntry __stop_tvt_towers[] __attribute__((weak, visibility("hidden")));

size_t cfamilies_count(void) { return (size_t)(__stop_tvt_families - __start_tvt_families); }

CFamiliesEntry cfamilies_entry(size_t index) { return __start_tvt_families[index]; }

size_t ctowers_count(void) { return (size_t)(__stop_tvt_towers - __start_tvt_towers); }

CFamiliesEntry ctowers_entry(size_t index) { return __start_tvt_towers[index]; }
