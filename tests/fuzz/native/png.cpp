// PNG's row filters, in buffers that end where the rows do, beside the definition of each filter.
#include <vector>

#include "input.h"
#include "png.h"

namespace {

int predicted(int filter, int a, int b, int c) {
  int p = a + b - c, from_a = std::abs(p - a), from_b = std::abs(p - b), from_c = std::abs(p - c);
  int paeth = from_a <= from_b && from_a <= from_c ? a : from_b <= from_c ? b : c;
  const int all[] = {0, a, b, (a + b) / 2, paeth};
  return all[filter];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  std::size_t pixel = 1 + input.byte() % 4, n = pixel * (1 + input.word() % 300);
  std::vector<uint8_t> up(n, 0);
  while (!input.empty()) {
    uint8_t filter = input.byte();
    if (filter > 4 && filter < 128) filter %= 5;  // most rows have one that there is
    std::vector<uint8_t> in(n), out(n, 0xAA), expected(n);
    // Residuals come as runs, mostly of 0, as in label maps.
    for (std::size_t i = 0; i < n;) {
      std::size_t length = 1 + input.byte() % 64;
      uint8_t value = input.byte() & 1 ? input.byte() : 0;
      for (; length && i < n; --length) in[i++] = value;
    }
    bool known = seg::png_unfilter_row(filter, static_cast<int64_t>(pixel), in.data(), up.data(), out.data(),
                                       static_cast<int64_t>(n));
    HOLD(known == (filter <= 4));
    if (!known) return 0;
    for (std::size_t i = 0; i < n; ++i) {
      int a = i < pixel ? 0 : expected[i - pixel], c = i < pixel ? 0 : up[i - pixel];
      expected[i] = static_cast<uint8_t>(in[i] + predicted(filter, a, up[i], c));
    }
    HOLD(out == expected);
    up = out;
  }
  return 0;
}
