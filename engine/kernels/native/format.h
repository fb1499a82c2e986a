// The weight formats. Apart from linear.h, for the units that may include no standard templates.
#pragma once

#include <cstdint>

namespace tern {

enum class Format : uint8_t { Bf16, Int8, Int4, Bf16Rows, Int4High };

}  // namespace tern
