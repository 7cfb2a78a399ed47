// Several threads for one call.
//
// Where the process has an OpenMP runtime that all can see, as PyTorch's is, the calling thread's own team does the work:
// its threads are there already, and for milliseconds after an operation of the framework's they wait for the next by
// spinning, so that others beside them would share their processors. Nothing is linked: the runtime is asked for by the
// name of the function that GCC's compiled code calls, which LLVM's and Intel's runtimes have too. The team is called as
// large as it is: of a smaller one GCC's runtime would end the others, for the framework to start anew. Everywhere else
// threads are started for the call.
//
// A team does not come along into a child that is forked, where a call of it would wait for ever.
//
// Source: GCC's libgomp manual, "The libgomp ABI", implementing PARALLEL.

#pragma once

#include <dlfcn.h>
#include <pthread.h>

#include <system_error>
#include <thread>
#include <vector>

namespace smoothlab {

using Team = void (*)(void (*work)(void*), void* data, unsigned threads, unsigned flags);

inline bool in_a_child = false;
inline const bool children_are_told = pthread_atfork(nullptr, nullptr, [] { in_a_child = true; }) == 0;

// The calling thread's team; null if there is none.
inline Team own_team() {
    if (in_a_child || !children_are_told) return nullptr;
    return reinterpret_cast<Team>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
}

// Calls work() on the calling thread and on others, until all of them return: on `threads` in all if they are started
// here, on any number of them if they are a team.
template <class Work>
void on_threads(std::size_t threads, const Work& work) {
    if (threads == 1) return work();
    if (const Team team = own_team()) {
        const auto call = [](void* data) { (*static_cast<const Work*>(data))(); };
        return team(call, const_cast<Work*>(&work), 0, 0);
    }
    std::vector<std::thread> others;
    others.reserve(threads - 1);
    try {
        while (others.size() < threads - 1) others.emplace_back(work);
    } catch (const std::system_error&) {
        // the system has no more threads to give: those that are there do the work
    }
    work();
    for (auto& thread : others) thread.join();
}

}  // namespace smoothlab
