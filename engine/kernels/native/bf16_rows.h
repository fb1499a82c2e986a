// Bf16Rows, whatever the width of a vector. Before this header, a unit defines, in the namespace
// tern and an unnamed one:
//
//   Floats, kLanes                    its vectors, and how many values one holds
//   load_floats(x)                    kLanes of them
//   load_bf16(row)                    kLanes inputs as float32
//   load_bf16(row, count)             the first `count` of them, fewer than kLanes, and zeros
//   multiply_add(a, b, sum)           a * b + sum
//   sum_of(parts)                     of a vector's values
//
// The loops over a tile's tokens must be unrolled, or their sums stay in memory instead of
// registers.
#pragma once

#include "kernels.h"

namespace tern {
namespace {

// Adds the products of kLanes inputs of a row with those of each token. x: of the first token.
template <int kTokens>
inline void add_inputs(Floats weights, const float* x, int64_t stride, Floats* total) {
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    total[t] = multiply_add(weights, load_floats(x + t * stride), total[t]);
  }
}

// Inputs [at, at + kLanes) of a row, zeros from in_features on.
inline Floats load_inputs(const uint8_t* row, int64_t in_features, int64_t at) {
  const int64_t left = in_features - at;
  return left < kLanes ? load_bf16(row + at * 2, left) : load_bf16(row + at * 2);
}

// Several rows from `first` on share the reading of x; those that are not there stand for the last.
template <int kRows, int kTokens>
void multiply_side_by_side(const Tile& tile, int first) {
  const int64_t row_bytes = tile.in_features * 2;
  const uint8_t* rows[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    rows[r] = tile.panel + (first + r < tile.rows ? first + r : tile.rows - 1) * row_bytes;
  }
  const auto* x = reinterpret_cast<const float*>(tile.records);
  const int64_t stride = tile.record_bytes / static_cast<int64_t>(sizeof(float));
  Floats total[kRows][kTokens] = {};
  for (int64_t at = 0; at < tile.in_features; at += kLanes) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      if (at % kGroup == 0) prefetch_beside(rows[r], at * 2, row_bytes, kRows);
      add_inputs<kTokens>(load_inputs(rows[r], tile.in_features, at), x + at, stride, total[r]);
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      tile.products[t * kPanelRows + first + r] = sum_of(total[r][t]);
    }
  }
}

// Row after row, each from its first byte to its last, as the memory likes best; but where x would
// not stay in the first-level cache, to read it less often is worth more. The prefetches cost 3 to 8 %
// on an AMD EPYC, and save a third of the time on an Intel Xeon (docs/benchmarks.md).
template <int kTokens>
void multiply_bf16_rows(const Tile& tile) {
  if (tile.in_features * kTokens > kCachedInputs) {
    constexpr int kRows = kTokens <= 2 ? 4 : 2;
    for (int r = 0; r < tile.rows; r += kRows) multiply_side_by_side<kRows, kTokens>(tile, r);
    return;
  }
  const auto* x = reinterpret_cast<const float*>(tile.records);
  const int64_t stride = tile.record_bytes / static_cast<int64_t>(sizeof(float));
  for (int r = 0; r < tile.rows; ++r) {
    const uint8_t* row = tile.panel + r * tile.in_features * 2;
    Floats total[2][kTokens] = {};
    int64_t at = 0;
    for (; at + kGroup <= tile.in_features; at += kGroup) {
      prefetch(row + at * 2);
#pragma GCC unroll 16
      for (int part = 0; part < kGroup / kLanes; ++part) {
        const int64_t from = at + part * kLanes;
        add_inputs<kTokens>(load_bf16(row + from * 2), x + from, stride, total[part % 2]);
      }
    }
    for (; at < tile.in_features; at += kLanes) {
      add_inputs<kTokens>(load_inputs(row, tile.in_features, at), x + at, stride, total[0]);
    }
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      tile.products[t * kPanelRows + r] = sum_of(total[0][t] + total[1][t]);
    }
  }
}

}  // namespace
}  // namespace tern
