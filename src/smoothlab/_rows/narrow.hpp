// Rows of few classes: a register holds one class of many rows.
//
// As many rows as a register has lanes are copied into columns, one for each class. Then no row has a rest, nothing is
// folded from lanes into a number, and the formulas of summary.hpp stand as they are: per row this is several times
// faster than wide.hpp, until its columns outgrow the nearest cache.

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
            for (std::size_t lane = 0; lane < lanes<A>; ++lane) {
                const T* row = rows[first + std::min(lane, count - 1)] + k;
                column[k + lane] = wanted < lanes<A> ? load_some(row, wanted, A{0}) : load(row);
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
            for (std::size_t lane = 0; lane < count; ++lane) {
                T* row = rows[first + lane] + k;
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
        if constexpr (Wanted::label) label.read(input.label, first, count, classes);
    }

    template <bool keep>
    void summaries(double inverse_temperature, Summaries<at_once>& to) {
        const A b = static_cast<A>(inverse_temperature);
        const Vector<A> zero{}, one = all(A{1});
        Vector<A> highest = all(-infinity<A>);
        for (std::size_t k = 0; k < classes; ++k) highest = larger(logits[k], highest);
        const Vector<A> centre = highest == -infinity<A> ? zero : highest;

        Vector<A> equal{}, less{}, first{}, second{}, of_background{}, mass{}, of_label{}, label_mass{}, taking_part{};
        Vector<A> index = all(static_cast<A>(classes)), argmax{};
        Mask<A> lost{};
        for (std::size_t k = classes; k-- > 0;) {  // from the end: the first among equals is the last to be written
            const Vector<A> z = logits[k];
            const Vector<A> below = z - centre;
            const Vector<A> e = exp<A>(below * b);
            exponentials[k] = e;
            const Mask<A> top = below == 0, in = z != -infinity<A>;
            equal = top ? equal + one : equal;
            less += top ? zero : e;
            if constexpr (Wanted::argmax) {
                index -= one;
                argmax = top ? index : argmax;
            }

            const Vector<A> x = in ? below : zero;
            taking_part = in ? taking_part + one : taking_part;
            if constexpr (Wanted::moments) first += e * x, second += e * x * x;
            if constexpr (Wanted::background) {
                const Vector<A> v = in ? background[k] : zero;
                of_background += v * x, mass += v;
            } else {
                of_background += x;
            }
            if constexpr (Wanted::label) {
                const Vector<A> t = label[k];
                of_label += t * x, label_mass += t;
                lost |= ~in & (t != 0);
            }
        }
        for (std::size_t lane = 0; lane < at_once; ++lane) {
            to.highest[lane] = highest[lane];
            to.others[lane] = static_cast<double>(less[lane]) + (static_cast<double>(equal[lane]) - 1);
            to.first[lane] = first[lane];
            to.second[lane] = second[lane];
            to.background[lane] = of_background[lane];
            to.mass[lane] = Wanted::background ? mass[lane] : taking_part[lane];
            to.label[lane] = of_label[lane];
            to.label_mass[lane] = label_mass[lane];
            to.taking_part[lane] = taking_part[lane];
            to.argmax[lane] = argmax[lane];
            to.lost[lane] = lost[lane] != 0;
        }
    }

    double logit(std::size_t row, std::size_t k) const { return logits[k][row]; }

    double exponential(std::size_t row, std::size_t k, double) const { return exponentials[k][row]; }

    // Row by row into `to`, which may be the logits themselves. The last that is done with a group.
    void gradient(const Summaries<at_once>&, const Shares<at_once>& shares, const Rows<T>& to, bool) {
        Vector<A> slope, of_background, of_label;
        for (std::size_t lane = 0; lane < at_once; ++lane) {
            slope[lane] = static_cast<A>(shares.slope[lane]);
            of_background[lane] = static_cast<A>(shares.background[lane]);
            of_label[lane] = static_cast<A>(shares.label[lane]);
        }
        for (std::size_t k = 0; k < classes; ++k) {
            Vector<A> result = exponentials[k] * slope;
            result -= Wanted::background ? background[k] * of_background : of_background;
            if constexpr (Wanted::label) result -= label[k] * of_label;
            logits[k] = logits[k] != -infinity<A> ? result : Vector<A>{};
        }
        logits.write(to, first, count, classes);
    }

private:
    std::size_t first, count, classes;
    Columns<A> logits, exponentials, background, label;
};

}  // namespace smoothlab::INSTRUCTIONS::narrow
