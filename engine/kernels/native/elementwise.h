// What a decoder does between its multiplications, one vector at a time, and the table through
// which the fastest version that this CPU runs is called. float32 throughout.
#pragma once

#include <cstdint>

#include "attention_range.h"

namespace tern {

// The functions of one instruction set. `size` counts floats and need not be a multiple of
// anything; arrays may overlap only where they are the same.
struct VectorKernels {
  const char* isa;

  // y = weight * x / sqrt(mean(x^2) + eps): RMSNorm (Zhang and Sennrich 2019).
  void (*rms_norm)(const float* x, const float* weight, float eps, int64_t size, float* y);
  // sum += x.
  void (*add)(const float* x, int64_t size, float* sum);
  // gate = silu(gate) * up, with silu(g) = g / (1 + e^-g).
  void (*silu_gate)(const float* up, int64_t size, float* gate);
  // Rotate x [2 * half] by the angles of its position, x[i] paired with x[i + half] (the
  // pairing of Hugging Face's checkpoints), and scale it. cos, sin: [half].
  void (*rotate)(const float* cos, const float* sin, float scale, int64_t half, float* x);
  // y = float16(x), what is beyond float16's range set to its ends.
  void (*to_half)(const float* x, int64_t size, uint16_t* y);
  // y = float32(x) of float16.
  void (*from_half)(const uint16_t* x, int64_t size, float* y);
  // y = float32(x) of bfloat16.
  void (*from_bfloat)(const uint16_t* x, int64_t size, float* y);
  // y = weight * x.
  void (*scale)(const float* x, float weight, int64_t size, float* y);
  // The sum of a * b.
  float (*dot)(const float* a, const float* b, int64_t size);
  // y += weight * x.
  void (*add_scaled)(const float* x, float weight, int64_t size, float* y);
  // Add the positions of `range` to the softmax `state` of its queries.
  // scores: room for [rows][kScoreColumns].
  void (*attend)(const AttentionRange& range, float* scores, const SoftmaxState& state);
};

// Those of the instruction set in use, see isa().
const VectorKernels& vector_kernels();

extern const VectorKernels kScalarVectors;
#if defined(TERN_X86)
extern const VectorKernels kAvx2Vectors;
extern const VectorKernels kAvx512Vectors;
#endif

}  // namespace tern
