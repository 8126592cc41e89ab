// The functions that this library has are those of CArrow.h.
#pragma once
#include "../../CArrow/include/CArrow.h"
