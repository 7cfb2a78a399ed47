// exp of a register, for arguments from 0 down.
//
// With n the nearest multiple of 1/p to x / log 2 and r = x - n log 2, so that |r| <= (log 2) / 2p,
//
//     exp(x) = 2^n exp(r),        exp(r) = 1 + r + r^2 q(r),
//
// where q is the polynomial whose largest relative error in exp(r) is smallest (Remez' exchange, in 60 digits). Where a
// register can be looked up in, p is 16: 2^n is one of 16 numbers from 1 to 2 times a whole power of two, and a q of
// degree 1 is right to 1.6e-9 for float32, one of degree 4 to 1.2e-17 for float64. Elsewhere p is 1, and q of degree 4
// or 9 is right to 3.1e-9 or 3.7e-18. Rounding included, the result is within 1.1 units in the last place. exp(0) is
// exactly 1. Below the logarithm of the smallest normal number the result is exactly 0, because subnormal numbers are
// slow; -inf gives 0, and NaN gives NaN.
//
// n is rounded by adding 1.5 * 2^(bits of the mantissa) / p, which leaves n p in the lowest bits of the sum: the last four
// look 2^(n mod 1) up, or all are an exponent. log 2 is taken in two parts, the first short enough for n times it to be
// exact.
//
// Sources: Cody & Waite 1980, Software Manual for the Elementary Functions, ch. 6 (the reduction); Tang 1989, ACM
// Transactions on Mathematical Software 15, 144 (the table); Muller 2016, Elementary Functions, 3rd ed., sec. 3.4
// (minimax polynomials) and 11.1 (the rounding trick).

#pragma once

#include "vector.hpp"

namespace smoothlab::INSTRUCTIONS {

#if defined(__AVX512F__)
inline constexpr int parts = 16;
#else
inline constexpr int parts = 1;
#endif

template <class A, int parts>
struct Polynomial;

template <>
struct Polynomial<float, 1> {
    static constexpr float q[] = {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f, 0x1.1239d4p-7f, 0x1.6a245cp-10f};
};

template <>
struct Polynomial<float, 16> {
    static constexpr float q[] = {0x1.00021ep-1f, 0x1.55559ap-3f};
};

template <>
struct Polynomial<double, 1> {
    static constexpr double q[] = {0x1.000000000000ap-1,  0x1.55555555554fap-3,  0x1.555555555088cp-5,
                                   0x1.1111111127b9cp-7,  0x1.6c16c1842672fp-10, 0x1.a01a012a696f3p-13,
                                   0x1.a0199a16cfd63p-16, 0x1.71df253abcda8p-19, 0x1.28ad68b512ca8p-22,
                                   0x1.ad7f7a2ffacb0p-26};
};

template <>
struct Polynomial<double, 16> {
    static constexpr double q[] = {0x1.fffffffffffb9p-2, 0x1.555555548f890p-3, 0x1.55555558fc9a2p-5,
                                   0x1.11123aae7890bp-7, 0x1.6c14c6f72719ep-10};
};

// exp(r) itself, nearly.
template <int parts>
struct Brief;

template <>
struct Brief<1> {
    static constexpr double p[] = {0x1.0000000000039p+0,  0x1.ffffffffffc3ap-1,  0x1.ffffffffe8296p-2,
                                   0x1.55555555bb648p-3,  0x1.555555879ba4bp-5,  0x1.1111105b5e2a3p-7,
                                   0x1.6c162d927cc56p-10, 0x1.a01bc26fc3fb3p-13, 0x1.a17c0259b44f8p-16,
                                   0x1.70dc142ded31ap-19};
};

template <>
struct Brief<16> {
    static constexpr double p[] = {0x1.0000000000014p+0, 0x1.fffffffffff59p-1, 0x1.fffffffd0ba84p-2,
                                   0x1.5555555a1df79p-3, 0x1.5557621a8c13fp-5, 0x1.110fe532d6fc6p-7};
};

template <class A>
struct Exponential;

template <>
struct Exponential<float> {
    using Word = std::int32_t;
    static constexpr int mantissa = 23;
    static constexpr float rounder = 0x1.8p23f / parts;
    static constexpr float log2_e = 0x1.715476p+0f;
    static constexpr float ln2_high = 0x1.63p-1f, ln2_low = -0x1.bd0106p-13f;
    static constexpr float least = -0x1.5d589ep+6f;  // -126 log 2
};

template <>
struct Exponential<double> {
    using Word = std::int64_t;
    static constexpr int mantissa = 52;
    static constexpr double rounder = 0x1.8p52 / parts;
    static constexpr double log2_e = 0x1.71547652b82fep+0;
    static constexpr double ln2 = 0x1.62e42fefa39efp-1;
    static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
    static constexpr double least = -0x1.6232bdd7abcd2p+9;  // -1022 log 2
};

template <class A>
using WordOf = typename Exponential<A>::Word;

// 2^n, of n and of what it was when it was rounded.
template <class A>
ALWAYS Vector<A> power(Vector<A> n, Vector<A> shifted) {
#if defined(__AVX512F__)
    static constexpr A of_parts[parts] = {
        A(1.0),
        A(0x1.0b5586cf9890fp+0), A(0x1.172b83c7d517bp+0), A(0x1.2387a6e756238p+0), A(0x1.306fe0a31b715p+0),
        A(0x1.3dea64c123422p+0), A(0x1.4bfdad5362a27p+0), A(0x1.5ab07dd485429p+0), A(0x1.6a09e667f3bcdp+0),
        A(0x1.7a11473eb0187p+0), A(0x1.8ace5422aa0dbp+0), A(0x1.9c49182a3f090p+0), A(0x1.ae89f995ad3adp+0),
        A(0x1.c199bdd85529cp+0), A(0x1.d5818dcfba487p+0), A(0x1.ea4afa2a490dap+0)};
    const auto last_bits = bits<__m512i>(shifted);
    if constexpr (sizeof(A) == 4) {
        const __m512 part = _mm512_permutexvar_ps(last_bits, _mm512_loadu_ps(of_parts));
        return bits<Vector<A>>(_mm512_scalef_ps(part, bits<__m512>(n)));
    } else {
        const __m512d part =
            _mm512_permutex2var_pd(_mm512_loadu_pd(of_parts), last_bits, _mm512_loadu_pd(of_parts + 8));
        return bits<Vector<A>>(_mm512_scalef_pd(part, bits<__m512d>(n)));
    }
#else
    using Words = Vector<WordOf<A>>;
    return bits<Vector<A>>(bits<Words>(all(A{1})) + (bits<Words>(shifted) << Exponential<A>::mantissa));
#endif
}

template <class A, std::size_t terms>
ALWAYS Vector<A> polynomial(const A (&of_degree)[terms], Vector<A> r) {
    Vector<A> sum = all(of_degree[terms - 1]);
    for (std::size_t k = terms - 1; k-- > 0;) sum = sum * r + of_degree[k];
    return sum;
}

template <class A>
ALWAYS Vector<A> exp(Vector<A> x) {
    using Number = Exponential<A>;
    const Vector<A> shifted = x * Number::log2_e + Number::rounder;
    const Vector<A> n = shifted - Number::rounder;
    const Vector<A> r = x - n * Number::ln2_high - n * Number::ln2_low;
    const Vector<A> of_n = power<A>(n, shifted);
    const Vector<A> result = of_n + of_n * (r + r * r * polynomial(Polynomial<A, parts>::q, r));
    return x < Number::least ? Vector<A>{} : result;
}

// sum + exp(x) for x of either sign up to where exp(x) comes near overflow; NaN where x is infinite, or sum + 0. In fewer
// operations: log 2 in one part moves x by at most half a unit in its last place, and exp(r) is right to 1.4e-14, with
// `parts` of 16 to 5e-15.
ALWAYS Vector<double> plus_exp(Vector<double> sum, Vector<double> x) {
    using Number = Exponential<double>;
    if constexpr (parts == 1) x = x < Number::least ? all(Number::least) : x;
    const Vector<double> shifted = x * Number::log2_e + Number::rounder;
    const Vector<double> n = shifted - Number::rounder;
    const Vector<double> r = x - n * Number::ln2;
    return sum + power<double>(n, shifted) * polynomial(Brief<parts>::p, r);
}

}  // namespace smoothlab::INSTRUCTIONS
