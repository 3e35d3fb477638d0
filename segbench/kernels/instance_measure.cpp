#include "instance_measure.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "mask_boundary.h"
#include "mask_ranges.h"
#include "match.h"

namespace seg {
namespace {

struct Row {
  int32_t category_id;
  double score;
  int64_t row;
};

struct Region {
  double area;       // by which area ranges choose
  double mask_area;  // that of the mask where it was measured, else the same
  XYWH box;
  MaskSpan mask;
};

XYWH xywh(const Box& box) {
  return {static_cast<double>(box.x0), static_cast<double>(box.y0), static_cast<double>(box.x1 - box.x0),
          static_cast<double>(box.y1 - box.y0)};
}

// The boundary of a mask, among the ranges of others; made when it is first asked for.
struct Edge {
  std::size_t first = 0, count = 0;
  int64_t area = -1;
};

enum class Need { nothing, area, ranges };  // of a mask

double mask_bound(const MaskSpan& pred, const MaskSpan& truth, bool crowd) {
  const Box &a = pred.box, &b = truth.box;
  int64_t width = least(a.x1, b.x1) - most(a.x0, b.x0), height = least(a.y1, b.y1) - most(a.y0, b.y0);
  if (width <= 0 || height <= 0) return 0;
  return mask_iou(least(width * height, least(pred.area, truth.area)), pred.area, truth.area, crowd);
}

class Measurer {
 public:
  Measurer(const InstanceColumns& preds, const InstanceColumns& truths, const MeasureRules& rules)
      : preds_(preds), truths_(truths), rules_(rules), areas_(rules.area_bounds.size() / 2) {
    for (double t : rules.thresholds) least_iou_ = least(least_iou_, t);
    every_level_ = ~uint64_t{0} >> (64 - rules.thresholds.size());
    out_.truths.resize(areas_);
    out_.matched.resize(areas_);
    out_.ignored.resize(areas_);
  }

  // `distance` is the width of boundaries, 0 where they do not count.
  void image(int64_t index, int64_t height, int64_t width, int64_t distance) {
    height_ = height;
    width_ = width;
    distance_ = distance;
    out_.moved.push_back(0);
    list(preds_, index, pred_rows_, true);
    list(truths_, index, truth_rows_, false);
    std::size_t d = 0, g = 0;
    while (d < pred_rows_.size() || g < truth_rows_.size()) {
      int32_t category_id = next_category(d, g);
      std::size_t d0 = d, g0 = g;
      while (d < pred_rows_.size() && pred_rows_[d].category_id == category_id) ++d;
      while (g < truth_rows_.size() && truth_rows_[g].category_id == category_id) ++g;
      cell(category_id, pred_rows_.data() + d0, d - d0, truth_rows_.data() + g0, g - g0);
    }
    out_.category_starts.push_back(static_cast<int64_t>(out_.category_ids.size()));
    out_.pred_starts.push_back(static_cast<int64_t>(out_.scores.size()));
  }

  InstanceTallies&& tallies() { return std::move(out_); }

 private:
  // Rows of an image by category; predictions then by falling score; else as they stand.
  void list(const InstanceColumns& side, int64_t index, std::vector<Row>& to, bool is_pred) {
    to.clear();
    for (int64_t i = side.starts[index]; i < side.starts[index + 1]; ++i) {
      int64_t row = side.rows[i];
      int32_t category_id = side.category_ids[row];
      if (category_id < 0 && !is_pred) throw std::invalid_argument("the truth has an unknown category");
      if (category_id >= 0) to.push_back({category_id, is_pred ? side.score(row) : 0.0, i});
    }
    std::sort(to.begin(), to.end(), [](const Row& a, const Row& b) {
      if (a.category_id != b.category_id) return a.category_id < b.category_id;
      return a.score != b.score ? a.score > b.score : a.row < b.row;
    });
    for (Row& row : to) row.row = side.rows[row.row];
  }

  int32_t next_category(std::size_t d, std::size_t g) const {
    if (d == pred_rows_.size()) return truth_rows_[g].category_id;
    if (g == truth_rows_.size()) return pred_rows_[d].category_id;
    return least(pred_rows_[d].category_id, truth_rows_[g].category_id);
  }

  void cell(int32_t category_id, const Row* preds, std::size_t pred_n, const Row* truths, std::size_t n) {
    pred_n = least(pred_n, static_cast<std::size_t>(rules_.limit));
    read_truths(truths, n, pred_n > 0);
    out_.category_ids.push_back(category_id);
    for (std::size_t a = 0; a < areas_; ++a) {
      const bool* ignored = ignore_.get() + a * n;
      out_.truths[a].push_back(std::count(ignored, ignored + n, false));
    }
    for (std::size_t d = 0; d < pred_n; ++d) pred(preds[d], static_cast<int32_t>(d), n);
  }

  void read_truths(const Row* rows, std::size_t n, bool compared) {
    truth_ranges_.clear();
    truth_edge_ranges_.clear();
    truth_edges_.assign(n, Edge{});
    regions_.clear();
    crowd_.reset(new bool[n]);
    ignore_.reset(new bool[areas_ * n]);
    ids_.clear();
    for (std::size_t g = 0; g < n; ++g) {
      int64_t row = rows[g].row;
      regions_.push_back(read(truths_, row, truths_.area(row), compared ? Need::ranges : Need::nothing, truth_ranges_));
      crowd_[g] = truths_.iscrowd[row];
      ids_.push_back(truths_.ids[row]);
      for (std::size_t a = 0; a < areas_; ++a) ignore_[a * n + g] = crowd_[g] || outside(regions_[g].area, a);
    }
    iou_.resize(n);
    visit_.resize(n);
    taken_.assign(areas_ * rules_.thresholds.size() * n, -1);
  }

  // Area: as stated, else that of the mask, else that of the box. A box that is not stated is the mask's. An RLE
  // of which nothing is needed is read all the same, since it may be malformed.
  Region read(const InstanceColumns& side, int64_t row, double area, Need need, std::vector<Range>& ranges) {
    Region region{area, area, side.box(row), {}};
    Mask mask = (*side.masks)[static_cast<std::size_t>(row)];
    bool boxless = std::isnan(region.box[0]), sizeless = std::isnan(area), boxed = mask.kind == MaskKind::none;
    if (rules_.boxes) need = boxless ? Need::ranges : sizeless && !boxed ? Need::area : Need::nothing;
    if (need == Need::nothing && !rules_.boxes && (sizeless || mask.kind != MaskKind::polygons)) need = Need::area;
    if (need == Need::nothing) {
      if (sizeless) region.area = region.mask_area = region.box[2] * region.box[3];
      return region;
    }
    if (need == Need::ranges) region.mask = drawer_.draw(mask, height_, width_, ranges);
    int64_t pixels = need == Need::ranges ? region.mask.area : drawer_.area(mask, height_, width_);
    region.mask_area = static_cast<double>(pixels);
    if (boxless) region.box = xywh(region.mask.box);
    if (sizeless) region.area = region.mask_area;
    if (rules_.boxes) region.mask_area = region.area;
    return region;
  }

  bool outside(double area, std::size_t a) const {
    return area < rules_.area_bounds[2 * a] || area > rules_.area_bounds[2 * a + 1];
  }

  void pred(const Row& row, int32_t rank, std::size_t n) {
    pred_ranges_.clear();
    pred_edge_ranges_.clear();
    pred_edge_ = Edge{};
    XYWH box = preds_.box(row.row);
    double area = box[2] * box[3];
    Region region = read(preds_, row.row, area, n > 0 ? Need::ranges : Need::area, pred_ranges_);
    find_candidates(region, n);
    out_.pred_category_ids.push_back(row.category_id);
    out_.ranks.push_back(rank);
    out_.scores.push_back(row.score);
    bool moves = false;
    for (std::size_t a = 0; a < areas_; ++a) {
      moves |= outside(region.area, a) != outside(region.mask_area, a);
      uint64_t matched = 0, ignored = 0;
      if (!candidates_.empty()) choose(a, rank, n, matched, ignored);
      if (outside(region.area, a)) ignored |= every_level_ & ~matched;
      out_.matched[a].push_back(matched);
      out_.ignored[a].push_back(ignored);
    }
    out_.moved.back() += moves;
  }

  // Lists the truths that some threshold would let the prediction take, with their IoU.
  void find_candidates(const Region& pred, std::size_t n) {
    candidates_.clear();
    for (std::size_t g = 0; g < n; ++g) {
      double iou = overlap(pred, g);
      if (iou < least_iou_) continue;
      iou_[g] = iou;
      candidates_.push_back(static_cast<int32_t>(g));
    }
  }

  // IoU; 0 where a bound shows that it is below the least that counts.
  double overlap(const Region& pred, std::size_t g) {
    const Region& truth = regions_[g];
    bool crowd = crowd_[g];
    if (rules_.boxes) return box_iou(pred.box.data(), truth.box.data(), crowd);
    const MaskSpan &p = pred.mask, &t = truth.mask;
    if (mask_bound(p, t, crowd) < least_iou_ || !boxes_meet(p.box, t.box)) return 0;
    int64_t begin = most(p.box.x0, t.box.x0) * height_, end = least(p.box.x1, t.box.x1) * height_;
    int64_t common = common_pixels(pred_ranges_.data(), static_cast<int64_t>(p.count),
                                   truth_ranges_.data() + t.first, static_cast<int64_t>(t.count), begin, end);
    double iou = mask_iou(common, p.area, t.area, crowd);
    if (distance_ == 0 || crowd || iou < least_iou_) return iou;
    outline(p, pred_ranges_, pred_edge_, pred_edge_ranges_);
    outline(t, truth_ranges_, truth_edges_[g], truth_edge_ranges_);
    const Edge &a = pred_edge_, &b = truth_edges_[g];
    int64_t edge = common_pixels(pred_edge_ranges_.data() + a.first, static_cast<int64_t>(a.count),
                                 truth_edge_ranges_.data() + b.first, static_cast<int64_t>(b.count), begin, end);
    return least(iou, mask_iou(edge, a.area, b.area, false));
  }

  void outline(const MaskSpan& mask, const std::vector<Range>& ranges, Edge& edge, std::vector<Range>& to) const {
    if (edge.area >= 0) return;
    edge.first = to.size();
    edge.area = add_boundary(ranges.data() + mask.first, mask.count, mask.box, height_, distance_, to);
    edge.count = to.size() - edge.first;
  }

  // Takes a truth at each threshold in one area range. A match with annotation id 0 is none, as in COCOeval.
  void choose(std::size_t a, int32_t rank, std::size_t n, uint64_t& matched, uint64_t& ignored) {
    const bool* ignore = ignore_.get() + a * n;
    std::size_t visited = 0;
    for (bool last : {false, true}) {
      for (int32_t g : candidates_) {
        if (ignore[g] == last) visit_[visited++] = g;
      }
    }
    TruthList list{visit_.data(), ignore, crowd_.get(), static_cast<int64_t>(visited)};
    for (std::size_t t = 0; t < rules_.thresholds.size(); ++t) {
      int32_t* taken = taken_.data() + (a * rules_.thresholds.size() + t) * n;
      int32_t g = best_truth(iou_.data(), list, taken, rules_.thresholds[t]);
      if (g < 0) continue;
      taken[g] = rank;
      if (ids_[static_cast<std::size_t>(g)] != 0) matched |= uint64_t{1} << t;
      if (ignore[g]) ignored |= uint64_t{1} << t;
    }
  }

  const InstanceColumns& preds_;
  const InstanceColumns& truths_;
  const MeasureRules& rules_;
  std::size_t areas_;
  double least_iou_ = 1 - 1e-10;  // see best_truth
  uint64_t every_level_;
  InstanceTallies out_;
  MaskDrawer drawer_;
  int64_t height_ = 0, width_ = 0, distance_ = 0;
  std::vector<Row> pred_rows_, truth_rows_;
  // Of the image and category at hand:
  std::vector<Region> regions_;
  std::vector<Range> truth_ranges_, truth_edge_ranges_, pred_ranges_, pred_edge_ranges_;
  std::vector<Edge> truth_edges_;
  Edge pred_edge_;
  std::unique_ptr<bool[]> crowd_, ignore_;
  std::vector<int64_t> ids_;
  std::vector<double> iou_;
  std::vector<int32_t> candidates_, visit_, taken_;
};

}  // namespace

InstanceTallies measure_instances(const InstanceColumns& preds, const InstanceColumns& truths,
                                  const ImageSizes& sizes, int64_t first, int64_t last,
                                  const MeasureRules& rules) {
  Measurer measurer(preds, truths, rules);
  for (int64_t i = first; i < last; ++i) {
    measurer.image(i, sizes.heights[i], sizes.widths[i], rules.distances ? rules.distances[i - first] : 0);
  }
  return measurer.tallies();
}

}  // namespace seg
