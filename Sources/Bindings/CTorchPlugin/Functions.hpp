// Elementary functions in float32 without branches, so that loops over them become vector code.
#pragma once
#include "Parallel.hpp"

#include <bit>
#include <cmath>

namespace ctorch {

/// eˣ to 1e-7 of its value, of x cut to [−87, 88]; NaN stays NaN.
CTORCH_BODY float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    // Adding 1.5·2²³ rounds to an integer, which then stands in the low bits.
    const float rounded = x * 1.44269504f + 12582912.0f;
    const float n = rounded - 12582912.0f;
    // ln 2 in two parts: the first has few enough bits that n times it is exact.
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    // Least-squares fit, reweighted towards the least largest error, of (eʳ − 1 − r) / r²; |r| ≤ ln 2 / 2.
    const float tail = 0.49999993f + r * (0.16666521f + r * (0.041668388f + r * (0.0083687169f + r * 0.0013814598f)));
    const float power = 1.0f + (r + r * r * tail);
    return power * std::bit_cast<float>((std::bit_cast<int32_t>(rounded) - 0x4B400000 + 127) << 23);
}

/// The probability that a standard normal variable is below x, to 2e-7 of its value also where it is small.
///
/// `½·erfc(u/√2) = e^(−u²/2)·t·p(t)` with t = 1 / (1 + 0.35u), u = |x|; p is a fit as above.
CTORCH_BODY float normalBelow(float x) {
    const float u = std::fabs(x);
    const float t = 1.0f / (1.0f + 0.35f * u);
    float p = -0.0291456662f;
    p = p * t + 0.143970549f;
    p = p * t - 0.255712158f;
    p = p * t + 0.159172075f;
    p = p * t - 0.0231086058f;
    p = p * t + 0.105507568f;
    p = p * t + 0.119832958f;
    p = p * t + 0.13986186f;
    p = p * t + 0.139621405f;
    const float above = exponential(-0.5f * u * u) * t * p;
    return x >= 0 ? 1.0f - above : above;
}

CTORCH_BODY float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

struct Silu {
    CTORCH_BODY float of(float x) { return x * sigmoid(x); }
};
struct GeluErf {
    CTORCH_BODY float of(float x) { return x * normalBelow(x); }
};
struct GeluTanh {
    /// ½(1 + tanh z) = σ(2z).
    CTORCH_BODY float of(float x) { return x * sigmoid(1.59576912f * (x + 0.044715f * x * x * x)); }
};
struct Relu {
    CTORCH_BODY float of(float x) { return x < 0 ? 0 : x; }
};

}  // namespace ctorch
