// Linear layers in several weight formats: y = x W^T + bias, on the CPU's own vector instructions.
//
// Int4, Int4High, Int8 and Bf16 are packed (see kernels.h). Bf16Rows is bfloat16 as a safetensors
// file holds it, row-major [out, in]: it can be mapped from there and needs no second copy.
//
// Activations are float32 in memory. A multiplication first rounds them once ("records", see
// kernels.h): to int8 with a scale per 32 inputs (Int4, Int4High), to int8 with a scale per token
// (Int8), or to bfloat16 (Bf16, Bf16Rows). A token's record never depends on the tokens that are multiplied
// with it, and its result only to float32 rounding: their number decides in which order the
// products are added up.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format.h"
#include "scratch.h"
#include "team.h"

namespace tern {

// A view: the memory belongs to the caller, who keeps it alive (a mapped file, as a rule).
struct Linear {
  Format format;
  int64_t in_features;
  int64_t out_features;
  const void* weights;  // packed_bytes() of them; best on a 64-byte boundary, correct on any
  const float* bias;    // [out_features] or nullptr
};

// ------------------------------------------------------------------------------- multiplication

// y = x W^T + bias.  x: [tokens, in_features], y: [tokens, out_features], both dense row-major
// float32. Called by ONE thread, outside of any Team::run: it splits the work over the team.
void multiply(Team& team, const Linear& linear, const float* x, int64_t tokens, float* y,
              Scratch& scratch);

// The same for several linears that read the same x (q, k, v; gate, up): one dispatch, and x is
// rounded once per format. ys[i]: [tokens, linears[i]->out_features]. Throws
// std::invalid_argument, with nothing multiplied, where their in_features differ.
void multiply_many(Team& team, const Linear* const* linears, int count, const float* x,
                   int64_t tokens, float* const* ys, Scratch& scratch);

// --------------------------------------------------------------------------------------- packing

// The packed layout's name: it changes whenever bytes written by an older version would be misread.
// One layout serves every instruction set.
const char* layout_name();

// Bytes of a weight: of a packed one a multiple of 64, of Bf16Rows out * in * 2.
int64_t packed_bytes(Format format, int64_t out_features, int64_t in_features);

// codes: [out, in] in 0..15, scales: float16 bits [out, ceil(in / 32)], any sign. The weight they
// stand for is (code - 8) * scale. A scale is kept to 6 binary digits, and to fewer where it is less
// than an eighth of its row's greatest.
void pack_int4(const uint8_t* codes, const uint16_t* scales, int64_t out_features,
               int64_t in_features, void* packed);

// The same of the codes' high two bits: the weight is (4 * (code / 4) + 1.5 - 8) * scale.
void pack_int4_high(const uint8_t* codes, const uint16_t* scales, int64_t out_features,
                    int64_t in_features, void* packed);

// codes: [out, in] in -127..127, scales: float32 [out]. The weight is code * scale.
void pack_int8(const int8_t* codes, const float* scales, int64_t out_features,
               int64_t in_features, void* packed);

// weights: bfloat16 bits [out, in].
void pack_bf16(const uint16_t* weights, int64_t out_features, int64_t in_features, void* packed);

// Writes row `row` of W as float32 to weights[0 .. in_features). An embedding's look-up, too.
void unpack_row(const Linear& linear, int64_t row, float* weights);

// ------------------------------------------------------------------------------ instruction sets

// The instruction set in use: "scalar", "avx2", "avx2_vnni", "avx512" (with VNNI) or "avx512_bf16".
const char* isa();

// Those that this CPU and operating system can execute, best last, ended by nullptr.
const char* const* isas();

// Forces one of isas(), for tests and comparisons; false (and no change) for any other name.
// Not to be called while a multiplication runs.
bool set_isa(const char* name);

}  // namespace tern
