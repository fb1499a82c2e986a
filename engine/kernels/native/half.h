// float16 and bfloat16 as bits, in plain arithmetic.
//
// Everything here is `static`: units compiled for different instruction sets include this header,
// and a function shared between them could carry one unit's instructions into the others.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern {

static inline float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static inline uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static inline float float_of_bf16(uint16_t bits) {
  return float_of_bits(static_cast<uint32_t>(bits) << 16);
}

// The value at any address.
static inline float bf16_at(const void* address) {
  uint16_t bits;
  memcpy(&bits, address, sizeof(bits));
  return float_of_bf16(bits);
}

// Rounds to nearest, ties to even; a NaN stays one.
static inline uint16_t bf16_of_float(float value) {
  const uint32_t bits = bits_of_float(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline float float_of_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = half >> 10 & 0x1fu;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exactly
    return float_of_bits(bits_of_float(static_cast<float>(mantissa) * 0x1p-24f) | sign);
  }
  const uint32_t wide = exponent == 0x1fu ? 0xffu : exponent + 112;
  return float_of_bits(sign | wide << 23 | mantissa << 13);
}

}  // namespace tern
