// The emulator's one function for Python: it calls a kernel by name. KERNELS is the source with the kernels,
// NAMES a file with a line "K(name)" for each of them; tests/emulator/build.py gives both.
#include "cuda.h"

#include KERNELS

namespace {

template <class... Parameters, std::size_t... place>
std::function<void()> bound(void (*kernel)(Parameters...), void* const* values, std::index_sequence<place...>) {
  return [=] { kernel(*static_cast<std::remove_const_t<Parameters>*>(values[place])...); };
}

// Raises unless the arguments are as many, and each as long, as the parameters: CUDA itself would not.
template <class... Parameters>
std::function<void()> checked(void (*kernel)(Parameters...), void* const* values, const int64_t* bytes, int64_t n) {
  const int64_t wanted[] = {static_cast<int64_t>(sizeof(Parameters))..., 0};
  if (n != sizeof...(Parameters)) {
    throw std::runtime_error(std::to_string(n) + " arguments for " + std::to_string(sizeof...(Parameters)) +
                             " parameters");
  }
  for (int64_t i = 0; i < n; ++i) {
    if (bytes[i] != wanted[i]) {
      throw std::runtime_error("argument " + std::to_string(i) + " has " + std::to_string(bytes[i]) +
                               " bytes, its parameter " + std::to_string(wanted[i]));
    }
  }
  return bound(kernel, values, std::index_sequence_for<Parameters...>{});
}

std::function<void()> kernel_of(const std::string& name, void* const* values, const int64_t* bytes, int64_t n) {
#define K(kernel) \
  if (name == #kernel) return checked(kernel, values, bytes, n);
#include NAMES
#undef K
  throw std::runtime_error("there is no such kernel");
}

}  // namespace

// Returns 0, or 1 with what is wrong in `message`.
extern "C" int emulate(const char* name, const unsigned* grid, const unsigned* block, int64_t shared,
                       unsigned seed, void* const* values, const int64_t* bytes, int64_t n, char* message,
                       int64_t message_bytes) {
  try {
    emu::Launch launch;
    launch.grid = {grid[0], grid[1], grid[2]};
    launch.block = {block[0], block[1], block[2]};
    launch.kernel = kernel_of(name, values, bytes, n);
    emu::run(launch, static_cast<std::size_t>(shared), seed);
    return 0;
  } catch (const std::exception& error) {
    std::string text = std::string(name) + ": " + error.what();
    text.resize(std::min(text.size(), static_cast<std::size_t>(message_bytes - 1)));
    std::memcpy(message, text.c_str(), text.size() + 1);
    return 1;
  }
}
