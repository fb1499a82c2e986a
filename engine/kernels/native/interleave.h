// From rows (Bf16Rows) to a panel (Bf16), a group of inputs at a time.
//
// Everything here is `static`, for the reason given in half.h.
#pragma once

#include <cstring>

#include "kernels.h"

namespace tern {

// Interleaves 16 rows of 32 inputs, `row_bytes` apart.
using InterleaveGroup = void (*)(const uint8_t* rows, int64_t row_bytes, uint8_t* to);

constexpr int kGroupRowBytes = kGroup * 2;

// The group with zeros for the rows and inputs that are not there.
static inline void pad_group(const Tile& tile, int64_t group, uint8_t* padded) {
  memset(padded, 0, kPanelRows * kGroupRowBytes);
  const auto bytes = static_cast<size_t>(present_in_group(tile.in_features, group)) * 2;
  for (int row = 0; row < tile.rows; ++row) {
    const int64_t at = row * tile.in_features * 2 + group * kGroupRowBytes;
    if (bytes > 0) memcpy(padded + row * kGroupRowBytes, tile.panel + at, bytes);
  }
}

template <InterleaveGroup kInterleaveGroup>
static void interleave(const Tile& tile, uint8_t* panel) {
  const int64_t whole = tile.rows == kPanelRows ? tile.in_features / kGroup : 0;
  for (int64_t group = 0; group < tile.groups; ++group, panel += kPanelRows * kGroupRowBytes) {
    if (group < whole) {
      kInterleaveGroup(tile.panel + group * kGroupRowBytes, tile.in_features * 2, panel);
    } else {
      uint8_t padded[kPanelRows * kGroupRowBytes];
      pad_group(tile, group, padded);
      kInterleaveGroup(padded, kGroupRowBytes, panel);
    }
  }
}

}  // namespace tern
