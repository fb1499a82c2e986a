// The likeliest logits computed again, on odd sizes and on logits that cannot be ordered.
#include "refine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <vector>

#include "low_half.h"

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

// A rough head of which nothing but its size is asked.
tern::RoughHead shape_of(int64_t vocab, int64_t hidden) {
  return {{tern::Format::Int4, hidden, vocab, nullptr, nullptr}, nullptr};
}

// Rough logits become the products of their rows where they are among the greatest, else stay.
void check_likeliest(tern::Team& team, int64_t vocab, int64_t hidden) {
  std::mt19937 engine(0);
  const std::vector<float> head = normals(vocab * hidden, engine), x = normals(hidden, engine);
  const std::vector<float> rough = normals(vocab, engine);
  std::vector<float> logits = rough, ordered = rough;
  tern::Refiner refiner(shape_of(vocab, hidden), {tern::TableType::Float32, head.data()});
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

// With the low halves the logits of the likeliest are those of the whole codes; the others stay.
void check_low_half(tern::Team& team, int64_t vocab, int64_t hidden) {
  std::mt19937 engine(0);
  const int64_t groups = (hidden + 31) / 32;
  std::vector<uint8_t> codes(static_cast<size_t>(vocab * hidden));
  for (uint8_t& code : codes) code = static_cast<uint8_t>(engine() % 16);
  std::vector<uint16_t> scales(static_cast<size_t>(vocab * groups));
  // float16 between 2^-4 and 2^-2, of either sign.
  for (uint16_t& scale : scales) {
    scale = static_cast<uint16_t>((0x2c00 + engine() % 0x800) | engine() % 2 << 15);
  }
  const auto bytes = [&](tern::Format format) {
    return std::vector<uint8_t>(static_cast<size_t>(tern::packed_bytes(format, vocab, hidden)));
  };
  std::vector<uint8_t> whole = bytes(tern::Format::Int4), high = bytes(tern::Format::Int4High);
  std::vector<uint8_t> low(static_cast<size_t>(vocab * tern::low_half_row_bytes(hidden)));
  tern::pack_int4(codes.data(), scales.data(), vocab, hidden, whole.data());
  tern::pack_int4_high(codes.data(), scales.data(), vocab, hidden, high.data());
  tern::pack_low_half(codes.data(), scales.data(), vocab, hidden, low.data());
  const tern::Linear four{tern::Format::Int4, hidden, vocab, whole.data(), nullptr};
  const tern::RoughHead rough{{tern::Format::Int4High, hidden, vocab, high.data(), nullptr},
                              low.data()};
  const std::vector<float> x = normals(hidden, engine);
  std::vector<float> wanted(static_cast<size_t>(vocab)), before = wanted;
  tern::Scratch scratch;
  tern::multiply(team, four, x.data(), 1, wanted.data(), scratch);
  tern::multiply(team, rough.linear, x.data(), 1, before.data(), scratch);
  std::vector<float> logits = before;
  tern::Refiner refiner(rough, {});
  refiner.run(team, x.data(), logits.data());
  std::vector<float> mended, left;
  for (size_t i = 0; i < logits.size(); ++i) {
    (logits[i] == before[i] ? left : mended).push_back(before[i]);
    const bool whole_codes = std::fabs(logits[i] - wanted[i]) < 1e-3f;
    check(logits[i] == before[i] || whole_codes, "high and low halves are int4", vocab, hidden);
  }
  check(static_cast<int64_t>(mended.size()) >= std::min(vocab, tern::kHalved) / 2, "enough low halves",
        vocab, hidden);
  if (left.empty()) return;
  check(*std::max_element(left.begin(), left.end()) <=
            *std::min_element(mended.begin(), mended.end()),
        "low halves of the likeliest", vocab, hidden);
}

// Nothing is written beyond the logits and nothing hangs, whatever they are.
void check_strange(tern::Team& team, float value) {
  constexpr int64_t kVocab = 5000, kHidden = 3;
  const std::vector<float> head(static_cast<size_t>(kVocab * kHidden), 1.0f), x(kHidden, 1.0f);
  std::vector<float> logits(static_cast<size_t>(kVocab), value);
  tern::Refiner refiner(shape_of(kVocab, kHidden), {tern::TableType::Float32, head.data()});
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
    for (const char* const* isa = tern::isas(); *isa; ++isa) {
      tern::set_isa(*isa);
      for (int64_t vocab : {1, 200, 4097, 20000}) {
        for (int64_t hidden : {1, 40, 288, 300}) check_low_half(team, vocab, hidden);
      }
    }
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (float value : {0.0f, kInfinity, -kInfinity, std::nanf("")}) check_strange(team, value);
  }
  std::printf(failures ? "%d failures\n" : "likeliest logits are exact\n", failures);
  return failures ? 1 : 0;
}
