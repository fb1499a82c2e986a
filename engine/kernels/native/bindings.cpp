// The Python extension `_core`: its linears (bindings_linear.cpp) and its decoder.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bindings_linear.h"
#include "decoder.h"
#include "low_half.h"

namespace nb = nanobind;

namespace tern {
namespace {

// Any dense array in main memory, of numpy, torch or whatever else speaks DLPack.
using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Logits = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const std::string& sentence) { throw std::invalid_argument(sentence); }

std::string text(const std::vector<int64_t>& shape) {
  std::string joined;
  for (int64_t extent : shape) joined += (joined.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + joined + "]";
}

// What the views of a decoder's weights look at.
struct Kept {
  std::vector<Array> arrays;
  std::vector<std::unique_ptr<File>> files;
};

// Reads the decoder's weights out of Python's objects, checks them, and keeps what they lie in.
class WeightsReader {
 public:
  WeightsReader(const DecoderShape& shape, Kept& kept) : shape_(shape), kept_(kept) {}

  LayerWeights layer(const nb::dict& parts) {
    const int64_t hidden = shape_.hidden;
    const int64_t head_dim = shape_.attention.head_dim;
    LayerWeights layer;
    layer.input_norm = floats(item(parts, "input_layernorm"), {hidden}, "input_layernorm");
    layer.post_attention_norm =
        floats(item(parts, "post_attention_layernorm"), {hidden}, "post_attention_layernorm");
    layer.q_norm = optional_floats(parts, "self_attn.q_norm", {head_dim});
    layer.k_norm = optional_floats(parts, "self_attn.k_norm", {head_dim});
    layer.q = linear(item(parts, "self_attn.q_proj"), "self_attn.q_proj");
    layer.k = linear(item(parts, "self_attn.k_proj"), "self_attn.k_proj");
    layer.v = linear(item(parts, "self_attn.v_proj"), "self_attn.v_proj");
    layer.o = linear(item(parts, "self_attn.o_proj"), "self_attn.o_proj");
    layer.gate = linear(item(parts, "mlp.gate_proj"), "mlp.gate_proj");
    layer.up = linear(item(parts, "mlp.up_proj"), "mlp.up_proj");
    layer.down = linear(item(parts, "mlp.down_proj"), "mlp.down_proj");
    return layer;
  }

  // (format, out_features, in_features, packed bytes, bias or None) -> a view.
  Linear linear(nb::handle object, const std::string& name) {
    nb::tuple parts;
    Linear linear{};
    if (!nb::try_cast(object, parts) || parts.size() != 5 ||
        !nb::try_cast(parts[0], linear.format) || !nb::try_cast(parts[1], linear.out_features) ||
        !nb::try_cast(parts[2], linear.in_features)) {
      refuse(name + " must be (format, out_features, in_features, weights, bias or None).");
    }
    if (linear.out_features < 1 || linear.out_features > kMaxSize || linear.in_features < 1 ||
        linear.in_features > kMaxSize) {
      refuse(name + " has an impossible size.");
    }
    const Array weights = array(parts[3], "The weights of " + name);
    const auto bytes = static_cast<size_t>(
        packed_bytes(linear.format, linear.out_features, linear.in_features));
    if (weights.nbytes() != bytes) {
      refuse("The weights of " + name + " have " + std::to_string(weights.nbytes()) +
             " bytes, and their shape needs " + std::to_string(bytes) + ".");
    }
    linear.weights = weights.data();
    linear.bias = parts[4].is_none()
                      ? nullptr
                      : floats(parts[4], {linear.out_features}, "The bias of " + name);
    return linear;
  }

  const float* floats(nb::handle object, const std::vector<int64_t>& shape,
                      const std::string& name) {
    const Array values = shaped(object, shape, name);
    if (values.dtype() != nb::dtype<float>()) refuse(name + " must be float32.");
    return static_cast<const float*>(values.data());
  }

  // Those of the head's rows, or None.
  const uint8_t* low_half(nb::handle object) {
    if (object.is_none()) return nullptr;
    const Array rows = array(object, "The low halves");
    const auto bytes = static_cast<size_t>(shape_.vocab * low_half_row_bytes(shape_.hidden));
    if (rows.nbytes() != bytes) {
      refuse("The low halves have " + std::to_string(rows.nbytes()) +
             " bytes, and their shape needs " + std::to_string(bytes) + ".");
    }
    return static_cast<const uint8_t*>(rows.data());
  }

  // place: (path, first byte) of the file that holds the same bytes, or None.
  Table table(nb::handle object, nb::handle place, const std::string& name) {
    const Array values = shaped(object, {shape_.vocab, shape_.hidden}, name);
    Table table{type_of(values, name), values.data()};
    std::pair<std::string, int64_t> file;
    if (nb::try_cast(place, file) && file.second >= 0) {
      kept_.files.push_back(std::make_unique<File>(file.first));
      table.file = kept_.files.back().get();
      table.begin = file.second;
    } else if (!place.is_none()) {
      refuse("The place of " + name + " must be (path, first byte) or None.");
    }
    return table;
  }

 private:
  static TableType type_of(const Array& table, const std::string& name) {
    const nb::dlpack::dtype type = table.dtype();
    const auto code = static_cast<nb::dlpack::dtype_code>(type.code);
    const bool is_float = code == nb::dlpack::dtype_code::Float;
    if (type.lanes == 1 && is_float && type.bits == 32) return TableType::Float32;
    if (type.lanes == 1 && is_float && type.bits == 16) return TableType::Float16;
    // numpy cannot name bfloat16, so that its bits may come as whole numbers.
    const bool is_bits =
        code == nb::dlpack::dtype_code::Bfloat || code == nb::dlpack::dtype_code::UInt;
    if (type.lanes == 1 && is_bits && type.bits == 16) return TableType::Bfloat16;
    refuse(name + " must be float32, float16 or bfloat16 (or its bits, uint16).");
  }

  static nb::handle item(const nb::dict& parts, const char* name) {
    if (!parts.contains(name)) refuse(std::string("A layer lacks ") + name + ".");
    return parts[name];
  }

  const float* optional_floats(const nb::dict& parts, const char* name,
                               const std::vector<int64_t>& shape) {
    return parts.contains(name) ? floats(parts[name], shape, name) : nullptr;
  }

  Array shaped(nb::handle object, const std::vector<int64_t>& shape, const std::string& name) {
    Array values = array(object, name);
    std::vector<int64_t> found;
    for (size_t i = 0; i < values.ndim(); ++i) {
      found.push_back(static_cast<int64_t>(values.shape(i)));
    }
    if (found != shape) refuse(name + " must be " + text(shape) + ", not " + text(found) + ".");
    return values;
  }

  // The arrays are views of memory that must outlive the decoder, so they are kept.
  Array array(nb::handle object, const std::string& name) {
    Array values;
    if (!nb::try_cast(object, values, /*convert=*/false)) {
      refuse(name + " must be a dense array in main memory.");
    }
    kept_.arrays.push_back(values);
    return values;
  }

  const DecoderShape& shape_;
  Kept& kept_;
};

// A Decoder with its weights, called by one Python thread at a time.
class PyDecoder {
 public:
  PyDecoder(Team& team, const DecoderShape& shape, nb::handle embedding,
            nb::handle embedding_place, const nb::list& layers, nb::handle final_norm,
            nb::handle head, nb::handle head_low, nb::handle exact_head,
            nb::handle exact_head_place, nb::handle cos, nb::handle sin) {
    WeightsReader reader(shape, kept_);
    DecoderWeights weights;
    weights.embedding = reader.table(embedding, embedding_place, "The embedding");
    for (nb::handle layer : layers) {
      nb::dict parts;
      if (!nb::try_cast(layer, parts)) refuse("Each layer must be a dict.");
      weights.layers.push_back(reader.layer(parts));
    }
    weights.final_norm = reader.floats(final_norm, {shape.hidden}, "The final norm");
    weights.head = {reader.linear(head, "The head"), reader.low_half(head_low)};
    weights.exact_head = {};
    if (!exact_head.is_none()) {
      weights.exact_head = reader.table(exact_head, exact_head_place, "The exact head");
    }
    const std::vector<int64_t> angles{shape.attention.context, shape.attention.head_dim / 2};
    weights.rope = {reader.floats(cos, angles, "cos"), reader.floats(sin, angles, "sin")};
    decoder_.emplace(team, shape, std::move(weights));
  }

  void append(const std::vector<int64_t>& ids, int64_t kept, nb::object on_layer) {
    const Busy busy(computing_);
    Decoder::OnLayer call;
    if (!on_layer.is_none()) {
      call = [&] {
        nb::gil_scoped_acquire acquire;
        on_layer();
      };
    }
    nb::gil_scoped_release release;
    decoder_->append(ids.data(), static_cast<int64_t>(ids.size()), kept, call);
  }

  void logits(int64_t first, Logits out) {
    const Busy busy(computing_);
    if (static_cast<int64_t>(out.shape(1)) != decoder_->shape().vocab) {
      refuse("The logits must be [rows, vocab].");
    }
    nb::gil_scoped_release release;
    decoder_->logits(first, static_cast<int64_t>(out.shape(0)), out.data());
  }

  void truncate(int64_t length) {
    const Busy busy(computing_);
    decoder_->truncate(length);
  }

  int64_t used() const { return decoder_->used(); }

  nb::dict seconds() const {
    const PartSeconds& seconds = decoder_->seconds();
    nb::dict parts;
    parts["linears"] = seconds.linears;
    parts["attention"] = seconds.attention;
    parts["elementwise"] = seconds.elementwise;
    return parts;
  }

 private:
  // Marks the decoder as in use for as long as it lives: another thread, or the callback of this
  // one, would otherwise write the same buffers.
  class Busy {
   public:
    explicit Busy(std::atomic<bool>& flag) : flag_(flag) {
      if (flag_.exchange(true)) throw std::runtime_error("The decoder is already computing.");
    }
    ~Busy() { flag_.store(false); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    std::atomic<bool>& flag_;
  };

  Kept kept_;
  std::optional<Decoder> decoder_;
  std::atomic<bool> computing_{false};
};

void construct(PyDecoder* self, Team& team, int64_t vocab_size, int64_t hidden_size,
               int64_t intermediate_size, int64_t heads, int64_t kv_heads, int64_t head_dim,
               int64_t context_length, float norm_eps, nb::handle embedding,
               nb::handle embedding_place, nb::list layers, nb::handle final_norm, nb::handle head,
               nb::handle head_low, nb::handle exact_head, nb::handle exact_head_place,
               nb::handle cos, nb::handle sin) {
  const AttentionShape attention{static_cast<int64_t>(layers.size()), heads, kv_heads, head_dim,
                                 context_length};
  const DecoderShape shape{vocab_size, hidden_size, intermediate_size, norm_eps, attention};
  new (self) PyDecoder(team, shape, embedding, embedding_place, layers, final_norm, head, head_low,
                       exact_head, exact_head_place, cos, sin);
}

void bind_decoder(nb::module_& module) {
  nb::class_<PyDecoder>(module, "Decoder", "A decoder of the Llama line: token ids in, logits out.")
      .def("__init__", &construct, nb::arg("team"), nb::kw_only(), nb::arg("vocab_size"),
           nb::arg("hidden_size"), nb::arg("intermediate_size"), nb::arg("heads"),
           nb::arg("kv_heads"), nb::arg("head_dim"), nb::arg("context_length"),
           nb::arg("norm_eps"), nb::arg("embedding"), nb::arg("embedding_place").none(),
           nb::arg("layers"), nb::arg("final_norm"), nb::arg("head"), nb::arg("head_low").none(),
           nb::arg("exact_head").none(), nb::arg("exact_head_place").none(), nb::arg("cos"),
           nb::arg("sin"),
           nb::keep_alive<1, 2>(),
           "embedding: float32, float16 or bfloat16 (or its bits, uint16) [vocab, hidden]. layers: a "
           "dict each, of norms (float32) and linears by their checkpoint names. A linear is "
           "(Format, out_features, in_features, packed bytes, float32 bias or None). head_low: the low "
           "halves (pack_low_half) of a head in Int4High, else None. exact_head: the "
           "head as published, in a dtype of the embedding's, to compute the likeliest logits again, "
           "or None. Of either table the place may be told, (path, first byte) in a file of the same "
           "bytes: its rows are then read from there, so that they do not become resident. "
           "cos, sin: float32 [context_length, head_dim / 2]. The arrays are kept, not "
           "copied. Raises ValueError where they do not fit together.")
      .def("append", &PyDecoder::append, nb::arg("ids"), nb::arg("kept") = 1,
           nb::arg("on_layer") = nb::none(),
           "Append tokens to the context, in chunks of at most CHUNK. on_layer() is called after "
           "each layer; what it raises ends the call with the chunks before in the cache. The last "
           "`kept` tokens can be asked for logits. Raises ValueError for an id outside of the "
           "vocabulary and for a full context.")
      .def("logits", &PyDecoder::logits, nb::arg("first"), nb::arg("out").noconvert(),
           "Write the logits of kept tokens from `first` on, as many as `out` [rows, vocab] has.")
      .def("truncate", &PyDecoder::truncate, nb::arg("length"),
           "Forget all but the first `length` tokens.")
      .def_prop_ro("used", &PyDecoder::used, "How many tokens the cache holds.")
      .def_prop_ro("seconds", &PyDecoder::seconds, "Seconds spent so far, by part.")
      .def_ro_static("CHUNK", &Decoder::kChunk)
      .def_ro_static("REFINED", &kRefined)
      .def_ro_static("HALVED", &kHalved);
}

}  // namespace
}  // namespace tern

// A process can register its types once. Loaded by path a second time, under another name, the
// extension shares what the first time made; nanobind would end the process.
NB_MODULE(_core, module) {
  static PyObject* contents = nullptr;  // of the first module; never freed, as its types are not
  nb::dict own = nb::borrow<nb::dict>(module.attr("__dict__"));
  if (contents) {
    own.update(nb::borrow<nb::dict>(contents));
    return;
  }
  module.doc() = "Tern's compiled core.";
  tern::bind_linear(module);
  tern::bind_decoder(module);
  contents = own.inc_ref().ptr();
}
