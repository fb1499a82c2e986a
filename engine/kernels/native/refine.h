// The output head in steps: rough weights find the likeliest tokens, and only theirs are computed
// again, from the published weights. The head is read for every token and is a third of a small
// model's weights, but of its logits only the greatest decide.
//
// With a head of Format::Int4High there is one step more: the low halves of the codes are read for
// some thousand of the tokens, so that their logits are those of an int4 head.
#pragma once

#include <cstdint>
#include <vector>

#include "linear.h"
#include "scratch.h"
#include "table.h"
#include "team.h"

namespace tern {

// How many logits are computed again, and of about how many the low halves are read; what that does
// for the quality is in docs/adr/0003-native-core.md.
constexpr int64_t kRefined = 128;
constexpr int64_t kHalved = 4096;

struct RoughHead {
  Linear linear;
  const uint8_t* low = nullptr;  // the low halves of an Int4High linear (low_half.h), or nullptr
};

class Refiner {
 public:
  // exact: the published head [vocab, hidden], or a table without data, of which nothing is read.
  Refiner(const RoughHead& rough, const Table& exact);

  // Mends logits[0 .. vocab), the products of x[0 .. hidden) with the rough head.
  void run(Team& team, const float* x, float* logits);

 private:
  void find_likeliest(Team& team, const float* logits, int64_t wanted);
  float least_of(const float* logits, int64_t wanted);
  void keep_first(const float* logits, int64_t count);
  void compute_exactly(Team& team, const float* x, float* logits);

  RoughHead rough_;
  Table exact_;
  int64_t vocab_, hidden_;
  std::vector<float> sample_;
  std::vector<int64_t> likeliest_;
  std::vector<int64_t> counts_;  // of what each member found
  Scratch found_;  // tokens, at the begin of each member's share of the vocabulary
  Scratch record_;
  Scratch rows_;  // one of each member
};

}  // namespace tern
