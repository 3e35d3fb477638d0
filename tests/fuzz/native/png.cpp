// PNG's row filters undone to bytes and to runs, in buffers that end where the rows do, beside the definition
// of each filter.
#include <vector>

#include "input.h"
#include "png.h"
#include "png_runs.h"
#include "runs.h"

namespace {

using Bytes = std::vector<uint8_t>;

int predicted(int filter, int a, int b, int c) {
  int p = a + b - c, from_a = std::abs(p - a), from_b = std::abs(p - b), from_c = std::abs(p - c);
  int paeth = from_a <= from_b && from_a <= from_c ? a : from_b <= from_c ? b : c;
  const int all[] = {0, a, b, (a + b) / 2, paeth};
  return all[filter];
}

Bytes restored(int filter, const Bytes& in, const Bytes& up, std::size_t pixel) {
  Bytes out(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    int a = i < pixel ? 0 : out[i - pixel], c = i < pixel ? 0 : up[i - pixel];
    out[i] = static_cast<uint8_t>(in[i] + predicted(filter, a, up[i], c));
  }
  return out;
}

// Residuals come as runs, mostly of 0, as in label maps.
Bytes residuals(Input& input, std::size_t n) {
  Bytes in(n);
  for (std::size_t i = 0; i < n;) {
    std::size_t length = 1 + input.byte() % 64;
    uint8_t value = input.byte() & 1 ? input.byte() : 0;
    for (; length && i < n; --length) in[i++] = value;
  }
  return in;
}

// The colour of pixel x, without alpha.
uint32_t pixel_of(const Bytes& row, std::size_t x, std::size_t pixel) {
  uint32_t value = 0;
  for (std::size_t k = 0; k < pixel && k < 3; ++k) value |= static_cast<uint32_t>(row[x * pixel + k]) << 8 * k;
  return value;
}

// Holds the runs of a row to its pixels, and adds them to those of the picture.
void check_runs(const seg::RowRuns& runs, const Bytes& row, std::size_t pixel, uint32_t before,
                seg::RunWriter<uint32_t>& picture) {
  std::size_t x = 0;
  for (std::size_t i = runs.first; i <= runs.last; ++i) {
    HOLD(i == runs.first || runs.values[i] != runs.values[i - 1]);
    HOLD(runs.ends[i] > x && runs.ends[i] <= row.size() / pixel);
    for (; x < runs.ends[i]; ++x) HOLD(runs.values[i] == pixel_of(row, x, pixel));
  }
  HOLD(x == row.size() / pixel);
  const uint32_t *values = runs.values.data() + runs.first, *ends = runs.ends.data() + runs.first;
  picture.add_row(
      runs.last - runs.first + 1, [=](std::size_t i) { return values[i]; },
      [=](std::size_t i) { return before + ends[i]; });
}

template <std::size_t pixel>
void check(Input& input) {
  std::size_t width = 1 + input.word() % 300, n = pixel * width;
  Bytes up(n, 0);
  seg::PngRunRows<pixel> rows(static_cast<int64_t>(width));
  seg::RunWriter<uint32_t> writer;
  std::vector<uint32_t> pixels;
  while (!input.empty()) {
    uint8_t filter = input.byte();
    if (filter > 4 && filter < 128) filter %= 5;  // most rows have one that there is
    Bytes in = residuals(input, n), out(n, 0xAA);
    bool known = seg::png_unfilter_row(filter, pixel, in.data(), up.data(), out.data(), static_cast<int64_t>(n));
    HOLD(known == (filter <= 4));
    HOLD(rows.next(filter, in.data()) == known);
    if (!known) break;
    HOLD(out == restored(filter, in, up, pixel));
    check_runs(rows.row(), out, pixel, static_cast<uint32_t>(pixels.size()), writer);
    for (std::size_t x = 0; x < width; ++x) pixels.push_back(pixel_of(out, x, pixel));
    up = out;
  }
  seg::Runs<uint32_t> joined = writer.take(), expected;
  for (std::size_t i = 0; i < pixels.size(); ++i) expected.add(pixels[i], static_cast<uint32_t>(i + 1));
  HOLD(joined.values == expected.values && joined.ends == expected.ends);
  seg::Runs<uint32_t> found = seg::runs_of(pixels.data(), static_cast<int64_t>(pixels.size()));
  HOLD(found.values == expected.values && found.ends == expected.ends);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  switch (input.byte() % 4) {
    case 0: check<1>(input); break;
    case 1: check<2>(input); break;
    case 2: check<3>(input); break;
    default: check<4>(input);
  }
  return 0;
}
