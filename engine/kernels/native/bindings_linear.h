#pragma once

#include <nanobind/nanobind.h>

namespace tern {

// Adds the linears, the team and the choice of instruction set to the extension.
void bind_linear(nanobind::module_& module);

}  // namespace tern
