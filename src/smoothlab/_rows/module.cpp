// The kernels, as Python sees them: arrays come in without a copy, columns of float64 go out.
//
// Any array is taken that speaks the buffer protocol or DLPack and lies on the CPU, with neighbouring classes side by
// side in memory; rows may be any distance apart. uint16 is read as bfloat16, which NumPy does not know. Values are the
// caller's business; only what would make a kernel read or write outside of an array is refused here.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/variant.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "dispatch.hpp"
#include "kernels.hpp"
#include "parallel.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace smoothlab {

void bind_bins(nb::module_& module);     // bins.cpp
void bind_buffers(nb::module_& module);  // buffers.cpp

namespace {

using Matrix = nb::ndarray<nb::ro, nb::ndim<2>, nb::device::cpu>;
using Writable = nb::ndarray<nb::ndim<2>, nb::device::cpu>;
using Any = nb::ndarray<nb::ro, nb::device::cpu>;
using Labels = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::device::cpu>;
using Flags = nb::ndarray<const bool, nb::device::cpu>;
using Numbers = nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>;
template <class T>
using Column = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Scalars = std::variant<double, Numbers>;

void expect(bool right, const char* sentence) {
    if (!right) throw nb::value_error(sentence);
}

Number number_of(nb::dlpack::dtype type) {
    const auto is = [&](nb::dlpack::dtype_code code, int bits) {
        return type.code == static_cast<std::uint8_t>(code) && type.bits == bits && type.lanes == 1;
    };
    using Code = nb::dlpack::dtype_code;
    if (is(Code::Float, 32)) return Number::float32;
    if (is(Code::Float, 64)) return Number::float64;
    if (is(Code::Float, 16)) return Number::float16;
    if (is(Code::Bfloat, 16) || is(Code::UInt, 16)) return Number::bfloat16;
    throw nb::type_error("`logits` must be float32, float64, float16, bfloat16, or bfloat16 seen as uint16.");
}

// A vector for all rows, or a row for each.
template <class Array>
Untyped across(const Array& array, std::size_t rows, std::size_t classes, const char* sentence) {
    const std::size_t last = array.ndim() - 1;
    expect(array.ndim() == 1 || (array.ndim() == 2 && array.shape(0) == rows), sentence);
    expect(array.shape(last) == classes && (rows == 0 || classes < 2 || array.stride(last) == 1), sentence);
    return {array.data(), array.ndim() == 1 ? 0 : static_cast<std::ptrdiff_t>(array.stride(0))};
}

Rows<const double> down(const Scalars& scalars, std::size_t rows) {
    if (const double* one = std::get_if<double>(&scalars)) return {one, 0};
    const Numbers& each = std::get<Numbers>(scalars);
    expect(each.shape(0) == rows, "A number for each row is wanted: one for all, or a float64 array as long as `logits`.");
    return {each.data(), static_cast<std::ptrdiff_t>(each.stride(0))};
}

Divisor divisor_of(std::string_view word) {
    if (word == "mass") return Divisor::mass;
    if (word == "count") return Divisor::count;
    if (word == "one") return Divisor::one;
    throw nb::value_error("`divisor` must be 'mass', 'count' or 'one'.");
}

Batch batch_of(const Matrix& logits, const std::optional<Any>& background, std::string_view divisor,
               const std::optional<Flags>& class_mask, bool precise = false) {
    Batch batch;
    batch.rows = logits.shape(0), batch.classes = logits.shape(1);
    batch.number = number_of(logits.dtype());
    if (precise && batch.number == Number::float32) batch.number = Number::precise_float32;
    batch.logits = across(logits, batch.rows, batch.classes, "`logits` must have neighbouring classes side by side.");
    batch.divisor = divisor_of(divisor);
    if (background) {
        const int bits = batch.number == Number::float64 || batch.number == Number::precise_float32 ? 64 : 32;
        expect(background->dtype() == (bits == 64 ? nb::dtype<double>() : nb::dtype<float>()),
               "`background` must be float64 where float64 is computed in, and float32 for all others.");
        batch.background = across(*background, batch.rows, batch.classes,
                                  "`background` must have shape (classes) or that of `logits`.");
    }
    if (class_mask) {
        batch.takes_part = across(*class_mask, batch.rows, batch.classes,
                                  "`class_mask` must have shape (classes) or that of `logits`.")
                               .of<bool>();
    }
    return batch;
}

Rows<const std::int64_t> labels_of(const Labels& labels, std::size_t rows) {
    expect(labels.shape(0) == rows, "`labels` must hold one class for each row of `logits`.");
    return {labels.data(), static_cast<std::ptrdiff_t>(labels.stride(0))};
}

// Columns of one block of memory, which lives as long as any of them.
class Block {
public:
    Block(std::size_t rows, std::size_t columns)
        : rows(rows), next(new double[std::max<std::size_t>(1, rows * columns)]),
          owner(next, [](void* data) noexcept { delete[] static_cast<double*>(data); }) {}

    double* column(nb::object& array) {
        double* data = next;
        next += rows;
        array = nb::ndarray<nb::numpy, double, nb::ndim<1>>(data, {rows}, owner).cast();
        return data;
    }

    std::int64_t* whole_numbers(nb::object& array) {
        static_assert(sizeof(std::int64_t) == sizeof(double));
        auto* data = reinterpret_cast<std::int64_t*>(next);
        next += rows;
        array = nb::ndarray<nb::numpy, std::int64_t, nb::ndim<1>>(data, {rows}, owner).cast();
        return data;
    }

private:
    std::size_t rows;
    double* next;
    nb::capsule owner;
};

struct StatisticsColumns {
    nb::object highest, others, log_sum, argmax, count, background, label = nb::none(), mean = nb::none(), variance = nb::none();
};

struct LossColumns {
    nb::object value, label = nb::none(), background = nb::none(), count = nb::none();
};

// Scratch begins where a line of the cache does.
struct Release {
    static constexpr std::align_val_t of{64};
    void operator()(std::byte* memory) const { ::operator delete(memory, of); }
};

// Runs a kernel over all rows; without the interpreter's lock, but it listens for Ctrl-C.
template <class Kernel, class Columns>
void run(Kernel kernel, const Batch& batch, const Columns& to, std::size_t threads) {
    threads = useful_threads(batch.rows, batch.classes, threads);
    const std::size_t scratch = scratch_bytes(batch);
    const std::unique_ptr<std::byte[], Release> memory(static_cast<std::byte*>(::operator new(threads * scratch, Release::of)));
    bool finished;
    {
        nb::gil_scoped_release unlocked;
        finished = over_rows(
            batch.rows, batch.classes, threads,
            [&](std::size_t first, std::size_t last, std::size_t thread) {
                kernel(batch, to, first, last, memory.get() + thread * scratch);
            },
            [] {
                nb::gil_scoped_acquire locked;
                return PyErr_CheckSignals() != 0;
            });
    }
    if (!finished) throw nb::python_error();
}

StatisticsColumns statistics(const Matrix& logits, const std::optional<Labels>& labels,
                             const std::optional<Any>& background, std::string_view divisor,
                             const std::optional<Flags>& class_mask, double inverse_temperature, bool moments,
                             bool precise, std::size_t threads, std::string_view instructions) {
    const Kernels& kernels = kernels_for(instructions);
    Batch batch = batch_of(logits, background, divisor, class_mask, precise);
    expect(!precise || batch.number == Number::precise_float32 || batch.number == Number::float64,
           "`precise` is for float32 and float64 logits.");
    StatisticsColumns columns;
    Block block(batch.rows, 6 + (labels ? 1 : 0) + (moments ? 2 : 0));
    Statistics to;
    to.inverse_temperature = inverse_temperature;
    to.highest = block.column(columns.highest);
    to.others = block.column(columns.others);
    to.log_sum = block.column(columns.log_sum);
    to.background = block.column(columns.background);
    to.count = block.column(columns.count);
    to.argmax = block.whole_numbers(columns.argmax);
    if (labels) {
        batch.labels = labels_of(*labels, batch.rows);
        to.label = block.column(columns.label);
    }
    if (moments) to.mean = block.column(columns.mean), to.variance = block.column(columns.variance);
    run(kernels.statistics, batch, to, threads);
    return columns;
}

void confidences(const Matrix& logits, const std::optional<Labels>& labels, const Column<double>& confidence,
                 const Column<bool>& correct, std::size_t threads, std::string_view instructions) {
    const Kernels& kernels = kernels_for(instructions);
    Batch batch = batch_of(logits, {}, "one", {});
    expect(batch.number == Number::float32 || batch.number == Number::float64, "`logits` must be float32 or float64 here.");
    if (labels) batch.labels = labels_of(*labels, batch.rows);
    expect(confidence.shape(0) == batch.rows && correct.shape(0) == batch.rows,
           "`confidence` and `correct` must have a place for each row of `logits`.");
    run(kernels.confidences, batch, Confidences{confidence.data(), correct.data()}, threads);
}

LossColumns loss(const Matrix& logits, const Any& target, const std::optional<Writable>& gradient,
                 const Scalars& label_share, const Scalars& background_share, const std::optional<Numbers>& label_weight,
                 const std::optional<Any>& background, std::string_view divisor, const std::optional<Flags>& class_mask,
                 const std::optional<Flags>& ignored, double gradient_scale, bool costs, std::size_t threads,
                 std::string_view instructions) {
    const Kernels& kernels = kernels_for(instructions);
    Batch batch = batch_of(logits, background, divisor, class_mask);
    const std::size_t rows = batch.rows, classes = batch.classes;
    if (target.ndim() == 1) {
        expect(target.dtype() == nb::dtype<std::int64_t>() && target.shape(0) == rows,
               "`target` must hold an int64 class for each row of `logits`.");
        batch.labels = {static_cast<const std::int64_t*>(target.data()), static_cast<std::ptrdiff_t>(target.stride(0))};
    } else {
        expect(target.dtype() == (batch.number == Number::float64 ? nb::dtype<double>() : nb::dtype<float>()),
               "`target` must be float64 for float64 logits, and float32 for all others.");
        batch.targets = across(target, rows, classes, "`target` must have the shape of `logits`.");
    }
    if (ignored) {
        expect(ignored->ndim() == 1 && ignored->shape(0) == rows, "`ignored` must hold a bool for each row of `logits`.");
        batch.ignored = {ignored->data(), static_cast<std::ptrdiff_t>(ignored->stride(0))};
    }

    Loss to;
    to.label_share = down(label_share, rows);
    to.background_share = down(background_share, rows);
    static constexpr double one = 1;
    to.label_weight = label_weight ? down(*label_weight, rows) : Rows<const double>{&one, 0};
    if (gradient) {
        expect(gradient->dtype() == logits.dtype() && gradient->shape(0) == rows && gradient->shape(1) == classes &&
                   (rows == 0 || classes < 2 || gradient->stride(1) == 1),
               "`gradient` must have the type and shape of `logits`, and neighbouring classes side by side.");
        const auto size = static_cast<std::ptrdiff_t>(gradient->itemsize());
        to.gradient = {static_cast<std::byte*>(gradient->data()), gradient->stride(0) * size};
        to.gradient_scale = gradient_scale;
    }
    LossColumns columns;
    Block block(rows, costs ? 4 : 1);
    to.value = block.column(columns.value);
    if (costs) {
        to.label = block.column(columns.label);
        to.background = block.column(columns.background);
        to.count = block.column(columns.count);
    }
    run(kernels.loss, batch, to, threads);
    return columns;
}

constexpr const char* of_statistics = R"(What decides each row of logits: `Statistics`, in float64 whatever the logits' type.

logits: (rows, classes), float32, float64, float16, bfloat16, or bfloat16 bits as uint16. Neighbouring classes lie side
    by side, rows any distance apart. Exponentials are formed in float32, for float64 logits in float64, and summed in
    float64. A logit of -inf takes its class out of the row.
labels: int64 (rows), classes whose logit is wanted. One that is no class counts as out.
background: a mass for each class, (classes) or one row each; the same for every class if `None`. float64 for float64
    logits and where `precise`, float32 for all others.
divisor: what the background's sum is divided by: its "mass" on the classes that take part, their "count", or "one".
class_mask: bool, true where a class takes part, (classes) or one row each.
inverse_temperature: b in softmax(b z), above 0.
moments: whether `mean` and `variance` are wanted.
precise: whether float32 logits are to be computed in float64 from the first, to the same bits as if they were float64.
threads: the most that may be used; results do not depend on it. Small inputs stay on the calling thread.
instructions: one of `INSTRUCTIONS`; the first if empty.

Other Python threads run meanwhile, and a signal such as Ctrl-C ends the call. Raises `TypeError` or `ValueError` for
arrays of other types or of shapes that do not fit; values are not looked at.)";

constexpr const char* of_confidences = R"(Writes the probability of each row's largest logit, and whether that is the label's.

logits: (rows, classes), float32 or float64, read as by `statistics`; all is computed in float64.
labels: int64 (rows); a label that is no class is not right, and without labels nothing is.
confidence, correct: float64 and bool (rows), side by side in memory, where it is written. A confidence is in (0, 1], and
    not finite in a row that no softmax can read. Right is a label that is the first class of the largest logit.
threads, instructions: as for `statistics`, whose `others` and `argmax` say the same. Where no more is wanted, rows of many
    classes are done in two thirds of the time here, to 1e-14 of a confidence.)";

constexpr const char* of_loss = R"(Cross entropy of each row against (label share) * label + (background share) * background: `Loss`, in float64.

logits, background, divisor, class_mask, threads, instructions: as for `statistics`.
target: int64 (rows), the class of each row, or a distribution for each, (rows, classes), float64 for float64 logits and
    float32 for all others. A label that is out costs +inf unless its share is 0.
gradient: where the gradient of sum(value) is written, an array of the logits' type and shape, or the logits themselves,
    which are then lost. Exactly 0 where a class is out. None is written without one.
label_share, background_share: how much of the two costs makes up a row's loss, for all or float64 (rows): (1 - alpha)
    and alpha, each times whatever the row's loss is multiplied by. Where no background is left the label has both.
label_weight: float64 (rows); multiplies the label's share and not the background's.
ignored: bool (rows); such rows cost 0 and have gradient 0 whatever they hold.
gradient_scale: what the gradient is multiplied by, such as 1 / rows where their mean is wanted; the costs are not.
costs: whether the two costs and the count are wanted beside the value.

After an interrupted call the gradient is written for some rows only.)";

}  // namespace
}  // namespace smoothlab

NB_MODULE(_kernels, module) {
    using namespace smoothlab;
    nb::set_leak_warnings(false);  // an array may outlive the interpreter in a traceback, and that is not the user's worry

    nb::class_<StatisticsColumns>(module, "Statistics", "One array for each number that decides a row, each (rows).")
        .def_ro("highest", &StatisticsColumns::highest, "The largest logit; -inf in a row without classes.")
        .def_ro("others", &StatisticsColumns::others,
                "sum exp(b (z - highest)) - 1, what the other classes add to the largest's 1: 1 / (1 + others) is the "
                "probability of the largest, exact where all are equal.")
        .def_ro("log_sum", &StatisticsColumns::log_sum,
                "log sum exp(b (z - highest)), from 0 on: b highest + log_sum is the log-sum-exp, and exp(-log_sum) the "
                "probability of the largest. Not finite in a row that no softmax can read.")
        .def_ro("argmax", &StatisticsColumns::argmax, "The class of the largest logit, the first among equals; int64.")
        .def_ro("count", &StatisticsColumns::count, "How many classes take part.")
        .def_ro("background", &StatisticsColumns::background, "<background, z - highest>, over the divisor.")
        .def_ro("label", &StatisticsColumns::label, "z - highest of the label, from 0 down; `None` without labels.")
        .def_ro("mean", &StatisticsColumns::mean, "The mean of z - highest under softmax(b z); `None` unless asked for.")
        .def_ro("variance", &StatisticsColumns::variance, "The variance of z under softmax(b z); `None` unless asked for.");

    nb::class_<LossColumns>(module, "Loss", "One array for each number of a row's loss, each (rows), in nats.")
        .def_ro("value", &LossColumns::value, "label share * label weight * label + background share * background.")
        .def_ro("label", &LossColumns::label, "The cost of the label, - <label, log softmax(z)>; `None` if unwanted.")
        .def_ro("background", &LossColumns::background,
                "The cost of the background, over the divisor; the label's, where no background is left; `None` if unwanted.")
        .def_ro("count", &LossColumns::count, "How many classes take part; `None` if unwanted.");

    // noconvert: an array of another type is refused, not copied
    module.def("statistics", &statistics, "logits"_a.noconvert(), nb::kw_only(),
               "labels"_a.noconvert() = nb::none(), "background"_a.noconvert() = nb::none(), "divisor"_a = "mass",
               "class_mask"_a.noconvert() = nb::none(), "inverse_temperature"_a = 1.0, "moments"_a = false,
               "precise"_a = false,
               "threads"_a = 1, "instructions"_a = "", of_statistics);
    module.def("confidences", &confidences, "logits"_a.noconvert(), nb::kw_only(), "labels"_a.noconvert() = nb::none(),
               "confidence"_a.noconvert(), "correct"_a.noconvert(), "threads"_a = 1, "instructions"_a = "", of_confidences);
    module.def("loss", &loss, "logits"_a.noconvert(), "target"_a.noconvert(), nb::kw_only(),
               "gradient"_a.noconvert() = nb::none(), "label_share"_a = 1.0, "background_share"_a = 0.0,
               "label_weight"_a = nb::none(), "background"_a.noconvert() = nb::none(), "divisor"_a = "mass",
               "class_mask"_a.noconvert() = nb::none(), "ignored"_a.noconvert() = nb::none(), "gradient_scale"_a = 1.0,
               "costs"_a = true, "threads"_a = 1, "instructions"_a = "", of_loss);

    bind_bins(module);
    bind_buffers(module);

    module.def("has_team", [] { return own_team() != nullptr; },
               "Whether a large call is shared out among OpenMP threads that the process has anyway, such as torch's; "
               "otherwise it starts threads of its own.");

    nb::list names;
    for (const Kernels* kernels : available_kernels()) names.append(kernels->instructions);
    module.attr("INSTRUCTIONS") = nb::tuple(names);
}
