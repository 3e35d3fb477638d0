// CPU doors of PNG: its chunks; its row filters undone to bytes, 16-bit values, ids stored as colours, or runs.
#include <stdexcept>
#include <string>

#include "codec.h"
#include "door.h"
#include "png.h"
#include "png_file.h"
#include "png_runs.h"

namespace seg {
namespace {

std::invalid_argument no_such_filter(int64_t y, uint8_t filter) {
  return std::invalid_argument("row " + std::to_string(y) + " has filter " + std::to_string(filter) +
                               "; a PNG has 0 to 4");
}

// Calls place(y) for where row y goes, the row above staying as it is, and done(y, bytes) when it is there.
template <class Place, class Done>
void for_each_row(const uint8_t* raw, int64_t height, int64_t n, int64_t pixel, Place place, Done done) {
  const std::vector<uint8_t> above_the_first(static_cast<std::size_t>(n), 0);
  const uint8_t* up = above_the_first.data();
  for (int64_t y = 0; y < height; ++y, raw += n + 1) {
    uint8_t* out = place(y);
    if (!png_unfilter_row(raw[0], pixel, raw + 1, up, out, n)) throw no_such_filter(y, raw[0]);
    done(y, out);
    up = out;
  }
}

// The same, with room for two rows only, and a byte to read behind them.
template <class Done>
void for_each_passing_row(const uint8_t* raw, int64_t height, int64_t n, int64_t pixel, Done done) {
  std::vector<uint8_t> rows(static_cast<std::size_t>(2 * n + 1));
  for_each_row(raw, height, n, pixel, [&](int64_t y) { return rows.data() + y % 2 * n; }, done);
}

template <class T>
using Target = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// Checks that the residuals are as many as `height` rows of n bytes need.
void check_residuals(const Vector<uint8_t>& raw, int64_t height, int64_t n, int64_t pixel) {
  if (pixel < 1 || pixel > 4) {
    throw std::invalid_argument("bytes_per_pixel must be 1 to 4, not " + std::to_string(pixel));
  }
  if (n < 1 || n % pixel != 0) {
    throw std::invalid_argument("rows must hold whole pixels of " + std::to_string(pixel) + " bytes, not " +
                                std::to_string(n) + " bytes");
  }
  if (height < 1 || static_cast<int64_t>(raw.size()) != height * (n + 1)) {
    throw std::invalid_argument("expected " + std::to_string(height * (n + 1)) + " bytes of residuals, not " +
                                std::to_string(raw.size()));
  }
}

// Bytes of a row of `values` values, after that check.
template <class T>
int64_t checked_row(const Vector<uint8_t>& raw, const Target<T>& out, int64_t bytes_a_value, int64_t pixel) {
  auto height = static_cast<int64_t>(out.shape(0)), n = static_cast<int64_t>(out.shape(1)) * bytes_a_value;
  check_residuals(raw, height, n, pixel);
  return n;
}

void unfilter_bytes(Vector<uint8_t> raw, Target<uint8_t> out, int64_t pixel) {
  int64_t n = checked_row(raw, out, 1, pixel);
  uint8_t* bytes = out.data();
  nb::gil_scoped_release release;
  for_each_row(
      raw.data(), static_cast<int64_t>(out.shape(0)), n, pixel, [=](int64_t y) { return bytes + y * n; },
      [](int64_t, const uint8_t*) {});
}

void unfilter_uint16(Vector<uint8_t> raw, Target<uint16_t> out, int64_t pixel) {
  int64_t n = checked_row(raw, out, 2, pixel), width = n / 2;
  uint16_t* values = out.data();
  nb::gil_scoped_release release;
  for_each_passing_row(raw.data(), static_cast<int64_t>(out.shape(0)), n, pixel,
                       [=](int64_t y, const uint8_t* row) {
                         uint16_t* to = values + y * width;
                         for (int64_t x = 0; x < width; ++x) {
                           to[x] = static_cast<uint16_t>(row[2 * x] << 8 | row[2 * x + 1]);
                         }
                       });
}

// Ids of n pixels; reads one byte more than they have, so that compilers read each in one go.
template <int pixel>
void to_ids(const uint8_t* row, int64_t n, int32_t* ids) {
  for (int64_t x = 0; x < n; ++x, row += pixel) {
    uint32_t four = row[0] | row[1] << 8 | row[2] << 16 | static_cast<uint32_t>(row[3]) << 24;
    ids[x] = static_cast<int32_t>(four & 0xFFFFFF);
  }
}

void unfilter_ids(Vector<uint8_t> raw, Target<int32_t> out, int64_t pixel) {
  if (pixel < 3) throw std::invalid_argument("ids need 3 or 4 bytes a pixel, not " + std::to_string(pixel));
  int64_t n = checked_row(raw, out, pixel, pixel), width = n / pixel;
  int32_t* ids = out.data();
  nb::gil_scoped_release release;
  for_each_passing_row(raw.data(), static_cast<int64_t>(out.shape(0)), n, pixel,
                       [=](int64_t y, const uint8_t* row) {
                         (pixel == 3 ? to_ids<3> : to_ids<4>)(row, width, ids + y * width);
                       });
}

// What pixels of so many bytes hold: a value of 8 bits, of 16 in big-endian order, or an id stored as colour.
template <int pixel>
auto stored_value(uint32_t bytes) {
  if constexpr (pixel == 1) return static_cast<uint8_t>(bytes);
  if constexpr (pixel == 2) return static_cast<uint16_t>((bytes & 255) << 8 | bytes >> 8);
  if constexpr (pixel > 2) return static_cast<int32_t>(bytes);
}

template <int pixel>
auto runs_of_rows(const uint8_t* raw, int64_t height, int64_t width) {
  RunWriter<decltype(stored_value<pixel>(0))> writer;
  PngRunRows<pixel> rows(width);
  for (int64_t y = 0; y < height; ++y, raw += width * pixel + 1) {
    if (!rows.next(raw[0], raw + 1)) throw no_such_filter(y, raw[0]);
    const RowRuns& row = rows.row();
    const uint32_t *values = row.values.data() + row.first, *ends = row.ends.data() + row.first;
    auto before = static_cast<uint32_t>(y * width);
    writer.add_row(
        row.last - row.first + 1, [=](std::size_t i) { return stored_value<pixel>(values[i]); },
        [=](std::size_t i) { return before + ends[i]; });
  }
  return writer.take();
}

template <int pixel>
nb::tuple png_runs_of(const uint8_t* raw, int64_t height, int64_t width) {
  decltype(runs_of_rows<pixel>(raw, height, width)) runs;
  {
    nb::gil_scoped_release release;
    runs = runs_of_rows<pixel>(raw, height, width);
  }
  return to_numpy(std::move(runs));
}

nb::tuple png_runs(Vector<uint8_t> raw, int64_t height, int64_t width, int64_t pixel) {
  pixels_of(height, width);
  check_residuals(raw, height, width * pixel, pixel);
  switch (pixel) {
    case 1: return png_runs_of<1>(raw.data(), height, width);
    case 2: return png_runs_of<2>(raw.data(), height, width);
    case 3: return png_runs_of<3>(raw.data(), height, width);
    default: return png_runs_of<4>(raw.data(), height, width);
  }
}

// (height, width, depth, colour type, bits a pixel, spans of its zlib stream), or None.
nb::object png_parse(nb::bytes file) {
  PngFile png;
  if (!png.read({file.c_str(), file.size()})) return nb::none();
  nb::list parts;
  for (auto [begin, end] : png.parts) parts.append(nb::make_tuple(begin, end));
  return nb::make_tuple(png.height, png.width, png.depth, png.color_type, png.bits_per_pixel(), parts);
}

}  // namespace

void add_png_doors(nb::module_& m) {
  m.def("png_parse", &png_parse);
  m.def("png_runs", &png_runs);
  m.def("png_unfilter", &unfilter_bytes, nb::arg(), nb::arg().noconvert(), nb::arg());
  m.def("png_unfilter", &unfilter_uint16, nb::arg(), nb::arg().noconvert(), nb::arg());
  m.def("png_unfilter", &unfilter_ids, nb::arg(), nb::arg().noconvert(), nb::arg());
}

}  // namespace seg
