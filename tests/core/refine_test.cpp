// The likeliest logits computed again, on odd sizes and on logits that cannot be ordered.
#include "refine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <vector>

namespace {

int failures = 0;

void check(bool condition, const char* what, int64_t vocab, int64_t hidden) {
  if (condition) return;
  ++failures;
  std::printf("FAILED: %s (%lld tokens, %lld inputs)\n", what, static_cast<long long>(vocab),
              static_cast<long long>(hidden));
}

std::vector<float> normals(int64_t count, std::mt19937& engine) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(engine);
  return values;
}

float product(const float* row, const std::vector<float>& x) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(row[i]) * x[i];
  return static_cast<float>(sum);
}

// Rough logits become the products of their rows where they are among the greatest, else stay.
void check_likeliest(tern::Team& team, int64_t vocab, int64_t hidden) {
  std::mt19937 engine(0);
  const std::vector<float> head = normals(vocab * hidden, engine), x = normals(hidden, engine);
  const std::vector<float> rough = normals(vocab, engine);
  std::vector<float> logits = rough, ordered = rough;
  tern::Refiner refiner({tern::TableType::Float32, head.data()}, vocab, hidden);
  refiner.run(team, x.data(), logits.data());
  std::sort(ordered.begin(), ordered.end(), std::greater<float>());
  const int64_t kept = std::min(vocab, tern::kRefined);
  const float least = ordered[static_cast<size_t>(kept - 1)];
  for (int64_t i = 0; i < vocab; ++i) {
    const auto token = static_cast<size_t>(i);
    if (rough[token] < least) {
      check(logits[token] == rough[token], "the others stay", vocab, hidden);
    } else {
      const float wanted = product(head.data() + i * hidden, x);
      check(std::fabs(logits[token] - wanted) < 1e-3f, "the likeliest are exact", vocab, hidden);
    }
  }
}

// Nothing is written beyond the logits and nothing hangs, whatever they are.
void check_strange(tern::Team& team, float value) {
  constexpr int64_t kVocab = 5000, kHidden = 3;
  const std::vector<float> head(static_cast<size_t>(kVocab * kHidden), 1.0f), x(kHidden, 1.0f);
  std::vector<float> logits(static_cast<size_t>(kVocab), value);
  tern::Refiner refiner({tern::TableType::Float32, head.data()}, kVocab, kHidden);
  refiner.run(team, x.data(), logits.data());
  const auto mended = std::count(logits.begin(), logits.end(), 3.0f);
  check(mended == (std::isnan(value) ? 0 : tern::kRefined), "ties and NaN", kVocab, kHidden);
}

}  // namespace

int main() {
  for (int threads : {1, 3}) {
    tern::Team team(threads);
    for (int64_t vocab : {1, 2, 127, 128, 129, 4096, 4097, 9001}) {
      for (int64_t hidden : {1, 7, 16, 33}) check_likeliest(team, vocab, hidden);
    }
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (float value : {0.0f, kInfinity, -kInfinity, std::nanf("")}) check_strange(team, value);
  }
  std::printf(failures ? "%d failures\n" : "likeliest logits are exact\n", failures);
  return failures ? 1 : 0;
}
