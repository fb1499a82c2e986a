#include "attention.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace tern {
namespace {

constexpr size_t kCacheLine = 64;
// Queries that share one pass over keys and values: their state stays in the first-level cache.
constexpr int64_t kQueryRows = 32;
// A few queries split the context instead, into about so many units of all kv heads: enough for
// any team, and long enough to be read at full speed. The number of threads has no say in it, so
// that it does not change the sums.
constexpr int64_t kSlicedUnits = 64;
constexpr float kNothingSeen = -std::numeric_limits<float>::infinity();

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t state_size(int64_t rows, int64_t value_dim) { return rows * (2 + value_dim); }

float* reserve_floats(Scratch& scratch, int64_t count) {
  return static_cast<float*>(scratch.reserve(static_cast<size_t>(count) * sizeof(float)));
}

// The state of `rows` rows that lies in `memory`.
SoftmaxState state_in(float* memory, int64_t rows) {
  return {memory, memory + rows, memory + 2 * rows};
}

void clear(const SoftmaxState& state, int64_t rows, int64_t value_dim) {
  std::fill_n(state.maxima, rows, kNothingSeen);
  std::fill_n(state.sums, rows, 0.0f);
  std::fill_n(state.weighted, rows * value_dim, 0.0f);
}

}  // namespace

// ------------------------------------------------------------------------------------- the cache

void KvCache::Free::operator()(void* memory) const { std::free(memory); }

KvCache::KvCache(const AttentionShape& shape) : shape_(shape) {
  const auto positions =
      static_cast<size_t>(shape.layers * shape.kv_heads * shape.padded_context());
  const size_t keys = positions * static_cast<size_t>(shape.head_dim);
  const size_t values = positions * static_cast<size_t>(shape.value_dim());
  // calloc leaves pages unwritten, and so unused, until a token needs them.
  memory_.reset(std::calloc((keys + values) * sizeof(uint16_t) + kCacheLine, 1));
  if (!memory_) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  keys_ = reinterpret_cast<uint16_t*>((address + kCacheLine - 1) / kCacheLine * kCacheLine);
  values_ = keys_ + keys;
}

// --------------------------------------------------------------------------------- one attention

// How a layer's attention is cut into units that members take: by query block where there are
// several, else by slices of the context.
struct CausalAttention::Plan {
  int64_t first;         // position of the first wanted token
  int64_t tokens;        // wanted ones
  int64_t end;           // positions in the cache, the new tokens' included
  int64_t block_tokens;  // tokens per query block
  int64_t blocks;
  int64_t slice;  // positions per slice; a multiple of kScoreColumns
  int64_t slices;
};

CausalAttention::CausalAttention(const AttentionShape& shape, RopeTables rope, float norm_eps,
                                 int members)
    : shape_(shape),
      rope_(rope),
      norm_eps_(norm_eps),
      max_rows_(std::max(kQueryRows, shape.group())),
      cache_(shape),
      scratch_(static_cast<size_t>(members)) {
  for (int member = 0; member < members; ++member) workspace(member);
}

// A member's memory: queries, scores and a softmax state of max_rows_ rows.
float* CausalAttention::workspace(int member) {
  const int64_t floats = max_rows_ * (shape_.head_dim + kScoreColumns) +
                         state_size(max_rows_, shape_.value_dim());
  return reserve_floats(scratch_[static_cast<size_t>(member)], floats);
}

CausalAttention::Plan CausalAttention::plan(const AttentionInputs& in) const {
  Plan plan;
  plan.tokens = in.wanted;
  plan.end = in.start + in.tokens;
  plan.first = plan.end - in.wanted;
  plan.block_tokens = std::max<int64_t>(1, kQueryRows / shape_.group());
  plan.blocks = divide_up(plan.tokens, plan.block_tokens);
  const int64_t most_slices = divide_up(kSlicedUnits, shape_.kv_heads);
  plan.slice = divide_up(divide_up(plan.end, most_slices), kScoreColumns) * kScoreColumns;
  plan.slices = divide_up(plan.end, plan.slice);
  if (plan.blocks > 1) {
    plan.slice = plan.end;
    plan.slices = 1;
  }
  return plan;
}

void CausalAttention::run(Team& team, const AttentionInputs& in, float* out) {
  const VectorKernels& kernels = vector_kernels();
  const Plan plan = this->plan(in);
  if (plan.slices > 1) {
    const int64_t rows = plan.tokens * shape_.group();
    partials_ = reserve_floats(
        partial_, shape_.kv_heads * plan.slices * state_size(rows, shape_.value_dim()));
  }
  const bool alone = in.tokens == 1;  // stored sooner than members could wait for each other
  if (alone) store(kernels, in, 0, shape_.kv_heads, 0);
  const int64_t stores = in.tokens * shape_.kv_heads;
  const int64_t units = shape_.kv_heads * plan.blocks * plan.slices;
  team.run([&](int member) {
    if (!alone) {
      store(kernels, in, stores * member / team.size(), stores * (member + 1) / team.size(),
            member);
      team.barrier();
    }
    for (int64_t unit; (unit = team.take()) < units;) attend(kernels, in, plan, unit, member, out);
  });
  if (plan.slices > 1) merge(kernels, plan, out);
}

// Writes keys and values of the pairs (kv head, token) numbered begin ... end - 1.
void CausalAttention::store(const VectorKernels& kernels, const AttentionInputs& in, int64_t begin,
                            int64_t end, int member) {
  const int64_t dim = shape_.head_dim;
  float* key = workspace(member);
  auto* halves = reinterpret_cast<uint16_t*>(key + dim);
  for (int64_t pair = begin; pair < end; ++pair) {
    const int64_t kv_head = pair / in.tokens;
    const int64_t token = pair % in.tokens;
    const int64_t position = in.start + token;
    const int64_t source = (token * shape_.kv_heads + kv_head) * dim;
    prepare(kernels, in.k + source, in.k_norm, position, 1.0f, key);
    kernels.to_half(key, dim, halves);
    uint16_t* block = cache_.keys(in.layer, kv_head) + position / kKeyBlock * kKeyBlock * dim;
    for (int64_t i = 0; i < dim; ++i) block[i * kKeyBlock + position % kKeyBlock] = halves[i];
    kernels.to_half(in.v + source, dim,
                    cache_.values(in.layer, kv_head) + position * shape_.value_dim());
  }
}

// y = the head x as attention wants it: normed where the model does, rotated, scaled.
void CausalAttention::prepare(const VectorKernels& kernels, const float* x, const float* norm,
                              int64_t position, float scale, float* y) const {
  const int64_t half = shape_.head_dim / 2;
  if (norm) {
    kernels.rms_norm(x, norm, norm_eps_, shape_.head_dim, y);
  } else {
    std::copy_n(x, shape_.head_dim, y);
  }
  kernels.rotate(rope_.cos + position * half, rope_.sin + position * half, scale, half, y);
}

void CausalAttention::attend(const VectorKernels& kernels, const AttentionInputs& in,
                             const Plan& plan, int64_t unit, int member, float* out) {
  const int64_t kv_head = unit % shape_.kv_heads;
  const int64_t part = unit / shape_.kv_heads;
  // The last query block sees most: it comes first, so that no member is left alone with it.
  const int64_t block = plan.blocks - 1 - part / plan.slices;
  const int64_t slice = part % plan.slices;
  const int64_t token = block * plan.block_tokens;
  const int64_t tokens = std::min(plan.block_tokens, plan.tokens - token);

  AttentionRange range;
  float* queries = workspace(member);
  range.queries = queries;
  range.keys = cache_.keys(in.layer, kv_head);
  range.values = cache_.values(in.layer, kv_head);
  range.group = shape_.group();
  range.rows = tokens * range.group;
  range.head_dim = shape_.head_dim;
  range.value_dim = shape_.value_dim();
  range.first_position = plan.first + token;
  range.begin = slice * plan.slice;
  range.end = std::min(range.begin + plan.slice, range.first_position + tokens);

  const float scale = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim));
  for (int64_t row = 0; row < range.rows; ++row) {
    const int64_t source = in.tokens - in.wanted + token + row / range.group;
    const int64_t head = kv_head * range.group + row % range.group;
    prepare(kernels, in.q + (source * shape_.heads + head) * shape_.head_dim, in.q_norm,
            range.first_position + row / range.group, scale, queries + row * shape_.head_dim);
  }
  float* scores = queries + max_rows_ * shape_.head_dim;
  float* memory = plan.slices == 1 ? scores + max_rows_ * kScoreColumns
                                   : partial(kv_head * plan.slices + slice, range.rows);
  const SoftmaxState state = state_in(memory, range.rows);
  clear(state, range.rows, range.value_dim);
  kernels.attend(range, scores, state);
  if (plan.slices > 1) return;
  for (int64_t row = 0; row < range.rows; ++row) {
    kernels.scale(state.weighted + row * range.value_dim, 1.0f / state.sums[row],
                  shape_.head_dim, out + output(kv_head, token * range.group + row));
  }
}

// The slices' states of each row -> its attention.
void CausalAttention::merge(const VectorKernels& kernels, const Plan& plan, float* out) {
  const int64_t rows = plan.tokens * shape_.group();
  for (int64_t kv_head = 0; kv_head < shape_.kv_heads; ++kv_head) {
    for (int64_t row = 0; row < rows; ++row) {
      const auto state = [&](int64_t slice) {
        return state_in(partial(kv_head * plan.slices + slice, rows), rows);
      };
      float maximum = kNothingSeen;
      for (int64_t s = 0; s < plan.slices; ++s) maximum = std::max(maximum, state(s).maxima[row]);
      float sum = 0.0f;
      float* y = out + output(kv_head, row);
      std::fill_n(y, shape_.head_dim, 0.0f);
      for (int64_t s = 0; s < plan.slices; ++s) {
        const SoftmaxState part = state(s);
        const float weight = std::exp(part.maxima[row] - maximum);
        sum += weight * part.sums[row];
        kernels.add_scaled(part.weighted + row * shape_.value_dim(), weight, shape_.head_dim, y);
      }
      kernels.scale(y, 1.0f / sum, shape_.head_dim, y);
    }
  }
}

// Where the output of a kv head's row stands.
int64_t CausalAttention::output(int64_t kv_head, int64_t row) const {
  const int64_t token = row / shape_.group();
  const int64_t head = kv_head * shape_.group() + row % shape_.group();
  return (token * shape_.heads + head) * shape_.head_dim;
}

// The memory of a slice's state.
float* CausalAttention::partial(int64_t number, int64_t rows) {
  return partials_ + number * state_size(rows, shape_.value_dim());
}

}  // namespace tern
