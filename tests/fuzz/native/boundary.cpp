// Boundaries of maps and of masks, each pixel of which must be what its surroundings say.
#include <algorithm>
#include <string>

#include "input.h"
#include "mask_boundary.h"
#include "codec.h"
#include "near.h"

namespace {

struct Picture {
  int64_t height, width;
  std::vector<uint8_t> pixels;  // by rows

  // How many columns or rows away the nearest pixel of another id or outside the picture is.
  TWIN std::vector<int64_t> depths() const {
    std::vector<int64_t> out(pixels.size());
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) out[index(x, y)] = depth(x, y);
    }
    return out;
  }
  TWIN int64_t depth(int64_t x, int64_t y) const {
    int64_t d = std::min({x, y, width - 1 - x, height - 1 - y}) + 1;
    uint8_t id = at(x, y);
    for (int64_t ring = 1; ring < d; ++ring) {
      for (int64_t i = -ring; i <= ring; ++i) {
        if (at(x + i, y - ring) != id || at(x + i, y + ring) != id || at(x - ring, y + i) != id ||
            at(x + ring, y + i) != id) {
          return ring;
        }
      }
    }
    return d;
  }
  // Whether one of its four neighbours is of another id or outside the picture.
  TWIN bool on_contour(int64_t x, int64_t y) const {
    if (x == 0 || y == 0 || x + 1 == width || y + 1 == height) return true;
    uint8_t id = at(x, y);
    return at(x - 1, y) != id || at(x + 1, y) != id || at(x, y - 1) != id || at(x, y + 1) != id;
  }
  TWIN uint8_t at(int64_t x, int64_t y) const { return pixels[index(x, y)]; }
  TWIN std::size_t index(int64_t x, int64_t y) const { return static_cast<std::size_t>(y * width + x); }
};

// Runs of ids, a byte each: 2 bits of id, 6 of length.
Picture draw(Input& input) {
  Picture out{1 + input.byte() % 40, 1 + input.byte() % 140, {}};
  auto n = static_cast<std::size_t>(out.height * out.width);
  while (out.pixels.size() < n) {
    uint8_t run = input.byte();
    std::size_t length = input.empty() ? n : 1 + run / 4;
    out.pixels.resize(std::min(n, out.pixels.size() + length), run % 4);
  }
  return out;
}

TWIN void check_map(const Picture& picture, const std::vector<int64_t>& depths, int64_t d) {
  seg::Runs<uint8_t> runs = seg::runs_of(picture.pixels.data(), picture.height * picture.width);
  seg::RunMap<uint8_t> map{runs.values.data(), runs.ends.data(), static_cast<int64_t>(runs.ends.size()),
                           picture.height, picture.width};
  seg::BitRows found = seg::near_edges(map.checked(), d), contour = seg::contour_pixels(map);
  for (int64_t y = 0; y < picture.height; ++y) {
    int64_t count = 0;
    for (int64_t x = 0; x < picture.width; ++x) {
      bool expected = depths[picture.index(x, y)] <= d;
      HOLD((found.row(y)[x >> 6] >> (x & 63) & 1) == expected);
      HOLD(seg::any_bit(found.row(y), x, x + 1) == expected);
      count += expected;
      HOLD(seg::any_bit(contour.row(y), x, x + 1) == picture.on_contour(x, y));
    }
    const uint64_t* row = found.row(y);
    HOLD(seg::bits_between(0, picture.width, [=](int64_t i) { return row[i]; }) == count);
  }
}

TWIN void check_mask(const Picture& picture, const std::vector<int64_t>& depths, uint8_t id, int64_t d) {
  std::vector<seg::Range> ranges, edge;
  seg::Box box{0, 0, 0, 0};
  auto inside = [&](int64_t p) TWIN { return picture.at(p / picture.height, p % picture.height) == id; };
  int64_t n = picture.height * picture.width;
  for (int64_t p = 0, begin = 0; p < n; ++p) {
    if (!inside(p)) continue;
    if (p == 0 || !inside(p - 1)) begin = p;
    if (p + 1 < n && inside(p + 1)) continue;
    ranges.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(p + 1)});
    box = seg::widened(box, ranges.back(), picture.height);
  }
  int64_t pixels = seg::add_boundary(ranges.data(), ranges.size(), box, picture.height, d, edge);
  std::vector<uint8_t> found(static_cast<std::size_t>(n));
  int64_t count = 0;
  for (std::size_t i = 0; i < edge.size(); ++i) {
    HOLD(edge[i].begin < edge[i].end && edge[i].end <= n && (i == 0 || edge[i - 1].end < edge[i].begin));
    for (uint32_t p = edge[i].begin; p < edge[i].end; ++p, ++count) found[p] = 1;
  }
  HOLD(count == pixels);
  for (int64_t p = 0; p < n; ++p) {
    int64_t x = p / picture.height, y = p % picture.height;
    HOLD(found[static_cast<std::size_t>(p)] == (inside(p) && depths[picture.index(x, y)] <= d));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  int64_t d = 1 + input.byte() % 24;
  if (d == 24) d = 1 << 20;
  Picture picture = draw(input);
  std::vector<int64_t> depths = picture.depths();
  check_map(picture, depths, d);
  check_mask(picture, depths, 1, d);
  return 0;
}
