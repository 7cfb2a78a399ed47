// Rows of many classes: a register holds neighbours of one row.
//
// The row is taken block by block. A block is read from memory once, for its largest logit, and again from the nearest
// cache for its sums. Where it raises the largest so far, m, by d, the sums so far are moved: exponentials shrink by
// exp(-b d), and
//
//     sum v (z - m - d) = sum v (z - m) - d sum v,
//     sum e (z - m - d)^2 = sum e (z - m)^2 - 2 d sum e (z - m) + d^2 sum e.
//
// Lanes sum a block in the row's arithmetic, blocks are added in float64. The first of the largest logits is left out of
// the sums of exponentials, because what is small would be lost beside its 1; should there be more of them, nothing else
// is small beside those.
//
// Classes that are out are rare, so a block is first summed as if there were none. If that does not come out finite, it
// is summed again with care. Where a gradient is wanted the exponentials are kept in the thread's scratch, which a cache
// holds, each block's with its own centre: exp(z - m) = exp(z - centre) exp(centre - m), and no exponential is formed
// twice. Source: Milakov & Gimelshein 2018, arXiv:1805.02867 (largest and sum in one pass).

#pragma once

#include <bit>

#include "summary.hpp"

namespace smoothlab::INSTRUCTIONS::wide {

// In classes: 8 KiB at most, well within the nearest cache, and so few that 128 numbers in float32 meet in a lane.
template <class A>
inline constexpr std::size_t block_length = 128 * lanes<A>;

// What logits are compared in: the type they are stored in, where it is one to compute with.
template <class T>
using Compared = std::conditional_t<std::is_same_v<T, precise_float32>, float, T>;

template <class T>
Arithmetic<T> highest(const T* z, std::size_t length) {
    using A = Arithmetic<T>;
    Vector<A> most = all(-infinity<A>), also = most;
    std::size_t k = 0;
    for (; k + 2 * lanes<A> <= length; k += 2 * lanes<A>) {
        most = larger(load(z + k), most);
        also = larger(load(z + k + lanes<A>), also);
    }
    if (k + lanes<A> <= length) most = larger(load(z + k), most), k += lanes<A>;
    if (k < length) also = larger(load_some(z + k, length - k, -infinity<A>), also);
    return largest<A>(larger(most, also));
}

// Where `value`, which is one of them, stands first.
template <class T>
std::size_t position(const T* z, std::size_t length, Arithmetic<T> value) {
    using A = Arithmetic<T>;
    std::size_t k = 0;
    for (; k + lanes<A> <= length; k += lanes<A>) {
        if (const unsigned found = signs<A>(load(z + k) == value)) return k + std::countr_zero(found);
    }
    return k + std::countr_zero(signs<A>(load_some(z + k, length - k, std::numeric_limits<A>::quiet_NaN()) == value));
}

struct Sums {
    double others = 0;  // of exponentials, but for that of one of the largest logits
    double first = 0, second = 0;
    double background = 0, mass = 0;
    double label = 0, label_mass = 0;
    double taking_part = 0;
    bool lost = false;

    void move(double up, double inverse_temperature) {
        const double shrink = std::exp(-inverse_temperature * up);
        second = shrink * (second - 2 * up * first + up * up * (1 + others));
        first = shrink * (first - up * (1 + others));
        others = shrink * (1 + others);
        background -= up * mass;
        label -= up * label_mass;
    }

    void operator+=(const Sums& block) {
        others += block.others;
        first += block.first, second += block.second;
        background += block.background, mass += block.mass;
        label += block.label, label_mass += block.label_mass;
        taking_part += block.taking_part, lost |= block.lost;
    }
};

// The sums of a block below `centre`, of whose exponentials that at `top` is left out, if there is such a class; `careful`
// where classes may be out. Exponentials go to `kept`, if that is wanted.
template <class Wanted, bool careful, bool keep, class T>
Sums sums(const Row<T>& block, Arithmetic<T> centre, Arithmetic<T> inverse_temperature, std::size_t top,
          Arithmetic<T>* kept) {
    using A = Arithmetic<T>;
    const Vector<A> zero{}, one = all(A{1});
    Vector<A> others{}, first{}, second{}, background{}, mass{}, label{}, label_mass{}, taking_part{};
    Mask<A> lost{};

    const auto add = [&](std::size_t k, Vector<A> z, Mask<A> in, bool whole, Vector<A> v, Vector<A> t) {
        const Vector<A> below = z - centre;
        const Vector<A> e = exp<A>(below * inverse_temperature);
        if constexpr (keep) store(kept + k, e);

        const Vector<A> x = whole ? below : in ? below : zero;
        if constexpr (Wanted::moments) first += e * x, second += e * x * x;
        if constexpr (Wanted::background) {
            v = whole ? v : in ? v : zero;
            background += v * x;
            mass += v;
        } else {
            background += x;
        }
        if constexpr (Wanted::dense_label) label += t * x, label_mass += t;
        if constexpr (Wanted::dense_label && careful) lost |= ~in & (t != 0);
        if constexpr (careful) taking_part = in ? taking_part + one : taking_part;
        return e;
    };
    const auto add_some = [&](std::size_t k) {
        const std::size_t count = std::min(lanes<A>, block.classes - k);
        const Vector<A> z = load_some(block.logits + k, count, -infinity<A>), lane = counted<A>();
        const Vector<A> e = add(k, z, careful ? z != -infinity<A> : lane < static_cast<A>(count), false,
                                Wanted::background ? load_some(block.background + k, count, A{0}) : zero,
                                Wanted::dense_label ? load_some(block.label + k, count, A{0}) : zero);
        others += lane + static_cast<A>(k) == static_cast<A>(top) ? zero : e;
    };

    const std::size_t with_top = top < block.classes ? top / lanes<A> * lanes<A> : block.classes;
    std::size_t k = 0;
    for (; k + lanes<A> <= block.classes; k += lanes<A>) {
        if (k == with_top) continue;
        __builtin_prefetch(block.logits + k + block.classes, 0, 2);  // what is read next, be it of the next row
        const Vector<A> z = load(block.logits + k);
        others += add(k, z, z != -infinity<A>, !careful, Wanted::background ? load(block.background + k) : zero,
                      Wanted::dense_label ? load(block.label + k) : zero);
    }
    if (with_top < block.classes) add_some(with_top);
    if (k < block.classes && k != with_top) add_some(k);

    Sums total;
    total.others = sum<A>(others);
    total.taking_part = careful ? sum<A>(taking_part) : static_cast<double>(block.classes);
    total.background = sum<A>(background);
    total.mass = Wanted::background ? sum<A>(mass) : total.taking_part;
    if constexpr (Wanted::moments) total.first = sum<A>(first), total.second = sum<A>(second);
    if constexpr (Wanted::dense_label) total.label = sum<A>(label), total.label_mass = sum<A>(label_mass);
    for (std::size_t lane = 0; lane < lanes<A>; ++lane) total.lost |= lost[lane] != 0;
    return total;
}

// A thread's own memory: the row as the kernels are to see it, its exponentials, and the centre of each block of them.
template <class T>
struct Scratch {
    T* logits;
    Arithmetic<T>*exponentials, *centres;

    Scratch(void* memory, std::size_t classes)
        : logits(static_cast<T*>(memory)), exponentials(static_cast<Arithmetic<T>*>(memory) + padded(classes)),
          centres(exponentials + padded(classes)) {}

    // to whole registers, since exponentials are stored by them
    static std::size_t padded(std::size_t classes) {
        return (classes + lanes<Arithmetic<T>> - 1) / lanes<Arithmetic<T>> * lanes<Arithmetic<T>>;
    }
};

template <class Wanted, bool keep, class T>
void summary(const Row<T>& row, double inverse_temperature, const Scratch<T>& scratch, Summaries<1>& to) {
    using A = Arithmetic<T>;
    constexpr std::size_t length = block_length<A>;
    double most = -infinity<double>;
    std::size_t argmax = 0;
    Sums total;
    for (std::size_t start = 0; start < row.classes; start += length) {
        const Row<T> block{row.logits + start, Wanted::background ? row.background + start : nullptr,
                           Wanted::dense_label ? row.label + start : nullptr, std::min(length, row.classes - start)};
        const auto* const compared = reinterpret_cast<const Compared<T>*>(block.logits);
        const auto here = highest(compared, block.classes);
        std::size_t top = block.classes;
        if (here > most) {
            if (most > -infinity<double>) total.move(here - most, inverse_temperature);
            most = here;
            top = position(compared, block.classes, here);
            argmax = start + top;
        }
        const A centre = static_cast<A>(most == -infinity<double> ? 0 : most), b = static_cast<A>(inverse_temperature);
        A* const kept = keep ? scratch.exponentials + start : nullptr;
        Sums part = sums<Wanted, false, keep>(block, centre, b, top, kept);
        const bool finite = std::isfinite(part.background + part.label + part.second);
        if (!finite) part = sums<Wanted, true, keep>(block, centre, b, top, kept);
        if constexpr (keep) scratch.centres[start / length] = centre;
        total += part;
    }
    to.highest[0] = most;
    to.others[0] = total.others + (most == -infinity<double> ? -1 : most - most);  // NaN if a logit is +inf
    to.first[0] = total.first, to.second[0] = total.second;
    to.background[0] = total.background, to.mass[0] = total.mass;
    to.label[0] = total.label, to.label_mass[0] = total.label_mass;
    to.taking_part[0] = total.taking_part, to.lost[0] = total.lost;
    to.whole = total.taking_part == static_cast<double>(row.classes);
    to.argmax[0] = static_cast<double>(argmax);
}

// Writes the gradient of a row with classes that are out.
template <class Wanted, class T>
void careful_gradient(const Row<T>& row, const Summaries<1>& summary, const Shares<1>& shares, T* to) {
    using A = Arithmetic<T>;
    const A centre = static_cast<A>(summary.centre(0)), slope = static_cast<A>(shares.slope[0]);
    const A of_background = static_cast<A>(shares.background[0]), of_label = static_cast<A>(shares.label[0]);
    for (std::size_t k = 0; k < row.classes; k += lanes<A>) {
        const std::size_t count = std::min(lanes<A>, row.classes - k);
        const Vector<A> z = load_some(row.logits + k, count, -infinity<A>);
        const Vector<A> v = Wanted::background ? load_some(row.background + k, count, A{0}) : all(A{1});
        Vector<A> result = exp<A>(z - centre) * slope - v * of_background;
        if constexpr (Wanted::dense_label) result -= load_some(row.label + k, count, A{0}) * of_label;
        store_some(to + k, count, z != -infinity<A> ? result : Vector<A>{});
    }
}

// Writes the gradient of any other from its exponentials; past the caches if `streaming`, which spares reading what is
// overwritten.
template <class Wanted, bool streaming, class T>
void gradient(const Row<T>& row, const Scratch<T>& scratch, const Summaries<1>& summary, const Shares<1>& shares, T* to) {
    using A = Arithmetic<T>;
    const A of_background = static_cast<A>(shares.background[0]), of_label = static_cast<A>(shares.label[0]);
    for (std::size_t start = 0; start < row.classes; start += block_length<A>) {
        const double up = summary.centre(0) - scratch.centres[start / block_length<A>];
        const A slope = static_cast<A>(up == 0 ? shares.slope[0] : shares.slope[0] * std::exp(-up));
        const auto entry = [&](Vector<A> e, Vector<A> v, Vector<A> t) {
            Vector<A> result = e * slope - (Wanted::background ? v * of_background : all(of_background));
            if constexpr (Wanted::dense_label) result -= t * of_label;
            return result;
        };
        const auto some = [&](std::size_t k, std::size_t count) {
            store_some(to + k, count,
                       entry(load(scratch.exponentials + k),
                             Wanted::background ? load_some(row.background + k, count, A{0}) : Vector<A>{},
                             Wanted::dense_label ? load_some(row.label + k, count, A{0}) : Vector<A>{}));
        };

        const std::size_t end = std::min(start + block_length<A>, row.classes);
        std::size_t k = start;
        if constexpr (streaming) {
            k = std::min(start + to_alignment(to + start), end);
            if (k > start) some(start, k - start);
        }
        for (; k + lanes<A> <= end; k += lanes<A>) {
            const Vector<A> result = entry(load(scratch.exponentials + k),
                                           Wanted::background ? load(row.background + k) : Vector<A>{},
                                           Wanted::dense_label ? load(row.label + k) : Vector<A>{});
            streaming ? stream(to + k, result) : store(to + k, result);
        }
        if (k < end) some(k, end - k);
    }
}

// One row, with the interface of narrow::Group.
template <class Wanted, class T>
class Group {
    using A = Arithmetic<T>;

public:
    static constexpr std::size_t at_once = 1;

    Group(const Input<T>& input, std::size_t i, std::size_t, void* memory)
        : row(input[i]), scratch(memory, row.classes), i(i) {
        if constexpr (Wanted::class_label) own = static_cast<std::size_t>(*input.own_class[i]);
        if (!input.takes_part) return;
        for (std::size_t k = 0; k < row.classes; ++k) {
            scratch.logits[k] = input.takes_part[i][k] ? row.logits[k] : minus_infinity<T>;
        }
        row.logits = scratch.logits;
    }

    template <bool keep>
    void summaries(double inverse_temperature, Summaries<1>& to) {
        summary<Wanted, keep>(row, inverse_temperature, scratch, to);
        if constexpr (Wanted::class_label) {
            const bool is_class = own < row.classes;
            to.take_label(0, is_class ? widened_one(row.logits[own]) : -infinity<double>);
        }
    }

    void gradient(const Summaries<1>& summary, const Shares<1>& shares, const Rows<T>& to, bool streaming) const {
        if (!summary.whole) {
            careful_gradient<Wanted>(row, summary, shares, to[i]);
        } else if (streaming) {
            wide::gradient<Wanted, true>(row, scratch, summary, shares, to[i]);
        } else {
            wide::gradient<Wanted, false>(row, scratch, summary, shares, to[i]);
        }
        if (Wanted::class_label && summary.lost[0] == 0) {
            // formed from what lies below the centre, since the logits may be gone by now
            const double e = exp<A>(all(static_cast<A>(summary.label[0])))[0];
            const double v = Wanted::background ? row.background[own] : 1;
            to[i][own] = narrowed_one<T>(static_cast<A>(shares.at_label(0, e, v)));
        }
    }

private:
    Row<T> row;
    Scratch<T> scratch;
    std::size_t i;
    std::size_t own;  // the label's class; a negative one is huge here, and no class
};

}  // namespace smoothlab::INSTRUCTIONS::wide
