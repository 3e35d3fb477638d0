// RLE strings: read, written, decoded, merged, measured, filled, and the pixels two of them share.
#include <string>

#include "codec.h"
#include "fill.h"
#include "input.h"
#include "naive_runs.h"

namespace {

using naive::Intervals;

template <class Call>
bool raises(Call call) {
  try {
    call();
    return false;
  } catch (const std::invalid_argument&) {
    return true;
  }
}

// Of small images, of narrow and flat ones, and of as many pixels as a run can count.
std::pair<int64_t, int64_t> size_of(Input& input) {
  int kind = input.byte() % 4;
  if (kind == 0) return {input.word(), 1 + input.byte()};
  if (kind == 1) return {1 + input.byte(), input.word()};
  return {1 + input.byte() % 40, 1 + input.byte() % 40};
}

void check_pixels(const std::vector<seg::Range>& ranges, const seg::MaskSpan& span, const Intervals& mask,
                  int64_t height, int64_t width) {
  std::vector<uint8_t> inside;
  for (const seg::Box& box : {span.box, seg::Box{0, 0, width, height}}) {
    seg::fill_box(ranges.data() + span.first, span.count, height, box, inside);
    for (int64_t y = box.y0, i = 0; y < box.y1; ++y) {
      for (int64_t x = box.x0; x < box.x1; ++x, ++i) {
        HOLD(inside[static_cast<std::size_t>(i)] == naive::holds(mask, x * height + y));
      }
    }
  }
}

// Decodes behind what `ranges` holds, and checks the mask.
seg::MaskSpan check_decoded(std::string_view text, const naive::Runs& runs, int64_t height, int64_t width,
                            std::vector<seg::Range>& ranges) {
  Intervals mask = naive::intervals(runs);
  std::size_t before = ranges.size();
  seg::MaskSpan span = seg::decode(text, height, width, 0, ranges);
  HOLD(span.first == before && span.first + span.count == ranges.size());
  HOLD(naive::intervals(ranges.data() + span.first, span.count) == mask);
  HOLD(span.area == naive::area(mask));
  const seg::Box& box = span.box;
  HOLD((std::vector<int64_t>{box.x0, box.y0, box.x1, box.y1}) == naive::box(mask, height));
  if (height * width <= 1600) check_pixels(ranges, span, mask, height, width);
  return span;
}

void check_written(const naive::Runs& runs, int64_t pixels) {
  std::string text = seg::write_runs(runs);
  HOLD(seg::read_runs(text, pixels, 0, false) == runs);
  std::vector<uint32_t> toggles;
  uint32_t at = 0;
  for (uint32_t run : runs) toggles.push_back(at += run);
  std::string mask = seg::write_toggles(toggles, pixels);
  HOLD(naive::intervals(seg::read_runs(mask, pixels, 0, true)) == naive::intervals(runs) ||
       naive::sum(runs) < pixels);
}

void check_shared(const seg::MaskSpan& a, const seg::MaskSpan& b, const std::vector<seg::Range>& ranges,
                  const std::vector<Intervals>& masks, int64_t height) {
  int64_t common = naive::area(naive::joined(masks, true));
  if (!seg::boxes_meet(a.box, b.box)) {
    HOLD(common == 0);
    return;
  }
  int64_t begin = std::max(a.box.x0, b.box.x0) * height, end = std::min(a.box.x1, b.box.x1) * height;
  HOLD(seg::common_pixels(ranges.data() + a.first, static_cast<int64_t>(a.count), ranges.data() + b.first,
                          static_cast<int64_t>(b.count), begin, end) == common);
}

void check_merged(const std::vector<std::string_view>& texts, const std::vector<Intervals>& masks,
                  int64_t pixels) {
  for (bool intersect : {false, true}) {
    naive::Runs merged = seg::merge_all(texts, pixels, intersect);
    HOLD(naive::intervals(merged) == naive::joined(masks, intersect));
    HOLD(texts.size() < 2 || naive::sum(merged) == pixels);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  auto [height, width] = size_of(input);
  int64_t pixels = 0;
  if (raises([&, h = height, w = width] { pixels = seg::pixels_of(h, w); })) return 0;
  std::vector<std::string_view> texts;
  std::vector<Intervals> masks;
  std::vector<seg::MaskSpan> spans;
  std::vector<seg::Range> ranges;
  while (!input.empty() && texts.size() < 4) {
    // A copy that ends where the text does: reading further is found.
    std::string_view text = input.piece();
    std::vector<char> tight(text.begin(), text.end());
    std::string_view copy(tight.data(), tight.size());
    auto runs = naive::read(text, pixels);
    HOLD(raises([&] { seg::read_runs(copy, pixels, 0, false); }) == !runs);
    HOLD(raises([&] { seg::read_runs(copy, pixels, 0, true); }) == (!runs || naive::sum(*runs) < pixels));
    if (!runs) {
      std::vector<seg::Range> none;
      HOLD(raises([&, h = height, w = width] { seg::decode(copy, h, w, 0, none); }));
      continue;
    }
    HOLD(seg::read_runs(copy, pixels, 0, false) == *runs);
    check_written(*runs, pixels);
    texts.push_back(text);
    masks.push_back(naive::intervals(*runs));
    spans.push_back(check_decoded(copy, *runs, height, width, ranges));
  }
  if (!texts.empty()) check_merged(texts, masks, pixels);
  for (std::size_t i = 1; i < spans.size(); ++i) {
    check_shared(spans[i - 1], spans[i], ranges, {masks[i - 1], masks[i]}, height);
  }
  return 0;
}
