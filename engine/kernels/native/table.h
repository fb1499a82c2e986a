// A matrix of published weights, read by rows: the embedding, and the head before it was rounded.
#pragma once

#include <cstdint>

#include "file.h"

namespace tern {

enum class TableType : uint8_t { Float32, Float16, Bfloat16 };

// A view of the caller's memory; `data` may be nullptr where there is no such table.
struct Table {
  TableType type;
  const void* data;            // [rows, size]
  const File* file = nullptr;  // where the same bytes lie from `begin` on, and are rather read
  int64_t begin = 0;
};

// Writes row `row` as float32 to values[0 .. size).
void read_row(const Table& table, int64_t row, int64_t size, float* values);

}  // namespace tern
