// int4's scales with AVX2, and the product of a row's low halves, for the AVX2 unit and those above.
//
// Everything here is `static`, for the reason given in half.h.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "kernels.h"

namespace tern {

// float8.h's numbers, widened with their sign to 16 bits -> those of float16.
static inline __m128i half_of_float8(__m128i bytes) {
  return _mm_and_si128(_mm_slli_epi16(bytes, 5), _mm_set1_epi16(static_cast<short>(0x8fe0)));
}

// Eight partial sums of a group's products. maddubs wants one operand without sign, so that of a
// weight, 2 * code - 3, is moved onto x.
static inline __m256i low_half_sums(const uint8_t* codes, const uint8_t* x) {
  int64_t bits;
  memcpy(&bits, codes, sizeof(bits));
  const __m256i shifted =
      _mm256_srlv_epi64(_mm256_set1_epi64x(bits), _mm256_setr_epi64x(0, 2, 4, 6));
  const __m256i code = _mm256_and_si256(shifted, _mm256_set1_epi8(3));
  const __m256i weight = _mm256_sub_epi8(_mm256_add_epi8(code, code), _mm256_set1_epi8(3));
  const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  const __m256i pairs =
      _mm256_maddubs_epi16(_mm256_abs_epi8(weight), _mm256_sign_epi8(values, weight));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static float low_half_dot(const uint8_t* row, int64_t groups, const uint8_t* record) {
  constexpr int64_t kStep = 8;
  const uint8_t* scales = row + groups * kLowHalfBytes;
  const float* token_scales = int4_token_scales(record, groups);
  __m256 total = _mm256_setzero_ps();
  for (int64_t start = 0; start < groups; start += kStep) {
    const int64_t count = groups - start < kStep ? groups - start : kStep;
    uint8_t own[kStep] = {};
    alignas(32) float factors[kStep] = {};
    memcpy(own, scales + start, static_cast<size_t>(count));
    memcpy(factors, token_scales + start, static_cast<size_t>(count) * sizeof(float));
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(own));
    const __m256 scale = _mm256_cvtph_ps(half_of_float8(_mm_cvtepi8_epi16(bytes)));
    _mm256_store_ps(factors, _mm256_mul_ps(scale, _mm256_load_ps(factors)));
    for (int64_t i = 0; i < count; ++i) {
      const __m256i sums = low_half_sums(row + (start + i) * kLowHalfBytes,
                                         record + (start + i) * kGroup);
      total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), _mm256_broadcast_ss(factors + i), total);
    }
  }
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(total), _mm256_extractf128_ps(total, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

}  // namespace tern
