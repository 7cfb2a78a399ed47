// What answers add up to in bins of equal width, in one pass over them.
//
// With the edges e_k = k/B as float64 knows them, bin k holds the confidences in (e_k, e_(k+1)], and the first bin 0
// too. A confidence above e_k is above k/B as well, since no number is nearer to that than e_k; so the product c B,
// though rounded, is at least k, and at most k + 1. Whether c lies above the edge of that number settles which it is.
// Neighbours add to different sums: the next addition to a sum has to wait for the last.
//
// Source: Guo et al. 2017, eq. 3, arXiv:1706.04599 (the bins).

#pragma once

#include <algorithm>
#include <vector>

#include "kernels.hpp"

namespace smoothlab::INSTRUCTIONS::bins {

inline constexpr std::size_t at_once = 512, beside = 4;

// The bins of at most `at_once` confidences, and themselves in float64. False if one is no number from 0 to 1.
template <class T>
bool find(const T* confidences, std::size_t count, const double* edges, std::int32_t bins, double* exact,
          std::int32_t* bin_of) {
    const double width = bins;
    std::int32_t outside = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double c = confidences[i];
        const bool inside = (c >= 0) & (c <= 1);  // NaN is not
        outside |= !inside;
        exact[i] = inside ? c : 0;
        const std::int32_t near = std::min(static_cast<std::int32_t>(exact[i] * width), bins - 1);
        bin_of[i] = std::max(near - (exact[i] <= edges[near]), 0);
    }
    return outside == 0;
}

template <class T>
bool totals(const Answers& answers, const BinTotals& to, std::size_t first, std::size_t last) {
    struct Sums {
        double confidences = 0;
        std::uint64_t answers = 0;  // how many, and in the upper half how many are right
    };
    const auto* confidences = static_cast<const T*>(answers.confidences);
    const auto bins = static_cast<std::size_t>(answers.bins);
    std::vector<Sums> sums(bins * beside);
    double exact[at_once];
    std::int32_t bin_of[at_once];
    bool readable = true;
    for (; first < last; first += at_once) {
        const std::size_t count = std::min(at_once, last - first);
        readable &= find(confidences + first, count, answers.edges, answers.bins, exact, bin_of);
        for (std::size_t i = 0; i < count; ++i) {
            Sums& own = sums[static_cast<std::size_t>(bin_of[i]) * beside + i % beside];
            own.confidences += exact[i];
            own.answers += 1 + (static_cast<std::uint64_t>(answers.correct[first + i]) << 32);
        }
    }
    for (std::size_t bin = 0; bin < bins; ++bin) {
        for (std::size_t i = 0; i < beside; ++i) {
            const Sums& one = sums[bin * beside + i];
            to.confidences[bin] += one.confidences;
            to.count[bin] += static_cast<std::int64_t>(one.answers & 0xffffffff);
            to.hits[bin] += static_cast<std::int64_t>(one.answers >> 32);
        }
    }
    return readable;
}

}  // namespace smoothlab::INSTRUCTIONS::bins
