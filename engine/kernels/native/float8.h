// The scales of int4 groups: 8-bit floats with a sign, 2 bits of exponent and 5 of mantissa, times a
// power of two that the scales of a row share.
//
// A byte's bits, moved into those of a float16, are a number below 2^-11 (subnormal where its
// exponent is 0): so the conversion is float16's. A scale makes the grid to which weights are
// rounded, so that one of few digits costs hardly anything if it is rounded before they are.
//
// Everything here is `static`, for the reason given in half.h.
#pragma once

#include <cstdint>

#include "half.h"

namespace tern {

// The exponent of a row with a scale that is not finite: its products are not finite, either.
constexpr int8_t kNotFinite = -128;

static inline float float_of_float8(uint8_t bits) {
  return float_of_half(static_cast<uint16_t>((bits & 0x80) << 8 | (bits & 0x7f) << 5));
}

// 2^exponent; minus infinity for kNotFinite.
static inline float power_of_two(int8_t exponent) {
  return float_of_bits(static_cast<uint32_t>(exponent + 127) << 23);
}

}  // namespace tern
