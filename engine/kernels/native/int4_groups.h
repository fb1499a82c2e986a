// Int4 and Int4High, whatever the width of a vector. Before this header, a unit defines, in the
// namespace tern and an unnamed one:
//
//   Ints, Floats, kLanes              its vectors, and how many rows' 32 bits one holds
//   load(at), repeated(byte)          a vector of codes, of one byte
//   shifted<kBits>(codes)             to the right, within 16 bits
//   dot_int4<kSteps>(weights, x)      kSteps times sums of 32 products for kLanes rows, in 32 bits
//   load_scales(scales)               of one group, without their rows' exponents
//   load_powers(exponents)            what the rows' scales are multiplied by
//   add_scaled(total, sum, middle, scale, token_scale)    total + (sum - middle) * both scales
//   store(to, products)
//   fence()                           see vectors_avx2.h
//
// The loops over a tile's tokens must be unrolled, or their sums stay in memory instead of
// registers.
#pragma once

#include "kernels.h"

namespace tern {
namespace {

// How a group's codes lie in the vectors, one after the other 64 bytes apart.
struct Int4Codes {
  static constexpr int kBytes = kInt4Bytes, kSteps = kInt4Steps;
  static void unpack(const uint8_t* codes, Ints* weights) {
    const Ints nibble = repeated(15);
#pragma GCC unroll 16
    for (int j = 0; j < 4; ++j) {
      const Ints pairs = load(codes + 64 * j);
      weights[j] = pairs & nibble;
      weights[4 + j] = shifted<4>(pairs) & nibble;
    }
  }
};

struct Int4HighCodes {
  static constexpr int kBytes = kInt4HighBytes, kSteps = kInt4HighSteps;
  static void unpack(const uint8_t* codes, Ints* weights) {
    const Ints low_bits = repeated(3);
#pragma GCC unroll 16
    for (int j = 0; j < 2; ++j) {
      const Ints fours = load(codes + 64 * j);
      weights[j] = fours & low_bits;
      weights[2 + j] = shifted<2>(fours) & low_bits;
      weights[4 + j] = shifted<4>(fours) & low_bits;
      weights[6 + j] = shifted<6>(fours) & low_bits;
    }
  }
};

// Adds one group's products of kLanes rows with each token.
template <class Codes, int kTokens>
inline void add_group(const Tile& tile, int64_t group, const uint8_t* codes, const uint8_t* scales,
                      Floats* total) {
  Ints weights[8];
  Codes::unpack(codes, weights);
  const Floats scale = load_scales(scales);
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const uint8_t* record = tile.records + t * tile.record_bytes;
    total[t] = add_scaled(total[t], dot_int4<Codes::kSteps>(weights, record + group * kGroup),
                          int4_token_sums(record, tile.groups)[group], scale,
                          int4_token_scales(record, tile.groups)[group]);
    fence();
  }
}

template <class Codes, int kTokens>
void multiply_groups(const Tile& shared) {
  const Tile tile = shared;  // by value: nothing that is written can change it
  constexpr int kVectors = kPanelRows / kLanes;
  Floats total[kVectors][kTokens] = {};
  const uint8_t* at = tile.panel;
  for (int64_t group = 0; group < tile.groups;) {
    const uint8_t* scales = at;
    prefetch(scales);
    at += kScaleLine;
    const int64_t left = tile.groups - group;
    const int64_t end = group + (left < kScaleGroups ? left : kScaleGroups);
    for (; group < end; ++group, at += Codes::kBytes, scales += kPanelRows) {
#pragma GCC unroll 16
      for (int line = 0; line < Codes::kBytes / 64; ++line) prefetch(at + 64 * line);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) {
        add_group<Codes, kTokens>(tile, group, at + v * kLanes * 4, scales + v * kLanes, total[v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; ++v) {
    const Floats powers = load_powers(tile.exponents + v * kLanes);
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      store(tile.products + t * kPanelRows + v * kLanes, total[v][t] * powers);
    }
  }
}

}  // namespace
}  // namespace tern
