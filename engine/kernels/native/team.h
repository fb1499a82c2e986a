// A persistent team of threads for work of a few microseconds to a few milliseconds.
//
// Members spin for a short while after each run and then sleep, so that a token's hundred runs
// cost little and an idle engine costs nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace tern {

// The numbers begin, begin + 1, … end - 1.
struct Part {
  int64_t begin, end;
};

class Team {
 public:
  // threads: all members, with the caller of run(), who is member 0; at least 1.
  // cores: empty, or the logical CPU of each member. Member 0 is a thread of the caller's and is
  // not pinned here (see pin_this_thread); where the system cannot pin, nothing happens.
  explicit Team(int threads, std::vector<int> cores = {});
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  // Calls f(member) once on every member and returns when all have. f must not throw, and must
  // not call run(). One caller at a time.
  template <class F>
  void run(F&& f) {
    using Work = std::remove_reference_t<F>;
    run_erased([](void* work, int member) { (*static_cast<Work*>(work))(member); },
               const_cast<void*>(static_cast<const void*>(&f)));
  }

  // Inside of a run: waits for all members; each must call it equally often.
  void barrier();

  // Inside of a run: the next of the numbers 0, 1, 2, … that no member has taken yet, for work
  // that is shared out as members get free (cores differ in speed). Starts at 0 in every run.
  int64_t take() { return next_.fetch_add(1, std::memory_order_relaxed); }

  // The same for the numbers below `count`, some at a time: 7/8 of a fair share of those left.
  // Parts are long, as each begins with nothing prefetched, and the last ones so short that nobody
  // waits (guided self-scheduling, Polychronopoulos and Kuck 1987). Empty when all are taken.
  Part take_part(int64_t count);

 private:
  using Call = void (*)(void* work, int member);

  void run_erased(Call call, void* work);
  void serve(int member);
  bool wait_for_run(uint64_t seen);

  const int size_;
  Call call_ = nullptr;
  void* work_ = nullptr;

  // Each on its own cache line: members spin on one while another changes.
  alignas(64) std::atomic<uint64_t> runs_{0};       // runs started
  alignas(64) std::atomic<int> working_{0};         // members that have not finished the run
  alignas(64) std::atomic<int> arrived_{0};         // at the barrier
  alignas(64) std::atomic<uint64_t> barriers_{0};   // barriers passed
  alignas(64) std::atomic<int64_t> next_{0};        // see take() and take_part()
  alignas(64) std::atomic<int> sleeping_{0};
  std::mutex mutex_;
  std::condition_variable started_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

// Binds the calling thread to one logical CPU; false where that is not possible.
bool pin_this_thread(int core);

}  // namespace tern
