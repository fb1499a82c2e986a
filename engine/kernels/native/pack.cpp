// Between plain row-major weights and the panels of kernels.h.
#include <cstring>

#include "half.h"
#include "kernels.h"
#include "linear.h"

namespace tern {
namespace {

// One row's place among the interleaved bytes of its panel.
struct PackedRow {
  uint8_t* panel;
  int64_t slot;  // 0..15
  int64_t groups;

  PackedRow(void* packed, Format format, int64_t row, int64_t in_features)
      : panel(static_cast<uint8_t*>(packed) +
              row / kPanelRows * panel_bytes(format, in_features)),
        slot(row % kPanelRows),
        groups(groups_of(in_features)) {}

  // Byte `byte` of this row (Int8, Bf16).
  uint8_t* at(int64_t byte) const { return panel + byte / 4 * 64 + slot * 4 + byte % 4; }
  // The byte that holds an int4 input in one of its nibbles.
  uint8_t* int4_pair(int64_t input) const {
    const int64_t byte = input % (kGroup / 2);
    return const_cast<uint8_t*>(int4_codes(panel, input / kGroup)) + byte / 4 * 64 + slot * 4 +
           byte % 4;
  }
  uint8_t* int4_scale(int64_t group) const {
    return const_cast<uint8_t*>(int4_scales(panel, group)) + slot * 2;
  }
  uint8_t* int8_scale() const {
    return const_cast<uint8_t*>(int8_scales(panel, groups)) + slot * 4;
  }
};

bool in_high_nibble(int64_t input) { return input % kGroup >= kGroup / 2; }

void clear(void* packed, Format format, int64_t out_features, int64_t in_features) {
  memset(packed, 0, static_cast<size_t>(packed_bytes(format, out_features, in_features)));
}

}  // namespace

const char* layout_name() { return "tern-panel16-1"; }

int64_t packed_bytes(Format format, int64_t out_features, int64_t in_features) {
  if (format == Format::Bf16Rows) return out_features * in_features * 2;
  return panels_of(out_features) * panel_bytes(format, in_features);
}

// Padding inputs keep code 0, that is weight -8 * scale, but meet activations that are zero.
void pack_int4(const uint8_t* codes, const uint16_t* scales, int64_t out_features,
               int64_t in_features, void* packed) {
  clear(packed, Format::Int4, out_features, in_features);
  const int64_t groups = (in_features + kGroup - 1) / kGroup;
  for (int64_t row = 0; row < out_features; ++row) {
    const PackedRow place(packed, Format::Int4, row, in_features);
    for (int64_t input = 0; input < in_features; ++input) {
      const int code = codes[row * in_features + input] & 15;
      *place.int4_pair(input) |= static_cast<uint8_t>(in_high_nibble(input) ? code << 4 : code);
    }
    for (int64_t group = 0; group < groups; ++group) {
      memcpy(place.int4_scale(group), scales + row * groups + group, sizeof(*scales));
    }
  }
}

void pack_int8(const int8_t* codes, const float* scales, int64_t out_features,
               int64_t in_features, void* packed) {
  clear(packed, Format::Int8, out_features, in_features);
  for (int64_t row = 0; row < out_features; ++row) {
    const PackedRow place(packed, Format::Int8, row, in_features);
    for (int64_t input = 0; input < in_features; ++input) {
      *place.at(input) = static_cast<uint8_t>(codes[row * in_features + input]);
    }
    memcpy(place.int8_scale(), scales + row, sizeof(*scales));
  }
}

void pack_bf16(const uint16_t* weights, int64_t out_features, int64_t in_features, void* packed) {
  clear(packed, Format::Bf16, out_features, in_features);
  for (int64_t row = 0; row < out_features; ++row) {
    const PackedRow place(packed, Format::Bf16, row, in_features);
    for (int64_t input = 0; input < in_features; ++input) {
      memcpy(place.at(input * 2), weights + row * in_features + input, sizeof(*weights));
    }
  }
}

void unpack_row(const Linear& linear, int64_t row, float* weights) {
  const PackedRow place(const_cast<void*>(linear.weights), linear.format, row,
                        linear.in_features);
  for (int64_t input = 0; input < linear.in_features; ++input) {
    switch (linear.format) {
      case Format::Int4: {
        const uint8_t pair = *place.int4_pair(input);
        const int code = in_high_nibble(input) ? pair >> 4 : pair & 15;
        uint16_t scale;
        memcpy(&scale, place.int4_scale(input / kGroup), sizeof(scale));
        weights[input] = static_cast<float>(code - 8) * float_of_half(scale);
        break;
      }
      case Format::Int8: {
        float scale;
        memcpy(&scale, place.int8_scale(), sizeof(scale));
        weights[input] = static_cast<float>(static_cast<int8_t>(*place.at(input))) * scale;
        break;
      }
      case Format::Bf16:
        weights[input] = bf16_at(place.at(input * 2));
        break;
      case Format::Bf16Rows:
        weights[input] = bf16_at(static_cast<const uint8_t*>(linear.weights) +
                                 (row * linear.in_features + input) * 2);
        break;
    }
  }
}

}  // namespace tern
