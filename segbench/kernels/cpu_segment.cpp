// CPU doors that take a map of segment ids apart.
#include <stdexcept>

#include "column_edges.h"
#include "door.h"
#include "pair_table.h"

namespace seg {
namespace {

// Numbers the ids 0, 1, 2, ... in their order.
PairTable number_ids(const int64_t* ids, std::size_t n) {
  PairTable table;
  for (std::size_t i = 0; i < n; ++i) {
    if (table.add({ids[i], 0}) != static_cast<int64_t>(i)) {
      throw std::invalid_argument("id " + std::to_string(ids[i]) + " is given twice");
    }
  }
  return table;
}

template <class T>
std::vector<std::string> rles_of(const T* map, int64_t height, int64_t width, const PairTable& ids) {
  int64_t size = pixels_of(height, width);
  std::vector<std::vector<uint32_t>> toggles(ids.pairs().size());
  std::vector<uint32_t> edges = column_edges(map, height, width, [](T a, T b) { return a != b; });
  edges.push_back(static_cast<uint32_t>(size));
  int64_t begin = 0;
  for (uint32_t end : edges) {
    int64_t x = begin / height, y = begin - x * height;
    int64_t number = ids.find({static_cast<int64_t>(map[y * width + x]), 0});
    if (number >= 0) {
      std::vector<uint32_t>& own = toggles[static_cast<std::size_t>(number)];
      own.push_back(static_cast<uint32_t>(begin));
      own.push_back(end);
    }
    begin = end;
  }
  std::vector<std::string> out;
  for (const std::vector<uint32_t>& own : toggles) out.push_back(write_toggles(own, size));
  return out;
}

template <class T>
nb::list segment_rles(Matrix<T> map, Vector<int64_t> ids) {
  const T* pixels = map.data();
  auto height = static_cast<int64_t>(map.shape(0)), width = static_cast<int64_t>(map.shape(1));
  std::vector<std::string> rles;
  {
    nb::gil_scoped_release release;
    rles = rles_of(pixels, height, width, number_ids(ids.data(), ids.size()));
  }
  nb::list out;
  for (const std::string& rle : rles) out.append(nb::bytes(rle.data(), rle.size()));
  return out;
}

template <class T>
std::vector<Box> boxes_of(const T* map, int64_t height, int64_t width, const PairTable& ids) {
  std::vector<Box> boxes(ids.pairs().size(), Box{0, 0, 0, 0});
  for (int64_t y = 0; y < height; ++y) {
    const T* row = map + y * width;
    for_each_run(row, row, width, [&](int64_t begin, int64_t end) {
      int64_t number = ids.find({static_cast<int64_t>(row[begin]), 0});
      if (number < 0) return;
      Box& box = boxes[static_cast<std::size_t>(number)];
      box = box.x1 == 0 ? Box{begin, y, end, y + 1}
                        : Box{least(box.x0, begin), box.y0, most(box.x1, end), y + 1};
    });
  }
  return boxes;
}

template <class T>
nb::object segment_boxes(Matrix<T> map, Vector<int64_t> ids) {
  const T* pixels = map.data();
  auto height = static_cast<int64_t>(map.shape(0)), width = static_cast<int64_t>(map.shape(1));
  std::vector<int64_t> out;
  {
    nb::gil_scoped_release release;
    for (const Box& box : boxes_of(pixels, height, width, number_ids(ids.data(), ids.size()))) {
      out.insert(out.end(), {box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0});
    }
  }
  std::size_t n = out.size() / 4;
  return to_numpy(std::move(out), {n, 4});
}

template <class T>
void add_typed_doors(nb::module_& m) {
  m.def("segment_rles", &segment_rles<T>, nb::arg().noconvert(), nb::arg());
  m.def("segment_boxes", &segment_boxes<T>, nb::arg().noconvert(), nb::arg());
}

}  // namespace

void add_segment_doors(nb::module_& m) {
  for_each_id_type([&](auto id) { add_typed_doors<decltype(id)>(m); });
}

}  // namespace seg
