// Attention of a few queries to a range of positions: what the vector kernels work on.
#pragma once

#include <cstdint>

namespace tern {

// Positions whose keys lie interleaved, and so the alignment of a range's beginning.
constexpr int64_t kKeyBlock = 32;
// Positions whose scores are in flight at a time: with 32 queries they take 16 KiB, half of L1.
constexpr int64_t kScoreColumns = 128;
// Values are padded to a multiple of this many elements, so that kernels see whole vectors.
constexpr int64_t kValueAlignment = 16;

// The queries of one kv head's group and the keys and values that they look at.
//
// Row r of `queries` is a head of the token at position `first_position + r / group`, and sees
// the positions up to its own.
struct AttentionRange {
  const float* queries;    // [rows][head_dim], rotated and scaled by 1 / sqrt(head_dim)
  const uint16_t* keys;    // float16 [context / kKeyBlock][head_dim][kKeyBlock]
  const uint16_t* values;  // float16 [context][value_dim]
  int64_t rows;
  int64_t head_dim;
  int64_t value_dim;  // head_dim, rounded up to kValueAlignment
  int64_t group;      // query heads that share a kv head
  int64_t first_position;
  int64_t begin;  // the positions begin ... end - 1; begin is a multiple of kKeyBlock
  int64_t end;
};

// The softmax of each row over the positions seen so far, not yet divided by its sum
// (Milakov and Gimelshein 2018). An untouched row has maximum -infinity and sum 0.
struct SoftmaxState {
  float* maxima;    // [rows]
  float* sums;      // [rows], of exp(score - maximum)
  float* weighted;  // [rows][value_dim], of exp(score - maximum) * value
};

}  // namespace tern
