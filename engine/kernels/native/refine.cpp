#include "refine.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>

#include "elementwise.h"

namespace tern {
namespace {

// The greatest of each of so many blocks of the vocabulary are ordered to find where the likeliest
// begin: ordering the logits themselves takes as long as half a layer.
constexpr int64_t kBlocks = 4096;

// Keeps the first kRefined of what is not empty, in any order but the last of them last; returns it.
template <class Value, class Before>
Value keep_first(std::vector<Value>& values, Before&& before) {
  const size_t kept = std::min(values.size(), static_cast<size_t>(kRefined));
  const auto last = values.begin() + static_cast<std::ptrdiff_t>(kept - 1);
  std::nth_element(values.begin(), last, values.end(), before);
  values.resize(kept);
  return values.back();
}

}  // namespace

Refiner::Refiner(const Table& head, int64_t vocab, int64_t hidden)
    : head_(head), vocab_(vocab), hidden_(hidden) {}

void Refiner::run(Team& team, const float* x, float* logits) {
  find_likeliest(logits);
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
      read_row(head_, token, hidden_, row);
      logits[token] = vector_kernels().dot(row, x, hidden_);
    }
  });
}

// The kRefined greatest logits are among those no less than the least of that many blocks' peaks.
void Refiner::find_likeliest(const float* logits) {
  const int64_t block = (vocab_ + kBlocks - 1) / kBlocks;
  peaks_.clear();
  for (int64_t begin = 0; begin < vocab_; begin += block) {
    float peak = -std::numeric_limits<float>::infinity();
    const int64_t end = std::min(vocab_, begin + block);
    // A NaN is greater than nothing, so none gets in.
    for (int64_t i = begin; i < end; ++i) peak = logits[i] > peak ? logits[i] : peak;
    peaks_.push_back(peak);
  }
  const float least = keep_first(peaks_, std::greater<float>());
  likeliest_.clear();
  for (int64_t i = 0; i < vocab_; ++i) {
    if (logits[i] >= least) likeliest_.push_back(i);
  }
  // Where the likeliest lie together, as the common words of many vocabularies do, there are more.
  if (!likeliest_.empty()) {
    keep_first(likeliest_, [&](int64_t a, int64_t b) { return logits[a] > logits[b]; });
  }
}

}  // namespace tern
