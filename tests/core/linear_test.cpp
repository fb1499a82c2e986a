// Every kernel on odd sizes, against plain arithmetic; made to be run under the sanitizers, with
// buffers that end where the data end.
#include "linear.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "half.h"

namespace {

using tern::Format;

int failures = 0;

void check(bool condition, const char* what, const char* isa, int64_t out, int64_t in,
           int64_t tokens) {
  if (condition) return;
  ++failures;
  std::printf("FAILED: %s (%s, %lld x %lld, %lld tokens)\n", what, isa,
              static_cast<long long>(out), static_cast<long long>(in),
              static_cast<long long>(tokens));
}

class Random {
 public:
  int whole(int from, int to) { return std::uniform_int_distribution<int>(from, to)(engine_); }
  float normal() { return std::normal_distribution<float>()(engine_); }
  std::vector<float> normals(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = normal();
    return values;
  }

 private:
  std::mt19937 engine_{0};
};

constexpr size_t kOffset = 1;  // of packed weights: they must serve from any address

// Packed random weights from kOffset on; plain ones come back from unpack_row.
std::vector<uint8_t> packed(Format format, int64_t out, int64_t in, Random& random) {
  std::vector<uint8_t> bytes(kOffset + static_cast<size_t>(tern::packed_bytes(format, out, in)));
  uint8_t* to = bytes.data() + kOffset;
  const auto count = static_cast<size_t>(out * in);
  if (format == Format::Int4 || format == Format::Int4High) {
    std::vector<uint8_t> codes(count);
    for (uint8_t& code : codes) code = static_cast<uint8_t>(random.whole(0, 15));
    std::vector<uint16_t> scales(static_cast<size_t>(out * ((in + 31) / 32)));
    // float16 between 2^-4 and 2^-2, of either sign.
    for (uint16_t& scale : scales) {
      scale = static_cast<uint16_t>(random.whole(0x2c00, 0x33ff) | random.whole(0, 1) << 15);
    }
    const auto pack = format == Format::Int4 ? tern::pack_int4 : tern::pack_int4_high;
    pack(codes.data(), scales.data(), out, in, to);
  } else if (format == Format::Int8) {
    std::vector<int8_t> codes(count);
    for (int8_t& code : codes) code = static_cast<int8_t>(random.whole(-127, 127));
    std::vector<float> scales = random.normals(out);
    tern::pack_int8(codes.data(), scales.data(), out, in, to);
  } else {
    std::vector<uint16_t> weights(count);
    for (uint16_t& weight : weights) weight = tern::bf16_of_float(random.normal());
    if (format == Format::Bf16Rows) {
      std::memcpy(to, weights.data(), count * sizeof(weights[0]));
    } else {
      tern::pack_bf16(weights.data(), out, in, to);
    }
  }
  return bytes;
}

// Whether y is W x + bias but for the rounding of x: to 8 bits or to bfloat16 (as many).
bool is_product(const tern::Linear& linear, const float* x, const float* y) {
  const auto in = static_cast<size_t>(linear.in_features);
  std::vector<float> weights(in);
  float peak = 0.0f;
  for (size_t i = 0; i < in; ++i) peak = std::fmax(peak, std::fabs(x[i]));
  for (int64_t row = 0; row < linear.out_features; ++row) {
    tern::unpack_row(linear, row, weights.data());
    double expected = linear.bias[row], magnitude = 0.0;
    for (size_t i = 0; i < in; ++i) {
      expected += static_cast<double>(weights[i]) * x[i];
      magnitude += std::fabs(weights[i]) * peak;
    }
    if (!(std::fabs(y[row] - expected) <= magnitude / 200 + 1e-5)) return false;
  }
  return true;
}

void check_shape(tern::Team& team, Format format, int64_t out, int64_t in, int64_t tokens) {
  Random random;
  const std::vector<uint8_t> bytes = packed(format, out, in, random);
  const std::vector<float> bias = random.normals(out);
  std::vector<float> x = random.normals(tokens * in);
  const tern::Linear linear{format, in, out, bytes.data() + kOffset, bias.data()};
  for (const char* const* isa = tern::isas(); *isa; ++isa) {
    tern::set_isa(*isa);
    tern::Scratch scratch;
    std::vector<float> y(static_cast<size_t>(tokens * out));
    tern::multiply(team, linear, x.data(), tokens, y.data(), scratch);
    for (int64_t token = 0; token < tokens; ++token) {
      check(is_product(linear, x.data() + token * in, y.data() + token * out), "product", *isa,
            out, in, tokens);
    }
    const float kept = x[0];
    x[0] = std::numeric_limits<float>::quiet_NaN();
    tern::multiply(team, linear, x.data(), tokens, y.data(), scratch);
    check(std::isnan(y[0]), "NaN", *isa, out, in, tokens);
    x[0] = kept;
  }
}

void check_many(tern::Team& team, int64_t tokens) {
  Random random;
  constexpr int kCount = 5;
  const int64_t in = 70, outs[kCount] = {33, 1, 48, 19, 40};
  const Format formats[kCount] = {Format::Int8, Format::Int4, Format::Bf16Rows, Format::Bf16,
                                  Format::Bf16Rows};
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<std::vector<float>> biases, ys;
  std::vector<tern::Linear> linears;
  for (int i = 0; i < kCount; ++i) {
    bytes.push_back(packed(formats[i], outs[i], in, random));
    biases.push_back(random.normals(outs[i]));
    ys.emplace_back(static_cast<size_t>(tokens * outs[i]));
    linears.push_back(
        {formats[i], in, outs[i], bytes.back().data() + kOffset, biases.back().data()});
  }
  const std::vector<float> x = random.normals(tokens * in);
  const tern::Linear* views[kCount];
  float* results[kCount];
  for (size_t i = 0; i < kCount; ++i) {
    views[i] = &linears[i];
    results[i] = ys[i].data();
  }
  tern::Scratch scratch;
  tern::multiply_many(team, views, kCount, x.data(), tokens, results, scratch);
  for (int i = 0; i < kCount; ++i) {
    for (int64_t token = 0; token < tokens; ++token) {
      check(is_product(linears[static_cast<size_t>(i)], x.data() + token * in,
                       results[i] + token * outs[i]),
            "several linears", tern::isa(), outs[i], in, tokens);
    }
  }
}

// Rows and panels hold the same weights: their products differ by the order of the sums alone.
void check_rows_equal_panels(tern::Team& team, int64_t out, int64_t in, int64_t tokens) {
  Random random;
  const std::vector<float> bias(static_cast<size_t>(out)), x = random.normals(tokens * in);
  std::vector<float> ys[2];
  for (const char* const* isa = tern::isas(); *isa; ++isa) {
    tern::set_isa(*isa);
    for (const Format format : {Format::Bf16, Format::Bf16Rows}) {
      Random same;
      const std::vector<uint8_t> bytes = packed(format, out, in, same);
      const tern::Linear linear{format, in, out, bytes.data() + kOffset, bias.data()};
      std::vector<float>& y = ys[format == Format::Bf16Rows];
      y.assign(static_cast<size_t>(tokens * out), 0.0f);
      tern::Scratch scratch;
      tern::multiply(team, linear, x.data(), tokens, y.data(), scratch);
    }
    for (size_t i = 0; i < ys[0].size(); ++i) {
      const float bound = 1e-5f * static_cast<float>(in);
      check(std::fabs(ys[0][i] - ys[1][i]) <= bound, "rows as panels", *isa, out, in, tokens);
    }
  }
}

void check_unequal_inputs(tern::Team& team) {
  Random random;
  const std::vector<uint8_t> bytes = packed(Format::Bf16Rows, 3, 8, random);
  const tern::Linear eight{Format::Bf16Rows, 8, 3, bytes.data(), nullptr};
  const tern::Linear four{Format::Bf16Rows, 4, 3, bytes.data(), nullptr};
  const tern::Linear* views[] = {&eight, &four};
  std::vector<float> x(8), y(6);
  float* results[] = {y.data(), y.data() + 3};
  tern::Scratch scratch;
  bool refused = false;
  try {
    tern::multiply_many(team, views, 2, x.data(), 1, results, scratch);
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  check(refused, "unequal inputs are refused", tern::isa(), 3, 4, 1);
}

void check_team(int size) {
  tern::Team team(size);
  std::vector<int> runs(static_cast<size_t>(size)), before(static_cast<size_t>(size));
  for (int run = 1; run <= 1000; ++run) {
    team.run([&](int member) {
      before[static_cast<size_t>(member)] = run;
      team.barrier();
      bool all = true;
      for (int value : before) all = all && value == run;
      team.barrier();
      if (all) ++runs[static_cast<size_t>(member)];
    });
    // Now and then long enough for the members to fall asleep.
    if (run % 250 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  for (int count : runs) check(count == 1000, "barrier", "team", size, 0, 0);
}

}  // namespace

int main() {
  for (int threads : {1, 2, 3}) {
    check_team(threads);
    tern::Team team(threads);
    for (Format format : {Format::Bf16, Format::Int8, Format::Int4, Format::Int4High,
                          Format::Bf16Rows}) {
      for (int64_t in : {1, 31, 32, 40, 65, 200}) {
        for (int64_t out : {1, 13, 16, 49}) {
          for (int64_t tokens : {1, 2, 3, 4, 5, 8, 11, 12, 13, 17}) {
            check_shape(team, format, out, in, tokens);
          }
        }
      }
    }
    for (int64_t tokens : {1, 3, 5}) check_many(team, tokens);
    for (int64_t in : {333, 4133}) {
      for (int64_t tokens : {1, 2, 3, 4, 17}) check_rows_equal_panels(team, 35, in, tokens);
    }
    check_unequal_inputs(team);
  }
  std::printf(failures ? "%d failures\n" : "all kernels agree\n", failures);
  return failures ? 1 : 0;
}
