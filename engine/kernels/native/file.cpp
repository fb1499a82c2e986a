#include "file.h"

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <unistd.h>
#endif

namespace tern {

#if defined(__unix__) || defined(__APPLE__)

File::File(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

bool File::read(int64_t begin, int64_t bytes, void* to) const {
  return pread(descriptor_, to, static_cast<size_t>(bytes), static_cast<off_t>(begin)) == bytes;
}

#else

File::File(const std::string&) {}

File::~File() = default;

bool File::read(int64_t, int64_t, void*) const { return false; }

#endif

}  // namespace tern
