#include "table.h"

#include <algorithm>
#include <cstring>

#include "elementwise.h"

namespace tern {
namespace {

constexpr int64_t kBlock = 4096;  // values that are read at a time

// The values from `at` on as they are stored: in `room` where the file gives them, else in memory.
const void* stored(const Table& table, int64_t at, int64_t count, float* room) {
  const int64_t width = table.type == TableType::Float32 ? 4 : 2;
  if (table.file && table.file->read(table.begin + at * width, count * width, room)) return room;
  return static_cast<const uint8_t*>(table.data) + at * width;
}

}  // namespace

void read_row(const Table& table, int64_t row, int64_t size, float* values) {
  alignas(64) float room[kBlock];
  for (int64_t done = 0; done < size; done += kBlock) {
    const int64_t count = std::min(kBlock, size - done);
    const void* from = stored(table, row * size + done, count, room);
    switch (table.type) {
      case TableType::Float32:
        std::memcpy(values + done, from, static_cast<size_t>(count) * sizeof(float));
        break;
      case TableType::Float16:
        vector_kernels().from_half(static_cast<const uint16_t*>(from), count, values + done);
        break;
      case TableType::Bfloat16:
        vector_kernels().from_bfloat(static_cast<const uint16_t*>(from), count, values + done);
        break;
    }
  }
}

}  // namespace tern
