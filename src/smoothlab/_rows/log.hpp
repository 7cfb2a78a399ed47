// log(1 + x) in float64, for x from -1 up.
//
// With u = 1 + x = 2^k (1 + f), where 1 + f lies between sqrt(1/2) and sqrt(2), and s = f / (2 + f),
//
//     log(1 + f) = 2 s + s R(s^2)        log u = k log 2 + log(1 + f)        log(1 + x) = log u + (x - (u - 1)) / u,
//
// whose last term mends the rounding of u. The result is within 1 unit in the last place or two. There is no branch
// in it and no call, so that a loop over rows is done in registers. -1 gives -inf; inf gives inf, and NaN gives NaN.
//
// Source: Sun Microsystems 1993, fdlibm's e_log.c and s_log1p.c, whose coefficients of R these are.

#pragma once

#include <bit>

#include "vector.hpp"

namespace smoothlab::INSTRUCTIONS {

ALWAYS double log_of_one_and(double x) {
    const double u = 1 + x;
    // the exponent, counted from sqrt(1/2) instead of 1
    constexpr std::int64_t middle = 0x3fe6a09e667f3bcd;
    const std::int64_t word = std::bit_cast<std::int64_t>(u);
    const std::int64_t k = (word - middle) >> 52;
    const double f = std::bit_cast<double>(word - k * (std::int64_t{1} << 52)) - 1;

    const double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    constexpr double r[] = {6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                            2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                            1.479819860511658591e-01};
    double rest = r[6];
    for (int i = 5; i >= 0; --i) rest = rest * z + r[i];
    rest *= z;

    constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    // float32 is enough for a quotient that is at most the rounding of u
    const double n = static_cast<double>(k), mended = (x - (u - 1)) * static_cast<double>(1 / static_cast<float>(u));
    const double log = n * ln2_high - ((half - (s * (half + rest) + (n * ln2_low + mended))) - f);
    return u == 0 ? -infinity<double> : u < infinity<double> ? log : u;
}

}  // namespace smoothlab::INSTRUCTIONS
