// Causal grouped-query attention over a cache of float16 keys and values, by a team of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "elementwise.h"
#include "scratch.h"
#include "team.h"

namespace tern {

struct AttentionShape {
  int64_t layers;
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;  // even
  int64_t context;   // positions that the cache holds

  int64_t group() const { return heads / kv_heads; }
  // Elements of a value in the cache, see kValueAlignment.
  int64_t value_dim() const {
    return (head_dim + kValueAlignment - 1) / kValueAlignment * kValueAlignment;
  }
  int64_t padded_context() const { return (context + kKeyBlock - 1) / kKeyBlock * kKeyBlock; }
};

// Keys and values of all layers, float16.
//
// keys: [layers][kv_heads][context / kKeyBlock][head_dim][kKeyBlock], values:
// [layers][kv_heads][context][value_dim]. The memory is reserved at once, as zeros, and becomes
// resident only as it is written.
class KvCache {
 public:
  // Throws std::bad_alloc.
  explicit KvCache(const AttentionShape& shape);

  uint16_t* keys(int64_t layer, int64_t kv_head) const {
    return keys_ + (layer * shape_.kv_heads + kv_head) * shape_.padded_context() * shape_.head_dim;
  }
  uint16_t* values(int64_t layer, int64_t kv_head) const {
    return values_ +
           (layer * shape_.kv_heads + kv_head) * shape_.padded_context() * shape_.value_dim();
  }

 private:
  struct Free {
    void operator()(void* memory) const;
  };
  AttentionShape shape_;
  std::unique_ptr<void, Free> memory_;
  uint16_t* keys_;
  uint16_t* values_;
};

// A layer's inputs of `tokens` tokens, the first at position `start`. The linears' outputs are
// dense, one token after the other.
struct AttentionInputs {
  int64_t layer;
  const float* q;       // [tokens, heads * head_dim]
  const float* k;       // [tokens, kv_heads * head_dim]
  const float* v;       // [tokens, kv_heads * head_dim]
  const float* q_norm;  // [head_dim], or nullptr: RMSNorm over each head (Qwen3)
  const float* k_norm;  // [head_dim], or nullptr
  int64_t tokens;
  int64_t start;
  int64_t wanted;  // only the last so many tokens' outputs are computed
};

// Rotary position embedding (Su et al. 2021) as tables, float32 [context, head_dim / 2].
struct RopeTables {
  const float* cos;
  const float* sin;
};

class CausalAttention {
 public:
  // Throws std::bad_alloc.
  CausalAttention(const AttentionShape& shape, RopeTables rope, float norm_eps, int members);

  // Writes keys and values to the cache and attends to all positions up to each token's own.
  // out: [wanted, heads * head_dim]. Called outside of any Team::run, with the team of the
  // constructor's size.
  void run(Team& team, const AttentionInputs& in, float* out);

 private:
  struct Plan;

  Plan plan(const AttentionInputs& in) const;
  void store(const VectorKernels& kernels, const AttentionInputs& in, int64_t begin, int64_t end,
             int member);
  void prepare(const VectorKernels& kernels, const float* x, const float* norm, int64_t position,
               float scale, float* y) const;
  void attend(const VectorKernels& kernels, const AttentionInputs& in, const Plan& plan,
              int64_t unit, int member, float* out);
  void merge(const VectorKernels& kernels, const Plan& plan, float* out);
  int64_t output(int64_t kv_head, int64_t row) const;
  float* workspace(int member);
  float* partial(int64_t number, int64_t rows);

  AttentionShape shape_;
  RopeTables rope_;
  float norm_eps_;
  int64_t max_rows_;
  KvCache cache_;
  std::vector<Scratch> scratch_;  // per member: queries, scores and a softmax state
  Scratch partial_;               // softmax states of [kv_heads][slices][rows]
  float* partials_ = nullptr;     // what partial_ reserved
};

}  // namespace tern
