// Which of the compiled instruction sets this processor has, the widest first.

#pragma once

#include <stdexcept>
#include <string_view>
#include <vector>

#include "kernels.hpp"

namespace smoothlab {

#if defined(__x86_64__)
namespace avx512 { extern const Kernels kernels; }
namespace avx2 { extern const Kernels kernels; }
#endif
namespace baseline { extern const Kernels kernels; }

inline std::vector<const Kernels*> available_kernels() {
    std::vector<const Kernels*> available;
#if defined(__x86_64__)
    const auto avx2_too = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const auto avx512_too = avx2_too && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx512_too) available.push_back(&avx512::kernels);
    if (avx2_too) available.push_back(&avx2::kernels);
#endif
    available.push_back(&baseline::kernels);
    return available;
}

// The kernels of that name, or the best; asking the processor again at each call costs nothing that can be measured.
inline const Kernels& kernels_for(std::string_view instructions) {
    for (const Kernels* kernels : available_kernels()) {
        if (instructions.empty() || instructions == kernels->instructions) return *kernels;
    }
    throw std::invalid_argument("`instructions` must be one of `INSTRUCTIONS`, what this processor has.");
}

}  // namespace smoothlab
