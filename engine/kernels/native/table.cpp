#include "table.h"

#include <cstring>

#include "elementwise.h"

namespace tern {

void read_row(const Table& table, int64_t row, int64_t size, float* values) {
  const int64_t at = row * size;
  switch (table.type) {
    case TableType::Float32:
      std::memcpy(values, static_cast<const float*>(table.data) + at,
                  static_cast<size_t>(size) * sizeof(float));
      break;
    case TableType::Float16:
      vector_kernels().from_half(static_cast<const uint16_t*>(table.data) + at, size, values);
      break;
    case TableType::Bfloat16:
      vector_kernels().from_bfloat(static_cast<const uint16_t*>(table.data) + at, size, values);
      break;
  }
}

}  // namespace tern
