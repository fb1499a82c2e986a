// The kernels for AVX2 (with FMA and F16C).
//
// No standard templates in this unit: the linker keeps one copy of a shared template, and it could
// keep the one compiled here, for machines that cannot execute it.
#include <immintrin.h>

#include "kernels.h"
#include "vectors_avx2.h"

namespace tern {
namespace {

// kSteps times sums of 32 products for 8 rows. In 16 bits there is room for 8 pairs: 8 * 2 * 15 * 128 < 2^15.
template <int kSteps>
inline __m256i dot_int4(const __m256i* weights, const uint8_t* x) {
  __m256i sum = _mm256_maddubs_epi16(weights[0], broadcast4(x));
#pragma GCC unroll 16
  for (int j = 1; j < 8; ++j) {
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights[j], broadcast4(x + 4 * j)));
  }
  return _mm256_madd_epi16(sum, _mm256_set1_epi16(kSteps));
}

inline __m256i int8_operand(__m256i weights) { return weights; }

struct Int8Inputs {
  __m256i codes, magnitudes;
};

inline Int8Inputs int8_inputs(const uint8_t* record, int64_t groups, int64_t at) {
  return {broadcast4(record + at), broadcast4(int8_magnitudes(record, groups) + at)};
}

// maddubs wants one operand without sign, so that of x is moved onto the weight: 2 * 128 * 127
// fits into 16 bits, so nothing saturates.
inline __m256i add_int8(__m256i sum, __m256i weights, const Int8Inputs& x) {
  const __m256i pairs =
      _mm256_maddubs_epi16(x.magnitudes, _mm256_sign_epi8(weights, x.codes));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

inline int32_t int8_excess(const uint8_t*, int64_t) { return 0; }

}  // namespace
}  // namespace tern

#include "tiles_avx2.h"

namespace tern {

extern const Kernels kAvx2Kernels = {
    "avx2",
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
