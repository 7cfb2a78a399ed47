// Chunks of rows on a few threads.
//
// The calling thread works too, and alone where the work would not pay for another. Threads take the next chunk as they
// become free, so that a busy processor slows the call down by a chunk and not by a half. Between its chunks the calling
// thread asks now and then whether somebody wants the call to end; then no more chunks are begun. Every row is done by
// one thread in one order: the number of threads changes no bit of the result.

#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>

#include "teams.hpp"

namespace smoothlab {

inline constexpr std::size_t price_of_a_row = 24;  // beside that of its numbers
inline constexpr std::size_t worth_a_thread = std::size_t{1} << 18;  // in numbers: more than 100 microseconds
inline constexpr std::size_t worth_a_member = std::size_t{1} << 17;  // of a team that is there
inline constexpr std::size_t worth_asking = std::size_t{1} << 16;
inline constexpr std::chrono::milliseconds patience{100};

// How many threads `rows` rows of `classes` numbers keep busy, up to `most`.
inline std::size_t useful_threads(std::size_t rows, std::size_t classes, std::size_t most) {
    const std::size_t numbers = rows * (classes + price_of_a_row);
    if (most < 2 || numbers < 2 * worth_a_member) return 1;
    const std::size_t worth = own_team() ? worth_a_member : worth_a_thread;
    return std::max<std::size_t>(1, std::min({most, rows, numbers / worth}));
}

// Rows between which a thread looks up: few enough to share the work evenly and to end soon, a multiple of the lanes
// of a register where there are many.
inline std::size_t rows_at_once(std::size_t rows, std::size_t classes, std::size_t threads) {
    constexpr std::size_t lanes = 16;
    const std::size_t even = rows / (8 * threads) + 1, soon = worth_asking / (classes + price_of_a_row) + 1;
    const std::size_t chunk = std::min(even, soon);
    return chunk > lanes ? chunk / lanes * lanes : chunk;
}

// Calls work(first row, last row, number of the thread) until all rows are done; false if `ended()` said so before.
template <class Work, class Ended>
bool over_rows(std::size_t rows, std::size_t classes, std::size_t threads, Work work, Ended ended) {
    const std::size_t chunk = rows_at_once(rows, classes, threads);
    std::atomic<std::size_t> next{0}, joined{0};
    std::atomic<bool> stop{false};
    const auto caller = std::this_thread::get_id();

    on_threads(threads, [&] {
        const bool may_ask = std::this_thread::get_id() == caller;
        const std::size_t thread = may_ask ? 0 : 1 + joined.fetch_add(1, std::memory_order_relaxed);
        if (thread >= threads) return;
        auto asked = std::chrono::steady_clock::now();
        while (!stop.load(std::memory_order_relaxed)) {
            const std::size_t first = next.fetch_add(chunk, std::memory_order_relaxed);
            if (first >= rows) return;
            work(first, std::min(first + chunk, rows), thread);
            const auto now = std::chrono::steady_clock::now();
            if (!may_ask || now - asked < patience) continue;
            asked = now;
            if (ended()) stop = true;
        }
    });
    return !stop;
}

}  // namespace smoothlab
