#include "record.h"

#include <algorithm>
#include <cmath>

namespace seg {
namespace {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<uint64_t>(text.size()));
  out.append(text);
}

uint8_t shape_of(MaskKind kind) {
  switch (kind) {
    case MaskKind::polygons: return 1 + 16;
    case MaskKind::rle: return 2 + 8;
    case MaskKind::runs: return 3 + 8;
    default: return 4;
  }
}

std::string segment_record(const InstanceColumns& columns, int64_t row) {
  double area = columns.area(row), score = columns.score(row);
  XYWH box = columns.box(row);
  Mask mask = (*columns.masks)[static_cast<std::size_t>(row)];
  std::string out;
  out.reserve(mask.text.size() + 100);
  put(out, static_cast<uint8_t>(columns.iscrowd[row] | !std::isnan(area) << 2 | !std::isnan(box[0]) << 3 |
                                !std::isnan(score) << 4));
  put(out, shape_of(mask.kind));
  put(out, columns.ids[row]);
  put(out, static_cast<int64_t>(columns.category_ids[row]));
  if (!std::isnan(area)) put(out, area);
  if (!std::isnan(box[0])) put(out, box);
  if (!std::isnan(score)) put(out, score);
  put_text(out, mask.text);
  put_text(out, {});
  return out;
}

}  // namespace

std::string segments_record(const InstanceColumns& columns, int64_t index) {
  std::vector<std::string> parts;
  for (int64_t i = columns.starts[index]; i < columns.starts[index + 1]; ++i) {
    parts.push_back(segment_record(columns, columns.rows[i]));
  }
  std::sort(parts.begin(), parts.end());
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

}  // namespace seg
