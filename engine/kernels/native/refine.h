// The output head in two steps: int4 weights find the likeliest tokens, and only theirs are computed
// again from the published weights. The head is read for every token and is a third of a small
// model's weights, but of its logits only the greatest decide.
#pragma once

#include <cstdint>
#include <vector>

#include "scratch.h"
#include "table.h"
#include "team.h"

namespace tern {

// How many logits are computed again; what that does for the quality is in
// docs/adr/0003-native-core.md.
constexpr int64_t kRefined = 128;

class Refiner {
 public:
  // head: [vocab, hidden].
  Refiner(const Table& head, int64_t vocab, int64_t hidden);

  // Replaces the greatest of logits[0 .. vocab) by the products of x[0 .. hidden) and their rows.
  void run(Team& team, const float* x, float* logits);

 private:
  void find_likeliest(const float* logits);

  Table head_;
  int64_t vocab_, hidden_;
  std::vector<float> peaks_;
  std::vector<int64_t> likeliest_;
  Scratch rows_;  // one of each member
};

}  // namespace tern
