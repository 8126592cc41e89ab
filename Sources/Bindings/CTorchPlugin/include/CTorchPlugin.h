// The functions that this library has are those of CTorch.h.
#pragma once
#include "../../CTorch/include/CTorch.h"
