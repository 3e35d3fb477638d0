// Polygons drawn into ranges and into strings, beside a walk over every point of their outlines.
#include <cmath>
#include <map>
#include <string>

#include "codec.h"
#include "input.h"
#include "mask_ranges.h"
#include "naive_runs.h"

namespace {

struct Point {
  int64_t x, y;
};

// Every point of an edge on the fine grid, from the end where its longer axis is least.
std::vector<Point> fine_line(Point p, Point q) {
  int64_t across = std::llabs(q.x - p.x), down = std::llabs(q.y - p.y);
  bool wide = across >= down;
  if (wide ? p.x > q.x : p.y > q.y) std::swap(p, q);
  int64_t steps = wide ? across : down;
  double slope = !steps ? 0 : static_cast<double>(wide ? q.y - p.y : q.x - p.x) / static_cast<double>(steps);
  std::vector<Point> line;
  for (int64_t t = 0; t <= steps; ++t) {
    auto side = static_cast<int64_t>(static_cast<double>(wide ? p.y : p.x) + slope * static_cast<double>(t) + .5);
    line.push_back(wide ? Point{p.x + t, side} : Point{side, p.y + t});
  }
  return line;
}

// Pixels inside by how often the outline steps between the fine columns 5x + 2 and 5x + 3 above them.
naive::Intervals drawn(const std::vector<double>& xy, int64_t height, int64_t width) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < xy.size(); i += 2) {
    points.push_back({static_cast<int64_t>(5 * xy[i] + .5), static_cast<int64_t>(5 * xy[i + 1] + .5)});
  }
  std::map<int64_t, int> toggles;
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::vector<Point> line = fine_line(points[i], points[(i + 1) % points.size()]);
    for (std::size_t t = 0; t + 1 < line.size(); ++t) {
      Point a = line[t], b = line[t + 1];
      int64_t column = std::min(a.x, b.x) - 2;
      if (a.x == b.x || column < 0 || column % 5 || column / 5 >= width) continue;
      double row = std::ceil(static_cast<double>(std::min(a.y, b.y) - 2) / 5);
      toggles[column / 5 * height + static_cast<int64_t>(std::fmin(std::fmax(row, 0), static_cast<double>(height)))] ^= 1;
    }
  }
  naive::Intervals mask;
  int64_t begin = -1;
  for (auto [at, odd] : toggles) {
    if (!odd) continue;
    if (begin >= 0) naive::append(mask, begin, at);
    begin = begin < 0 ? at : -1;
  }
  if (begin >= 0) naive::append(mask, begin, height * width);
  return mask;
}

// On or near the grid, in and around the image; some far away, and now and then none.
double coordinate(Input& input) {
  uint32_t bits = input.word();
  int kind = bits & 7;
  if (kind < 5) return static_cast<double>(static_cast<int32_t>(bits >> 3 & 0x3FFF) - 0x1000) / 64;
  if (kind < 7) return static_cast<double>(static_cast<int32_t>(bits)) / 1e6;
  double value;
  uint64_t all = static_cast<uint64_t>(bits) << 32 | input.word();
  std::memcpy(&value, &all, sizeof value);
  return value;
}

std::string text_of(const std::vector<std::vector<double>>& polygons) {
  std::string text;
  auto put = [&](double value) { text.append(reinterpret_cast<const char*>(&value), sizeof value); };
  for (const auto& xy : polygons) {
    put(static_cast<double>(xy.size()));
    for (double value : xy) put(value);
  }
  return text;
}

void check(const std::vector<std::vector<double>>& polygons, int64_t height, int64_t width) {
  std::vector<naive::Intervals> masks;
  std::vector<std::string> texts;
  int64_t pixels = height * width;
  seg::Outliner outliner;
  for (const auto& xy : polygons) {
    texts.push_back(seg::write_toggles(outliner.draw(xy.data(), xy.size() / 2, height, width), pixels));
    masks.push_back(drawn(xy, height, width));
    HOLD(naive::intervals(seg::read_runs(texts.back(), pixels, 0, true)) == masks.back());
  }
  naive::Intervals all = naive::joined(masks, false);
  seg::MaskStore store;
  std::string text = text_of(polygons);
  HOLD(store.add({seg::MaskKind::polygons, 0, 0, text}));
  seg::MaskDrawer drawer;
  std::vector<seg::Range> ranges{{1, 2}};
  seg::MaskSpan span = drawer.draw(store[0], height, width, ranges);
  HOLD(span.first == 1 && span.count + 1 == ranges.size());
  HOLD(naive::intervals(ranges.data() + 1, span.count) == all);
  HOLD(span.area == naive::area(all));
  std::vector<std::string_view> views(texts.begin(), texts.end());
  HOLD(naive::intervals(seg::merge_all(views, pixels, false)) == all);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  int64_t height = 1 + input.byte() % 64, width = 1 + input.byte() % 64;
  std::vector<std::vector<double>> polygons;
  bool legal = true, near = true;
  while (!input.empty() && polygons.size() < 3) {
    std::vector<double> xy(2 * (1 + input.byte() % 8));
    for (double& value : xy) {
      value = coordinate(input);
      legal &= std::fabs(value) <= 1e8;  // not so of NaN
      near &= std::fabs(value) <= 700;
    }
    polygons.push_back(xy);
  }
  if (polygons.empty()) return 0;
  if (legal && near) {  // the walk takes a step a fine pixel
    check(polygons, height, width);
    return 0;
  }
  bool raised = false;
  try {
    seg::Outliner outliner;
    for (const auto& xy : polygons) outliner.draw(xy.data(), xy.size() / 2, height, width);
  } catch (const std::invalid_argument&) {
    raised = true;
  }
  HOLD(raised == !legal);
  return 0;
}
