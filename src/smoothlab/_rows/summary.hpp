// The few numbers that decide a row, and what follows from them.
//
// For logits z with the largest m, background v, label t and inverse temperature b these are m and the sums of
//
//     exp(b (z_k - m))        v_k (z_k - m)        t_k (z_k - m)        exp(b (z_k - m)) (z_k - m)^i,  i = 1, 2
//
// over the classes that take part. With log_sum = log sum_k exp(z_k - m), what a row costs is
//
//     cost of the label = |t| log_sum - sum t_k (z_k - m)        cost of the background: the same of v, over a divisor
//     gradient = (g |t| + h |v|) softmax(z) - g t - h v          for a share g of the first and h of the second.
//
// Everything is taken below m, and m is kept apart: no offset of the logits costs digits. So is the 1 that the largest
// logit adds to the first sum: beside it a confident row's other classes would drown. A logit of -inf takes its class
// out: no probability, no background, no place in the count, gradient 0. A label that is out costs +inf.
//
// Sources: Szegedy et al. 2016, sec. 7, arXiv:1512.00567 (the loss); Bishop 2006, eq. 4.109 (the gradient).

#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "exp.hpp"
#include "kernels.hpp"
#include "log.hpp"

namespace smoothlab::INSTRUCTIONS {

// What is asked for, known when compiling: the innermost loops hold no question.
template <bool a_background, bool a_dense_label, bool the_moments, bool the_argmax>
struct Wanted {
    static constexpr bool background = a_background;  // else v_k = 1
    static constexpr bool dense_label = a_dense_label, class_label = !dense_label;
    static constexpr bool moments = the_moments;
    static constexpr bool argmax = the_argmax;
};

// A row in memory. `background` and a dense `label` are null where they are not wanted.
template <class T>
struct Row {
    const T* logits;
    const Arithmetic<T>* background;
    const Arithmetic<T>* label;
    std::size_t classes;
};

template <class T>
struct Input {
    Rows<const T> logits;
    Rows<const Arithmetic<T>> background, label;
    Rows<const std::int64_t> own_class;  // of each label that is one; -1 for all without labels
    Rows<const bool> takes_part;
    std::size_t classes;

    explicit Input(const Batch& batch)
        : logits(batch.logits.of<T>()), background(batch.background.of<Arithmetic<T>>()),
          label(batch.targets.of<Arithmetic<T>>()), own_class(batch.labels ? batch.labels : nobodys),
          takes_part(batch.takes_part), classes(batch.classes) {}

    Row<T> operator[](std::size_t i) const { return {logits[i], background[i], label[i], classes}; }

private:
    static constexpr std::int64_t no_class = -1;
    static constexpr Rows<const std::int64_t> nobodys{&no_class, 0};
};

// Of `count` rows at a time, field by field, so that what is done to all of them is done in registers.
template <std::size_t count>
struct Summaries {
    double highest[count];
    double others[count];  // the sum of exponentials less 1, what one of the largest adds; -1 in a row without any
    double first[count], second[count];
    double background[count], mass[count];
    double label[count], label_mass[count];
    double taking_part[count];  // how many classes do
    bool whole;                 // every class is known to, in every row
    double argmax[count];
    double lost[count];  // not 0 where some of a label's mass lies on a class that does not take part

    // what logits are measured from: the largest, or 0 in a row without any
    double centre(std::size_t row) const { return highest[row] == -infinity<double> ? 0 : highest[row]; }

    // a label that is a class; its logit is -inf if it is out
    void take_label(std::size_t row, double logit) {
        lost[row] = logit == -infinity<double>;
        label[row] = lost[row] ? 0 : logit - centre(row);
        label_mass[row] = 1;
    }

    // log sum_k exp(z_k - m)
    double log_sum(std::size_t row) const { return log_of_one_and(others[row]); }

    // of each row
    const double* divisors(Divisor by) const {
        static constexpr auto ones = [] {
            std::array<double, count> numbers;
            numbers.fill(1);
            return numbers;
        }();
        return by == Divisor::mass ? mass : by == Divisor::count ? taking_part : ones.data();
    }
};

// What `count` rows have of a column, from `first` on, of which the last may be in it more than once.
template <class Number, std::size_t count>
ALWAYS void fetch(const Rows<const Number>& column, std::size_t first, std::size_t some, Number (&to)[count]) {
    if (column.stride == 0) return void(std::fill_n(to, count, *column.data));
    if (column.stride == 1 && some == count) return void(std::copy_n(column[first], count, to));
    for (std::size_t row = 0; row < count; ++row) to[row] = *column[first + std::min(row, some - 1)];
}

// How much of the two costs the loss of each row is made of.
template <std::size_t count>
struct Shares {
    double label[count], background[count];  // of the label's cost, and of the background's before it is divided
    double slope[count];                     // what exponentials below the centre are multiplied by in the gradient

    // Of the first `some` rows, from `first` on; the others get what the last of these has.
    void take(const Summaries<count>& sums, const Loss& loss, Divisor divisor, std::size_t first, std::size_t some) {
        double own[count], given[count], weight[count];
        fetch(loss.label_share, first, some, own);
        fetch(loss.background_share, first, some, given);
        fetch(loss.label_weight, first, some, weight);
        const double* const by = sums.divisors(divisor);
        double share[count];
        const bool same_divisor = divisor == Divisor::one || (divisor == Divisor::count && sums.whole);
        if (same_divisor && loss.background_share.stride == 0) {  // as nearly always: one quotient for all
            std::fill_n(share, count, given[0] / by[0]);
        } else {
            for (std::size_t row = 0; row < count; ++row) share[row] = given[row] / by[row];
        }
        for (std::size_t row = 0; row < count; ++row) {
            // without any background left the label keeps what it would have given up
            label[row] = (own[row] + (by[row] > 0 ? 0 : given[row])) * weight[row];
            background[row] = by[row] > 0 ? share[row] : 0;
            const double mass = label[row] * sums.label_mass[row] + background[row] * sums.mass[row];
            const double total = 1 + sums.others[row], part = mass / total;
            slope[row] = total == 0 ? 0 : part;
        }
    }

    // For a gradient that many times as steep.
    void multiply(double by) {
        for (std::size_t row = 0; row < count; ++row) label[row] *= by, background[row] *= by, slope[row] *= by;
    }

    // The gradient at a row's label, of the exponential `e` and the background `v` there. In float64 up to the last
    // step: it is a difference of near equals.
    double at_label(std::size_t row, double e, double v) const {
        return e * slope[row] - v * background[row] - label[row];
    }
};

}  // namespace smoothlab::INSTRUCTIONS
