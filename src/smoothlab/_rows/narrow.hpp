// Rows of few classes: a register holds one class of many rows.
//
// As many rows as a register has lanes are copied into columns, one for each class. Then no row has a rest, nothing is
// folded from lanes into a number, and the formulas of summary.hpp stand as they are: per row this is several times
// faster than wide.hpp, until its columns outgrow the nearest cache.
//
// Classes that are out are rare, so a group is first summed as if there were none. If that does not come out finite, it
// is summed again with care. A label that is a class is found while its column is at hand: to look it up row by row
// would take as long as the sums.

#pragma once

#include "summary.hpp"

namespace smoothlab::INSTRUCTIONS::narrow {

inline constexpr std::size_t most_classes = 128;

// Column k holds class k of `lanes` rows from `first` on; rows beyond the last repeat it.
template <class A>
struct Columns {
    Vector<A> column[most_classes];

    template <class T>
    void read(const Rows<const T>& rows, std::size_t first, std::size_t count, std::size_t classes) {
        for (std::size_t k = 0; k < classes; k += lanes<A>) {
            const std::size_t wanted = classes - k;
            const T* row = rows[first] + k;
            for (std::size_t lane = 0; lane < lanes<A>; ++lane) {
                column[k + lane] = wanted < lanes<A> ? load_some(row, wanted, A{0}) : load(row);
                if (lane + 1 < count) row += rows.stride;
            }
            transpose<A>(column + k);
        }
    }

    // Turns the columns back into rows, which ends their use.
    template <class T>
    void write(const Rows<T>& rows, std::size_t first, std::size_t count, std::size_t classes) {
        for (std::size_t k = 0; k < classes; k += lanes<A>) {
            const std::size_t wanted = classes - k;
            transpose<A>(column + k);
            T* row = rows[first] + k;
            for (std::size_t lane = 0; lane < count; ++lane, row += rows.stride) {
                wanted < lanes<A> ? store_some(row, wanted, column[k + lane]) : store(row, column[k + lane]);
            }
        }
    }

    Vector<A>& operator[](std::size_t k) { return column[k]; }
    const Vector<A>& operator[](std::size_t k) const { return column[k]; }
};

template <class Wanted, class T>
class Group {
    using A = Arithmetic<T>;

public:
    static constexpr std::size_t at_once = lanes<A>;

    Group(const Input<T>& input, std::size_t first, std::size_t count, void*)
        : first(first), count(count), classes(input.classes) {
        logits.read(input.logits, first, count, classes);
        if (input.takes_part) {
            for (std::size_t lane = 0; lane < count; ++lane) {
                const bool* in = input.takes_part[first + lane];
                for (std::size_t k = 0; k < classes; ++k) {
                    if (!in[k]) logits[k][lane] = -infinity<A>;
                }
            }
        }
        if constexpr (Wanted::background) background.read(input.background, first, count, classes);
        if constexpr (Wanted::dense_label) label.read(input.label, first, count, classes);
        if constexpr (Wanted::class_label) {
            std::int64_t own[at_once];
            fetch(input.own_class, first, count, own);
            for (std::size_t lane = 0; lane < at_once; ++lane) own_class[lane] = static_cast<A>(own[lane]);
        }
    }

    template <bool keep>
    void summaries(double inverse_temperature, Summaries<at_once>& to) {
        if (!summed<keep, false>(inverse_temperature, to)) summed<keep, true>(inverse_temperature, to);
    }

    // Row by row into `to`, which may be the logits themselves. The last that is done with a group.
    void gradient(const Summaries<at_once>&, const Shares<at_once>& shares, const Rows<T>& to, bool) {
        const Vector<A> slope = gathered<A>(shares.slope), of_background = gathered<A>(shares.background);
        const Vector<A> of_label = gathered<A>(shares.label), at_own = at_label(shares);
        Vector<A> index{};
        for (std::size_t k = 0; k < classes; ++k) {
            Vector<A> result = exponentials[k] * slope;
            result -= Wanted::background ? background[k] * of_background : of_background;
            if constexpr (Wanted::dense_label) result -= label[k] * of_label;
            if constexpr (Wanted::class_label) result = index == own_class ? at_own : result, index += all(A{1});
            logits[k] = logits[k] != -infinity<A> ? result : Vector<A>{};
        }
        logits.write(to, first, count, classes);
    }

private:
    // False if `careful` is needed and is not given: then some classes are out, or some sum is not finite anyway.
    template <bool keep, bool careful>
    bool summed(double inverse_temperature, Summaries<at_once>& to) {
        const A b = static_cast<A>(inverse_temperature);
        const Vector<A> zero{}, one = all(A{1});
        Vector<A> highest = all(-infinity<A>);
        for (std::size_t k = 0; k < classes; ++k) highest = larger(logits[k], highest);
        const Vector<A> centre = highest == -infinity<A> ? zero : highest;

        Vector<A> equal{}, less{}, first{}, second{}, of_background{}, mass{}, of_label{}, label_mass{}, taking_part{};
        Vector<A> index = all(static_cast<A>(classes)), argmax{}, own = all(-infinity<A>);
        Mask<A> lost{};
        for (std::size_t k = classes; k-- > 0;) {  // from the end: the first among equals is the last to be written
            const Vector<A> z = logits[k];
            const Vector<A> below = z - centre;
            const Vector<A> e = exp<A>(below * b);
            exponentials[k] = e;
            const Mask<A> top = below == 0, in = z != -infinity<A>;
            equal = top ? equal + one : equal;
            less += top ? zero : e;
            index -= one;
            if constexpr (Wanted::argmax) argmax = top ? index : argmax;
            if constexpr (Wanted::class_label) {
                const Mask<A> is_own = index == own_class;
                own = is_own ? z : own;
                if constexpr (keep) own_exponential = is_own ? e : own_exponential;
                if constexpr (keep && Wanted::background) own_background = is_own ? background[k] : own_background;
            }

            const Vector<A> x = !careful ? below : in ? below : zero;
            if constexpr (careful) taking_part = in ? taking_part + one : taking_part;
            if constexpr (Wanted::moments) first += e * x, second += e * x * x;
            if constexpr (Wanted::background) {
                const Vector<A> v = !careful ? background[k] : in ? background[k] : zero;
                of_background += v * x, mass += v;
            } else {
                of_background += x;
            }
            if constexpr (Wanted::dense_label) {
                const Vector<A> t = label[k];
                of_label += t * x, label_mass += t;
                if constexpr (careful) lost |= ~in & (t != 0);
            }
        }
        if constexpr (!careful) {
            if (signs<A>(of_background - of_background != 0)) return false;
            taking_part = all(static_cast<A>(classes));
        }
        to.whole = !careful;

        spread<A>(highest, to.highest);
        double others[at_once];  // of the largest
        spread<A>(equal - one, others);
        spread<A>(less, to.others);
        for (std::size_t lane = 0; lane < at_once; ++lane) to.others[lane] += others[lane];
        if constexpr (Wanted::moments) spread<A>(first, to.first), spread<A>(second, to.second);
        spread<A>(of_background, to.background);
        spread<A>(Wanted::background ? mass : taking_part, to.mass);
        spread<A>(taking_part, to.taking_part);
        if constexpr (Wanted::argmax) spread<A>(argmax, to.argmax);
        if constexpr (Wanted::class_label) {
            double logit[at_once];
            spread<A>(own, logit);
            for (std::size_t lane = 0; lane < at_once; ++lane) to.take_label(lane, logit[lane]);
        } else {
            spread<A>(of_label, to.label), spread<A>(label_mass, to.label_mass);
            spread<A>(lost ? one : zero, to.lost);
        }
        return true;
    }

    // The gradient at labels that are classes.
    Vector<A> at_label(const Shares<at_once>& shares) const {
        double e[at_once], v[at_once], entry[at_once];
        spread<A>(own_exponential, e);
        spread<A>(Wanted::background ? own_background : all(A{1}), v);
        for (std::size_t lane = 0; lane < at_once; ++lane) entry[lane] = shares.at_label(lane, e[lane], v[lane]);
        return gathered<A>(entry);
    }

    std::size_t first, count, classes;
    Columns<A> logits, exponentials, background, label;
    Vector<A> own_class, own_exponential{}, own_background{};  // of a label that is a class
};

}  // namespace smoothlab::INSTRUCTIONS::narrow
