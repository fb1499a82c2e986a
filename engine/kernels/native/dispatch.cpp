// Chooses the kernels for this CPU, and shares a multiplication's panels among a team.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>

#include "float8.h"
#include "kernels.h"
#include "linear.h"
#include "low_half.h"

namespace tern {
namespace {

// ------------------------------------------------------------------------------ instruction sets

constexpr int kMaxIsas = 5;

// __builtin_cpu_supports answers for the operating system too (it asks XGETBV).
struct Available {
  Kernels kernels[kMaxIsas] = {};
  const char* names[kMaxIsas + 1] = {};
  int count = 0;

  Available() {
    add(kScalarKernels);
#if defined(TERN_X86)
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
          __builtin_cpu_supports("f16c"))) {
      return;
    }
    add(kAvx2Kernels);
    if (__builtin_cpu_supports("avxvnni")) add(kAvxVnniKernels);
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512vnni"))) {
      return;
    }
    add(kAvx512Kernels);
    if (!__builtin_cpu_supports("avx512bf16")) return;
    Kernels with_bf16 = kAvx512Kernels;
    with_bf16.name = "avx512_bf16";
    with_bf16.formats[static_cast<int>(Format::Bf16)] = kAvx512Bf16;
    with_bf16.formats[static_cast<int>(Format::Bf16Rows)] = kAvx512Bf16Rows;
    add(with_bf16);
#endif
  }

  void add(const Kernels& more) {
    kernels[count] = more;
    names[count] = more.name;
    ++count;
  }
};

const Available& available() {
  static const Available found;
  return found;
}

std::atomic<const Kernels*> forced{nullptr};

const Kernels& kernels() {
  const Kernels* choice = forced.load(std::memory_order_acquire);
  return choice ? *choice : available().kernels[available().count - 1];
}

// --------------------------------------------------------------------------------- one dispatch

// Rounded inputs that a member works on at a time; half of a small second-level cache.
constexpr int64_t kBlockBytes = 128 << 10;

constexpr int64_t kLine = 64;     // bytes of a cache line
constexpr int64_t kRowsAhead = 4; // from a row of low halves to the one that is prefetched

struct Job {
  const Kernels& kernels;
  const Linear* const* linears;
  int count;
  const float* x;
  int64_t tokens;
  float* const* ys;
  uint8_t* records[kFormats];  // nullptr for a record_format() that no linear has
  uint8_t* panels;             // interleaved rows of each member; nullptr where none will be

  int64_t in_features() const { return linears[0]->in_features; }
  int64_t groups() const { return groups_of(in_features()); }
  const FormatKernels& of(Format format) const { return kernels.formats[static_cast<int>(format)]; }

  // Whether rows are interleaved first, which pays from more tokens on than their kernels take.
  bool interleaves(Format format) const {
    return format == Format::Bf16Rows && tokens > of(format).max_tokens;
  }
};

size_t records_bytes(Format format, const Job& job) {
  return static_cast<size_t>(job.tokens * record_bytes(format, job.groups()));
}

size_t panels_bytes(const Job& job, int members) {
  return static_cast<size_t>(members * panel_bytes(Format::Bf16, job.in_features()));
}

void place_scratch(Job& job, int members, Scratch& scratch) {
  bool used[kFormats] = {}, interleaves = false;
  for (int i = 0; i < job.count; ++i) {
    used[static_cast<int>(record_format(job.linears[i]->format))] = true;
    interleaves = interleaves || job.interleaves(job.linears[i]->format);
  }
  size_t bytes = interleaves ? panels_bytes(job, members) : 0;
  for (int f = 0; f < kFormats; ++f) {
    if (used[f]) bytes += records_bytes(static_cast<Format>(f), job);
  }
  auto* memory = static_cast<uint8_t*>(scratch.reserve(bytes));
  for (int f = 0; f < kFormats; ++f) {
    job.records[f] = used[f] ? memory : nullptr;
    if (used[f]) memory += records_bytes(static_cast<Format>(f), job);
  }
  job.panels = interleaves ? memory : nullptr;
}

void round_tokens(const Job& job, int64_t begin, int64_t end) {
  for (int f = 0; f < kFormats; ++f) {
    if (!job.records[f]) continue;
    const int64_t bytes = record_bytes(static_cast<Format>(f), job.groups());
    for (int64_t token = begin; token < end; ++token) {
      job.kernels.formats[f].round(job.x + token * job.in_features(), job.in_features(),
                                   job.groups(), job.records[f] + token * bytes);
    }
  }
}

// Adds the bias and leaves out the padding rows.
void store(const Linear& linear, int64_t panel, const float* products, int tokens, float* y) {
  const int64_t first = panel * kPanelRows;
  const int64_t rows = std::min<int64_t>(kPanelRows, linear.out_features - first);
  for (int token = 0; token < tokens; ++token) {
    float* to = y + token * linear.out_features + first;
    const float* from = products + token * kPanelRows;
    for (int64_t row = 0; row < rows; ++row) {
      to[row] = linear.bias ? from[row] + linear.bias[first + row] : from[row];
    }
  }
}

const int8_t* row_exponents(const Linear& linear) {
  const int64_t bytes =
      panels_of(linear.out_features) * panel_bytes(linear.format, linear.in_features);
  return static_cast<const int8_t*>(linear.weights) + bytes;
}

// All that is the same for each tile of a panel.
Tile tile_of(const Job& job, const Linear& linear, int64_t panel) {
  const int64_t bytes = panel_bytes(linear.format, linear.in_features);
  const int64_t rows = linear.out_features - panel * kPanelRows;
  Tile tile{};
  tile.panel = static_cast<const uint8_t*>(linear.weights) + panel * bytes;
  tile.ahead = tile.panel + kAhead;
  if (has_exponents(linear.format)) tile.exponents = row_exponents(linear) + panel * kPanelRows;
  tile.in_features = linear.in_features;
  tile.groups = job.groups();
  tile.rows = static_cast<int>(std::min<int64_t>(kPanelRows, rows));
  tile.record_bytes = record_bytes(linear.format, tile.groups);
  return tile;
}

// A panel for tokens [begin, end), with the kernels of its format or of what became of it. `tile` by
// reference: to copy what has just been written makes the core wait.
void multiply_panel(const Job& job, int which, int64_t panel, const FormatKernels& kernels,
                    Tile& tile, int64_t begin, int64_t end) {
  const Linear& linear = *job.linears[which];
  const uint8_t* records = job.records[static_cast<int>(record_format(linear.format))];
  alignas(64) float products[kMaxTile * kPanelRows];
  tile.products = products;
  for (int64_t token = begin; token < end; token += kernels.max_tokens) {
    const int tokens = static_cast<int>(std::min<int64_t>(kernels.max_tokens, end - token));
    tile.records = records + token * tile.record_bytes;
    kernels.multiply[tokens - 1](tile);
    store(linear, panel, products, tokens, job.ys[which] + token * linear.out_features);
  }
}

// A range of panels of Bf16Rows for all tokens, as each is interleaved but once. While it is
// multiplied, the next rows come from memory.
void multiply_interleaved(const Job& job, int which, int64_t begin, int64_t end, uint8_t* panel) {
  const Linear& linear = *job.linears[which];
  for (int64_t number = begin; number < end; ++number) {
    Tile tile = tile_of(job, linear, number);
    job.kernels.interleave(tile, panel);
    tile.ahead = tile.panel + panel_bytes(linear.format, linear.in_features);
    tile.panel = panel;
    multiply_panel(job, which, number, job.of(Format::Bf16), tile, 0, job.tokens);
  }
}

// A range of one linear's panels, for as many tokens at a time as stay in a core's own cache.
void multiply_range(const Job& job, int which, int64_t begin, int64_t end) {
  const Linear& linear = *job.linears[which];
  const int64_t block =
      std::max<int64_t>(kMaxTile, kBlockBytes / record_bytes(linear.format, job.groups()));
  for (int64_t token = 0; token < job.tokens; token += block) {
    for (int64_t panel = begin; panel < end; ++panel) {
      Tile tile = tile_of(job, linear, panel);
      multiply_panel(job, which, panel, job.of(linear.format), tile, token,
                     std::min(job.tokens, token + block));
    }
  }
}

// Panels are numbered through all linears; multiplies those in [begin, end).
void multiply_panels(const Job& job, int member, int64_t begin, int64_t end) {
  int64_t first = 0;
  for (int which = 0; which < job.count; ++which) {
    const Linear& linear = *job.linears[which];
    const int64_t panels = panels_of(linear.out_features);
    const int64_t from = std::max<int64_t>(begin - first, 0), to = std::min(end - first, panels);
    if (job.interleaves(linear.format)) {
      uint8_t* panel = job.panels + member * panel_bytes(Format::Bf16, linear.in_features);
      multiply_interleaved(job, which, from, to, panel);
    } else {
      multiply_range(job, which, from, to);
    }
    first += panels;
  }
}

void check_inputs(const Linear* const* linears, int count) {
  for (int i = 1; i < count; ++i) {
    if (linears[i]->in_features != linears[0]->in_features) {
      throw std::invalid_argument("Linears that read the same x must have as many inputs.");
    }
  }
}

}  // namespace

const char* isa() { return kernels().name; }

const VectorKernels& vector_kernels() { return *kernels().vectors; }

const char* const* isas() { return available().names; }

bool set_isa(const char* name) {
  for (int i = 0; i < available().count; ++i) {
    if (strcmp(available().names[i], name) == 0) {
      forced.store(&available().kernels[i], std::memory_order_release);
      return true;
    }
  }
  return false;
}

void multiply_many(Team& team, const Linear* const* linears, int count, const float* x,
                   int64_t tokens, float* const* ys, Scratch& scratch) {
  if (count < 1 || tokens < 1) return;
  check_inputs(linears, count);
  Job job{kernels(), linears, count, x, tokens, ys, {}, nullptr};
  place_scratch(job, team.size(), scratch);
  int64_t panels = 0;
  for (int i = 0; i < count; ++i) panels += panels_of(linears[i]->out_features);
  const bool alone = tokens == 1;  // one token is rounded sooner than the team could share it
  if (alone) round_tokens(job, 0, 1);
  team.run([&](int member) {
    if (!alone) {
      round_tokens(job, tokens * member / team.size(), tokens * (member + 1) / team.size());
      team.barrier();
    }
    for (Part part; (part = team.take_part(panels)).begin < panels;) {
      multiply_panels(job, member, part.begin, part.end);
    }
  });
}

void add_low_half(Team& team, const Linear& high, const uint8_t* low, const float* x,
                  const std::vector<int64_t>& which, float* y, Scratch& scratch) {
  const Kernels& chosen = kernels();
  const int64_t groups = groups_of(high.in_features);
  const int64_t row_bytes = low_half_row_bytes(high.in_features);
  const int8_t* exponents = row_exponents(high);
  auto* record = static_cast<uint8_t*>(
      scratch.reserve(static_cast<size_t>(record_bytes(Format::Int4, groups))));
  chosen.formats[static_cast<int>(Format::Int4)].round(x, high.in_features, groups, record);
  const auto count = static_cast<int64_t>(which.size());
  team.run([&](int member) {
    const int64_t end = count * (member + 1) / team.size();
    for (int64_t i = count * member / team.size(); i < end; ++i) {
      const int64_t row = which[static_cast<size_t>(i)];
      // The rows lie far apart: without this each would be waited for.
      const int64_t ahead = which[static_cast<size_t>(std::min(i + kRowsAhead, end - 1))];
      for (int64_t at = 0; at < row_bytes; at += kLine) {
        __builtin_prefetch(low + ahead * row_bytes + at);
      }
      const float product = chosen.low_half_dot(low + row * row_bytes, groups, record);
      y[row] += product * power_of_two(exponents[row]);
    }
  });
}

void multiply(Team& team, const Linear& linear, const float* x, int64_t tokens, float* y,
              Scratch& scratch) {
  const Linear* linears[] = {&linear};
  float* ys[] = {y};
  multiply_many(team, linears, 1, x, tokens, ys, scratch);
}

}  // namespace tern
