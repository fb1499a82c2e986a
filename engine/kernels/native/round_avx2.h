// Rounding of activations with AVX2, for the AVX2 unit and those above it.
//
// Everything here is `static`, for the reason given in half.h.
#pragma once

#include <immintrin.h>

#include "half.h"
#include "kernels.h"

namespace tern {

// 32 floats: one group.
struct Group {
  __m256 part[4];
};

static inline Group load_group(const float* x, int64_t in_features, int64_t index) {
  const int64_t count = present_in_group(in_features, index);
  alignas(32) float padded[kGroup] = {};
  const float* from = padded;
  if (count == kGroup) {
    from = x + index * kGroup;
  } else if (count > 0) {
    memcpy(padded, x + index * kGroup, static_cast<size_t>(count) * sizeof(float));
  }
  Group group;
  for (int i = 0; i < 4; ++i) group.part[i] = _mm256_loadu_ps(from + 8 * i);
  return group;
}

// Magnitudes are compared as integers: a NaN is larger than all numbers and reaches the result.
static inline __m256i larger_magnitudes(__m256i peaks, const Group& group) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  for (int i = 0; i < 4; ++i) {
    peaks = _mm256_max_epi32(peaks,
                             _mm256_and_si256(_mm256_castps_si256(group.part[i]), magnitude));
  }
  return peaks;
}

static inline float largest(__m256i peaks) {
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(peaks), _mm256_extracti128_si256(peaks, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return float_of_bits(static_cast<uint32_t>(_mm_cvtsi128_si32(four)));
}

static inline __m256i codes_of(const Group& group, __m256 inverse) {
  __m256i whole[4];
  for (int i = 0; i < 4; ++i) {
    whole[i] = _mm256_cvtps_epi32(_mm256_mul_ps(group.part[i], inverse));
  }
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]),
                                           _mm256_packs_epi32(whole[2], whole[3]));
  // The packs work within 128-bit halves: put their quarters back in order.
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

// Eight partial sums of 32 codes.
static inline __m256i partial_sums(__m256i codes) {
  return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), codes),
                           _mm256_set1_epi16(1));
}

static inline int32_t sum_of(__m256i parts) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(parts), _mm256_extracti128_si256(parts, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}

template <int kMiddle>
static void round_int4(const float* x, int64_t in_features, int64_t groups, uint8_t* record) {
  auto* scales = const_cast<float*>(int4_token_scales(record, groups));
  auto* sums = const_cast<int32_t*>(int4_token_sums(record, groups));
  for (int64_t g = 0; g < groups; ++g) {
    const Group group = load_group(x, in_features, g);
    const float peak = largest(larger_magnitudes(_mm256_setzero_si256(), group));
    const __m256i codes = codes_of(group, _mm256_set1_ps(int8_inverse(peak)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(record + g * kGroup), codes);
    scales[g] = int8_scale(peak);
    sums[g] = kMiddle * sum_of(partial_sums(codes));
  }
}

static void round_int8(const float* x, int64_t in_features, int64_t groups, uint8_t* record) {
  __m256i peaks = _mm256_setzero_si256();
  for (int64_t g = 0; g < groups; ++g) {
    peaks = larger_magnitudes(peaks, load_group(x, in_features, g));
  }
  const float peak = largest(peaks);
  const __m256 inverse = _mm256_set1_ps(int8_inverse(peak));
  __m256i sums = _mm256_setzero_si256();
  uint8_t* magnitudes = record + groups * kGroup;
  for (int64_t g = 0; g < groups; ++g) {
    const __m256i codes =
        codes_of(load_group(x, in_features, g), inverse);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(record + g * kGroup), codes);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(magnitudes + g * kGroup),
                        _mm256_abs_epi8(codes));
    sums = _mm256_add_epi32(sums, partial_sums(codes));
  }
  const float scale = int8_scale(peak);
  const int32_t sum = 128 * sum_of(sums);
  memcpy(record + groups * kGroup * 2, &scale, sizeof(scale));
  memcpy(record + groups * kGroup * 2 + sizeof(scale), &sum, sizeof(sum));
}

// To bfloat16 and back: nearest, ties to even; a NaN stays one.
static inline __m256 rounded_to_bf16(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i near =
      _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i kept = _mm256_and_si256(near, _mm256_set1_epi32(static_cast<int>(0xffff0000u)));
  return _mm256_blendv_ps(_mm256_castsi256_ps(kept), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

static void round_bf16(const float* x, int64_t in_features, int64_t groups, uint8_t* record) {
  auto* values = reinterpret_cast<float*>(record);
  for (int64_t g = 0; g < groups; ++g) {
    const Group group = load_group(x, in_features, g);
    for (int i = 0; i < 4; ++i) {
      _mm256_storeu_ps(values + g * kGroup + 8 * i, rounded_to_bf16(group.part[i]));
    }
  }
}

}  // namespace tern
