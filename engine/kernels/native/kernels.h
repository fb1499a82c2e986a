// What an instruction set's unit provides, and the two memory layouts that all of them share.
//
// Panel: 16 rows of a packed weight. Codes are interleaved so that 64 bytes hold 4 bytes of each
// row: two 32-byte vectors of 8 rows, or one 64-byte vector of 16. The input is padded with zero
// weights to an even number of groups of 32, the output to whole panels. Each is read from its
// first byte to its last, as the memory likes best.
//   Int4: for each four groups: 4 x [16] scales, a cache line, then for each of them
//         4 x [16 rows][4 bytes]. Byte b of vector j holds input 4j + b of its group in the low
//         nibble, 16 + 4j + b in the high one. Scales are 8-bit floats (float8.h); those of a row
//         share the exponent that stands behind all panels, [rows] int8.
//   Int4High: the same of the codes' high two bits alone, 2 x [16 rows][4 bytes] for a group: bits
//         2s and 2s + 1 of byte b of vector j hold input 8s + 4j + b. For the low two, which each
//         row has by itself, see low_half.h.
//   Int8: groups x 8 x [16 rows][4 inputs], then [16] float32 scales.
//   Bf16: groups x 16 x [16 rows][2 inputs].
//   Bf16Rows: [16 rows][inputs], as it lies in a checkpoint: nothing interleaved, nothing padded.
//
// Record: one token's rounded inputs. Records are `record_bytes` apart.
//   Int4, Int4High: groups x [32] int8 codes, [groups] float32 scales, [groups] int32 sums of codes
//         times kInt4Middle or kInt4HighMiddle.
//   Int8: groups x [32] int8 codes, groups x [32] their uint8 magnitudes, float32 scale,
//         int32 128 * sum of codes.
//   Bf16, Bf16Rows: groups x [32] values, as float32 or as bfloat16, as the unit likes best.
#pragma once

#include <cstddef>
#include <cstdint>

#include "elementwise.h"
#include "format.h"

namespace tern {

constexpr int kPanelRows = 16;
constexpr int kGroup = 32;
constexpr int kFormats = 5;
constexpr int kMaxTile = 16;  // tokens
constexpr int kAhead = 4096;  // bytes from a read to its prefetch, where another thing is read too
constexpr int kCachedInputs = 4096;  // as float32, half of a first-level cache
constexpr int kScaleGroups = 4;                      // whose scales fill a cache line
constexpr int kScaleLine = kScaleGroups * kPanelRows;
constexpr int kInt4Bytes = kPanelRows * kGroup / 2;  // codes of one group
constexpr int kInt4HighBytes = kInt4Bytes / 2;
// A weight is (code - 8) * scale. Where its high half is all that is known, it is
// (8 * half - 13) * scale / 2, and the half is in the exponents.
constexpr int kInt4Steps = 1, kInt4Middle = 8;
constexpr int kInt4HighSteps = 8, kInt4HighMiddle = 13;
constexpr int kLowHalfBytes = kGroup / 4;            // of one row (low_half.h)

// Products of one panel with a few tokens.
struct Tile {
  const uint8_t* panel;
  const uint8_t* ahead;    // Bf16: prefetched while the panel is read, byte for byte
  const int8_t* exponents; // Int4, Int4High: of the rows' scales
  int64_t in_features;
  int64_t groups;          // of 32 inputs; even
  int rows;                // Bf16Rows: that are there to be read, 1..16
  const uint8_t* records;  // of the first token
  int64_t record_bytes;
  float* products;  // [tokens, 16], dense
};

// Writes the record of x[0 .. in_features), padded with zeros to `groups` groups.
using RoundToken = void (*)(const float* x, int64_t in_features, int64_t groups, uint8_t* record);
using MultiplyTile = void (*)(const Tile& tile);
// Writes a tile's Bf16Rows as a panel of Bf16, zeros for what is not there.
using Interleave = void (*)(const Tile& tile, uint8_t* panel);
// The product of a row's low halves (low_half.h) with an Int4 record, without the row's exponent.
using LowHalfDot = float (*)(const uint8_t* row, int64_t groups, const uint8_t* record);

struct FormatKernels {
  RoundToken round;
  const MultiplyTile* multiply;  // multiply[t - 1] takes t tokens
  int max_tokens;                // at most kMaxTile
};

struct Kernels {
  const char* name;
  FormatKernels formats[kFormats];  // indexed by Format
  Interleave interleave;
  LowHalfDot low_half_dot;
  const VectorKernels* vectors;
};

extern const Kernels kScalarKernels;
#if defined(TERN_X86)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvxVnniKernels;
extern const Kernels kAvx512Kernels;
// These take the place of kAvx512Kernels' own.
extern const FormatKernels kAvx512Bf16;
extern const FormatKernels kAvx512Bf16Rows;
#endif

// Called while a weight is read from its first byte to its last, once for each cache line. A core
// has room for a dozen lines on their way into its first-level cache, too few for the memory's
// latency, and for several times as many on their way into the second: so each line comes in two
// steps. One step alone, and hints that keep lines out of the second level (NTA), cost 10 % of the
// time and more on an Intel Xeon (docs/benchmarks.md).
constexpr int kSoon = 1024, kLater = 8192;  // bytes
static inline void prefetch(const uint8_t* read) {
  __builtin_prefetch(read + kSoon, 0, 3);
  __builtin_prefetch(read + kLater, 0, 2);
}

// The same where `rows` neighbouring rows are read side by side, at byte `at` of this one of them.
// What is due after their end is in the next ones.
static inline void prefetch_beside(const uint8_t* row, int64_t at, int64_t row_bytes, int rows) {
  const int64_t next = (rows - 1) * row_bytes, soon = at + kSoon / rows, later = at + kLater / rows;
  __builtin_prefetch(row + (soon < row_bytes ? soon : soon + next), 0, 3);
  __builtin_prefetch(row + (later < row_bytes ? later : later + next), 0, 2);
}

// An even number, as some kernels take two groups at a time.
static inline int64_t groups_of(int64_t in_features) {
  return (in_features + 2 * kGroup - 1) / (2 * kGroup) * 2;
}

static inline int64_t panels_of(int64_t out_features) {
  return (out_features + kPanelRows - 1) / kPanelRows;
}

// Of so many groups of codes of `code_bytes` each, with the scales before each four.
static inline int64_t scaled_bytes(int64_t groups, int code_bytes) {
  return (groups + kScaleGroups - 1) / kScaleGroups * kScaleLine + groups * code_bytes;
}

static inline int64_t panel_bytes(Format format, int64_t in_features) {
  const int64_t groups = groups_of(in_features);
  switch (format) {
    case Format::Int4:
      return scaled_bytes(groups, kInt4Bytes);
    case Format::Int4High:
      return scaled_bytes(groups, kInt4HighBytes);
    case Format::Int8:
      return groups * kPanelRows * kGroup + kPanelRows * 4;
    case Format::Bf16:
      return groups * kPanelRows * kGroup * 2;
    case Format::Bf16Rows:
      return kPanelRows * in_features * 2;
  }
  return 0;
}

// Room for the largest record that any unit writes, on whole cache lines and an odd number of
// them: at a power of two the tokens of a tile would compete for the same lines of the cache.
static inline int64_t record_bytes(Format format, int64_t groups) {
  int64_t bytes = 0;
  switch (format) {
    case Format::Int4:
    case Format::Int4High:
      bytes = groups * (kGroup + 4 + 4);
      break;
    case Format::Int8:
      bytes = groups * kGroup * 2 + 4 + 4;
      break;
    case Format::Bf16:
    case Format::Bf16Rows:
      bytes = groups * kGroup * 4;
      break;
  }
  return ((bytes + 63) / 64 | 1) * 64;
}

// The format of the records that a format's kernels read.
static inline Format record_format(Format format) {
  return format == Format::Bf16Rows ? Format::Bf16 : format;
}

static inline bool has_exponents(Format format) {
  return format == Format::Int4 || format == Format::Int4High;
}

// Inputs of a group that are not padding: 0..32.
static inline int64_t present_in_group(int64_t in_features, int64_t group) {
  const int64_t left = in_features - group * kGroup;
  return left >= kGroup ? kGroup : left > 0 ? left : 0;
}

// Where the parts of a panel and of a record lie.
static inline const uint8_t* group_scales(const uint8_t* panel, int64_t group, int code_bytes) {
  const int64_t four = group / kScaleGroups, place = group % kScaleGroups;
  return panel + four * (kScaleLine + kScaleGroups * code_bytes) + place * kPanelRows;
}
static inline const uint8_t* group_codes(const uint8_t* panel, int64_t group, int code_bytes) {
  const int64_t four = group / kScaleGroups, place = group % kScaleGroups;
  return panel + four * (kScaleLine + kScaleGroups * code_bytes) + kScaleLine + place * code_bytes;
}
static inline const uint8_t* int8_scales(const uint8_t* panel, int64_t groups) {
  return panel + groups * (kPanelRows * kGroup);
}
static inline const float* int4_token_scales(const uint8_t* record, int64_t groups) {
  return reinterpret_cast<const float*>(record + groups * kGroup);
}
static inline const int32_t* int4_token_sums(const uint8_t* record, int64_t groups) {
  return reinterpret_cast<const int32_t*>(record + groups * (kGroup + 4));
}
static inline const uint8_t* int8_magnitudes(const uint8_t* record, int64_t groups) {
  return record + groups * kGroup;
}
static inline float int8_token_scale(const uint8_t* record, int64_t groups) {
  return *reinterpret_cast<const float*>(record + groups * kGroup * 2);
}
static inline int32_t int8_token_sum(const uint8_t* record, int64_t groups) {
  return *reinterpret_cast<const int32_t*>(record + groups * kGroup * 2 + 4);
}

// How activations are rounded to int8: code = nearest(x * int8_inverse), x ~ code * int8_scale.
// A peak that is infinite, NaN or too small to divide by gives codes that do not matter: the scale
// makes the product not finite, or next to nothing.
constexpr float kSmallestPeak = 1e-30f;
static inline float int8_inverse(float peak) {
  return peak >= kSmallestPeak && peak <= 3.402823466e38f ? 127.0f / peak : 0.0f;
}
static inline float int8_scale(float peak) { return peak * (1.0f / 127.0f); }

}  // namespace tern
