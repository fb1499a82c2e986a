// The vector kernels for AVX-512 (Foundation suffices).
#if defined(__GNUC__) && !defined(__clang__)
// GCC's own header reads "undefined" vectors: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105593
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "attention_kernels.h"
#include "elementwise.h"

namespace tern {
namespace {

struct Avx512 {
  using Register = __m512;
  static constexpr int64_t kLanes = 16;
  // 8 x 2 sums, 2 columns and a factor in 32 registers; a key block is 2 vectors wide.
  static constexpr int kTileRows = 8;
  static constexpr int kTileVectors = 2;

  static Register zero() { return _mm512_setzero_ps(); }
  static Register broadcast(float x) { return _mm512_set1_ps(x); }
  static Register load(const float* x) { return _mm512_loadu_ps(x); }
  static void store(Register x, float* y) { _mm512_storeu_ps(y, x); }
  static Register load_half(const uint16_t* x) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
  }
  static void store_half(Register x, uint16_t* y) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y),
                        _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static Register add(Register a, Register b) { return _mm512_add_ps(a, b); }
  static Register subtract(Register a, Register b) { return _mm512_sub_ps(a, b); }
  static Register multiply(Register a, Register b) { return _mm512_mul_ps(a, b); }
  static Register divide(Register a, Register b) { return _mm512_div_ps(a, b); }
  static Register fma(Register a, Register b, Register c) { return _mm512_fmadd_ps(a, b, c); }
  static Register minimum(Register a, Register b) { return _mm512_min_ps(a, b); }
  static Register maximum(Register a, Register b) { return _mm512_max_ps(a, b); }
  static Register round(Register x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Register exponential2(Register n) { return _mm512_scalef_ps(broadcast(1.0f), n); }
  static float sum(Register x) { return _mm512_reduce_add_ps(x); }
  static float largest(Register x) { return _mm512_reduce_max_ps(x); }
};

}  // namespace

const VectorKernels kAvx512Vectors = kernels_over<Avx512>("avx512");

}  // namespace tern
