// Python's view of the linears: for packing, for tests and for benchmarks.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bandwidth.h"
#include "bindings_linear.h"
#include "kernels.h"
#include "linear.h"
#include "low_half.h"

namespace nb = nanobind;

namespace tern {
namespace {

template <class T, size_t kDimensions>
using Array = nb::ndarray<const T, nb::numpy, nb::ndim<kDimensions>, nb::c_contig, nb::device::cpu>;
using Bytes = Array<uint8_t, 1>;
using Bias = std::optional<Array<float, 1>>;

// A new numpy array that owns its memory, on a cache line.
template <class T>
nb::ndarray<nb::numpy, T> new_array(std::initializer_list<size_t> shape) {
  size_t count = 1;
  for (size_t extent : shape) count *= extent;
  constexpr std::align_val_t kLine{64};
  auto* data = static_cast<T*>(operator new(std::max<size_t>(count, 1) * sizeof(T), kLine));
  nb::capsule owner(data, [](void* memory) noexcept { operator delete(memory, kLine); });
  return nb::ndarray<nb::numpy, T>(data, shape, owner);
}

void require(bool condition, const char* otherwise) {
  if (!condition) throw std::invalid_argument(otherwise);
}

template <class Pack>
nb::ndarray<nb::numpy, uint8_t> packed(Format format, size_t out, size_t in, Pack&& pack) {
  const auto bytes = packed_bytes(format, static_cast<int64_t>(out), static_cast<int64_t>(in));
  auto array = new_array<uint8_t>({static_cast<size_t>(bytes)});
  {
    nb::gil_scoped_release release;
    pack(static_cast<int64_t>(out), static_cast<int64_t>(in), array.data());
  }
  return array;
}

using Codes = Array<uint8_t, 2>;
using HalfBits = Array<uint16_t, 2>;

void require_group_scales(const Codes& codes, const HalfBits& scales) {
  require(scales.shape(0) == codes.shape(0) &&
              static_cast<int64_t>(scales.shape(1)) ==
                  (static_cast<int64_t>(codes.shape(1)) + kGroup - 1) / kGroup,
          "scales must be [out, ceil(in / 32)]");
}

auto pack_int4_array(Codes codes, HalfBits scales) {
  require_group_scales(codes, scales);
  return packed(Format::Int4, codes.shape(0), codes.shape(1),
                [&](int64_t out, int64_t in, void* to) {
                  pack_int4(codes.data(), scales.data(), out, in, to);
                });
}

auto pack_int4_high_array(Codes codes, HalfBits scales) {
  require_group_scales(codes, scales);
  return packed(Format::Int4High, codes.shape(0), codes.shape(1),
                [&](int64_t out, int64_t in, void* to) {
                  pack_int4_high(codes.data(), scales.data(), out, in, to);
                });
}

auto pack_low_half_array(Codes codes, HalfBits scales) {
  require_group_scales(codes, scales);
  const auto out = static_cast<int64_t>(codes.shape(0)), in = static_cast<int64_t>(codes.shape(1));
  auto rows = new_array<uint8_t>({static_cast<size_t>(out * low_half_row_bytes(in))});
  nb::gil_scoped_release release;
  pack_low_half(codes.data(), scales.data(), out, in, rows.data());
  return rows;
}

auto pack_int8_array(Array<int8_t, 2> codes, Array<float, 1> scales) {
  require(scales.shape(0) == codes.shape(0), "scales must be [out]");
  return packed(Format::Int8, codes.shape(0), codes.shape(1),
                [&](int64_t out, int64_t in, void* to) {
                  pack_int8(codes.data(), scales.data(), out, in, to);
                });
}

auto pack_bf16_array(Array<uint16_t, 2> weights) {
  return packed(
      Format::Bf16, weights.shape(0), weights.shape(1),
      [&](int64_t out, int64_t in, void* to) { pack_bf16(weights.data(), out, in, to); });
}

// A Linear with its arrays, which it keeps alive.
struct LinearArrays {
  Bytes weights;
  Bias bias;
  Linear view;

  LinearArrays(Format format, int64_t out_features, int64_t in_features, Bytes packed, Bias added)
      : weights(std::move(packed)), bias(std::move(added)) {
    require(out_features > 0 && in_features > 0, "a linear has at least one input and output");
    require(static_cast<int64_t>(weights.shape(0)) ==
                packed_bytes(format, out_features, in_features),
            "weights must have packed_bytes(format, out, in) bytes");
    require(!bias || static_cast<int64_t>(bias->shape(0)) == out_features, "bias must be [out]");
    view = {format, in_features, out_features, weights.data(), bias ? bias->data() : nullptr};
  }
};

nb::ndarray<nb::numpy, float> unpack_rows(const LinearArrays& linear, std::vector<int64_t> rows) {
  for (int64_t row : rows) {
    require(row >= 0 && row < linear.view.out_features, "row out of range");
  }
  const auto in_features = static_cast<size_t>(linear.view.in_features);
  auto unpacked = new_array<float>({rows.size(), in_features});
  for (size_t i = 0; i < rows.size(); ++i) {
    unpack_row(linear.view, rows[i], unpacked.data() + i * in_features);
  }
  return unpacked;
}

using Products = std::vector<nb::ndarray<nb::numpy, float>>;

Products multiply_arrays(Team& team, std::vector<const LinearArrays*> linears, Array<float, 2> x) {
  std::vector<const Linear*> views;
  std::vector<float*> ys;
  Products products;
  for (const LinearArrays* linear : linears) {
    require(linear->view.in_features == static_cast<int64_t>(x.shape(1)), "x must be [tokens, in]");
    views.push_back(&linear->view);
    products.push_back(
        new_array<float>({x.shape(0), static_cast<size_t>(linear->view.out_features)}));
    ys.push_back(products.back().data());
  }
  nb::gil_scoped_release release;
  static thread_local Scratch scratch;
  multiply_many(team, views.data(), static_cast<int>(views.size()), x.data(),
                static_cast<int64_t>(x.shape(0)), ys.data(), scratch);
  return products;
}

uint64_t read_array(Team& team, Bytes bytes) {
  nb::gil_scoped_release release;
  return read_all(team, bytes.data(), static_cast<int64_t>(bytes.shape(0)));
}

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const char* const* name = isas(); *name; ++name) names.emplace_back(*name);
  return names;
}

void force_isa(const std::string& name) {
  require(set_isa(name.c_str()), "this CPU has no such instruction set");
}

}  // namespace

void bind_linear(nb::module_& module) {
  nb::enum_<Format>(module, "Format", "How a linear's weights are stored.")
      .value("Bf16", Format::Bf16)
      .value("Int8", Format::Int8)
      .value("Int4", Format::Int4)
      .value("Int4High", Format::Int4High, "The high two bits of int4's codes.")
      .value("Bf16Rows", Format::Bf16Rows, "As a checkpoint holds it: bfloat16 [out, in].");

  nb::class_<Team>(module, "Team", "A persistent team of threads; the caller is member 0.")
      .def(nb::init<int, std::vector<int>>(), nb::arg("threads"),
           nb::arg("cores") = std::vector<int>())
      .def_prop_ro("size", &Team::size)
      .def("run_empty", [](Team& team) { team.run([](int) {}); },
           "Run nothing on every member: what a dispatch costs.");

  nb::class_<LinearArrays>(module, "Linear", "y = x W^T + bias over the bytes of its weights.")
      .def(nb::init<Format, int64_t, int64_t, Bytes, Bias>(), nb::arg("format"),
           nb::arg("out_features"), nb::arg("in_features"), nb::arg("weights"),
           nb::arg("bias") = nb::none())
      .def_prop_ro("nbytes", [](const LinearArrays& linear) { return linear.weights.nbytes(); })
      .def("rows", &unpack_rows, nb::arg("rows"), "Return those rows of W, float32 [rows, in].");

  module.def("layout_name", &layout_name, "The packed layout's name, for file names.");
  module.def("packed_bytes", &packed_bytes, nb::arg("format"), nb::arg("out_features"),
             nb::arg("in_features"));
  module.def("pack_int4", &pack_int4_array, nb::arg("codes"), nb::arg("scales"),
             "codes: uint8 [out, in] in 0..15; scales: float16 bits as uint16 [out, in / 32].");
  module.def("pack_int4_high", &pack_int4_high_array, nb::arg("codes"), nb::arg("scales"),
             "The high two bits of the same codes, as a linear by itself.");
  module.def("pack_low_half", &pack_low_half_array, nb::arg("codes"), nb::arg("scales"),
             "The low two bits of the same codes, row by row, uint8 [bytes].");
  module.def("pack_int8", &pack_int8_array, nb::arg("codes"), nb::arg("scales"),
             "codes: int8 [out, in] in -127..127; scales: float32 [out].");
  module.def("pack_bf16", &pack_bf16_array, nb::arg("weights"),
             "weights: bfloat16 bits as uint16 [out, in].");
  module.def("multiply", &multiply_arrays, nb::arg("team"), nb::arg("linears"), nb::arg("x"),
             "Return x W^T + bias of each linear, float32 [tokens, out]; x: float32 [tokens, in].");
  module.def("read_all", &read_array, nb::arg("team"), nb::arg("bytes"),
             "Read an array once with the whole team, to measure the read bandwidth.");
  module.def("isa", &isa, "The instruction set in use.");
  module.def("isas", &isa_names, "The instruction sets that this CPU can execute, best last.");
  module.def("set_isa", &force_isa, nb::arg("name"),
             "Force one of isas(), for tests. Raises ValueError for any other.");
}

}  // namespace tern
