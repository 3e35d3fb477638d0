// Predictions and truth of many images measured together: masks of any kind, odd areas, boxes and ids.
#include <cmath>
#include <string>

#include "instance_measure.h"
#include "codec.h"
#include "input.h"

namespace {

double odd_number(Input& input) {
  static constexpr double numbers[] = {0, 1, 1024, 9216, 1e10, 0.5, -3, 1e300};
  uint8_t kind = input.byte();
  return kind < 8 ? numbers[kind] : kind < 16 ? std::nan("") : kind;
}

std::string mask_text(Input& input, seg::MaskKind kind, int64_t pixels) {
  std::string text;
  if (kind == seg::MaskKind::polygons) {
    int n = 4 + 2 * (input.byte() % 3);
    for (int i = -1; i < n; ++i) {
      double value = i < 0 ? n : static_cast<int8_t>(input.byte()) / 4.0;
      text.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
  } else if (input.byte() % 8 == 0) {
    text = input.piece();  // as it comes: mostly malformed
  } else {
    std::vector<uint32_t> runs;
    for (int64_t left = pixels; left > 0; left -= runs.back()) {
      runs.push_back(static_cast<uint32_t>(std::min<int64_t>(left, input.empty() ? left : input.byte())));
    }
    text = seg::write_runs(runs);
  }
  return text;
}

struct Side {
  std::vector<int64_t> starts{0}, rows, ids;
  std::vector<int32_t> category_ids;
  std::vector<double> areas, boxes, scores;
  std::vector<bool> crowd;
  seg::MaskStore masks;

  void add(Input& input, int64_t height, int64_t width) {
    auto kind = static_cast<seg::MaskKind>(input.byte() % 8 == 0 ? 0 : 1 + input.byte() % 3);
    uint32_t high = static_cast<uint32_t>(height) + (input.byte() % 32 == 0);
    bool sized = kind == seg::MaskKind::rle || kind == seg::MaskKind::runs;
    std::string text = kind == seg::MaskKind::none ? "" : mask_text(input, kind, height * width);
    HOLD(masks.add({kind, sized ? high : 0, sized ? static_cast<uint32_t>(width) : 0, text}));
    rows.push_back(static_cast<int64_t>(rows.size()));
    ids.push_back(input.byte() % 16);
    category_ids.push_back(input.byte() % 5 - (input.byte() % 16 == 0));
    areas.push_back(odd_number(input));
    scores.push_back(input.byte() / 8.0);
    bool boxed = input.byte() % 4 != 0;
    for (int k = 0; k < 4; ++k) boxes.push_back(boxed ? input.byte() / 4.0 : std::nan(""));
    crowd.push_back(input.byte() % 4 == 0);
  }

  seg::InstanceColumns columns(const bool* flags) const {
    return {starts.data(), rows.data(), category_ids.data(), ids.data(), flags,
            areas.data(), boxes.data(), scores.data(), &masks};
  }
};

void check(const seg::InstanceTallies& found, int64_t images, std::size_t ranges, int64_t limit) {
  auto n = static_cast<std::size_t>(found.pred_starts.back());
  HOLD(found.pred_starts.size() == static_cast<std::size_t>(images) + 1);
  HOLD(found.pred_category_ids.size() == n && found.ranks.size() == n && found.scores.size() == n);
  HOLD(found.matched.size() == ranges && found.ignored.size() == ranges && found.truths.size() == ranges);
  for (const auto& flags : found.matched) HOLD(flags.size() == n);
  for (int32_t rank : found.ranks) HOLD(rank >= 0 && rank < limit);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  seg::MeasureRules rules{input.byte() % 2 == 1, {0.5, 0.75, 1.0}, {0, 1e10, 0, 1024, 5, 1}, 1 + input.byte() % 4};
  std::vector<int64_t> distances(4, 1 + input.byte() % 5);
  if (distances[0] < 5) rules.distances = distances.data();
  std::vector<int64_t> heights, widths;
  Side preds, truths;
  while (!input.empty() && heights.size() < 4) {
    heights.push_back(1 + input.byte() % 20);
    widths.push_back(1 + input.byte() % 20);
    for (Side* side : {&preds, &truths}) {
      for (int n = input.byte() % 6; n > 0; --n) side->add(input, heights.back(), widths.back());
      side->starts.push_back(static_cast<int64_t>(side->rows.size()));
    }
  }
  auto flags = [](const Side& side) {
    std::vector<uint8_t> out(side.crowd.begin(), side.crowd.end());
    out.push_back(0);
    return out;
  };
  std::vector<uint8_t> pred_flags = flags(preds), truth_flags = flags(truths);
  auto images = static_cast<int64_t>(heights.size());
  try {
    seg::InstanceTallies found = seg::measure_instances(
        preds.columns(reinterpret_cast<const bool*>(pred_flags.data())),
        truths.columns(reinterpret_cast<const bool*>(truth_flags.data())), {heights.data(), widths.data()}, 0,
        images, rules);
    check(found, images, 3, rules.limit);
  } catch (const std::invalid_argument&) {  // a mask is malformed or missing, or a true category is unknown
  }
  return 0;
}
