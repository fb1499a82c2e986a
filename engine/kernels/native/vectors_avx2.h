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

// Keeps the compiler from reading inputs before they are due: they would take registers from the
// sums, which would then live in memory.
inline void fence() { asm volatile("" ::: "memory"); }

}  // namespace
}  // namespace tern
