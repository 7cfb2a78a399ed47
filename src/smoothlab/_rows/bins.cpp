// The totals of bins, as Python sees them.
//
// Chunks of answers, whose number depends on nothing but how many answers there are, are added up by themselves and then
// together in order: the number of threads changes no bit.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <vector>

#include "dispatch.hpp"
#include "parallel.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace smoothlab {
namespace {

template <class... T>
using Flat = nb::ndarray<T..., nb::ndim<1>, nb::c_contig, nb::device::cpu>;

struct BinColumns {
    nb::object count, confidences, hits;
    bool readable;
};

void expect(bool right, const char* sentence) {
    if (!right) throw nb::value_error(sentence);
}

bool interrupted() {
    nb::gil_scoped_acquire locked;
    return PyErr_CheckSignals() != 0;
}

// An array of zeros that Python owns.
template <class T>
T* zeros(std::size_t size, nb::object& array) {
    T* data = new T[size]();
    nb::capsule owner(data, [](void* held) noexcept { delete[] static_cast<T*>(held); });
    array = nb::ndarray<nb::numpy, T, nb::ndim<1>>(data, {size}, owner).cast();
    return data;
}

BinColumns bin_totals(const Flat<nb::ro>& confidences, const Flat<const bool>& correct, const Flat<const double>& edges,
                      std::size_t threads, std::string_view instructions) {
    constexpr std::size_t most_chunks = 256, worth_a_chunk = std::size_t{1} << 16, most_sums = std::size_t{1} << 22;
    const Kernels& kernels = kernels_for(instructions);
    const bool wide = confidences.dtype() == nb::dtype<double>();
    expect(wide || confidences.dtype() == nb::dtype<float>(), "`confidences` must be float32 or float64.");
    expect(edges.shape(0) >= 2 && edges.shape(0) <= most_sums, "`edges` must be two at least, and four million at most.");
    const std::size_t size = confidences.shape(0), bins = edges.shape(0) - 1;
    expect(correct.shape(0) == size, "`correct` must hold a bool for each of `confidences`.");
    const Answers answers{confidences.data(), correct.data(), wide, edges.data(), static_cast<std::int32_t>(bins)};

    const std::size_t pays = std::min(size / worth_a_chunk, most_sums / bins);
    const std::size_t chunks = std::clamp<std::size_t>(pays, 1, most_chunks);
    std::vector<std::int64_t> counts(2 * chunks * bins);
    std::vector<double> sums(chunks * bins);
    std::vector<char> readable(chunks);
    bool finished;
    {
        nb::gil_scoped_release unlocked;
        finished = over_rows(
            chunks, worth_a_chunk, std::clamp<std::size_t>(threads, 1, chunks),
            [&](std::size_t first, std::size_t last, std::size_t) {
                for (std::size_t i = first; i < last; ++i) {
                    const BinTotals to{&counts[2 * i * bins], &counts[(2 * i + 1) * bins], &sums[i * bins]};
                    readable[i] = kernels.bin_totals(answers, to, size * i / chunks, size * (i + 1) / chunks);
                }
            },
            interrupted);
    }
    if (!finished) throw nb::python_error();

    BinColumns columns;
    auto* count = zeros<std::int64_t>(bins, columns.count);
    auto* hits = zeros<std::int64_t>(bins, columns.hits);
    auto* confidence = zeros<double>(bins, columns.confidences);
    for (std::size_t i = 0; i < chunks; ++i) {
        for (std::size_t bin = 0; bin < bins; ++bin) {
            count[bin] += counts[2 * i * bins + bin], hits[bin] += counts[(2 * i + 1) * bins + bin];
            confidence[bin] += sums[i * bins + bin];
        }
    }
    columns.readable = std::find(readable.begin(), readable.end(), 0) == readable.end();
    return columns;
}

constexpr const char* of_bin_totals = R"(What answers add up to in bins of equal width, in one pass: `BinTotals`.

confidences: float32 or float64 (answers), side by side in memory.
correct: bool (answers), whether each was right.
edges: float64 (bins + 1), the numbers k / bins. Bin k holds what lies above edge k and not above edge k + 1, and the
    first bin 0 too, by comparison with these very numbers.
threads, instructions: as for `statistics`.)";

}  // namespace

void bind_bins(nb::module_& module) {
    nb::class_<BinColumns>(module, "BinTotals", "One array for each number of a bin, each (bins).")
        .def_ro("count", &BinColumns::count, "How many answers there are; int64.")
        .def_ro("confidences", &BinColumns::confidences, "The sum of their confidences; float64.")
        .def_ro("hits", &BinColumns::hits, "How many of them are right; int64.")
        .def_ro("readable", &BinColumns::readable, "Whether every confidence lies in [0, 1]; if not, the rest is void.");
    module.def("bin_totals", &bin_totals, "confidences"_a.noconvert(), "correct"_a.noconvert(), nb::kw_only(),
               "edges"_a.noconvert(), "threads"_a = 1, "instructions"_a = "", of_bin_totals);
}

}  // namespace smoothlab
