// The low halves of int4 codes, row by row: with Format::Int4High, int4 weights in two parts.
//
// The high halves are read whole, and tell which rows matter; of those the low halves are read too.
// With a code's low half taken as its mean, 1.5, the high half alone stands for
// (4 * high + 1.5 - 8) * scale, and the low half adds (low - 1.5) * scale.
//
// Row: groups x [8] bytes, bits 2s and 2s + 1 of byte b hold input 8s + b of its group; then
// [groups] scales as in the panels. The rows' exponents are those of the high halves.
#pragma once

#include <cstdint>
#include <vector>

#include "linear.h"
#include "scratch.h"
#include "team.h"

namespace tern {

int64_t low_half_row_bytes(int64_t in_features);

// codes, scales: as for pack_int4. rows: low_half_row_bytes() for each row.
void pack_low_half(const uint8_t* codes, const uint16_t* scales, int64_t out_features,
                   int64_t in_features, uint8_t* rows);

// Adds to y[row] what the low halves add to the product of x [in_features], for each of `which`.
// high: the Int4High linear of the same codes; low: its rows' low halves. Called by one thread, as
// multiply().
void add_low_half(Team& team, const Linear& high, const uint8_t* low, const float* x,
                  const std::vector<int64_t>& which, float* y, Scratch& scratch);

}  // namespace tern
