// Lent memory, as Python sees it.

#include "buffers.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>

#include <memory>

namespace nb = nanobind;
using namespace nb::literals;

namespace smoothlab {
namespace {

// The bytes as an array whose end is the lease's.
nb::object take(Buffers& buffers, std::size_t bytes) {
    std::unique_ptr<Buffers::Lease> lease = buffers.take(bytes);
    void* const data = lease->data;
    nb::capsule owner(lease.get(), [](void* held) noexcept { delete static_cast<Buffers::Lease*>(held); });
    lease.release();
    return nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>(data, {bytes}, owner).cast();
}

constexpr const char* of_buffers = R"(Memory for large arrays that are made, used up and made again, such as the gradient of every step.

Asked for in huge pages, and kept for the next who asks once nobody holds an array made of it: the first touch of fresh
memory costs more than the arithmetic of a loss. Kept are at most four buffers, and none that sixteen requests passed
by. The system may take the pages of those at any time that it is short of memory.

>>> from smoothlab._rows import Buffers
>>> buffers = Buffers()
>>> held = buffers.take(100)
>>> address, held = held.ctypes.data, None  # nobody holds it any longer
>>> buffers.take(100).ctypes.data == address
True
)";

}  // namespace

void bind_buffers(nb::module_& module) {
    nb::class_<Buffers>(module, "Buffers", of_buffers)
        .def(nb::new_([] { return std::make_shared<Buffers>(); }))
        .def("take", &take, "bytes"_a,
             "A uint8 array of that many bytes, whatever they hold. Its memory is nobody else's as long as it, or any "
             "array or tensor that looks at it, lives. Raises `MemoryError` if the system has none left.")
        .def_prop_ro("idle_bytes", &Buffers::idle_bytes, "How many bytes are kept that nobody holds.");
}

}  // namespace smoothlab
