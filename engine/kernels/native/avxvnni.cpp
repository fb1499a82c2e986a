// The kernels for AVX2 with AVX-VNNI, as Core CPUs have it from the 12th generation.
//
// No standard templates in this unit, for the reason given in avx2.cpp.
#include <immintrin.h>

#include "kernels.h"
#include "vectors_avx2.h"

namespace tern {
namespace {

// In two chains, as each instruction waits for the sum of the one before.
template <int kSteps>
inline __m256i dot_int4(const __m256i* weights, const uint8_t* x) {
  __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
#pragma GCC unroll 16
  for (int j = 0; j < 8; j += 2) {
    even = _mm256_dpbusd_avx_epi32(even, weights[j], broadcast4(x + 4 * j));
    odd = _mm256_dpbusd_avx_epi32(odd, weights[j + 1], broadcast4(x + 4 * j + 4));
  }
  const __m256i sum = _mm256_add_epi32(even, odd);
  return kSteps == 1 ? sum : _mm256_mullo_epi32(sum, _mm256_set1_epi32(kSteps));
}

// vpdpbusd wants one operand without sign: the weights, with 128 added (the exclusive or). What
// that adds to the sum, 128 times the sum of x, comes with the record.
inline __m256i int8_operand(__m256i weights) {
  return _mm256_xor_si256(weights, _mm256_set1_epi8(static_cast<char>(0x80)));
}

using Int8Inputs = __m256i;

inline Int8Inputs int8_inputs(const uint8_t* record, int64_t, int64_t at) {
  return broadcast4(record + at);
}

inline __m256i add_int8(__m256i sum, __m256i weights, Int8Inputs x) {
  return _mm256_dpbusd_avx_epi32(sum, weights, x);
}

inline int32_t int8_excess(const uint8_t* record, int64_t groups) {
  return int8_token_sum(record, groups);
}

}  // namespace
}  // namespace tern

#include "tiles_avx2.h"

namespace tern {

extern const Kernels kAvxVnniKernels = {
    "avx2_vnni",
    {{round_bf16, kBf16, 4},
     {round_int8, kInt8, 4},
     {round_int4<kInt4Middle>, kInt4, 4},
     {round_bf16, kBf16Rows, 4},
     {round_int4<kInt4HighMiddle>, kInt4High, 4}},
    interleave<interleave_group>,
    low_half_dot,
    &kAvx2Vectors,
};

}  // namespace tern
