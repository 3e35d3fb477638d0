// CPU door that packs a map, given as its runs, to the zlib stream of a PNG whose rows are filtered with Up.
//
// A pixel's residual differs from that of its neighbour only where a run begins in its row or in the one above, so
// that work is done for runs and not for pixels.
#include <stdexcept>

#include "codec.h"
#include "deflate.h"
#include "door.h"

namespace seg {
namespace {

constexpr uint8_t up = 2;

// The runs of a row that a pixel of the map begins.
template <class T>
struct RowCursor {
  const T* values;
  const uint32_t* ends;
  std::size_t at = 0;

  T value() const { return values[at]; }
  uint64_t end() const { return ends[at]; }
  void reach(uint64_t pixel) { at += ends[at] == pixel; }
};

void put(RunDeflater& to, uint8_t now, uint8_t above, uint64_t n) { to.add(static_cast<uint8_t>(now - above), n); }

// Each byte of a value is filtered by itself; a PNG has the high one first.
void put(RunDeflater& to, uint16_t now, uint16_t above, uint64_t n) {
  to.add<2>({static_cast<uint8_t>((now >> 8) - (above >> 8)), static_cast<uint8_t>(now - above)}, n);
}

// An id as a colour: R + 256 G + 65536 B.
void put(RunDeflater& to, int32_t now, int32_t above, uint64_t n) {
  auto residual = [&](int shift) { return static_cast<uint8_t>((now >> shift) - (above >> shift)); };
  to.add<3>({residual(0), residual(8), residual(16)}, n);
}

template <class T>
std::vector<uint8_t> pack(const T* values, const uint32_t* ends, uint64_t height, uint64_t width) {
  RunDeflater to;
  RowCursor<T> now{values, ends}, above{values, ends};
  for (uint64_t y = 0; y < height; ++y) {
    to.add(up, 1);
    uint64_t begin = y * width, row_end = begin + width;
    while (begin < row_end) {
      uint64_t end = least(now.end(), row_end);
      if (y > 0) end = least(end, above.end() + width);
      put(to, now.value(), y > 0 ? above.value() : T{0}, end - begin);
      now.reach(end);
      if (y > 0) above.reach(end - width);
      begin = end;
    }
  }
  return to.finish();
}

void check_ends(const Vector<uint32_t>& ends, std::size_t n, int64_t pixels) {
  if (n != ends.size()) throw std::invalid_argument("there must be an end for each value");
  uint32_t before = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (ends.data()[i] <= before) throw std::invalid_argument("ends must rise");
    before = ends.data()[i];
  }
  if (before != pixels) throw std::invalid_argument("the runs must be as many pixels as the map");
}

template <class T>
nb::bytes png_pack(Vector<T> values, Vector<uint32_t> ends, int64_t height, int64_t width) {
  std::vector<uint8_t> out;
  {
    nb::gil_scoped_release release;
    check_ends(ends, values.size(), pixels_of(height, width));
    out = pack(values.data(), ends.data(), static_cast<uint64_t>(height), static_cast<uint64_t>(width));
  }
  return nb::bytes(reinterpret_cast<const char*>(out.data()), out.size());
}

}  // namespace

void add_png_write_doors(nb::module_& m) {
  m.def("png_pack", &png_pack<uint8_t>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(), nb::arg());
  m.def("png_pack", &png_pack<uint16_t>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(), nb::arg());
  m.def("png_pack", &png_pack<int32_t>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg(), nb::arg());
}

}  // namespace seg
