// The kernels for AVX-512 (F, BW, VL, DQ, VNNI): one vector holds all 16 rows of a panel.
//
// No standard templates in this unit, for the reason given in avx2.cpp.
#include <immintrin.h>

#include "float8_avx2.h"
#include "interleave.h"
#include "kernels.h"
#include "round_avx2.h"

namespace tern {
namespace {

inline __m512i load(const uint8_t* at) { return _mm512_loadu_si512(at); }

inline __m512i broadcast4(const uint8_t* at) {
  int32_t bytes;
  memcpy(&bytes, at, sizeof(bytes));
  return _mm512_set1_epi32(bytes);
}

// kSteps times sums of 32 products, in two chains, as each instruction waits for the one before.
template <int kSteps>
inline __m512i dot_int4(const __m512i* weights, const uint8_t* x) {
  __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
#pragma GCC unroll 16
  for (int j = 0; j < 8; j += 2) {
    even = _mm512_dpbusd_epi32(even, weights[j], broadcast4(x + 4 * j));
    odd = _mm512_dpbusd_epi32(odd, weights[j + 1], broadcast4(x + 4 * j + 4));
  }
  const __m512i sum = _mm512_add_epi32(even, odd);
  return kSteps == 1 ? sum : _mm512_mullo_epi32(sum, _mm512_set1_epi32(kSteps));
}

using Ints = __m512i;
using Floats = __m512;
constexpr int kLanes = 16;

inline Ints repeated(int8_t byte) { return _mm512_set1_epi8(byte); }

template <int kBits>
inline Ints shifted(Ints codes) {
  return _mm512_srli_epi16(codes, kBits);
}

inline Floats load_scales(const uint8_t* scales) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales));
  const __m256i words = _mm256_cvtepi8_epi16(bytes);
  return _mm512_cvtph_ps(_mm256_set_m128i(half_of_float8(_mm256_extracti128_si256(words, 1)),
                                          half_of_float8(_mm256_castsi256_si128(words))));
}

inline Floats load_powers(const int8_t* exponents) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(exponents));
  const __m512i biased = _mm512_add_epi32(_mm512_cvtepi8_epi32(bytes), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}

inline Floats add_scaled(Floats total, Ints sum, int32_t middle, Floats scale, float token_scale) {
  const __m512i centred = _mm512_sub_epi32(sum, _mm512_set1_epi32(middle));
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(centred),
                         _mm512_mul_ps(scale, _mm512_set1_ps(token_scale)), total);
}

inline void store(float* to, Floats products) { _mm512_storeu_ps(to, products); }

inline void fence() {}  // there are registers enough

inline Floats load_floats(const float* x) { return _mm512_loadu_ps(x); }

inline Floats widened(__m256i bits) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

inline Floats load_bf16(const uint8_t* row) {
  return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row)));
}

inline Floats load_bf16(const uint8_t* row, int64_t count) {
  return widened(_mm256_maskz_loadu_epi16(static_cast<__mmask16>((1 << count) - 1), row));
}

inline Floats multiply_add(Floats a, Floats b, Floats sum) { return _mm512_fmadd_ps(a, b, sum); }

inline float sum_of(Floats parts) { return _mm512_reduce_add_ps(parts); }

}  // namespace
}  // namespace tern

#include "bf16_rows.h"
#include "int4_groups.h"

namespace tern {
namespace {

// vpdpbusd wants one operand without sign: the weights, with 128 added (the exclusive or). What
// that adds to the sum, 128 times the sum of x, comes with the record.
template <int kTokens>
void multiply_int8(const Tile& tile) {
  // With few tokens there are too few sums to hide the instruction's latency.
  constexpr int kChains = kTokens <= 4 ? 2 : 1;
  __m512i sum[kChains][kTokens] = {};
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  for (int64_t at = 0; at < tile.groups * kGroup; at += 8) {
#pragma GCC unroll 16
    for (int part = 0; part < 2; ++part) {
      const uint8_t* codes = tile.panel + (at + 4 * part) * kPanelRows;
      prefetch(codes);
      const __m512i weights = _mm512_xor_si512(load(codes), flip);
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) {
        const uint8_t* x = tile.records + t * tile.record_bytes + at + 4 * part;
        __m512i& to = sum[part % kChains][t];
        to = _mm512_dpbusd_epi32(to, weights, broadcast4(x));
      }
    }
  }
  const __m512 scales = _mm512_loadu_ps(int8_scales(tile.panel, tile.groups));
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const uint8_t* record = tile.records + t * tile.record_bytes;
    __m512i whole = sum[0][t];
    if (kChains == 2) whole = _mm512_add_epi32(whole, sum[kChains - 1][t]);
    whole = _mm512_sub_epi32(whole, _mm512_set1_epi32(int8_token_sum(record, tile.groups)));
    const __m512 scale =
        _mm512_mul_ps(scales, _mm512_set1_ps(int8_token_scale(record, tile.groups)));
    _mm512_storeu_ps(tile.products + t * kPanelRows,
                     _mm512_mul_ps(_mm512_cvtepi32_ps(whole), scale));
  }
}

// A 32-bit lane holds two neighbouring inputs of a row; each becomes float32 by a shift or a mask.
template <int kTokens>
void multiply_bf16(const Tile& tile) {
  constexpr int kChains = kTokens <= 4 ? 2 : 1;
  __m512 total[kChains][kTokens] = {};
  const __m512i high = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  for (int64_t at = 0; at < tile.groups * kGroup; at += 2) {
    const uint8_t* pairs = tile.panel + at * (kPanelRows * 2);
    __builtin_prefetch(tile.ahead + at * (kPanelRows * 2));
    const __m512i pair = load(pairs);
    const __m512 even = _mm512_castsi512_ps(_mm512_slli_epi32(pair, 16));
    const __m512 odd = _mm512_castsi512_ps(_mm512_and_si512(pair, high));
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      const auto* x = reinterpret_cast<const float*>(tile.records + t * tile.record_bytes) + at;
      __m512& second = total[1 % kChains][t];
      total[0][t] = _mm512_fmadd_ps(even, _mm512_set1_ps(x[0]), total[0][t]);
      second = _mm512_fmadd_ps(odd, _mm512_set1_ps(x[1]), second);
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    __m512 sum = total[0][t];
    if (kChains == 2) sum = _mm512_add_ps(sum, total[kChains - 1][t]);
    _mm512_storeu_ps(tile.products + t * kPanelRows, sum);
  }
}

// A transposition of 32-bit pairs: first within the quarters of four rows, then of the quarters.
void interleave_group(const uint8_t* rows, int64_t row_bytes, uint8_t* to) {
  __m512i quarters[4][4];  // [i][j]: pairs i, i + 4, ... of rows 4j ... 4j + 3
#pragma GCC unroll 16
  for (int j = 0; j < 4; ++j) {
    const uint8_t* first = rows + 4 * j * row_bytes;
    const __m512i row0 = load(first), row1 = load(first + row_bytes);
    const __m512i row2 = load(first + 2 * row_bytes), row3 = load(first + 3 * row_bytes);
    const __m512i low01 = _mm512_unpacklo_epi32(row0, row1);
    const __m512i low23 = _mm512_unpacklo_epi32(row2, row3);
    const __m512i high01 = _mm512_unpackhi_epi32(row0, row1);
    const __m512i high23 = _mm512_unpackhi_epi32(row2, row3);
    quarters[0][j] = _mm512_unpacklo_epi64(low01, low23);
    quarters[1][j] = _mm512_unpackhi_epi64(low01, low23);
    quarters[2][j] = _mm512_unpacklo_epi64(high01, high23);
    quarters[3][j] = _mm512_unpackhi_epi64(high01, high23);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; ++i) {
    const __m512i* from = quarters[i];
    // Of two vectors the quarters 0 and 2, and 1 and 3.
    const __m512i even01 = _mm512_shuffle_i32x4(from[0], from[1], 0x88);
    const __m512i even23 = _mm512_shuffle_i32x4(from[2], from[3], 0x88);
    const __m512i odd01 = _mm512_shuffle_i32x4(from[0], from[1], 0xdd);
    const __m512i odd23 = _mm512_shuffle_i32x4(from[2], from[3], 0xdd);
    _mm512_storeu_si512(to + 64 * i, _mm512_shuffle_i32x4(even01, even23, 0x88));
    _mm512_storeu_si512(to + 64 * (i + 4), _mm512_shuffle_i32x4(odd01, odd23, 0x88));
    _mm512_storeu_si512(to + 64 * (i + 8), _mm512_shuffle_i32x4(even01, even23, 0xdd));
    _mm512_storeu_si512(to + 64 * (i + 12), _mm512_shuffle_i32x4(odd01, odd23, 0xdd));
  }
}

constexpr MultiplyTile kInt4[] = {
    multiply_groups<Int4Codes, 1>, multiply_groups<Int4Codes, 2>, multiply_groups<Int4Codes, 3>,
    multiply_groups<Int4Codes, 4>, multiply_groups<Int4Codes, 5>, multiply_groups<Int4Codes, 6>,
    multiply_groups<Int4Codes, 7>, multiply_groups<Int4Codes, 8>};
constexpr MultiplyTile kInt4High[] = {
    multiply_groups<Int4HighCodes, 1>, multiply_groups<Int4HighCodes, 2>,
    multiply_groups<Int4HighCodes, 3>, multiply_groups<Int4HighCodes, 4>};
constexpr MultiplyTile kInt8[] = {multiply_int8<1>,  multiply_int8<2>,  multiply_int8<3>,
                                  multiply_int8<4>,  multiply_int8<5>,  multiply_int8<6>,
                                  multiply_int8<7>,  multiply_int8<8>,  multiply_int8<9>,
                                  multiply_int8<10>, multiply_int8<11>, multiply_int8<12>};
constexpr MultiplyTile kBf16[] = {multiply_bf16<1>,  multiply_bf16<2>,  multiply_bf16<3>,
                                  multiply_bf16<4>,  multiply_bf16<5>,  multiply_bf16<6>,
                                  multiply_bf16<7>,  multiply_bf16<8>,  multiply_bf16<9>,
                                  multiply_bf16<10>, multiply_bf16<11>, multiply_bf16<12>};
constexpr MultiplyTile kBf16Rows[] = {multiply_bf16_rows<1>, multiply_bf16_rows<2>,
                                      multiply_bf16_rows<3>, multiply_bf16_rows<4>};

}  // namespace

extern const Kernels kAvx512Kernels = {
    "avx512",
    {{round_bf16, kBf16, 12},
     {round_int8, kInt8, 12},
     {round_int4<kInt4Middle>, kInt4, 8},
     {round_bf16, kBf16Rows, 4},
     {round_int4<kInt4HighMiddle>, kInt4High, 4}},
    interleave<interleave_group>,
    low_half_dot,
    &kAvx512Vectors,
};

}  // namespace tern
