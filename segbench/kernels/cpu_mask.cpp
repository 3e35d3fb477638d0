// CPU doors between RLE strings and pixels.
#include "codec.h"
#include "column_edges.h"
#include "door.h"
#include "fill.h"

namespace seg {
namespace {

nb::bytes rle_from_mask(Matrix<uint8_t> mask) {
  const uint8_t* pixels = mask.data();
  auto height = static_cast<int64_t>(mask.shape(0)), width = static_cast<int64_t>(mask.shape(1));
  std::string out;
  {
    nb::gil_scoped_release release;
    int64_t size = pixels_of(height, width);
    std::vector<uint32_t> toggles =
        column_edges(pixels, height, width, [](uint8_t a, uint8_t b) { return (a != 0) != (b != 0); });
    if (pixels[0] != 0) toggles.insert(toggles.begin(), 0);
    out = write_toggles(toggles, size);
  }
  return nb::bytes(out.data(), out.size());
}

nb::object rle_to_mask(const nb::bytes& rle, int64_t height, int64_t width) {
  std::string_view text(rle.c_str(), rle.size());
  std::vector<uint8_t> mask;
  {
    nb::gil_scoped_release release;
    std::vector<Range> ranges;
    MaskSpan span = decode(text, height, width, -1, ranges);
    fill_box(ranges.data(), span.count, height, Box{0, 0, width, height}, mask);
  }
  return to_numpy(std::move(mask), {static_cast<std::size_t>(height), static_cast<std::size_t>(width)});
}

// Sets the pixels of a row that are inside; without branches, so that compilers use vector instructions.
template <class T>
void blend(T* row, const uint8_t* inside, int64_t n, T value) {
  for (int64_t x = 0; x < n; ++x) {
    row[x] = static_cast<T>(row[x] ^ ((row[x] ^ value) & static_cast<T>(-static_cast<int32_t>(inside[x]))));
  }
}

template <class T>
using Canvas = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class T>
void paint(Canvas<T> canvas, const Strings& rles, Vector<int32_t> values) {
  std::vector<std::string_view> texts = views(rles);
  T* pixels = canvas.data();
  const int32_t* value = values.data();
  auto height = static_cast<int64_t>(canvas.shape(0)), width = static_cast<int64_t>(canvas.shape(1));
  nb::gil_scoped_release release;
  std::vector<Range> ranges;
  std::vector<MaskSpan> masks;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    masks.push_back(decode(texts[i], height, width, static_cast<int64_t>(i), ranges));
  }
  std::vector<uint8_t> inside;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Box& box = masks[i].box;
    fill_box(ranges.data() + masks[i].first, masks[i].count, height, box, inside);
    int64_t columns = box.x1 - box.x0;
    for (int64_t y = box.y0; y < box.y1; ++y) {
      blend(pixels + y * width + box.x0, inside.data() + (y - box.y0) * columns, columns,
            static_cast<T>(value[i]));
    }
  }
}

}  // namespace

void add_mask_doors(nb::module_& m) {
  m.def("rle_from_mask", &rle_from_mask);
  m.def("rle_to_mask", &rle_to_mask);
  m.def("paint", &paint<uint8_t>, nb::arg().noconvert(), nb::arg(), nb::arg());
  m.def("paint", &paint<uint16_t>, nb::arg().noconvert(), nb::arg(), nb::arg());
  m.def("paint", &paint<int32_t>, nb::arg().noconvert(), nb::arg(), nb::arg());
}

}  // namespace seg
