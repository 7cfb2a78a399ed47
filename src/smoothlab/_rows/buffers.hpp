// Memory for large arrays that are made, used up and made again, as gradients are at every step of a training.
//
// The first touch of fresh memory costs more than the arithmetic of a loss: the system clears a page at a time. So
// memory is asked for in huge pages, and what its holder lets go of is kept for the next who asks. A buffer is lent
// from `take` until its `Lease` ends, and belongs to nobody else as long.
//
// The rule of what is kept: at most `most_idle` buffers; none that `patience` requests passed by. The pages of large
// ones stay with the system for the taking (MADV_FREE): it reclaims them when it is short of memory, without asking,
// and a buffer that is lent again before that has them still.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace smoothlab {

class Buffers : public std::enable_shared_from_this<Buffers> {
public:
    static constexpr std::size_t huge_page = std::size_t{1} << 21;
    static constexpr std::size_t most_idle = 4;
    static constexpr std::size_t patience = 16;
    static constexpr std::size_t large = std::size_t{1} << 23;  // below, telling the system costs more than is gained

    // Memory that goes back to its buffers when this ends, which may be on any thread and after everything else.
    class Lease {
    public:
        Lease(std::shared_ptr<Buffers> from, void* data, std::size_t size) : from(std::move(from)), data(data), size(size) {}
        Lease(const Lease&) = delete;
        Lease& operator=(const Lease&) = delete;
        ~Lease() { from->keep(data, size); }

        const std::shared_ptr<Buffers> from;
        void* const data;
        const std::size_t size;
    };

    ~Buffers() {
        for (const Idle& buffer : idle) give_up(buffer.data, buffer.size);
    }

    // At least that many bytes, their values anything; throws std::bad_alloc.
    std::unique_ptr<Lease> take(std::size_t bytes) {
        const std::size_t wanted = (std::max<std::size_t>(bytes, 1) + huge_page - 1) / huge_page * huge_page;
        std::vector<Idle> passed_by;
        std::unique_ptr<Lease> lease;
        {
            const std::lock_guard locked(mutex);
            ++requests;
            auto best = idle.end();
            for (auto one = idle.begin(); one != idle.end(); ++one) {
                const bool fits = one->size >= wanted && one->size <= 2 * wanted;
                if (fits && (best == idle.end() || one->size <= best->size)) best = one;  // the last that came back
            }
            if (best != idle.end()) {
                lease = std::make_unique<Lease>(shared_from_this(), best->data, best->size);
                idle.erase(best);
            }
            const auto old = std::stable_partition(idle.begin(), idle.end(),
                                                   [&](const Idle& one) { return requests - one.since < patience; });
            passed_by.assign(old, idle.end());
            idle.erase(old, idle.end());
        }
        for (const Idle& buffer : passed_by) give_up(buffer.data, buffer.size);
        return lease ? std::move(lease) : std::make_unique<Lease>(shared_from_this(), fresh(wanted), wanted);
    }

    // How many bytes nobody holds.
    std::size_t idle_bytes() {
        const std::lock_guard locked(mutex);
        std::size_t bytes = 0;
        for (const Idle& buffer : idle) bytes += buffer.size;
        return bytes;
    }

private:
    struct Idle {
        void* data;
        std::size_t size, since;
    };

    void keep(void* data, std::size_t size) noexcept {
        if (size > large) offer(data, size);
        Idle oldest{data, size, 0};
        try {
            const std::lock_guard locked(mutex);
            idle.push_back({data, size, requests});
            if (idle.size() <= most_idle) return;
            oldest = idle.front();
            idle.erase(idle.begin());
        } catch (const std::bad_alloc&) {
            // no memory to remember it by: it goes
        }
        give_up(oldest.data, oldest.size);
    }

#if __has_include(<sys/mman.h>)
    static void* fresh(std::size_t size) {
        // huge pages begin at multiples of their size, mappings anywhere: what is too much at both ends goes back
        void* const mapped = mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) throw std::bad_alloc();
        auto* const start = static_cast<std::byte*>(mapped);
        const std::size_t before = (huge_page - reinterpret_cast<std::uintptr_t>(start) % huge_page) % huge_page;
        if (before > 0) munmap(start, before);
        munmap(start + before + size, huge_page - before);
#if defined(MADV_HUGEPAGE)
        // a single one would be cleared whole for whoever wants a part of it
        if (size > huge_page) madvise(start + before, size, MADV_HUGEPAGE);
#endif
        return start + before;
    }

    static void offer([[maybe_unused]] void* data, [[maybe_unused]] std::size_t size) noexcept {
#if defined(MADV_FREE)
        madvise(data, size, MADV_FREE);
#endif
    }

    static void give_up(void* data, std::size_t size) noexcept { munmap(data, size); }
#else
    static constexpr std::align_val_t alignment{64};

    static void* fresh(std::size_t size) { return ::operator new(size, alignment); }
    static void offer(void*, std::size_t) noexcept {}
    static void give_up(void* data, std::size_t) noexcept { ::operator delete(data, alignment); }
#endif

    std::mutex mutex;
    std::vector<Idle> idle;  // the one that waited longest first
    std::size_t requests = 0;
};

}  // namespace smoothlab
