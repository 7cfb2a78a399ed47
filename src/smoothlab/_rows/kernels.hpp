// What the bindings and the kernels say to each other: a batch of rows, the columns to fill, one table of functions
// for each instruction set.

#pragma once

#include <cstddef>
#include <cstdint>

#include "numbers.hpp"

namespace smoothlab {

// Rows in memory that somebody else owns. A stride of 0 makes one row, or one number, serve all.
template <class T>
struct Rows {
    T* data = nullptr;
    std::ptrdiff_t stride = 0;

    ALWAYS explicit operator bool() const { return data != nullptr; }
    ALWAYS T* operator[](std::size_t row) const { return data + static_cast<std::ptrdiff_t>(row) * stride; }
};

// The same, of a type that only `Batch::number` tells.
struct Untyped {
    const void* data = nullptr;
    std::ptrdiff_t stride = 0;

    template <class T>
    ALWAYS Rows<const T> of() const {
        return {static_cast<const T*>(data), stride};
    }
};

// What <background, z> is divided by.
enum class Divisor { mass, count, one };

struct Batch {
    std::size_t rows = 0, classes = 0;
    Number number = Number::float32;
    Untyped logits;

    Rows<const std::int64_t> labels;  // class numbers; one that is no class is out of its row
    Untyped targets;                  // or a distribution a row, in the arithmetic's type
    Untyped background;               // in the arithmetic's type; without one, every class has the same
    Divisor divisor = Divisor::mass;
    Rows<const bool> takes_part;
    Rows<const bool> ignored;
};

// The columns of each row; null where nobody asks.
struct Statistics {
    double inverse_temperature = 1;
    double *highest, *others, *log_sum, *background, *count;
    double *label = nullptr, *mean = nullptr, *variance = nullptr;
    std::int64_t* argmax;
};

struct Confidences {
    double* confidence;
    bool* correct;
};

struct Loss {
    Rows<const double> label_share, background_share, label_weight;  // all there
    Rows<std::byte> gradient;  // of the logits' own type, the stride in bytes; none if null
    double gradient_scale = 1;
    double* value;
    double *label = nullptr, *background = nullptr, *count = nullptr;  // all three or none
};

// Confidences, float64 if `wide` and else float32, and whether each was right; the edges of bins of equal width.
struct Answers {
    const void* confidences;
    const bool* correct;
    bool wide;
    const double* edges;
    std::int32_t bins;
};

// What is added to, for each bin.
struct BinTotals {
    std::int64_t *count, *hits;
    double* confidences;
};

// What a thread needs of its own: rows of a copy of the logits and of their exponentials, the blocks' centres, and the
// rest of a register behind each; whole lines of the cache.
inline std::size_t scratch_bytes(const Batch& batch) { return (batch.classes / 8 * 24 + 88) * sizeof(double); }

// All do the rows from `first` up to `last`; `scratch` is memory of that size, from the start of such a line on.
struct Kernels {
    const char* instructions;
    void (*statistics)(const Batch&, const Statistics&, std::size_t first, std::size_t last, void* scratch);
    void (*confidences)(const Batch&, const Confidences&, std::size_t first, std::size_t last, void* scratch);
    void (*loss)(const Batch&, const Loss&, std::size_t first, std::size_t last, void* scratch);
    // but for this, of fewer than 2^32 answers at once; false where a confidence is no number from 0 to 1
    bool (*bin_totals)(const Answers&, const BinTotals&, std::size_t first, std::size_t last);
};

}  // namespace smoothlab
