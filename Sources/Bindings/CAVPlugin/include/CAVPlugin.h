// The functions that this library has are those of CAV.h.
#pragma once
#include "../../CAV/include/CAV.h"
