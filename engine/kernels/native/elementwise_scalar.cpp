// The vector kernels in plain C++, for any CPU: a "vector" of one float.
#include <cmath>

#include "attention_kernels.h"
#include "elementwise.h"
#include "half.h"

namespace tern {
namespace {

// Round to nearest, ties to even. A magnitude beyond float16's becomes infinity.
uint16_t half_of_float(float x) {
  const uint32_t bits = bits_of_float(x);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const float magnitude = std::fabs(x);
  if (std::isnan(x)) return sign | 0x7e00u;
  if (magnitude >= 65520.0f) return sign | 0x7c00u;
  if (magnitude < 0x1p-14f) {  // subnormal: in units of 2^-24, rounded by the current mode
    return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f));
  }
  const uint32_t even = bits >> 13 & 1u;
  const uint32_t rounded = (bits & 0x7fffffffu) + 0xfffu + even;
  return sign | static_cast<uint16_t>((rounded >> 13) - (112u << 10));
}

struct Scalar {
  using Register = float;
  static constexpr int64_t kLanes = 1;
  static constexpr int kTileRows = 4;
  static constexpr int kTileVectors = 4;

  static Register zero() { return 0.0f; }
  static Register broadcast(float x) { return x; }
  static Register load(const float* x) { return *x; }
  static void store(Register x, float* y) { *y = x; }
  static Register load_half(const uint16_t* x) { return float_of_half(*x); }
  static void store_half(Register x, uint16_t* y) { *y = half_of_float(x); }
  static Register add(Register a, Register b) { return a + b; }
  static Register subtract(Register a, Register b) { return a - b; }
  static Register multiply(Register a, Register b) { return a * b; }
  static Register divide(Register a, Register b) { return a / b; }
  static Register fma(Register a, Register b, Register c) { return a * b + c; }
  static Register minimum(Register a, Register b) { return a < b ? a : b; }
  static Register maximum(Register a, Register b) { return a > b ? a : b; }
  static Register round(Register x) { return std::nearbyint(x); }
  static Register exponential2(Register n) {
    return float_of_bits(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
  }
  static float sum(Register x) { return x; }
  static float largest(Register x) { return x; }
};

}  // namespace

const VectorKernels kScalarVectors = kernels_over<Scalar>("scalar");

}  // namespace tern
