// The kernels, for the instruction set that this file is compiled for.
//
// CMakeLists.txt compiles it once for each set, with INSTRUCTIONS as the name of the set's namespace: nothing of one
// set is ever linked into another, so that one library runs everywhere and uses what the processor has.
//
// Rows are done in groups: as many as a register has lanes where they are narrow, one at a time where they are wide.

#include "kernels.hpp"

#include "bins.hpp"
#include "confidence.hpp"
#include "narrow.hpp"
#include "wide.hpp"

namespace smoothlab::INSTRUCTIONS {
namespace {

template <class Group, class T>
void statistics_of(const Batch& batch, const Statistics& to, std::size_t first, std::size_t last, void* scratch) {
    constexpr std::size_t at_once = Group::at_once;
    const Input<T> input(batch);
    Summaries<at_once> sums{};
    for (; first < last; first += at_once) {
        const std::size_t count = std::min(at_once, last - first);
        Group group(input, first, count, scratch);
        group.template summaries<false>(to.inverse_temperature, sums);
        for (std::size_t row = 0; row < count; ++row) {
            const std::size_t i = first + row;
            to.highest[i] = sums.highest[row];
            to.others[i] = sums.others[row];
            to.background[i] = sums.background[row] / sums.divisors(batch.divisor)[row];
            to.count[i] = sums.taking_part[row];
            to.argmax[i] = static_cast<std::int64_t>(sums.argmax[row]);
        }
        for (std::size_t row = 0; row < count; ++row) to.log_sum[first + row] = sums.log_sum(row);
        if (to.label) {
            for (std::size_t row = 0; row < count; ++row) {
                to.label[first + row] = sums.lost[row] != 0 ? -infinity<double> : sums.label[row];
            }
        }
        if (to.mean) {
            for (std::size_t row = 0; row < count; ++row) {
                const double total = 1 + sums.others[row], mean = sums.first[row] / total;
                to.mean[first + row] = mean;
                to.variance[first + row] = sums.second[row] / total - mean * mean;
            }
        }
    }
}

// The columns of the first `some` rows. All rows are done, in registers; the rest of them is dropped.
template <std::size_t at_once>
void write(const Loss& to, std::size_t first, std::size_t some, const Summaries<at_once>& sums,
           const Shares<at_once>& shares, Divisor divisor) {
    double value[at_once], label[at_once], background[at_once];
    for (std::size_t row = 0; row < at_once; ++row) {
        const double log_sum = sums.taking_part[row] == 0 ? 0 : sums.log_sum(row);
        const double own = sums.label_mass[row] * log_sum - sums.label[row];
        label[row] = sums.lost[row] != 0 ? infinity<double> : own;
        background[row] = sums.mass[row] * log_sum - sums.background[row];
        // +inf whatever the sign of its share
        const double of_label = sums.lost[row] != 0 ? infinity<double> : shares.label[row] * own;
        const double of_background = shares.background[row] * background[row];
        value[row] = (shares.label[row] == 0 ? 0 : of_label) + (shares.background[row] == 0 ? 0 : of_background);
    }
    std::copy_n(value, some, to.value + first);
    if (!to.count) return;
    const double* const by = sums.divisors(divisor);
    for (std::size_t row = 0; row < at_once; ++row) {
        const double part = background[row] / by[row];
        background[row] = by[row] > 0 ? part : label[row];
    }
    std::copy_n(label, some, to.label + first);
    std::copy_n(background, some, to.background + first);
    std::copy_n(sums.taking_part, some, to.count + first);
}

// Whether the gradient goes elsewhere than its logits, and is more than caches keep until somebody reads it.
bool worth_streaming(const Batch& batch, const Loss& to) {
    constexpr std::size_t kept = std::size_t{1} << 25;
    return to.gradient && to.gradient.data != batch.logits.data && batch.rows * batch.classes * sizeof(float) > kept;
}

template <class Group, class T>
void loss_of(const Batch& batch, const Loss& to, std::size_t first, std::size_t last, void* scratch) {
    constexpr std::size_t at_once = Group::at_once;
    const Input<T> input(batch);
    const Rows<T> gradient{reinterpret_cast<T*>(to.gradient.data), to.gradient.stride / std::ptrdiff_t{sizeof(T)}};
    const bool streaming = worth_streaming(batch, to);
    const auto ignored = [&](std::size_t i) { return batch.ignored && *batch.ignored[i]; };

    Summaries<at_once> sums{};
    Shares<at_once> shares{};
    for (; first < last; first += at_once) {
        const std::size_t count = std::min(at_once, last - first);
        if (at_once > 1 || !ignored(first)) {
            Group group(input, first, count, scratch);
            gradient ? group.template summaries<true>(1, sums) : group.template summaries<false>(1, sums);
            shares.take(sums, to, batch.divisor, first, count);
            write(to, first, count, sums, shares, batch.divisor);
            shares.multiply(to.gradient_scale);
            if (gradient) group.gradient(sums, shares, gradient, streaming);
        }
        for (std::size_t i = first; i < first + count && batch.ignored; ++i) {
            if (!ignored(i)) continue;
            to.value[i] = 0;
            if (to.count) to.label[i] = to.background[i] = to.count[i] = 0;
            if (gradient) std::fill_n(gradient[i], batch.classes, T{});
        }
    }
    if (streaming) end_stream();
}

// ------------------------------------------------------------ questions of a call, answered before its loops begin

template <class Work>
void with(bool flag, Work work) {
    flag ? work(std::true_type{}) : work(std::false_type{});
}

template <class Work>
void with(Number number, Work work) {
    switch (number) {
        case Number::float32: return work(float{});
        case Number::float64: return work(double{});
        case Number::bfloat16: return work(bfloat16{});
        case Number::float16: return work(float16{});
        case Number::precise_float32: return;  // which `statistics` takes, and nobody else is given
    }
}

template <class Wanted, class T, class Work>
void with_group(std::size_t classes, Work work) {
    if (classes <= narrow::most_classes) {
        work(std::type_identity<narrow::Group<Wanted, T>>{});
    } else {
        work(std::type_identity<wide::Group<Wanted, T>>{});
    }
}

void statistics(const Batch& batch, const Statistics& to, std::size_t first, std::size_t last, void* scratch) {
    const auto of_type = [&]<class T>(T) {
        with(batch.background.data != nullptr, [&](auto background) {
            with(to.mean != nullptr, [&](auto moments) {
                using Asked = Wanted<background.value, false, moments.value, true>;
                with_group<Asked, T>(batch.classes, [&]<class Group>(std::type_identity<Group>) {
                    statistics_of<Group, T>(batch, to, first, last, scratch);
                });
            });
        });
    };
    batch.number == Number::precise_float32 ? of_type(precise_float32{}) : with(batch.number, of_type);
}

void confidences(const Batch& batch, const Confidences& to, std::size_t first, std::size_t last, void* scratch) {
    with(batch.number == Number::float64, [&](auto wide) {
        using T = std::conditional_t<wide.value, double, precise_float32>;
        with_group<Wanted<false, false, false, true>, T>(batch.classes, [&]<class Group>(std::type_identity<Group>) {
            confidence::of_rows<Group, T>(batch, to, first, last, scratch);
        });
    });
}

void loss(const Batch& batch, const Loss& to, std::size_t first, std::size_t last, void* scratch) {
    with(batch.number, [&]<class T>(T) {
        with(batch.background.data != nullptr, [&](auto background) {
            with(batch.targets.data != nullptr, [&](auto dense) {
                using Asked = Wanted<background.value, dense.value, false, false>;
                with_group<Asked, T>(batch.classes, [&]<class Group>(std::type_identity<Group>) {
                    loss_of<Group, T>(batch, to, first, last, scratch);
                });
            });
        });
    });
}

bool bin_totals(const Answers& answers, const BinTotals& to, std::size_t first, std::size_t last) {
    return answers.wide ? bins::totals<double>(answers, to, first, last) : bins::totals<float>(answers, to, first, last);
}

}  // namespace

#define NAME_OF(instructions) #instructions
#define NAME(instructions) NAME_OF(instructions)

extern const Kernels kernels{NAME(INSTRUCTIONS), statistics, confidences, loss, bin_totals};

}  // namespace smoothlab::INSTRUCTIONS
