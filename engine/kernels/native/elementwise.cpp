#include "elementwise.h"

#include <cstring>

#include "linear.h"

namespace tern {

const VectorKernels& vector_kernels() {
#if defined(TERN_X86)
  if (std::strncmp(isa(), "avx512", 6) == 0) return kAvx512Vectors;
  if (std::strcmp(isa(), "avx2") == 0) return kAvx2Vectors;
#endif
  return kScalarVectors;
}

}  // namespace tern
