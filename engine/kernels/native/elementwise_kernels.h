// The bodies of `VectorKernels`, written once over a vector type V that each instruction set
// defines in its own translation unit. They call nothing but V, builtins and `static` functions:
// a standard template shared between units could carry one set's instructions into another's code.
//
// V has: Register, kLanes, kTileVectors and kTileRows (the tile of `attention_kernels.h`), and
// zero, broadcast, load, store, load_half, store_half, add, subtract, multiply, divide,
// fma (a * b + c), minimum, maximum, round, exponential2 (2^n of whole n), sum, largest.
#pragma once

#include <cstdint>

#include "half.h"

namespace tern {

constexpr float kHalfMaximum = 65504.0f;  // the largest finite float16

template <class V>
struct Elementwise {
  using Register = typename V::Register;

  // Call body(offset, count) for each vector of `size` floats; count < kLanes only in the last.
  template <class Body>
  static void for_vectors(int64_t size, Body&& body) {
    int64_t offset = 0;
    for (; offset + V::kLanes <= size; offset += V::kLanes) body(offset, V::kLanes);
    if (offset < size) body(offset, size - offset);
  }

  // Load `count` floats, the rest of the register 0.
  static Register load(const float* x, int64_t count) {
    if (count == V::kLanes) return V::load(x);
    float lanes[V::kLanes] = {};
    for (int64_t i = 0; i < count; ++i) lanes[i] = x[i];
    return V::load(lanes);
  }

  static void store(Register value, int64_t count, float* y) {
    if (count == V::kLanes) return V::store(value, y);
    float lanes[V::kLanes];
    V::store(value, lanes);
    for (int64_t i = 0; i < count; ++i) y[i] = lanes[i];
  }

  // e^x = 2^n e^r with |r| <= ln(2) / 2, e^r by its Taylor series: relative error below 4e-7.
  // x is held within [-87, 88], where 2^n is a normal number.
  static Register exponential(Register x) {
    x = V::minimum(V::maximum(x, V::broadcast(-87.0f)), V::broadcast(88.0f));
    const Register n = V::round(V::multiply(x, V::broadcast(1.44269504f)));
    const Register r = V::fma(n, V::broadcast(-0.693147181f), x);
    Register series = V::broadcast(1.0f / 720);
    series = V::fma(series, r, V::broadcast(1.0f / 120));
    series = V::fma(series, r, V::broadcast(1.0f / 24));
    series = V::fma(series, r, V::broadcast(1.0f / 6));
    series = V::fma(series, r, V::broadcast(0.5f));
    series = V::fma(series, r, V::broadcast(1.0f));
    series = V::fma(series, r, V::broadcast(1.0f));
    return V::multiply(series, V::exponential2(n));
  }

  static void rms_norm(const float* x, const float* weight, float eps, int64_t size, float* y) {
    Register squares = V::zero();
    for_vectors(size, [&](int64_t i, int64_t count) {
      const Register value = load(x + i, count);
      squares = V::fma(value, value, squares);
    });
    const float mean = V::sum(squares) / static_cast<float>(size);
    const Register factor = V::broadcast(1.0f / __builtin_sqrtf(mean + eps));
    for_vectors(size, [&](int64_t i, int64_t count) {
      const Register scaled = V::multiply(load(x + i, count), factor);
      store(V::multiply(load(weight + i, count), scaled), count, y + i);
    });
  }

  static void add(const float* x, int64_t size, float* sum) {
    for_vectors(size, [&](int64_t i, int64_t count) {
      store(V::add(load(sum + i, count), load(x + i, count)), count, sum + i);
    });
  }

  static void silu_gate(const float* up, int64_t size, float* gate) {
    const Register one = V::broadcast(1.0f);
    for_vectors(size, [&](int64_t i, int64_t count) {
      const Register value = load(gate + i, count);
      const Register decay = exponential(V::subtract(V::zero(), value));
      const Register silu = V::divide(value, V::add(one, decay));
      store(V::multiply(silu, load(up + i, count)), count, gate + i);
    });
  }

  static void rotate(const float* cos, const float* sin, float scale, int64_t half, float* x) {
    const Register factor = V::broadcast(scale);
    for_vectors(half, [&](int64_t i, int64_t count) {
      const Register a = V::multiply(load(x + i, count), factor);
      const Register b = V::multiply(load(x + half + i, count), factor);
      const Register c = load(cos + i, count);
      const Register s = load(sin + i, count);
      store(V::subtract(V::multiply(a, c), V::multiply(b, s)), count, x + i);
      store(V::fma(b, c, V::multiply(a, s)), count, x + half + i);
    });
  }

  static void to_half(const float* x, int64_t size, uint16_t* y) {
    const Register top = V::broadcast(kHalfMaximum);
    const Register bottom = V::broadcast(-kHalfMaximum);
    for_vectors(size, [&](int64_t i, int64_t count) {
      const Register value = V::minimum(V::maximum(load(x + i, count), bottom), top);
      uint16_t lanes[V::kLanes];
      V::store_half(value, lanes);
      for (int64_t lane = 0; lane < count; ++lane) y[i + lane] = lanes[lane];
    });
  }

  static void from_half(const uint16_t* x, int64_t size, float* y) {
    for_vectors(size, [&](int64_t i, int64_t count) {
      uint16_t lanes[V::kLanes] = {};
      for (int64_t lane = 0; lane < count; ++lane) lanes[lane] = x[i + lane];
      store(V::load_half(lanes), count, y + i);
    });
  }

  // Plain enough for the compiler to vectorise: a bfloat16 is the upper half of a float32.
  static void from_bfloat(const uint16_t* x, int64_t size, float* y) {
    for (int64_t i = 0; i < size; ++i) y[i] = float_of_bf16(x[i]);
  }

  static void scale(const float* x, float weight, int64_t size, float* y) {
    const Register factor = V::broadcast(weight);
    for_vectors(size, [&](int64_t i, int64_t count) {
      store(V::multiply(load(x + i, count), factor), count, y + i);
    });
  }

  static float dot(const float* a, const float* b, int64_t size) {
    Register total = V::zero();
    for_vectors(size, [&](int64_t i, int64_t count) {
      total = V::fma(load(a + i, count), load(b + i, count), total);
    });
    return V::sum(total);
  }

  static void add_scaled(const float* x, float weight, int64_t size, float* y) {
    const Register factor = V::broadcast(weight);
    for_vectors(size, [&](int64_t i, int64_t count) {
      store(V::fma(load(x + i, count), factor, load(y + i, count)), count, y + i);
    });
  }
};

}  // namespace tern
