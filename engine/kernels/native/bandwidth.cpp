#include "bandwidth.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels.h"

namespace tern {
namespace {

constexpr int64_t kLine = 64;
constexpr int64_t kTurn = 4096;  // lines; shared out as a multiplication's panels are

uint64_t read_lines(const uint8_t* data, int64_t lines) {
  constexpr int kWords = kLine / sizeof(uint64_t);
  uint64_t sums[kWords] = {};
  for (int64_t line = 0; line < lines; ++line) {
    prefetch(data + line * kLine);
    uint64_t words[kWords];
    memcpy(words, data + line * kLine, sizeof(words));
    for (int i = 0; i < kWords; ++i) sums[i] += words[i];
  }
  uint64_t sum = 0;
  for (uint64_t part : sums) sum += part;
  return sum;
}

}  // namespace

uint64_t read_all(Team& team, const uint8_t* data, int64_t bytes) {
  const int64_t lines = bytes / kLine;
  std::atomic<uint64_t> sum{0};
  team.run([&](int) {
    for (int64_t begin; (begin = team.take() * kTurn) < lines;) {
      sum += read_lines(data + begin * kLine, std::min(kTurn, lines - begin));
    }
  });
  return sum;
}

}  // namespace tern
