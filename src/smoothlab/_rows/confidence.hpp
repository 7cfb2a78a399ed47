// The probability of each row's largest logit, and whether that is the label's: all that calibration asks of a row.
//
// Narrow rows have both from their statistics. A wide row whose largest logit m lies within `far` of 0 is read only once:
// exponentials that matter, formed as they stand in float64, neither overflow nor vanish nor lose digits, and
//
//     confidence = exp(m) / sum_k exp(z_k)
//
// needs no m before the end. Memory is asked for while the arithmetic goes on. Any other row, with an offset, with classes
// that are out or with logits so much alike that the confidence may be known exactly, has its statistics taken.
//
// Nor is a wide row's argmax looked for. A label is right if its logit is the largest and none before it is as large;
// there can only be another where the confidence is a half at most.

#pragma once

#include "wide.hpp"

namespace smoothlab::INSTRUCTIONS::confidence {

inline constexpr double far = 256;
// In bytes: what memory sends takes long. Not in whole pages, since lines that lie so far apart want the same places of
// the nearest cache.
inline constexpr std::size_t ahead = 6144;

// Of a wide row, in float64; false if it has to have its statistics taken.
template <class T>
bool take(const Row<T>& row, std::int64_t label, double& confidence, bool& correct) {
    using C = wide::Compared<T>;
    constexpr std::size_t step = 2 * lanes<double>;
    const C* const z = reinterpret_cast<const C*>(row.logits);

    double total = 0;
    Vector<C> most = all(z[0]);
    const auto ask = [&](const C* from) { __builtin_prefetch(reinterpret_cast<const char*>(from) + ahead, 0, 2); };
    for (std::size_t k = 0; k < row.classes;) {
        const std::size_t end = std::min(k + wide::block_length<double>, row.classes);
        Vector<double> sums[2]{};
        for (; k + step <= end; k += step) {
            ask(z + k);
            for (std::size_t j = 0; j < step; j += lanes<C>) most = larger(load(z + k + j), most);
            sums[0] = plus_exp(sums[0], load(row.logits + k));
            sums[1] = plus_exp(sums[1], load(row.logits + k + lanes<double>));
        }
        ask(z + k);
        for (; k < end; k += lanes<double>) {
            const std::size_t count = std::min(lanes<double>, end - k);
            const auto some = [&]<class Number>(const Number* from, auto fill) {
                return count < lanes<Arithmetic<Number>> ? load_some(from, count, fill) : load(from);
            };
            most = larger(some(z + k, z[0]), most);
            const Vector<double> sum = plus_exp(sums[0], some(row.logits + k, 0.0));
            sums[0] = counted<double>() < static_cast<double>(count) ? sum : sums[0];
        }
        total += sum<double>(sums[0] + sums[1]);
    }

    const C highest = largest<C>(most);
    const auto own = static_cast<std::size_t>(label);  // a negative one is huge here, and no class
    confidence = plus_exp(Vector<double>{}, all(double{highest}))[0] / total;
    correct = own < row.classes && z[own] == highest && (confidence > 0.5 || wide::position(z, own + 1, highest) == own);
    const bool alike = !(confidence * static_cast<double>(row.classes) > 1 + 1e-9);
    return !alike && std::abs(double{highest}) <= far;  // and alike is what is no number
}

template <class Group, class T>
void of_rows(const Batch& batch, const Confidences& to, std::size_t first, std::size_t last, void* scratch) {
    const Input<T> input(batch);
    Summaries<Group::at_once> sums{};
    for (; first < last; first += Group::at_once) {
        if constexpr (Group::at_once == 1) {
            if (take(input[first], *input.own_class[first], to.confidence[first], to.correct[first])) continue;
        }
        const std::size_t count = std::min(Group::at_once, last - first);
        Group group(input, first, count, scratch);
        group.template summaries<false>(1, sums);
        for (std::size_t row = 0; row < count; ++row) {
            to.confidence[first + row] = 1 / (1 + sums.others[row]);
            to.correct[first + row] = sums.argmax[row] == static_cast<double>(*input.own_class[first + row]);
        }
    }
}

}  // namespace smoothlab::INSTRUCTIONS::confidence
