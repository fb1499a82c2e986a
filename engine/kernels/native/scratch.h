// Memory that a thread keeps between multiplications, so that a token allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tern {

// Grows, never shrinks; the contents are lost when it grows. One owner at a time.
class Scratch {
 public:
  // At least `bytes` bytes on a 64-byte boundary, valid until the next call.
  void* reserve(size_t bytes) {
    if (bytes > size_) {
      memory_.reset(new unsigned char[bytes + kAlignment]);
      size_ = bytes;
    }
    const auto address = reinterpret_cast<uintptr_t>(memory_.get());
    return memory_.get() + (kAlignment - address % kAlignment) % kAlignment;
  }

 private:
  static constexpr size_t kAlignment = 64;
  std::unique_ptr<unsigned char[]> memory_;
  size_t size_ = 0;
};

}  // namespace tern
