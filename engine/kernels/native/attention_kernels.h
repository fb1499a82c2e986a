// Attention to a range of positions, over the vector type V of `elementwise_kernels.h`.
//
// Scores and weighted sums are the same small matrix product: rows of float32 by a matrix of
// float16 whose rows are contiguous. That is why keys lie interleaved by kKeyBlock positions and
// values do not: a vector then holds 8 or 16 positions of a key, or elements of a value, and
// nothing is ever added across a register.
#pragma once

#include "attention_range.h"
#include "elementwise.h"
#include "elementwise_kernels.h"

namespace tern {

constexpr int64_t kValuesAhead = 64;  // positions from a value to the one to prefetch

template <class V>
struct Attention {
  using Register = typename V::Register;
  static constexpr int64_t kTileColumns = V::kTileVectors * V::kLanes;

  // c [rows][columns] = a [rows][depth] * b [depth][columns], or += with Add. b is float16;
  // strides are in elements. In decode, b comes from memory: `ahead` is where its next use lies,
  // in elements from the current one, so that it can be on its way.
  struct Product {
    const float* a;
    int64_t a_stride;
    const uint16_t* b;
    int64_t b_stride;
    float* c;
    int64_t c_stride;
    int64_t depth;
    int64_t ahead;
  };

  template <int Rows, int Vectors, bool Add>
  static void tile(const Product& p) {
    Register sums[Rows][Vectors];
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        const float* c = p.c + row * p.c_stride + v * V::kLanes;
        sums[row][v] = Add ? V::load(c) : V::zero();
      }
    }
    for (int64_t k = 0; k < p.depth; ++k) {
      __builtin_prefetch(p.b + k * p.b_stride + p.ahead);
      Register columns[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        columns[v] = V::load_half(p.b + k * p.b_stride + v * V::kLanes);
      }
#pragma GCC unroll 16
      for (int row = 0; row < Rows; ++row) {
        const Register factor = V::broadcast(p.a[row * p.a_stride + k]);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
          sums[row][v] = V::fma(factor, columns[v], sums[row][v]);
        }
      }
    }
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        V::store(sums[row][v], p.c + row * p.c_stride + v * V::kLanes);
      }
    }
  }

  template <int Vectors, bool Add, int Rows = V::kTileRows>
  static void column_tiles(Product p, int64_t rows) {
    for (; rows >= Rows; rows -= Rows) {
      tile<Rows, Vectors, Add>(p);
      p.a += Rows * p.a_stride;
      p.c += Rows * p.c_stride;
    }
    if constexpr (Rows > 1) {
      if (rows > 0) column_tiles<Vectors, Add, Rows - 1>(p, rows);
    }
  }

  // columns: a multiple of kLanes.
  template <bool Add>
  static void multiply(Product p, int64_t rows, int64_t columns) {
    for (; columns >= kTileColumns; columns -= kTileColumns) {
      column_tiles<V::kTileVectors, Add>(p, rows);
      p.b += kTileColumns;
      p.c += kTileColumns;
    }
    for (; columns > 0; columns -= V::kLanes) {
      column_tiles<1, Add>(p, rows);
      p.b += V::kLanes;
      p.c += V::kLanes;
    }
  }

  // scores [rows][kScoreColumns]: of the `count` positions from `position` on.
  static void score(const AttentionRange& range, int64_t position, int64_t count, float* scores) {
    for (int64_t column = 0; column < count; column += kKeyBlock) {
      const uint16_t* keys = range.keys + (position + column) * range.head_dim;
      const int64_t next_block = kKeyBlock * range.head_dim;
      multiply<false>({range.queries, range.head_dim, keys, kKeyBlock, scores + column,
                       kScoreColumns, range.head_dim, next_block},
                      range.rows, kKeyBlock);
    }
  }

  static float largest(const float* scores, int64_t size) {
    Register peaks = V::load(scores);
    for (int64_t i = V::kLanes; i < size; i += V::kLanes) {
      peaks = V::maximum(peaks, V::load(scores + i));
    }
    return V::largest(peaks);
  }

  // Makes scores exp(score - maximum); returns their sum.
  static float exponentials(float* scores, int64_t size, float maximum) {
    Register total = V::zero();
    for (int64_t i = 0; i < size; i += V::kLanes) {
      const Register shifted = V::subtract(V::load(scores + i), V::broadcast(maximum));
      const Register weight = Elementwise<V>::exponential(shifted);
      total = V::add(total, weight);
      V::store(weight, scores + i);
    }
    return V::sum(total);
  }

  // Raises a row's maximum: what was summed so far counts for less.
  static void raise(const SoftmaxState& state, int64_t row, int64_t value_dim, float maximum) {
    float fade[V::kLanes];
    V::store(Elementwise<V>::exponential(V::broadcast(state.maxima[row] - maximum)), fade);
    float* weighted = state.weighted + row * value_dim;
    Elementwise<V>::scale(weighted, fade[0], value_dim, weighted);
    state.sums[row] *= fade[0];
    state.maxima[row] = maximum;
  }

  // Turns a row's `count` scores into weights, of which those beyond `visible` are 0.
  static void soften(float* scores, int64_t visible, int64_t count, int64_t value_dim,
                     const SoftmaxState& state, int64_t row) {
    visible = visible < 0 ? 0 : visible < count ? visible : count;
    if (visible > 0) {  // else this row sees none of these positions, and its state stays
      const int64_t whole = (visible + V::kLanes - 1) / V::kLanes * V::kLanes;
      for (int64_t i = visible; i < whole; ++i) scores[i] = -__builtin_inff();
      const float peak = largest(scores, whole);
      if (peak > state.maxima[row]) raise(state, row, value_dim, peak);
      state.sums[row] += exponentials(scores, whole, state.maxima[row]);
    }
    for (int64_t i = visible; i < count; ++i) scores[i] = 0.0f;
  }

  static void attend(const AttentionRange& range, float* scores, const SoftmaxState& state) {
    for (int64_t position = range.begin; position < range.end; position += kScoreColumns) {
      const int64_t left = range.end - position;
      const int64_t count = left < kScoreColumns ? left : kScoreColumns;
      score(range, position, count, scores);
      for (int64_t row = 0; row < range.rows; ++row) {
        const int64_t visible = range.first_position + row / range.group + 1 - position;
        soften(scores + row * kScoreColumns, visible, count, range.value_dim, state, row);
      }
      const uint16_t* values = range.values + position * range.value_dim;
      multiply<true>({scores, kScoreColumns, values, range.value_dim, state.weighted,
                      range.value_dim, count, kValuesAhead * range.value_dim},
                     range.rows, range.value_dim);
    }
  }
};

// The table of V's functions.
template <class V>
constexpr VectorKernels kernels_over(const char* isa) {
  using E = Elementwise<V>;
  return {isa,          E::rms_norm,    E::add,   E::silu_gate, E::rotate,     E::to_half,
          E::from_half, E::from_bfloat, E::scale, E::dot,       E::add_scaled, Attention<V>::attend};
}

}  // namespace tern
