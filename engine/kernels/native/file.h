// A file that any thread reads at any place. What is read so does not count as the process's memory,
// of which a map takes 64 KB for each row that is touched.
#pragma once

#include <cstdint>
#include <string>

namespace tern {

class File {
 public:
  // A file that cannot be opened has nothing to read.
  explicit File(const std::string& path);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Copies `bytes` from `begin` on; false where not all of them can be read.
  bool read(int64_t begin, int64_t bytes, void* to) const;

 private:
  int descriptor_ = -1;
};

}  // namespace tern
