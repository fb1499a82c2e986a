// Between plain row-major weights and the panels of kernels.h.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "float8.h"
#include "half.h"
#include "kernels.h"
#include "linear.h"
#include "low_half.h"

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
    return group_byte(input / kGroup, kInt4Bytes, input % (kGroup / 2));
  }
  // The byte that holds an int4 input's high half in two of its bits.
  uint8_t* int4_four(int64_t input) const {
    return group_byte(input / kGroup, kInt4HighBytes, input % (kGroup / 4));
  }
  uint8_t* group_scale(int64_t group, int code_bytes) const {
    return const_cast<uint8_t*>(group_scales(panel, group, code_bytes)) + slot;
  }
  uint8_t* int8_scale() const {
    return const_cast<uint8_t*>(int8_scales(panel, groups)) + slot * 4;
  }

 private:
  uint8_t* group_byte(int64_t group, int code_bytes, int64_t byte) const {
    return const_cast<uint8_t*>(group_codes(panel, group, code_bytes)) + byte / 4 * 64 + slot * 4 +
           byte % 4;
  }
};

bool in_high_nibble(int64_t input) { return input % kGroup >= kGroup / 2; }
int four_shift(int64_t input) { return static_cast<int>(input % kGroup / (kGroup / 4) * 2); }

// Scales of a row before it is packed: of the groups that have inputs.
int64_t scales_of(int64_t in_features) { return (in_features + kGroup - 1) / kGroup; }

int code_bytes(Format format) {
  return format == Format::Int4 ? kInt4Bytes : kInt4HighBytes;
}

int8_t* exponent_of(void* packed, Format format, int64_t row, int64_t out_features,
                    int64_t in_features) {
  return static_cast<int8_t*>(packed) +
         panels_of(out_features) * panel_bytes(format, in_features) + row;
}

// The nearest 8-bit float; |value| less than 2^-11.
uint8_t float8_of_float(float value) {
  constexpr int kLeast = -14, kMantissa = 5;
  int exponent;
  std::frexp(value, &exponent);
  exponent = std::max(exponent - 1, kLeast);
  const float steps = std::nearbyint(std::ldexp(std::fabs(value), kMantissa - exponent));
  const int bits = ((exponent - kLeast) << kMantissa) + static_cast<int>(steps);
  return static_cast<uint8_t>(std::min(bits, 0x7f) | (std::signbit(value) ? 0x80 : 0));
}

// The scales of a row as they are stored.
struct RowScales {
  int8_t exponent;
  std::vector<uint8_t> codes;

  // scales: float16 bits.
  RowScales(const uint16_t* scales, int64_t count) : exponent(0), codes(static_cast<size_t>(count)) {
    float greatest = 0.0f;
    for (int64_t i = 0; i < count; ++i) {
      const float size = std::fabs(float_of_half(scales[i]));
      if (!std::isfinite(size)) exponent = kNotFinite;
      greatest = std::max(greatest, size);
    }
    if (exponent == kNotFinite || greatest == 0.0f) return;
    // The greatest is below 2^power, and an 8-bit float below 2^-11. What would round up to that
    // needs the next.
    int power;
    const float mantissa = std::frexp(greatest, &power);
    exponent = static_cast<int8_t>(power + (mantissa >= 0.9921875f ? 12 : 11));
    for (int64_t i = 0; i < count; ++i) {
      codes[static_cast<size_t>(i)] =
          float8_of_float(std::ldexp(float_of_half(scales[i]), -exponent));
    }
  }
  // The exponent where weights are counted in halves of a scale.
  int8_t halved() const {
    return exponent == kNotFinite ? exponent : static_cast<int8_t>(exponent - 1);
  }
};

// Puts row `row` of scales [rows, groups], float16 bits, where the panels have them, and what the
// row's weights share behind all panels.
void place_scales(const uint16_t* scales, Format format, int64_t row, int64_t out_features,
                  int64_t in_features, void* packed) {
  const PackedRow place(packed, format, row, in_features);
  const int64_t groups = scales_of(in_features);
  const RowScales own(scales + row * groups, groups);
  for (int64_t group = 0; group < groups; ++group) {
    *place.group_scale(group, code_bytes(format)) = own.codes[static_cast<size_t>(group)];
  }
  *exponent_of(packed, format, row, out_features, in_features) =
      format == Format::Int4High ? own.halved() : own.exponent;
}

void clear(void* packed, Format format, int64_t out_features, int64_t in_features) {
  memset(packed, 0, static_cast<size_t>(packed_bytes(format, out_features, in_features)));
}

}  // namespace

const char* layout_name() { return "tern-panel16-2"; }

int64_t packed_bytes(Format format, int64_t out_features, int64_t in_features) {
  if (format == Format::Bf16Rows) return out_features * in_features * 2;
  const int64_t panels = panels_of(out_features);
  const int64_t exponents = has_exponents(format) ? (panels * kPanelRows + 63) / 64 * 64 : 0;
  return panels * panel_bytes(format, in_features) + exponents;
}

// Padding inputs keep code 0, that is weight -8 * scale, but meet activations that are zero.
void pack_int4(const uint8_t* codes, const uint16_t* scales, int64_t out_features,
               int64_t in_features, void* packed) {
  clear(packed, Format::Int4, out_features, in_features);
  for (int64_t row = 0; row < out_features; ++row) {
    const PackedRow place(packed, Format::Int4, row, in_features);
    for (int64_t input = 0; input < in_features; ++input) {
      const int code = codes[row * in_features + input] & 15;
      *place.int4_pair(input) |= static_cast<uint8_t>(in_high_nibble(input) ? code << 4 : code);
    }
    place_scales(scales, Format::Int4, row, out_features, in_features, packed);
  }
}

void pack_int4_high(const uint8_t* codes, const uint16_t* scales, int64_t out_features,
                    int64_t in_features, void* packed) {
  clear(packed, Format::Int4High, out_features, in_features);
  for (int64_t row = 0; row < out_features; ++row) {
    const PackedRow place(packed, Format::Int4High, row, in_features);
    for (int64_t input = 0; input < in_features; ++input) {
      const int high = codes[row * in_features + input] >> 2 & 3;
      *place.int4_four(input) |= static_cast<uint8_t>(high << four_shift(input));
    }
    place_scales(scales, Format::Int4High, row, out_features, in_features, packed);
  }
}

int64_t low_half_row_bytes(int64_t in_features) {
  return groups_of(in_features) * (kLowHalfBytes + 1);
}

void pack_low_half(const uint8_t* codes, const uint16_t* scales, int64_t out_features,
                   int64_t in_features, uint8_t* rows) {
  const int64_t row_bytes = low_half_row_bytes(in_features);
  const int64_t given = scales_of(in_features), groups = groups_of(in_features);
  memset(rows, 0, static_cast<size_t>(out_features * row_bytes));
  for (int64_t row = 0; row < out_features; ++row, rows += row_bytes) {
    for (int64_t input = 0; input < in_features; ++input) {
      const int low = codes[row * in_features + input] & 3;
      rows[input / kGroup * kLowHalfBytes + input % kLowHalfBytes] |=
          static_cast<uint8_t>(low << four_shift(input));
    }
    const RowScales own(scales + row * given, given);
    std::copy(own.codes.begin(), own.codes.end(), rows + groups * kLowHalfBytes);
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
  const auto scale_at = [&](int64_t input) {
    const uint8_t code = *place.group_scale(input / kGroup, code_bytes(linear.format));
    return float_of_float8(code) * power_of_two(*exponent_of(
                                       const_cast<void*>(linear.weights), linear.format, row,
                                       linear.out_features, linear.in_features));
  };
  for (int64_t input = 0; input < linear.in_features; ++input) {
    switch (linear.format) {
      case Format::Int4: {
        const uint8_t pair = *place.int4_pair(input);
        const int code = in_high_nibble(input) ? pair >> 4 : pair & 15;
        weights[input] = static_cast<float>(code - 8) * scale_at(input);
        break;
      }
      case Format::Int4High: {
        const int code = *place.int4_four(input) >> four_shift(input) & 3;
        weights[input] = static_cast<float>(8 * code - 13) * scale_at(input);
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
