// A register full of numbers, and how numbers get there and back.
//
// Four storage types are read, and two are computed in: float64 in float64, everything else in float32, and float32
// in float64 too for whoever asks. GCC's and Clang's vector types do the arithmetic. Intrinsics stand only where the compilers have no word for it: a load or
// store of part of a register, and float16 on processors that convert it at once.
//
// Everything here lives in the namespace of one instruction set (see kernels.cpp), so that the same lines can be
// compiled several times into one library.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "numbers.hpp"

namespace smoothlab::INSTRUCTIONS {

#if defined(__AVX512F__)
inline constexpr std::size_t width = 64;
#elif defined(__AVX2__)
inline constexpr std::size_t width = 32;
#else
inline constexpr std::size_t width = 16;
#endif

template <class A>
inline constexpr std::size_t lanes = width / sizeof(A);

template <class A, std::size_t count>
struct Register {
    typedef A type __attribute__((vector_size(count * sizeof(A))));
};

template <class A, std::size_t count = lanes<A>>
using Vector = typename Register<A, count>::type;

// What comparisons of A give: all bits set where true.
template <class A>
using Mask = Vector<std::conditional_t<sizeof(A) == 4, std::int32_t, std::int64_t>>;

template <class A>
inline constexpr A infinity = std::numeric_limits<A>::infinity();

template <class To, class From>
ALWAYS To bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

template <class A>
ALWAYS Vector<A> all(A value) {
    return value - Vector<A>{};
}

// The numbers of the lanes: 0, 1, 2, ...
template <class A>
ALWAYS Vector<A> counted() {
    return []<std::size_t... i>(std::index_sequence<i...>) {
        return Vector<A>{static_cast<A>(i)...};
    }(std::make_index_sequence<lanes<A>>{});
}

// ------------------------------------------------------------------------------------------ storage to arithmetic

// As many numbers of T as one register computes with.
template <class T>
using Stored = Vector<
    std::conditional_t<sizeof(T) == 2, std::uint16_t, std::conditional_t<sizeof(T) == 4, float, double>>,
    lanes<Arithmetic<T>>>;

using Words = Vector<std::uint32_t>;

// float16 by hand, for processors that do not know it. Exponents start at -14 instead of -126, hence the 112; below
// them numbers are even, and so adding and taking away a power of two aligns (or rounds) them.
ALWAYS Words float_bits(Words half) {
    const Words sign = (half & 0x8000) << 16, rest = (half & 0x7fff) << 13;
    const Words even = bits<Words>(bits<Vector<float>>(rest + (113u << 23)) - 0x1p-14f);
    const Words normal = rest < (1u << 23) ? even : rest + (112u << 23);
    return sign | (rest < (31u << 23) ? normal : rest | 0x7f800000);
}

ALWAYS Words half_bits(Words word) {
    const Words sign = word >> 16 & 0x8000, rest = word & 0x7fffffff;
    const Words even = bits<Words>(bits<Vector<float>>(rest) + 0.5f) - (126u << 23);
    const Words normal = (rest - (112u << 23) + 0xfff + (rest >> 13 & 1)) >> 13;
    const Words huge = rest > 0x7f800000 ? Words{} + 0x7e00 : Words{} + 0x7c00;
    return sign | (rest >= (143u << 23) ? huge : rest < (113u << 23) ? even : normal);
}

template <class T>
ALWAYS Vector<Arithmetic<T>> widened(Stored<T> stored) {
    if constexpr (std::is_same_v<T, bfloat16>) {
        return bits<Vector<float>>(__builtin_convertvector(stored, Words) << 16);
    } else if constexpr (std::is_same_v<T, float16>) {
#if defined(__AVX512F__)
        return bits<Vector<float>>(_mm512_cvtph_ps(bits<__m256i>(stored)));
#elif defined(__F16C__)
        return bits<Vector<float>>(_mm256_cvtph_ps(bits<__m128i>(stored)));
#elif defined(__aarch64__)
        return __builtin_convertvector((bits<Vector<__fp16, lanes<float>>>(stored)), Vector<float>);
#else
        return bits<Vector<float>>(float_bits(__builtin_convertvector(stored, Words)));
#endif
    } else if constexpr (std::is_same_v<T, precise_float32>) {
#if defined(__AVX512F__)
        return bits<Vector<double>>(_mm512_cvtps_pd(bits<__m256>(stored)));  // for which GCC 12 needs five instructions
#else
        return __builtin_convertvector(stored, Vector<double>);
#endif
    } else {
        return stored;
    }
}

// To the nearest number of T, ties to even; NaN stays NaN.
template <class T>
ALWAYS Stored<T> narrowed(Vector<Arithmetic<T>> value) {
    if constexpr (std::is_same_v<T, bfloat16>) {
        const Words word = bits<Words>(value), nearest = (word + 0x7fff + (word >> 16 & 1)) >> 16;
        return __builtin_convertvector(value == value ? nearest : Words{} + 0x7fc0, Stored<T>);
    } else if constexpr (std::is_same_v<T, float16>) {
#if defined(__AVX512F__)
        return bits<Stored<T>>(_mm512_cvtps_ph(bits<__m512>(value), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
        return bits<Stored<T>>(_mm256_cvtps_ph(bits<__m256>(value), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__aarch64__)
        return bits<Stored<T>>(__builtin_convertvector(value, Vector<__fp16, lanes<float>>));
#else
        return __builtin_convertvector(half_bits(bits<Words>(value)), Stored<T>);
#endif
    } else {
        return value;
    }
}

// One number; the other lanes come along for nothing.
template <class T>
ALWAYS Arithmetic<T> widened_one(T number) {
    Stored<T> stored{};
    std::memcpy(&stored, &number, sizeof number);
    return widened<T>(stored)[0];
}

template <class T>
ALWAYS T narrowed_one(Arithmetic<T> value) {
    const Stored<T> stored = narrowed<T>(all(value));
    T number;
    std::memcpy(&number, &stored, sizeof number);
    return number;
}

// ------------------------------------------------------------------------------------------------ memory and back

template <class T>
ALWAYS Vector<Arithmetic<T>> load(const T* from) {
    Stored<T> stored;
    std::memcpy(&stored, from, sizeof stored);
    return widened<T>(stored);
}

template <class T>
ALWAYS void store(T* to, Vector<Arithmetic<T>> value) {
    const Stored<T> stored = narrowed<T>(value);
    std::memcpy(to, &stored, sizeof stored);
}

// The first `count` < lanes numbers, and `fill` in the other lanes; memory beyond is not touched.
template <class T>
ALWAYS Vector<Arithmetic<T>> load_some(const T* from, std::size_t count, Arithmetic<T> fill) {
    using A = Arithmetic<T>;
    Stored<T> stored{};
#if defined(__AVX512F__)
    const auto some = static_cast<std::uint16_t>((1u << count) - 1);
    if constexpr (sizeof(T) == 2) stored = bits<Stored<T>>(_mm256_maskz_loadu_epi16(some, from));
    if constexpr (sizeof(stored) == 64 && sizeof(T) == 4) stored = bits<Stored<T>>(_mm512_maskz_loadu_ps(some, from));
    if constexpr (sizeof(stored) == 32 && sizeof(T) == 4) {
        stored = bits<Stored<T>>(_mm256_maskz_loadu_ps(static_cast<__mmask8>(some), from));
    }
    if constexpr (sizeof(T) == 8) stored = bits<Stored<T>>(_mm512_maskz_loadu_pd(static_cast<__mmask8>(some), from));
#else
    std::memcpy(&stored, from, count * sizeof(T));
#endif
    const Vector<A> value = widened<T>(stored);
    return fill == 0 ? value : counted<A>() < static_cast<A>(count) ? value : all(fill);
}

template <class T>
ALWAYS void store_some(T* to, std::size_t count, Vector<Arithmetic<T>> value) {
    const Stored<T> stored = narrowed<T>(value);
#if defined(__AVX512F__)
    const auto some = static_cast<std::uint16_t>((1u << count) - 1);
    if constexpr (sizeof(T) == 2) _mm256_mask_storeu_epi16(to, some, bits<__m256i>(stored));
    if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(to, some, bits<__m512>(stored));
    if constexpr (sizeof(T) == 8) _mm512_mask_storeu_pd(to, static_cast<__mmask8>(some), bits<__m512d>(stored));
#else
    std::memcpy(to, &stored, count * sizeof(T));
#endif
}

// How many numbers lie before the first that `stream` may write to.
template <class T>
ALWAYS std::size_t to_alignment(const T* to) {
    constexpr std::uintptr_t size = sizeof(Stored<T>);
    return (size - reinterpret_cast<std::uintptr_t>(to) % size) % size / sizeof(T);
}

// A store past the caches, to an aligned place that nobody reads soon. Elsewhere than on x86 a plain one.
template <class T>
ALWAYS void stream(T* to, Vector<Arithmetic<T>> value) {
    const Stored<T> stored = narrowed<T>(value);
#if defined(__AVX512F__)
    if constexpr (sizeof stored == 64) return _mm512_stream_si512(reinterpret_cast<__m512i*>(to), bits<__m512i>(stored));
#endif
#if defined(__AVX2__)
    if constexpr (sizeof stored == 32) return _mm256_stream_si256(reinterpret_cast<__m256i*>(to), bits<__m256i>(stored));
#endif
#if defined(__SSE2__)
    if constexpr (sizeof stored == 16) return _mm_stream_si128(reinterpret_cast<__m128i*>(to), bits<__m128i>(stored));
#endif
    std::memcpy(to, &stored, sizeof stored);
}

// Makes what was streamed visible to other threads before what is written afterwards.
ALWAYS void end_stream() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

// ------------------------------------------------------------------------------------------------ rows to columns

// As many registers as one has lanes, turned about their diagonal: blocks of half the size change places, then blocks
// of half that size within each, down to single numbers (Eklundh 1972, IEEE Transactions on Computers C-21, 801).
template <class A, std::size_t half = lanes<A> / 2>
ALWAYS void transpose(Vector<A>* row) {
    if constexpr (half > 0) {
        [&]<std::size_t... i>(std::index_sequence<i...>) {
            for (std::size_t k = 0; k < lanes<A>; ++k) {
                if (k & half) continue;
                const Vector<A> upper = row[k], lower = row[k + half];
                row[k] = __builtin_shufflevector(upper, lower, (i & half ? lanes<A> + i - half : i)...);
                row[k + half] = __builtin_shufflevector(upper, lower, (i & half ? lanes<A> + i : i + half)...);
            }
        }(std::make_index_sequence<lanes<A>>{});
        transpose<A, half / 2>(row);
    }
}

// ----------------------------------------------------------------------------------------------- lanes in float64

// The first half of the lanes, and the second.
ALWAYS std::pair<Vector<double>, Vector<double>> halves(Vector<float> value) {
    return [&]<std::size_t... i>(std::index_sequence<i...>) {
        return std::pair{
            __builtin_convertvector(__builtin_shufflevector(value, value, i...), Vector<double>),
            __builtin_convertvector(__builtin_shufflevector(value, value, (lanes<double> + i)...), Vector<double>)};
    }(std::make_index_sequence<lanes<double>>{});
}

template <class A>
ALWAYS void spread(Vector<A> value, double (&to)[lanes<A>]) {
    if constexpr (std::is_same_v<A, double>) {
        std::memcpy(to, &value, sizeof value);
    } else {
        const auto both = halves(value);
        std::memcpy(to, &both.first, sizeof both.first);
        std::memcpy(to + lanes<double>, &both.second, sizeof both.second);
    }
}

// Such numbers in lanes again, rounded to A.
template <class A>
ALWAYS Vector<A> gathered(const double (&from)[lanes<A>]) {
    Vector<double> lower, upper;
    std::memcpy(&lower, from, sizeof lower);
    if constexpr (std::is_same_v<A, double>) {
        return lower;
    } else {
        std::memcpy(&upper, from + lanes<double>, sizeof upper);
        return [&]<std::size_t... i>(std::index_sequence<i...>) {
            return __builtin_shufflevector(__builtin_convertvector(lower, Vector<float, lanes<double>>),
                                           __builtin_convertvector(upper, Vector<float, lanes<double>>), i...);
        }(std::make_index_sequence<lanes<float>>{});
    }
}

// ------------------------------------------------------------------------------------------ from lanes to a number

template <class A, std::size_t count, class Join>
ALWAYS A folded(Vector<A, count> value, Join join) {
    if constexpr (count == 1) {
        return value[0];
    } else {
        const auto halves = [&]<std::size_t... i>(std::index_sequence<i...>) {
            return std::pair{__builtin_shufflevector(value, value, i...),
                             __builtin_shufflevector(value, value, (count / 2 + i)...)};
        }(std::make_index_sequence<count / 2>{});
        return folded<A, count / 2>(join(halves.first, halves.second), join);
    }
}

// A bit for each lane of what a comparison of A gave, the lowest for the first lane.
template <class A>
ALWAYS unsigned signs(Mask<A> mask) {
#if defined(__AVX512F__)
    if constexpr (sizeof(A) == 4) return _mm512_movepi32_mask(bits<__m512i>(mask));
    if constexpr (sizeof(A) == 8) return _mm512_movepi64_mask(bits<__m512i>(mask));
#elif defined(__AVX2__)
    if constexpr (sizeof(A) == 4) return static_cast<unsigned>(_mm256_movemask_ps(bits<__m256>(mask)));
    if constexpr (sizeof(A) == 8) return static_cast<unsigned>(_mm256_movemask_pd(bits<__m256d>(mask)));
#else
    unsigned found = 0;
    for (std::size_t lane = 0; lane < lanes<A>; ++lane) found |= (mask[lane] != 0) << lane;
    return found;
#endif
}

template <class V>
ALWAYS V larger(V one, V other) {
    return one > other ? one : other;  // NaN in `one` loses; it shows up in the sums instead
}

template <class A>
ALWAYS A largest(Vector<A> value) {
    return folded<A, lanes<A>>(value, [](auto one, auto other) { return larger(one, other); });
}

// The sum of all lanes, in float64.
template <class A>
ALWAYS double sum(Vector<A> value) {
    Vector<double> wide;
    if constexpr (std::is_same_v<A, double>) {
        wide = value;
    } else {
        const auto both = halves(value);
        wide = both.first + both.second;
    }
    return folded<double, lanes<double>>(wide, [](auto one, auto other) { return one + other; });
}

}  // namespace smoothlab::INSTRUCTIONS
