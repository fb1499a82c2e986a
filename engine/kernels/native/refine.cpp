#include "refine.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>

#include "elementwise.h"
#include "low_half.h"

namespace tern {
namespace {

// Logits that stand for all where it is estimated how great the likeliest are: ordering all of them
// takes as long as half a layer.
constexpr int64_t kSample = 4096;
// Of so many the greatest kRefined are sought: few enough to be ordered, and hardly ever too few.
constexpr int64_t kRoughlyRefined = 8 * kRefined;

constexpr float kNothing = -std::numeric_limits<float>::infinity();

// A NaN has no order, and would undo that of the others.
float in_order(float logit) { return logit >= kNothing ? logit : kNothing; }

}  // namespace

Refiner::Refiner(const RoughHead& rough, const Table& exact)
    : rough_(rough),
      exact_(exact),
      vocab_(rough.linear.out_features),
      hidden_(rough.linear.in_features) {}

void Refiner::run(Team& team, const float* x, float* logits) {
  if (rough_.low) {
    find_likeliest(team, logits, kHalved);
    add_low_half(team, rough_.linear, rough_.low, x, likeliest_, logits, record_);
  } else if (exact_.data) {
    find_likeliest(team, logits, kRoughlyRefined);
  }
  if (!exact_.data) return;
  keep_first(logits, kRefined);
  compute_exactly(team, x, logits);
}

// Makes likeliest_ all tokens from some logit on: about `wanted`, and at least kRefined if there are
// as many. A NaN is not among them.
void Refiner::find_likeliest(Team& team, const float* logits, int64_t wanted) {
  auto* found = static_cast<int64_t*>(
      found_.reserve(static_cast<size_t>(vocab_) * sizeof(int64_t)));
  const auto collect = [&](float least) {
    const auto begin = [&](int member) { return vocab_ * member / team.size(); };
    counts_.assign(static_cast<size_t>(team.size()), 0);
    team.run([&](int member) {
      int64_t* to = found + begin(member);
      int64_t count = 0;
      for (int64_t token = begin(member); token < begin(member + 1); ++token) {
        to[count] = token;  // without a branch, which would often be mistaken
        count += logits[token] >= least ? 1 : 0;
      }
      counts_[static_cast<size_t>(member)] = count;
    });
    likeliest_.clear();
    for (int member = 0; member < team.size(); ++member) {
      const int64_t* from = found + begin(member);
      likeliest_.insert(likeliest_.end(), from, from + counts_[static_cast<size_t>(member)]);
    }
  };
  collect(least_of(logits, wanted));
  if (static_cast<int64_t>(likeliest_.size()) < kRefined) collect(kNothing);
}

// The logit from which on there are about `wanted`, as far as a sample tells.
float Refiner::least_of(const float* logits, int64_t wanted) {
  if (vocab_ <= wanted) return kNothing;
  const int64_t stride = std::max<int64_t>(1, vocab_ / kSample);
  sample_.clear();
  for (int64_t token = 0; token < vocab_; token += stride) {
    sample_.push_back(in_order(logits[token]));
  }
  const auto count = static_cast<int64_t>(sample_.size());
  const auto rank = sample_.begin() + static_cast<std::ptrdiff_t>(count * wanted / vocab_);
  std::nth_element(sample_.begin(), rank, sample_.end(), std::greater<float>());
  return *rank;
}

// Of likeliest_ the `count` that have the greatest logits.
void Refiner::keep_first(const float* logits, int64_t count) {
  if (static_cast<int64_t>(likeliest_.size()) <= count) return;
  std::nth_element(likeliest_.begin(), likeliest_.begin() + static_cast<std::ptrdiff_t>(count),
                   likeliest_.end(), [&](int64_t a, int64_t b) {
                     return in_order(logits[a]) > in_order(logits[b]);
                   });
  likeliest_.resize(static_cast<size_t>(count));
}

void Refiner::compute_exactly(Team& team, const float* x, float* logits) {
  // A multiple of a cache line for each member, who would else write the same ones.
  const int64_t stride = (hidden_ + 15) / 16 * 16;
  auto* rows = static_cast<float*>(
      rows_.reserve(static_cast<size_t>(team.size() * stride) * sizeof(float)));
  const auto count = static_cast<int64_t>(likeliest_.size());
  team.run([&](int member) {
    float* row = rows + member * stride;
    const int64_t end = count * (member + 1) / team.size();
    for (int64_t i = count * member / team.size(); i < end; ++i) {
      const int64_t token = likeliest_[static_cast<size_t>(i)];
      read_row(exact_, token, hidden_, row);
      logits[token] = vector_kernels().dot(row, x, hidden_);
    }
  });
}

}  // namespace tern
