// Compiled once for each kind of processor, which is named by CMELS_TARGET and CMELS_NAMED.
#include "Plan.h"

#include <math.h>
#include <string.h>

#define BODY static inline __attribute__((CMELS_TARGET always_inline))
#define KERNEL __attribute__((CMELS_TARGET visibility("hidden")))

// All that takes or returns vectors is inlined.
#pragma GCC diagnostic ignored "-Wpsabi"

typedef int32_t Bits __attribute__((vector_size(4 * CMELS_LANES)));

BODY Lanes load(const float *numbers) {
    Lanes lanes;
    memcpy(&lanes, numbers, sizeof lanes);
    return lanes;
}

BODY void store(Lanes lanes, float *numbers) { memcpy(numbers, &lanes, sizeof lanes); }

BODY Lanes all(float number) {
    return (Lanes){number, number, number, number, number, number, number, number};
}

/// The larger ones; those of `other` where one is no number.
BODY Lanes larger(Lanes one, Lanes other) {
    const Bits isLarger = one > other;
    return (Lanes)(((Bits)one & isLarger) | ((Bits)other & ~isLarger));
}

// MARK: - Pieces

/// Columns of eight numbers in eight rows.
BODY void transpose(Lanes rows[CMELS_LANES]) {
    Lanes pairs[8], quads[8];
    for (int row = 0; row < 8; row += 2) {
        pairs[row] = __builtin_shufflevector(rows[row], rows[row + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        pairs[row + 1] = __builtin_shufflevector(rows[row], rows[row + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int row = 0; row < 8; row += 4) {
        for (int part = 0; part < 2; part++) {
            const Lanes upper = pairs[row + part], lower = pairs[row + 2 + part];
            quads[row + 2 * part] = __builtin_shufflevector(upper, lower, 0, 1, 8, 9, 4, 5, 12, 13);
            quads[row + 2 * part + 1] = __builtin_shufflevector(upper, lower, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
    for (int row = 0; row < 4; row++) {
        rows[row] = __builtin_shufflevector(quads[row], quads[row + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        rows[row + 4] = __builtin_shufflevector(quads[row], quads[row + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

/// Pieces under the window, two numbers of each as a complex one.
BODY void takePieces(const cmels_plan *plan, const float *signal, size_t hop, Pair *pairs) {
    Lanes *numbers = (Lanes *)pairs;
    size_t index = 0;
    for (; index + CMELS_LANES <= plan->length; index += CMELS_LANES) {
        Lanes rows[CMELS_LANES];
        for (int lane = 0; lane < CMELS_LANES; lane++) rows[lane] = load(signal + (size_t)lane * hop + index);
        transpose(rows);
        for (int part = 0; part < CMELS_LANES; part++) {
            numbers[index + part] = rows[part] * all(plan->window[index + part]);
        }
    }
    for (; index < plan->length; index++) {
        Lanes column;
        for (int lane = 0; lane < CMELS_LANES; lane++) column[lane] = signal[(size_t)lane * hop + index];
        numbers[index] = column * all(plan->window[index]);
    }
}

// MARK: - Transform

BODY Pair sum(Pair one, Pair other) {
    return (Pair){one.real + other.real, one.imaginary + other.imaginary};
}

BODY Pair difference(Pair one, Pair other) {
    return (Pair){one.real - other.real, one.imaginary - other.imaginary};
}

BODY Pair scaled(Pair pair, float scale) {
    return (Pair){pair.real * all(scale), pair.imaginary * all(scale)};
}

/// Turned by a quarter, as the transform turns: `-i · pair`.
BODY Pair quarter(Pair pair) { return (Pair){pair.imaginary, -pair.real}; }

BODY Pair turned(Pair pair, Factor factor) {
    const Lanes real = all(factor.real), imaginary = all(factor.imaginary);
    return (Pair){
        pair.real * real - pair.imaginary * imaginary, pair.real * imaginary + pair.imaginary * real};
}

BODY void transform2(const Pair in[2], Pair out[2]) {
    out[0] = sum(in[0], in[1]);
    out[1] = difference(in[0], in[1]);
}

BODY void transform3(const Pair in[3], Pair out[3]) {
    const Pair both = sum(in[1], in[2]);
    const Pair middle = difference(in[0], scaled(both, 0.5f));
    const Pair across = quarter(scaled(difference(in[1], in[2]), 0.866025404f));
    out[0] = sum(in[0], both);
    out[1] = sum(middle, across);
    out[2] = difference(middle, across);
}

BODY void transform4(const Pair in[4], Pair out[4]) {
    const Pair even = sum(in[0], in[2]), odd = sum(in[1], in[3]);
    const Pair evenAcross = difference(in[0], in[2]), oddAcross = quarter(difference(in[1], in[3]));
    out[0] = sum(even, odd);
    out[1] = sum(evenAcross, oddAcross);
    out[2] = difference(even, odd);
    out[3] = difference(evenAcross, oddAcross);
}

BODY void transform5(const Pair in[5], Pair out[5]) {
    // Cosines and sines of one and of two fifths.
    const float cosine1 = 0.309016994f, cosine2 = -0.809016994f, sine1 = 0.951056516f, sine2 = 0.587785252f;
    const Pair outer = sum(in[1], in[4]), inner = sum(in[2], in[3]);
    const Pair outerAcross = difference(in[1], in[4]), innerAcross = difference(in[2], in[3]);
    const Pair first = sum(in[0], sum(scaled(outer, cosine1), scaled(inner, cosine2)));
    const Pair second = sum(in[0], sum(scaled(outer, cosine2), scaled(inner, cosine1)));
    const Pair firstAcross = quarter(sum(scaled(outerAcross, sine1), scaled(innerAcross, sine2)));
    const Pair secondAcross = quarter(difference(scaled(outerAcross, sine2), scaled(innerAcross, sine1)));
    out[0] = sum(in[0], sum(outer, inner));
    out[1] = sum(first, firstAcross);
    out[2] = sum(second, secondAcross);
    out[3] = difference(second, secondAcross);
    out[4] = difference(first, firstAcross);
}

/// A pass of Stockham's transform, which leaves numbers in their order.
///
/// - radix: known where it is compiled.
/// - done: the product of the radices before.
BODY void takePass(const Pass *pass, size_t radix, size_t done, const Pair *in, Pair *out) {
    const size_t step = done * pass->rest;
    for (size_t group = 0; group < pass->rest; group++) {
        const Factor *turns = pass->turns + group * (radix - 1);
        for (size_t index = 0; index < done; index++) {
            const Pair *from = in + group * done + index;
            Pair *to = out + group * done * radix + index;
            Pair taken[5], made[5];
            for (size_t part = 0; part < radix; part++) taken[part] = from[part * step];
            switch (radix) {
            case 2: transform2(taken, made); break;
            case 3: transform3(taken, made); break;
            case 4: transform4(taken, made); break;
            default: transform5(taken, made); break;
            }
            to[0] = made[0];
            for (size_t part = 1; part < radix; part++) to[part * done] = turned(made[part], turns[part - 1]);
        }
    }
}

/// The same of any radix, by its definition.
BODY void takeOddPass(const Pass *pass, size_t done, const Pair *in, Pair *out) {
    const size_t step = done * pass->rest, radix = pass->radix;
    for (size_t group = 0; group < pass->rest; group++) {
        const Factor *turns = pass->turns + group * (radix - 1);
        for (size_t index = 0; index < done; index++) {
            const Pair *from = in + group * done + index;
            Pair *to = out + group * done * radix + index;
            for (size_t result = 0; result < radix; result++) {
                Pair made = from[0];
                for (size_t part = 1; part < radix; part++) {
                    made = sum(made, turned(from[part * step], pass->roots[part * result % radix]));
                }
                to[result * done] = result == 0 ? made : turned(made, turns[result - 1]);
            }
        }
    }
}

/// - Returns: which of the plan's two holds the result.
BODY int transform(cmels_plan *plan) {
    size_t done = 1;
    int side = 0;
    for (size_t number = 0; number < plan->passCount; number++) {
        const Pass *pass = &plan->passes[number];
        const Pair *in = plan->pairs[side];
        Pair *out = plan->pairs[1 - side];
        switch (pass->radix) {
        case 2: takePass(pass, 2, done, in, out); break;
        case 3: takePass(pass, 3, done, in, out); break;
        case 4: takePass(pass, 4, done, in, out); break;
        case 5: takePass(pass, 5, done, in, out); break;
        default: takeOddPass(pass, done, in, out); break;
        }
        done *= pass->radix;
        side = 1 - side;
    }
    return side;
}

BODY Lanes square(Lanes real, Lanes imaginary) { return real * real + imaginary * imaginary; }

/// Power of the real pieces, of which even and odd numbers were transformed together.
BODY void takePower(const cmels_plan *plan, const Pair *pairs, Lanes *power) {
    const size_t half = plan->half;
    const Lanes first = (pairs[0].real + pairs[0].imaginary) * all(2);
    const Lanes last = (pairs[0].real - pairs[0].imaginary) * all(2);
    power[0] = first * first;
    power[half] = last * last;
    for (size_t bin = 1; bin <= half / 2; bin++) {
        const Pair one = pairs[bin], other = pairs[half - bin];
        const Pair even = {one.real + other.real, one.imaginary - other.imaginary};
        const Pair odd = turned(
            (Pair){one.imaginary + other.imaginary, other.real - one.real}, plan->ends[bin]);
        power[bin] = square(even.real + odd.real, even.imaginary + odd.imaginary);
        power[half - bin] = square(even.real - odd.real, even.imaginary - odd.imaginary);
    }
}

// MARK: - Mels

KERNEL bool CMELS_NAMED(compute)(
    cmels_plan *plan, const float *signal, size_t hop, size_t frameCount, size_t keptCount, float *mels, size_t stride,
    float *largest) {
    Lanes top = all(0), wrong = all(0);
    for (size_t frame = 0; frame < frameCount; frame += CMELS_LANES) {
        // The last ones are computed from the end, some of them twice.
        const size_t start = frame + CMELS_LANES <= frameCount || frame == 0 ? frame : frameCount - CMELS_LANES;
        takePieces(plan, signal + start * hop, hop, plan->pairs[0]);
        const int side = transform(plan);
        takePower(plan, plan->pairs[side], plan->power);
        const size_t count = frameCount - start < CMELS_LANES ? frameCount - start : CMELS_LANES;
        const size_t kept = keptCount <= start ? 0 : keptCount - start < count ? keptCount - start : count;
        for (size_t mel = 0; mel < plan->melCount; mel++) {
            const Filter *filter = &plan->filters[mel];
            const Lanes *power = plan->power + filter->first;
            Lanes gathered = all(0);
            for (size_t tap = 0; tap < filter->count; tap++) gathered += power[tap] * all(filter->weights[tap]);
            // What is no finite number makes one that is not 0.
            wrong += gathered - gathered;
            if (count < CMELS_LANES) {
                for (size_t lane = count; lane < CMELS_LANES; lane++) gathered[lane] = 0;
            }
            top = larger(gathered, top);
            float *row = mels + mel * stride + start;
            if (kept == CMELS_LANES) {
                store(gathered, row);
            } else {
                for (size_t lane = 0; lane < kept; lane++) row[lane] = gathered[lane];
            }
        }
    }
    float found = 0;
    for (int lane = 0; lane < CMELS_LANES; lane++) {
        if (wrong[lane] != 0) return false;
        if (top[lane] > found) found = top[lane];
    }
    *largest = found;
    return true;
}

// MARK: - Logarithms

/// Natural logarithms of normal numbers above 0: of 2^exponent · (1 + x), where 1 + x is from √½ to √2.
///
/// Source: the polynomial of Cephes' `logf`.
BODY Lanes logarithm(Lanes numbers) {
    const Bits bits = (Bits)numbers;
    const Bits exponents = (bits - 0x3F3504F3) >> 23;
    const Lanes x = (Lanes)(bits - (exponents << 23)) - all(1);
    const Lanes exponent = __builtin_convertvector(exponents, Lanes);
    Lanes sum = all(7.0376836292E-2f);
    sum = sum * x - all(1.1514610310E-1f);
    sum = sum * x + all(1.1676998740E-1f);
    sum = sum * x - all(1.2420140846E-1f);
    sum = sum * x + all(1.4249322787E-1f);
    sum = sum * x - all(1.6668057665E-1f);
    sum = sum * x + all(2.0000714765E-1f);
    sum = sum * x - all(2.4999993993E-1f);
    sum = sum * x + all(3.3333331174E-1f);
    const Lanes squared = x * x;
    // ln 2 in two parts, of which the first times an exponent is exact.
    sum = sum * x * squared + exponent * all(-2.12194440E-4f) - squared * all(0.5f);
    return x + sum + exponent * all(0.693359375f);
}

KERNEL void CMELS_NAMED(logarithms)(float *numbers, size_t count, float smallest, float scale, float shift) {
    const float factor = (float)((double)scale / M_LN10);
    size_t index = 0;
    for (; index + CMELS_LANES <= count; index += CMELS_LANES) {
        const Lanes cut = larger(load(numbers + index), all(smallest));
        store(logarithm(cut) * all(factor) + all(shift), numbers + index);
    }
    float rest[CMELS_LANES];
    for (int lane = 0; lane < CMELS_LANES; lane++) rest[lane] = smallest;
    memcpy(rest, numbers + index, (count - index) * sizeof *rest);
    store(logarithm(larger(load(rest), all(smallest))) * all(factor) + all(shift), rest);
    memcpy(numbers + index, rest, (count - index) * sizeof *rest);
}
