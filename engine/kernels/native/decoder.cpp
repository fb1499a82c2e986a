#include "decoder.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace tern {
namespace {

// Below this many tokens one thread is done before the team would have begun.
constexpr int64_t kSharedTokens = 4;
constexpr double kMaxCacheElements = 1e13;

[[noreturn]] void refuse(const std::string& sentence) { throw std::invalid_argument(sentence); }

void check_size(int64_t value, const char* name) {
  if (value < 1 || value > kMaxSize) {
    refuse(std::string(name) + " must be from 1 to " + std::to_string(kMaxSize) + ", not " +
           std::to_string(value) + ".");
  }
}

void check_shape(const DecoderShape& shape) {
  const AttentionShape& attention = shape.attention;
  check_size(shape.vocab, "The vocabulary");
  check_size(shape.hidden, "The hidden size");
  check_size(shape.intermediate, "The intermediate size");
  check_size(attention.layers, "The number of layers");
  check_size(attention.heads, "The number of heads");
  check_size(attention.kv_heads, "The number of key-value heads");
  check_size(attention.head_dim, "The head size");
  check_size(attention.context, "The context length");
  if (attention.heads % attention.kv_heads) {
    refuse("The number of heads must be a multiple of the number of key-value heads.");
  }
  if (attention.head_dim % 2) refuse("The head size must be even, as rope pairs its halves.");
  if (!(shape.norm_eps >= 0)) refuse("The epsilon of the norms must not be negative.");
  const double elements = 2.0 * static_cast<double>(attention.layers) *
                          static_cast<double>(attention.kv_heads) *
                          static_cast<double>(attention.padded_context()) *
                          static_cast<double>(attention.value_dim());
  if (elements > kMaxCacheElements) refuse("No machine holds a cache of that size.");
}

void check_linear(const Linear& linear, int64_t in_features, int64_t out_features,
                  const std::string& name) {
  if (!linear.weights) refuse("The linear " + name + " has no weights.");
  if (linear.in_features == in_features && linear.out_features == out_features) return;
  refuse("The linear " + name + " is " + std::to_string(linear.in_features) + " -> " +
         std::to_string(linear.out_features) + ", and the model needs " +
         std::to_string(in_features) + " -> " + std::to_string(out_features) + ".");
}

void check_layer(const LayerWeights& layer, const DecoderShape& shape, size_t number) {
  const std::string of = " of layer " + std::to_string(number);
  const int64_t q_size = shape.attention.heads * shape.attention.head_dim;
  const int64_t kv_size = shape.attention.kv_heads * shape.attention.head_dim;
  check_linear(layer.q, shape.hidden, q_size, "q_proj" + of);
  check_linear(layer.k, shape.hidden, kv_size, "k_proj" + of);
  check_linear(layer.v, shape.hidden, kv_size, "v_proj" + of);
  check_linear(layer.o, q_size, shape.hidden, "o_proj" + of);
  check_linear(layer.gate, shape.hidden, shape.intermediate, "gate_proj" + of);
  check_linear(layer.up, shape.hidden, shape.intermediate, "up_proj" + of);
  check_linear(layer.down, shape.intermediate, shape.hidden, "down_proj" + of);
  if (!layer.input_norm || !layer.post_attention_norm) refuse("A norm" + of + " is missing.");
  if (!layer.q_norm != !layer.k_norm) refuse("Only one of q and k is normed in" + of + ".");
}

const DecoderShape& checked(const DecoderShape& shape, const DecoderWeights& weights) {
  check_shape(shape);
  if (weights.layers.size() != static_cast<size_t>(shape.attention.layers)) {
    refuse("There are weights of " + std::to_string(weights.layers.size()) +
           " layers, and the model has " + std::to_string(shape.attention.layers) + ".");
  }
  for (size_t i = 0; i < weights.layers.size(); ++i) check_layer(weights.layers[i], shape, i);
  check_linear(weights.head.linear, shape.hidden, shape.vocab, "of the head");
  if ((weights.head.linear.format == Format::Int4High) != (weights.head.low != nullptr)) {
    refuse("Low halves belong to a head of high halves, and to no other.");
  }
  if (!weights.embedding.data) refuse("The embedding is missing.");
  if (!weights.final_norm) refuse("The final norm is missing.");
  if (!weights.rope.cos || !weights.rope.sin) refuse("The rope tables are missing.");
  return shape;
}

}  // namespace

Decoder::Decoder(Team& team, const DecoderShape& shape, DecoderWeights weights)
    : team_(team),
      shape_(checked(shape, weights)),
      weights_(std::move(weights)),
      attention_(shape_.attention, weights_.rope, shape_.norm_eps, team.size()),
      refiner_(weights_.head, weights_.exact_head) {
  const int64_t q_size = shape_.attention.heads * shape_.attention.head_dim;
  const int64_t kv_size = shape_.attention.kv_heads * shape_.attention.head_dim;
  const std::pair<float**, int64_t> rows[] = {
      {&at_.hidden, shape_.hidden},     {&at_.normed, shape_.hidden},
      {&at_.q, q_size},                 {&at_.k, kv_size},
      {&at_.v, kv_size},                {&at_.attended, q_size},
      {&at_.projected, shape_.hidden},  {&at_.gate, shape_.intermediate},
      {&at_.up, shape_.intermediate},
  };
  const int64_t tokens = std::min(kChunk, shape_.attention.context);
  int64_t floats = 0;
  for (const auto& [buffer, size] : rows) floats += tokens * size;
  auto* memory =
      static_cast<float*>(memory_.reserve(static_cast<size_t>(floats) * sizeof(float)));
  for (const auto& [buffer, size] : rows) {
    *buffer = memory;
    memory += tokens * size;
  }
}

void Decoder::truncate(int64_t length) {
  if (length < 0 || length > used_) {
    refuse("The cache holds " + std::to_string(used_) + " tokens: it cannot be cut to " +
           std::to_string(length) + ".");
  }
  used_ = length;
  kept_ = 0;
}

void Decoder::append(const int64_t* ids, int64_t count, int64_t kept, const OnLayer& on_layer) {
  check(ids, count, kept);
  kept_ = 0;
  for (int64_t done = 0; done < count;) {
    // The last chunk holds at least the tokens that are kept.
    const int64_t left = count - done;
    const int64_t tokens = left > kChunk ? std::min(kChunk, left - kept) : left;
    run_chunk(ids + done, tokens, std::min(kept, tokens), on_layer);
    done += tokens;
    used_ += tokens;
  }
  kept_ = kept;
}

void Decoder::check(const int64_t* ids, int64_t count, int64_t kept) const {
  const int64_t context = shape_.attention.context;
  if (count < 1) refuse("There are no tokens to append.");
  if (kept < 1 || kept > std::min(count, kChunk)) {
    refuse("From 1 to " + std::to_string(std::min(count, kChunk)) + " tokens can be kept.");
  }
  if (count > context - used_) {
    refuse("The context is full: it holds " + std::to_string(context) + " tokens, " +
           std::to_string(used_) + " are used and " + std::to_string(count) + " more were given.");
  }
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= shape_.vocab) {
      refuse("Token " + std::to_string(ids[i]) + " is outside of the vocabulary of " +
             std::to_string(shape_.vocab) + ".");
    }
  }
}

void Decoder::logits(int64_t first, int64_t rows, float* out) {
  if (first < 0 || rows < 1 || first > kept_ - rows) {
    refuse("Logits are kept for " + std::to_string(kept_) + " tokens only.");
  }
  lap_ = std::chrono::steady_clock::now();
  const float* normed = at_.normed + first * shape_.hidden;
  multiply(team_, weights_.head.linear, normed, rows, out, scratch_);
  for (int64_t row = 0; row < rows; ++row) {
    refiner_.run(team_, normed + row * shape_.hidden, out + row * shape_.vocab);
  }
  lap(seconds_.linears);
}

// Computes `tokens` tokens; the last `wanted` ones' final hidden states, normed, go to at_.normed.
void Decoder::run_chunk(const int64_t* ids, int64_t tokens, int64_t wanted,
                        const OnLayer& on_layer) {
  lap_ = std::chrono::steady_clock::now();
  embed(ids, tokens);
  const int64_t layers = shape_.attention.layers;
  for (int64_t number = 0; number < layers; ++number) {
    const bool last = number + 1 == layers;
    const LayerWeights& layer = weights_.layers[static_cast<size_t>(number)];
    // Nothing reads the last layer's other tokens: they need only their keys and values.
    const int64_t further = last ? wanted : tokens;
    float* hidden = at_.hidden + (tokens - further) * shape_.hidden;
    attention_block(number, tokens, further);
    add_and_norm(hidden, layer.post_attention_norm, further);
    feed_forward(layer, further);
    const float* next = last ? weights_.final_norm
                             : weights_.layers[static_cast<size_t>(number) + 1].input_norm;
    add_and_norm(hidden, next, further);
    if (on_layer) on_layer();
  }
}

// The ids' rows of the embedding, as they are and normed for the first layer.
void Decoder::embed(const int64_t* ids, int64_t tokens) {
  const VectorKernels& kernels = vector_kernels();
  for_tokens(tokens, [&](int64_t token) {
    float* hidden = at_.hidden + token * shape_.hidden;
    read_row(weights_.embedding, ids[token], shape_.hidden, hidden);
    kernels.rms_norm(hidden, weights_.layers[0].input_norm, shape_.norm_eps, shape_.hidden,
                     at_.normed + token * shape_.hidden);
  });
  lap(seconds_.elementwise);
}

// at_.normed -> at_.projected: attention's contribution, of the last `wanted` tokens.
void Decoder::attention_block(int64_t number, int64_t tokens, int64_t wanted) {
  const LayerWeights& layer = weights_.layers[static_cast<size_t>(number)];
  const Linear* linears[] = {&layer.q, &layer.k, &layer.v};
  float* ys[] = {at_.q, at_.k, at_.v};
  multiply_many(team_, linears, 3, at_.normed, tokens, ys, scratch_);
  lap(seconds_.linears);
  attention_.run(team_,
                 {number, at_.q, at_.k, at_.v, layer.q_norm, layer.k_norm, tokens, used_, wanted},
                 at_.attended);
  lap(seconds_.attention);
  multiply(team_, layer.o, at_.attended, wanted, at_.projected, scratch_);
  lap(seconds_.linears);
}

// at_.normed -> at_.projected: down(silu(gate) * up).
void Decoder::feed_forward(const LayerWeights& layer, int64_t tokens) {
  const Linear* linears[] = {&layer.gate, &layer.up};
  float* ys[] = {at_.gate, at_.up};
  multiply_many(team_, linears, 2, at_.normed, tokens, ys, scratch_);
  lap(seconds_.linears);
  const VectorKernels& kernels = vector_kernels();
  const int64_t size = shape_.intermediate;
  for_tokens(tokens, [&](int64_t token) {
    kernels.silu_gate(at_.up + token * size, size, at_.gate + token * size);
  });
  lap(seconds_.elementwise);
  multiply(team_, layer.down, at_.gate, tokens, at_.projected, scratch_);
  lap(seconds_.linears);
}

// hidden += at_.projected; at_.normed = the norm of it.
void Decoder::add_and_norm(float* hidden, const float* norm, int64_t tokens) {
  const VectorKernels& kernels = vector_kernels();
  const int64_t size = shape_.hidden;
  for_tokens(tokens, [&](int64_t token) {
    kernels.add(at_.projected + token * size, size, hidden + token * size);
    kernels.rms_norm(hidden + token * size, norm, shape_.norm_eps, size,
                     at_.normed + token * size);
  });
  lap(seconds_.elementwise);
}

void Decoder::lap(double& part) {
  const auto now = std::chrono::steady_clock::now();
  part += std::chrono::duration<double>(now - lap_).count();
  lap_ = now;
}

template <class Work>
void Decoder::for_tokens(int64_t tokens, Work&& work) {
  if (tokens < kSharedTokens) {
    for (int64_t token = 0; token < tokens; ++token) work(token);
    return;
  }
  team_.run([&](int member) {
    const int64_t end = tokens * (member + 1) / team_.size();
    for (int64_t token = tokens * member / team_.size(); token < end; ++token) work(token);
  });
}

}  // namespace tern
