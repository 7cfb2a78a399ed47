// exp of a register, for arguments from 0 down.
//
// With n = round(x / log 2) and r = x - n log 2, so that |r| <= (log 2) / 2,
//
//     exp(x) = 2^n exp(r),        exp(r) = 1 + r + r^2 q(r),
//
// where q is the polynomial whose largest relative error in exp(r) is smallest: 3.1e-9 at degree 4 for float32,
// 3.7e-18 at degree 9 for float64 (Remez' exchange, in 60 digits). Rounding included, the result is within 1 unit in
// the last place. exp(0) is exactly 1. Below the logarithm of the smallest normal number the result is exactly 0,
// because subnormal numbers are slow; -inf gives 0, and NaN gives NaN.
//
// n is rounded by adding 1.5 * 2^(bits of the mantissa), which leaves it in the lowest bits of the sum, from where it
// is shifted into the exponent. log 2 is taken in two parts, the first short enough for n times it to be exact.
//
// Sources: Cody & Waite 1980, Software Manual for the Elementary Functions, ch. 6 (the reduction);
// Muller 2016, Elementary Functions, 3rd ed., sec. 3.4 (minimax polynomials) and 11.1 (the rounding trick).

#pragma once

#include <iterator>

#include "vector.hpp"

namespace smoothlab::INSTRUCTIONS {

template <class A>
struct Exponential;

template <>
struct Exponential<float> {
    using Word = std::int32_t;
    static constexpr int mantissa = 23;
    static constexpr Word bias = 127;
    static constexpr float rounder = 0x1.8p23f;
    static constexpr float log2_e = 0x1.715476p+0f;
    static constexpr float ln2_high = 0x1.63p-1f, ln2_low = -0x1.bd0106p-13f;
    static constexpr float least = -0x1.5d589ep+6f;  // -126 log 2
    static constexpr float q[] = {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f, 0x1.1239d4p-7f, 0x1.6a245cp-10f};
};

template <>
struct Exponential<double> {
    using Word = std::int64_t;
    static constexpr int mantissa = 52;
    static constexpr Word bias = 1023;
    static constexpr double rounder = 0x1.8p52;
    static constexpr double log2_e = 0x1.71547652b82fep+0;
    static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
    static constexpr double least = -0x1.6232bdd7abcd2p+9;  // -1022 log 2
    static constexpr double q[] = {0x1.000000000000ap-1,  0x1.55555555554fap-3,  0x1.555555555088cp-5,
                                   0x1.1111111127b9cp-7,  0x1.6c16c1842672fp-10, 0x1.a01a012a696f3p-13,
                                   0x1.a0199a16cfd63p-16, 0x1.71df253abcda8p-19, 0x1.28ad68b512ca8p-22,
                                   0x1.ad7f7a2ffacb0p-26};
};

template <class A>
ALWAYS Vector<A> exp(Vector<A> x) {
    using Number = Exponential<A>;
    using Words = Vector<typename Number::Word>;

    const Vector<A> shifted = x * Number::log2_e + Number::rounder;
    const Vector<A> n = shifted - Number::rounder;
    const Vector<A> r = x - n * Number::ln2_high - n * Number::ln2_low;

    constexpr std::size_t degree = std::size(Number::q) - 1;
    Vector<A> q = all(Number::q[degree]);
    for (std::size_t k = degree; k-- > 0;) q = q * r + Number::q[k];

    const auto power = bits<Vector<A>>((bits<Words>(shifted) << Number::mantissa) + (Number::bias << Number::mantissa));
    const Vector<A> result = (r * r * q + r + 1) * power;
    return x < Number::least ? Vector<A>{} : result;
}

}  // namespace smoothlab::INSTRUCTIONS
