// The kernels in plain C++, one token at a time: for any machine, and the others' reference.
#include <cmath>

#include "float8.h"
#include "half.h"
#include "interleave.h"
#include "kernels.h"

namespace tern {
namespace {

// The largest magnitude of x[0 .. count), compared as bits: a NaN is larger than all numbers, so
// that it reaches the scale and with it the result.
float peak_of(const float* x, int64_t count) {
  uint32_t peak = 0;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = bits_of_float(x[i]) & 0x7fffffffu;
    if (bits > peak) peak = bits;
  }
  return float_of_bits(peak);
}

// Writes codes[0 .. padded), returns their sum.
int32_t round_to_int8(const float* x, int64_t count, int64_t padded, float peak, int8_t* codes) {
  const float inverse = int8_inverse(peak);
  int32_t sum = 0;
  for (int64_t i = 0; i < padded; ++i) {
    const float scaled = i < count && inverse > 0.0f ? x[i] * inverse : 0.0f;
    codes[i] = static_cast<int8_t>(std::nearbyint(scaled));
    sum += codes[i];
  }
  return sum;
}

template <int kMiddle>
void round_int4(const float* x, int64_t in_features, int64_t groups, uint8_t* record) {
  auto* scales = const_cast<float*>(int4_token_scales(record, groups));
  auto* sums = const_cast<int32_t*>(int4_token_sums(record, groups));
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t start = group * kGroup;
    const int64_t count = present_in_group(in_features, group);
    const float peak = peak_of(x + start, count);
    auto* codes = reinterpret_cast<int8_t*>(record + start);
    sums[group] = kMiddle * round_to_int8(x + start, count, kGroup, peak, codes);
    scales[group] = int8_scale(peak);
  }
}

void round_int8(const float* x, int64_t in_features, int64_t groups, uint8_t* record) {
  const int64_t padded = groups * kGroup;
  auto* codes = reinterpret_cast<int8_t*>(record);
  const float peak = peak_of(x, in_features);
  const int32_t sum = 128 * round_to_int8(x, in_features, padded, peak, codes);
  for (int64_t i = 0; i < padded; ++i) {
    record[padded + i] = static_cast<uint8_t>(codes[i] < 0 ? -codes[i] : codes[i]);
  }
  const float scale = int8_scale(peak);
  memcpy(record + 2 * padded, &scale, sizeof(scale));
  memcpy(record + 2 * padded + sizeof(scale), &sum, sizeof(sum));
}

void round_bf16(const float* x, int64_t in_features, int64_t groups, uint8_t* record) {
  auto* values = reinterpret_cast<float*>(record);
  for (int64_t i = 0; i < groups * kGroup; ++i) {
    values[i] = i < in_features ? float_of_bf16(bf16_of_float(x[i])) : 0.0f;
  }
}

// The code of input 0..31 of a group in a panel's row, or of its high half.
int int4_code(const uint8_t* codes, int row, int input) {
  const int at = input % 16;
  const uint8_t pair = codes[at / 4 * 64 + row * 4 + at % 4];
  return input < 16 ? pair & 15 : pair >> 4;
}
int int4_high_code(const uint8_t* codes, int row, int input) {
  const int at = input % 8;
  return codes[at / 4 * 64 + row * 4 + at % 4] >> (input / 8 * 2) & 3;
}

// The middle of the codes comes with the record, times the sum of x.
template <int (*kCode)(const uint8_t*, int, int), int kBytes, int kSteps>
void multiply_groups(const Tile& tile) {
  const auto* x = reinterpret_cast<const int8_t*>(tile.records);
  const float* token_scales = int4_token_scales(tile.records, tile.groups);
  const int32_t* middles = int4_token_sums(tile.records, tile.groups);
  for (int row = 0; row < kPanelRows; ++row) {
    float product = 0.0f;
    for (int64_t group = 0; group < tile.groups; ++group) {
      const uint8_t* codes = group_codes(tile.panel, group, kBytes);
      int32_t sum = -middles[group];
      for (int i = 0; i < kGroup; ++i) {
        sum += kCode(codes, row, i) * kSteps * x[group * kGroup + i];
      }
      const float scale = float_of_float8(group_scales(tile.panel, group, kBytes)[row]);
      product += static_cast<float>(sum) * (scale * token_scales[group]);
    }
    tile.products[row] = product * power_of_two(tile.exponents[row]);
  }
}

float low_half_dot(const uint8_t* row, int64_t groups, const uint8_t* record) {
  const auto* x = reinterpret_cast<const int8_t*>(record);
  const float* token_scales = int4_token_scales(record, groups);
  float product = 0.0f;
  for (int64_t group = 0; group < groups; ++group) {
    int32_t sum = 0;
    for (int i = 0; i < kGroup; ++i) {
      const int code = row[group * kLowHalfBytes + i % 8] >> (i / 8 * 2) & 3;
      sum += (2 * code - 3) * x[group * kGroup + i];
    }
    const float scale = float_of_float8(row[groups * kLowHalfBytes + group]);
    product += static_cast<float>(sum) * (scale * token_scales[group]);
  }
  return product;
}

void multiply_int8(const Tile& tile) {
  const auto* codes = reinterpret_cast<const int8_t*>(tile.records);
  const auto* weights = reinterpret_cast<const int8_t*>(tile.panel);
  const float token_scale = int8_token_scale(tile.records, tile.groups);
  for (int row = 0; row < kPanelRows; ++row) {
    int32_t sum = 0;
    for (int64_t i = 0; i < tile.groups * kGroup; ++i) {
      sum += weights[i / 4 * 64 + row * 4 + i % 4] * codes[i];
    }
    float scale;
    memcpy(&scale, int8_scales(tile.panel, tile.groups) + row * 4, sizeof(scale));
    tile.products[row] = static_cast<float>(sum) * (scale * token_scale);
  }
}

void multiply_bf16(const Tile& tile) {
  const auto* values = reinterpret_cast<const float*>(tile.records);
  for (int row = 0; row < kPanelRows; ++row) {
    float product = 0.0f;
    for (int64_t i = 0; i < tile.groups * kGroup; ++i) {
      product += bf16_at(tile.panel + i / 2 * 64 + row * 4 + i % 2 * 2) * values[i];
    }
    tile.products[row] = product;
  }
}

void multiply_bf16_rows(const Tile& tile) {
  const auto* values = reinterpret_cast<const float*>(tile.records);
  for (int row = 0; row < tile.rows; ++row) {
    const uint8_t* weights = tile.panel + row * tile.in_features * 2;
    float product = 0.0f;
    for (int64_t i = 0; i < tile.in_features; ++i) product += bf16_at(weights + i * 2) * values[i];
    tile.products[row] = product;
  }
}

void interleave_group(const uint8_t* rows, int64_t row_bytes, uint8_t* to) {
  for (int row = 0; row < kPanelRows; ++row) {
    for (int pair = 0; pair < kGroup / 2; ++pair) {
      memcpy(to + pair * 64 + row * 4, rows + row * row_bytes + pair * 4, 4);
    }
  }
}

constexpr MultiplyTile kInt4[] = {multiply_groups<int4_code, kInt4Bytes, kInt4Steps>};
constexpr MultiplyTile kInt4High[] = {
    multiply_groups<int4_high_code, kInt4HighBytes, kInt4HighSteps>};
constexpr MultiplyTile kInt8[] = {multiply_int8};
constexpr MultiplyTile kBf16[] = {multiply_bf16};
constexpr MultiplyTile kBf16Rows[] = {multiply_bf16_rows};

}  // namespace

const Kernels kScalarKernels = {
    "scalar",
    {{round_bf16, kBf16, 1},
     {round_int8, kInt8, 1},
     {round_int4<kInt4Middle>, kInt4, 1},
     {round_bf16, kBf16Rows, 1},
     {round_int4<kInt4HighMiddle>, kInt4High, 1}},
    interleave<interleave_group>,
    low_half_dot,
    &kScalarVectors,
};

}  // namespace tern
