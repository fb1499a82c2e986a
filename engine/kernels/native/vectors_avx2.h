// Loads of 256-bit vectors. In an unnamed namespace, for the reason given in half.h.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels.h"

namespace tern {
namespace {

inline __m256i load(const uint8_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

inline __m256i broadcast4(const uint8_t* at) {
  int32_t bytes;
  memcpy(&bytes, at, sizeof(bytes));
  return _mm256_set1_epi32(bytes);
}

// Not past the second-level cache (_MM_HINT_NTA), although weights are read but once a token: that
// gains 5 % on an AMD EPYC, and costs half of the time again on an Intel Xeon (docs/benchmarks.md).
inline void prefetch(const uint8_t* at) {
  _mm_prefetch(reinterpret_cast<const char*>(at + kAhead), _MM_HINT_T0);
}

// Keeps the compiler from reading inputs before they are due: they would take registers from the
// sums, which would then live in memory.
inline void fence() { asm volatile("" ::: "memory"); }

}  // namespace
}  // namespace tern
