// A decoder of the Llama line (Llama, Mistral, Qwen2, Qwen3): token ids in, logits out.
//
// Activations are float32. Everything that is large (weights, embedding, tables) is a view of
// memory that belongs to the caller, who keeps it alive.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "attention.h"
#include "elementwise.h"
#include "linear.h"
#include "refine.h"
#include "scratch.h"
#include "table.h"
#include "team.h"

namespace tern {

// No size of a model is beyond this, which keeps every number of bytes far from overflow.
constexpr int64_t kMaxSize = int64_t{1} << 27;

struct DecoderShape {
  int64_t vocab;
  int64_t hidden;
  int64_t intermediate;
  float norm_eps;
  AttentionShape attention;
};

struct LayerWeights {
  const float* input_norm;           // [hidden]
  const float* post_attention_norm;  // [hidden]
  const float* q_norm;               // [head_dim] or nullptr
  const float* k_norm;               // [head_dim] or nullptr
  Linear q, k, v, o, gate, up, down;
};

struct DecoderWeights {
  Table embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  const float* final_norm;  // [hidden]
  RoughHead head;           // hidden -> vocab
  Table exact_head;         // [vocab, hidden], where the likeliest logits are computed again
  RopeTables rope;          // for every position of the context
};

// Seconds spent in each part of the decoder, since it was made.
struct PartSeconds {
  double linears = 0;
  double attention = 0;
  double elementwise = 0;
};

class Decoder {
 public:
  // Tokens that are computed together; a longer prompt is cut into chunks of this size.
  static constexpr int64_t kChunk = 512;

  // Called after each layer of each chunk; what it throws ends append(), with the chunks before in
  // the cache.
  using OnLayer = std::function<void()>;

  // The team is used by one decoder's call at a time. Throws std::invalid_argument with a plain
  // sentence where shapes do not fit together, and std::bad_alloc.
  Decoder(Team& team, const DecoderShape& shape, DecoderWeights weights);

  // How many tokens the cache holds.
  int64_t used() const { return used_; }

  // Forgets all but the first `length` tokens. Throws std::invalid_argument beyond used().
  void truncate(int64_t length);

  // Appends `count` tokens to the context. The last `kept` of them, at most kChunk, can be asked
  // for their logits afterwards. Throws std::invalid_argument, with nothing appended, where an id
  // is outside of the vocabulary or the context is too short.
  void append(const int64_t* ids, int64_t count, int64_t kept, const OnLayer& on_layer);

  // Writes the logits [rows, vocab] of kept tokens `first` ... `first + rows - 1`.
  // Throws std::invalid_argument where they were not kept.
  void logits(int64_t first, int64_t rows, float* out);

  const DecoderShape& shape() const { return shape_; }
  const PartSeconds& seconds() const { return seconds_; }

 private:
  // Buffers [kChunk, ...] of one chunk's activations.
  struct Activations {
    float *hidden, *normed, *q, *k, *v, *attended, *projected, *gate, *up;
  };

  void check(const int64_t* ids, int64_t count, int64_t kept) const;
  void run_chunk(const int64_t* ids, int64_t tokens, int64_t wanted, const OnLayer& on_layer);
  void embed(const int64_t* ids, int64_t tokens);
  void attention_block(int64_t layer, int64_t tokens, int64_t wanted);
  void feed_forward(const LayerWeights& layer, int64_t tokens);
  void add_and_norm(float* hidden, const float* norm, int64_t tokens);
  void lap(double& part);
  template <class Work>
  void for_tokens(int64_t tokens, Work&& work);

  Team& team_;
  DecoderShape shape_;
  DecoderWeights weights_;
  CausalAttention attention_;
  Refiner refiner_;
  Scratch memory_;   // of the activations
  Scratch scratch_;  // of the multiplications
  Activations at_{};
  int64_t used_ = 0;
  int64_t kept_ = 0;  // tokens whose final hidden state lies in at_.normed
  PartSeconds seconds_;
  std::chrono::steady_clock::time_point lap_;
};

}  // namespace tern
