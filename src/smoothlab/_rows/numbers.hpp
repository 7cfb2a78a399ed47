// The types that logits come in, and the type that each is computed in.

#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

// Also what keeps a function of one instruction set from being linked into another's.
#define ALWAYS [[gnu::always_inline]] inline

namespace smoothlab {

// Stored bits only: no arithmetic is done in half precision.
enum class bfloat16 : std::uint16_t {};
enum class float16 : std::uint16_t {};

// float32 as it lies in memory, computed in float64.
enum class precise_float32 : std::uint32_t {};

enum class Number { float32, float64, bfloat16, float16, precise_float32 };

template <class T>
using Arithmetic =
    std::conditional_t<std::is_same_v<T, double> || std::is_same_v<T, precise_float32>, double, float>;

template <class T>
inline constexpr T minus_infinity = -std::numeric_limits<T>::infinity();
template <>
inline constexpr bfloat16 minus_infinity<bfloat16>{0xff80};
template <>
inline constexpr float16 minus_infinity<float16>{0xfc00};
template <>
inline constexpr precise_float32 minus_infinity<precise_float32>{0xff800000};

}  // namespace smoothlab
