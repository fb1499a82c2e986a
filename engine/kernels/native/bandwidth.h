// The machine's read bandwidth: the limit of decoding, which reads every weight once a token.
#pragma once

#include <cstdint>

#include "team.h"

namespace tern {

// Reads the whole lines of 64 bytes in [data, data + bytes) once with the whole team. What it
// returns, a sum of the words, only keeps the compiler from leaving the reads out.
uint64_t read_all(Team& team, const uint8_t* data, int64_t bytes);

}  // namespace tern
