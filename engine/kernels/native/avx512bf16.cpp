// The bf16 kernels for AVX512_BF16: products of pairs of inputs, added in float32.
//
// No standard templates in this unit, for the reason given in avx2.cpp.
#include <immintrin.h>

#include <cstring>

#include "kernels.h"

namespace tern {
namespace {

void round_bf16(const float* x, int64_t in_features, int64_t groups, uint8_t* record) {
  for (int64_t at = 0; at < groups * kGroup; at += 16) {
    const int64_t left = in_features - at;
    const int mask = left >= 16 ? 0xffff : left > 0 ? (1 << left) - 1 : 0;
    const auto present = static_cast<__mmask16>(mask);
    const __m256bh values = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(present, x + at));
    memcpy(record + at * 2, &values, sizeof(values));
  }
}

inline __m512bh bf16_pairs(__m512i bits) {
  __m512bh pairs;
  memcpy(&pairs, &bits, sizeof(pairs));
  return pairs;
}

inline __m512bh broadcast_pair(const uint8_t* at) {
  int32_t bytes;
  memcpy(&bytes, at, sizeof(bytes));
  return bf16_pairs(_mm512_set1_epi32(bytes));
}

template <int kTokens>
void multiply_bf16(const Tile& tile) {
  // With few tokens there are too few sums to hide the instruction's latency.
  constexpr int kChains = kTokens <= 4 ? 2 : 1;
  __m512 total[kChains][kTokens] = {};
  for (int64_t at = 0; at < tile.groups * kGroup; at += 4) {
#pragma GCC unroll 16
    for (int part = 0; part < 2; ++part) {
      const uint8_t* pairs = tile.panel + (at + 2 * part) * (kPanelRows * 2);
      __builtin_prefetch(tile.ahead + (at + 2 * part) * (kPanelRows * 2));
      const __m512bh weights = bf16_pairs(_mm512_loadu_si512(pairs));
#pragma GCC unroll 16
      for (int t = 0; t < kTokens; ++t) {
        const uint8_t* x = tile.records + t * tile.record_bytes + (at + 2 * part) * 2;
        __m512& to = total[part % kChains][t];
        to = _mm512_dpbf16_ps(to, weights, broadcast_pair(x));
      }
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    __m512 sum = total[0][t];
    if (kChains == 2) sum = _mm512_add_ps(sum, total[kChains - 1][t]);
    _mm512_storeu_ps(tile.products + t * kPanelRows, sum);
  }
}

// Inputs [at, at + 32) of a row of bfloat16, zeros from in_features on.
inline __m512bh load_inputs(const uint8_t* row, int64_t in_features, int64_t at) {
  const int64_t left = in_features - at;
  const __mmask32 some = left > 0 ? (__mmask32{1} << (left % 32)) - 1 : 0;
  const __mmask32 present = left >= 32 ? ~__mmask32{0} : some;
  return bf16_pairs(_mm512_maskz_loadu_epi16(present, row + at * 2));
}

// Row after row, each from its first byte to its last, as the memory likes best.
template <int kTokens>
void multiply_bf16_rows(const Tile& tile) {
  for (int r = 0; r < tile.rows; ++r) {
    const uint8_t* row = tile.panel + r * tile.in_features * 2;
    __m512 total[2][kTokens] = {};
    // Two groups at a time, as a record has an even number of them.
    for (int64_t at = 0; at < tile.in_features; at += 2 * kGroup) {
#pragma GCC unroll 16
      for (int part = 0; part < 2; ++part) {
        const int64_t input = at + part * kGroup;
        prefetch(row + input * 2);
        const __m512bh weights = load_inputs(row, tile.in_features, input);
#pragma GCC unroll 16
        for (int t = 0; t < kTokens; ++t) {
          const uint8_t* x = tile.records + t * tile.record_bytes + input * 2;
          total[part][t] =
              _mm512_dpbf16_ps(total[part][t], weights, bf16_pairs(_mm512_loadu_si512(x)));
        }
      }
    }
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      const __m512 sum = _mm512_add_ps(total[0][t], total[1][t]);
      tile.products[t * kPanelRows + r] = _mm512_reduce_add_ps(sum);
    }
  }
}

constexpr MultiplyTile kBf16[] = {multiply_bf16<1>,  multiply_bf16<2>,  multiply_bf16<3>,
                                  multiply_bf16<4>,  multiply_bf16<5>,  multiply_bf16<6>,
                                  multiply_bf16<7>,  multiply_bf16<8>,  multiply_bf16<9>,
                                  multiply_bf16<10>, multiply_bf16<11>, multiply_bf16<12>};
constexpr MultiplyTile kBf16Rows[] = {multiply_bf16_rows<1>, multiply_bf16_rows<2>,
                                      multiply_bf16_rows<3>, multiply_bf16_rows<4>,
                                      multiply_bf16_rows<5>, multiply_bf16_rows<6>};

}  // namespace

extern const FormatKernels kAvx512Bf16 = {round_bf16, kBf16, 12};
extern const FormatKernels kAvx512Bf16Rows = {round_bf16, kBf16Rows, 6};

}  // namespace tern
