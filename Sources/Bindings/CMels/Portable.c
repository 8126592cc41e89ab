#define CMELS_TARGET
#define CMELS_NAMED(name) name##Portable
#include "Kernel.h"
