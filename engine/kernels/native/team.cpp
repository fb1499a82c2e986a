#include "team.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#include <algorithm>
#include <utility>

namespace tern {
namespace {

// About 10-50 microseconds, as long as a pause takes 20-140 cycles: longer than the gap between
// two runs of one token, shorter than anyone would notice as load.
constexpr int kSpins = 1000;
// A member that waits for another to finish gives its core away after as long: on a busy machine
// the other may be waiting for this very core.
constexpr int kSpinsBeforeYield = 1000;

void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#endif
}

template <class Condition>
void spin_until(Condition&& done) {
  for (int spins = 0; !done(); ++spins) {
    if (spins < kSpinsBeforeYield) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace

bool pin_this_thread(int core) {
#if defined(__linux__)
  if (core < 0 || core >= CPU_SETSIZE) return false;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
#else
  static_cast<void>(core);
  return false;
#endif
}

Team::Team(int threads, std::vector<int> cores) : size_(std::max(1, threads)) {
  threads_.reserve(static_cast<size_t>(size_ - 1));
  for (int member = 1; member < size_; ++member) {
    const size_t place = static_cast<size_t>(member);
    const int core = place < cores.size() ? cores[place] : -1;
    threads_.emplace_back([this, member, core] {
      pin_this_thread(core);
      serve(member);
    });
  }
}

Team::~Team() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_.store(true);
  }
  started_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::run_erased(Call call, void* work) {
  next_.store(0, std::memory_order_relaxed);
  if (size_ == 1) {
    call(work, 0);
    return;
  }
  call_ = call;
  work_ = work;
  working_.store(size_ - 1, std::memory_order_relaxed);
  // Sequentially consistent, as the counterpart in wait_for_run: either this thread sees the
  // sleeper and wakes it, or the sleeper sees the run and does not sleep.
  runs_.fetch_add(1);
  if (sleeping_.load() > 0) {
    { std::lock_guard<std::mutex> lock(mutex_); }
    started_.notify_all();
  }
  call(work, 0);
  spin_until([this] { return working_.load(std::memory_order_acquire) == 0; });
}

void Team::barrier() {
  if (size_ == 1) return;
  const uint64_t passed = barriers_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    barriers_.fetch_add(1, std::memory_order_release);
    return;
  }
  spin_until([&] { return barriers_.load(std::memory_order_acquire) != passed; });
}

Part Team::take_part(int64_t count) {
  int64_t begin = next_.load(std::memory_order_relaxed), end;
  do {
    if (begin >= count) return {count, count};
    end = begin + std::max<int64_t>(1, (count - begin) * 7 / (8 * size_));
  } while (!next_.compare_exchange_weak(begin, end, std::memory_order_relaxed));
  return {begin, end};
}

void Team::serve(int member) {
  for (uint64_t seen = 0; wait_for_run(seen); ++seen) {
    call_(work_, member);
    working_.fetch_sub(1, std::memory_order_release);
  }
}

// Waits until more than `seen` runs have started; false when the team is being destroyed.
bool Team::wait_for_run(uint64_t seen) {
  const auto ready = [&] { return runs_.load() > seen || stopping_.load(); };
  for (int spins = 0; spins < kSpins; ++spins) {
    if (ready()) return !stopping_.load();
    pause();
  }
  std::unique_lock<std::mutex> lock(mutex_);
  sleeping_.fetch_add(1);
  started_.wait(lock, ready);
  sleeping_.fetch_sub(1);
  return !stopping_.load();
}

}  // namespace tern
