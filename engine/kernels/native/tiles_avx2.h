// The tiles in 256-bit vectors, for avx2.cpp and avxvnni.cpp: the two differ in how they add
// products of bytes. Before this header, such a unit includes vectors_avx2.h and defines
//
//   dot_int4<kSteps>(weights, x)      kSteps times sums of 32 products for 8 rows, in 32 bits
//   int8_operand(weights)             what add_int8 takes for 8 rows' weights
//   Int8Inputs int8_inputs(record, groups, at)    four inputs of a token, for all rows
//   add_int8(sum, operand, inputs)    sum + products of 4 inputs, in 32 bits
//   int8_excess(record, groups)       by how much those sums are too large in the end
//
// The loops over a tile's tokens must be unrolled, or their sums stay in memory instead of
// registers.
#pragma once

#include <immintrin.h>

#include "float8_avx2.h"
#include "interleave.h"
#include "kernels.h"
#include "round_avx2.h"
#include "vectors_avx2.h"

namespace tern {
namespace {

using Ints = __m256i;
using Floats = __m256;
constexpr int kLanes = 8;

inline Ints repeated(int8_t byte) { return _mm256_set1_epi8(byte); }

template <int kBits>
inline Ints shifted(Ints codes) {
  return _mm256_srli_epi16(codes, kBits);
}

inline Floats load_scales(const uint8_t* scales) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales));
  return _mm256_cvtph_ps(half_of_float8(_mm_cvtepi8_epi16(bytes)));
}

inline Floats load_powers(const int8_t* exponents) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(exponents));
  const __m256i biased = _mm256_add_epi32(_mm256_cvtepi8_epi32(bytes), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

inline Floats add_scaled(Floats total, Ints sum, int32_t middle, Floats scale, float token_scale) {
  const __m256i centred = _mm256_sub_epi32(sum, _mm256_set1_epi32(middle));
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(centred),
                         _mm256_mul_ps(scale, _mm256_set1_ps(token_scale)), total);
}

inline void store(float* to, Floats products) { _mm256_storeu_ps(to, products); }

inline Floats load_floats(const float* x) { return _mm256_loadu_ps(x); }

inline Floats load_bf16(const uint8_t* row) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

inline Floats load_bf16(const uint8_t* row, int64_t count) {
  uint8_t padded[2 * kLanes] = {};
  memcpy(padded, row, static_cast<size_t>(count) * 2);
  return load_bf16(padded);
}

inline Floats multiply_add(Floats a, Floats b, Floats sum) { return _mm256_fmadd_ps(a, b, sum); }

inline float sum_of(Floats parts) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(parts), _mm256_extractf128_ps(parts, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

}  // namespace
}  // namespace tern

#include "bf16_rows.h"
#include "int4_groups.h"

namespace tern {
namespace {

// The products of token t with the panel's rows 0-7 and 8-15.
inline void store(const Tile& tile, int t, __m256 low, __m256 high) {
  store(tile.products + t * kPanelRows, low);
  store(tile.products + t * kPanelRows + 8, high);
}

template <int kTokens>
void multiply_int8(const Tile& tile) {
  __m256i low[kTokens] = {}, high[kTokens] = {};
  for (int64_t at = 0; at < tile.groups * kGroup; at += 4) {
    const uint8_t* codes = tile.panel + at * kPanelRows;
    prefetch(codes);
    const __m256i low_weights = int8_operand(load(codes));
    const __m256i high_weights = int8_operand(load(codes + 32));
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      const uint8_t* record = tile.records + t * tile.record_bytes;
      const Int8Inputs x = int8_inputs(record, tile.groups, at);
      low[t] = add_int8(low[t], low_weights, x);
      high[t] = add_int8(high[t], high_weights, x);
    }
  }
  const auto* scales = reinterpret_cast<const float*>(int8_scales(tile.panel, tile.groups));
  const __m256 low_scale = _mm256_loadu_ps(scales), high_scale = _mm256_loadu_ps(scales + 8);
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const uint8_t* record = tile.records + t * tile.record_bytes;
    const __m256 scale = _mm256_set1_ps(int8_token_scale(record, tile.groups));
    const __m256i excess = _mm256_set1_epi32(int8_excess(record, tile.groups));
    store(tile, t,
          _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(low[t], excess)),
                        _mm256_mul_ps(low_scale, scale)),
          _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(high[t], excess)),
                        _mm256_mul_ps(high_scale, scale)));
  }
}

// Adds one input's products of 16 rows with each token. x: that input of the first token.
template <int kTokens>
inline void add_bf16(__m256i low_weights, __m256i high_weights, const float* x, int64_t stride,
                     __m256* low, __m256* high) {
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const __m256 value = _mm256_broadcast_ss(x + t * stride);
    low[t] = _mm256_fmadd_ps(_mm256_castsi256_ps(low_weights), value, low[t]);
    high[t] = _mm256_fmadd_ps(_mm256_castsi256_ps(high_weights), value, high[t]);
    fence();
  }
}

// A 32-bit lane holds two neighbouring inputs of a row; each becomes float32 by a shift or a mask.
template <int kTokens>
void multiply_bf16(const Tile& tile) {
  // With few tokens there are too few sums to hide an FMA's latency: odd inputs get their own.
  constexpr bool kApart = kTokens <= 3;
  __m256 low[kTokens] = {}, high[kTokens] = {}, odd_low[kTokens] = {}, odd_high[kTokens] = {};
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  const auto* x = reinterpret_cast<const float*>(tile.records);
  const int64_t stride = tile.record_bytes / static_cast<int64_t>(sizeof(float));
  for (int64_t at = 0; at < tile.groups * kGroup; at += 2) {
    const uint8_t* pairs = tile.panel + at * (kPanelRows * 2);
    __builtin_prefetch(tile.ahead + at * (kPanelRows * 2));
    const __m256i low_pairs = load(pairs), high_pairs = load(pairs + 32);
    add_bf16<kTokens>(_mm256_slli_epi32(low_pairs, 16), _mm256_slli_epi32(high_pairs, 16), x + at,
                      stride, low, high);
    add_bf16<kTokens>(_mm256_and_si256(low_pairs, mask), _mm256_and_si256(high_pairs, mask),
                      x + at + 1, stride, kApart ? odd_low : low, kApart ? odd_high : high);
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    store(tile, t, _mm256_add_ps(low[t], odd_low[t]), _mm256_add_ps(high[t], odd_high[t]));
  }
}

// Rows r and r + 4 lie in the halves of rows[r], eight inputs of each: a transposition of pairs
// within each half gives four vectors of eight rows, which lie 64 bytes apart in the panel.
inline void interleave_pairs(const __m256i* rows, uint8_t* to) {
  const __m256i low01 = _mm256_unpacklo_epi32(rows[0], rows[1]);
  const __m256i low23 = _mm256_unpacklo_epi32(rows[2], rows[3]);
  const __m256i high01 = _mm256_unpackhi_epi32(rows[0], rows[1]);
  const __m256i high23 = _mm256_unpackhi_epi32(rows[2], rows[3]);
  const __m256i pairs[4] = {
      _mm256_unpacklo_epi64(low01, low23), _mm256_unpackhi_epi64(low01, low23),
      _mm256_unpacklo_epi64(high01, high23), _mm256_unpackhi_epi64(high01, high23)};
#pragma GCC unroll 16
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 64 * i), pairs[i]);
  }
}

// A cache line of eight rows at a time: sixteen, whole pages apart, would not all stay in the
// first-level cache.
void interleave_group(const uint8_t* rows, int64_t row_bytes, uint8_t* to) {
#pragma GCC unroll 16
  for (int half = 0; half < 2; ++half) {
#pragma GCC unroll 16
    for (int part = 0; part < 4; ++part) {
      const uint8_t* first = rows + 8 * half * row_bytes + 16 * part;
      __m256i both[4];
#pragma GCC unroll 16
      for (int r = 0; r < 4; ++r) {
        both[r] = _mm256_loadu2_m128i(
            reinterpret_cast<const __m128i*>(first + (r + 4) * row_bytes),
            reinterpret_cast<const __m128i*>(first + r * row_bytes));
      }
      interleave_pairs(both, to + 256 * part + 32 * half);
    }
  }
}

constexpr MultiplyTile kInt4[] = {
    multiply_groups<Int4Codes, 1>, multiply_groups<Int4Codes, 2>, multiply_groups<Int4Codes, 3>,
    multiply_groups<Int4Codes, 4>};
constexpr MultiplyTile kInt4High[] = {
    multiply_groups<Int4HighCodes, 1>, multiply_groups<Int4HighCodes, 2>,
    multiply_groups<Int4HighCodes, 3>, multiply_groups<Int4HighCodes, 4>};
constexpr MultiplyTile kInt8[] = {multiply_int8<1>, multiply_int8<2>, multiply_int8<3>,
                                  multiply_int8<4>};
constexpr MultiplyTile kBf16[] = {multiply_bf16<1>, multiply_bf16<2>, multiply_bf16<3>,
                                  multiply_bf16<4>};
constexpr MultiplyTile kBf16Rows[] = {multiply_bf16_rows<1>, multiply_bf16_rows<2>,
                                      multiply_bf16_rows<3>, multiply_bf16_rows<4>};

}  // namespace
}  // namespace tern
