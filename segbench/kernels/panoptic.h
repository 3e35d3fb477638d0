// Panoptic matching: the true and predicted segments of one image, by their overlap, under a protocol's rules
// (Kirillov et al., Panoptic segmentation, CVPR 2019; pq_compute_single_core of panopticapi 7bb4655).
#pragma once

#include "segment_table.h"

namespace seg {

// What protocols differ in; metrics/panoptic_rules.py says what each does.
enum PanopticRule : uint32_t {
  crowds_void = 1,
  crowds_ordinary = 2,
  areas_stated = 4,
  stuff_merged = 8,
  pred_void_leaves = 16,
  stuff_overlaps = 32,
  ratios_float32 = 64,
  void_images_skipped = 128,
};

// One image, as it is given, with the areas that are stated. edge_iou bounds the IoU of each pair, or is null; it
// goes with rules that leave pairs as they are.
struct PanopticImage {
  IdPairs pairs;
  SegmentList truth, pred;
  const double* stated;
  const double* edge_iou;
  uint32_t rules;
};

// What matching needs room for: of each segment its pixels, those on void and its stand-in, of a predicted one the
// crowd that may excuse it; and of each pair.
struct PanopticRoom {
  int64_t *truth_void, *truth_scored, *pred_void, *pred_pixels;
  int32_t *truth_as, *pred_as, *excuse;
  SharedPixels* pairs;
};

// What comes out: both categories and the IoU of each match, and of each that would be one if its categories were the
// same, in order of (true id, predicted id), as many as *matches, with room for one of each pair; of each segment, as it was given, how often it is a true positive, and whether it
// is missed or a false positive; and the pixels of each true one.
struct PanopticMatches {
  int32_t *category, *pred_category;
  double* iou;
  int64_t* matches;
  int64_t* truth_pixels;
  int32_t *tp, *fn, *fp;
};

class PanopticMatcher {
 public:
  SEG_FN PanopticMatcher(const PanopticImage& image, const PanopticRoom& room, const PanopticMatches& out)
      : in_(image), room_(room), out_(out), n_(image.pairs.n) {}

  SEG_FN void match() {
    number();
    bool joined = join_truths();
    joined |= join_preds();
    if (joined) join_pairs();
    add_up();
    begin();
    for (int64_t i = 0; i < n_; ++i) match_pair(i);
    excuse();
    if (rule(void_images_skipped) && all_ignored()) forget();
  }

 private:
  SEG_FN bool rule(PanopticRule which) const { return (in_.rules & which) != 0; }
  SEG_FN bool crowd(int32_t t) const {
    return in_.truth.has(t, crowd_kind) && !rule(crowds_void) && !rule(crowds_ordinary);
  }
  SEG_FN bool ignored(int32_t t) const {
    return in_.truth.has(t, ignored_kind) || (rule(crowds_void) && in_.truth.has(t, crowd_kind));
  }
  SEG_FN bool counted(int32_t t) const { return stands(t) && !crowd(t) && !ignored(t); }
  SEG_FN bool stands(int32_t t) const { return room_.truth_as[t] == t; }
  SEG_FN bool loose(const SegmentList& side, int32_t i) const {
    return rule(stuff_overlaps) && side.has(i, stuff_kind);
  }

  // Finds the segments of each pair, and counts the pixels of the true ones.
  SEG_FN void number() {
    for (int32_t t = 0; t < in_.truth.n; ++t) out_.truth_pixels[t] = 0;
    for (int64_t i = 0; i < n_; ++i) {
      SharedPixels& pair = room_.pairs[i];
      pair = {in_.truth.find(in_.pairs.truth[i]), in_.pred.find(in_.pairs.pred[i]), in_.pairs.pixels[i]};
      if (pair.truth >= 0) out_.truth_pixels[pair.truth] += pair.pixels;
    }
  }

  // Chooses what stands for each true segment: itself, nothing, or the first of its stuff. Whether any pair changes.
  SEG_FN bool join_truths() {
    const SegmentList& truth = in_.truth;
    for (int32_t t = 0; t < truth.n; ++t) {
      bool gone = rule(pred_void_leaves) && out_.truth_pixels[t] == 0;
      room_.truth_as[t] = gone ? void_index : t;
    }
    if (!rule(stuff_merged)) return false;
    for (int32_t t = 0; t < truth.n; ++t) {
      if (room_.truth_as[t] == void_index || !truth.has(t, stuff_kind) || ignored(t)) continue;
      int32_t first = t;
      for (int32_t other = 0; other < truth.n; ++other) {
        bool joins = truth.category[other] == truth.category[t] && !ignored(other) &&
                     room_.truth_as[other] != void_index;
        if (joins && truth.place[other] < truth.place[first]) first = other;
      }
      room_.truth_as[t] = first;
    }
    return true;
  }

  // The same of predicted segments; a crowd is void where the rules say so.
  SEG_FN bool join_preds() {
    const SegmentList& pred = in_.pred;
    bool joined = false;
    for (int32_t p = 0; p < pred.n; ++p) {
      int32_t& stand_in = room_.pred_as[p];
      stand_in = rule(crowds_void) && pred.has(p, crowd_kind) ? pred.find(0) : p;
      if (rule(stuff_merged) && pred.has(p, stuff_kind) && !pred.has(p, ignored_kind)) {
        stand_in = p;
        for (int32_t other = 0; other < pred.n; ++other) {
          bool joins = pred.category[other] == pred.category[p] && !pred.has(other, ignored_kind);
          if (joins && pred.place[other] < pred.place[stand_in]) stand_in = other;
        }
      }
      joined |= stand_in != p;
    }
    return joined;
  }

  SEG_FN void join_pairs() {
    for (int64_t i = 0; i < n_; ++i) {
      SharedPixels& pair = room_.pairs[i];
      if (pair.truth >= 0) pair.truth = room_.truth_as[pair.truth];
      if (pair.pred >= 0) pair.pred = room_.pred_as[pair.pred];
    }
    sort_pairs(room_.pairs, n_);
    n_ = join_equal(room_.pairs, n_);
  }

  SEG_FN bool unscored(int32_t t) const {
    if (t == nameless_index) return rule(pred_void_leaves);
    return in_.truth.is_void(t) || ignored(t);
  }

  // Adds the pixels of pairs up by segment.
  SEG_FN void add_up() {
    for (int32_t t = 0; t < in_.truth.n; ++t) room_.truth_scored[t] = room_.truth_void[t] = 0;
    for (int32_t p = 0; p < in_.pred.n; ++p) room_.pred_pixels[p] = room_.pred_void[p] = 0;
    for (int64_t i = 0; i < n_; ++i) {
      SharedPixels pair = room_.pairs[i];
      if (pair.truth >= 0) {
        room_.truth_scored[pair.truth] += pair.pixels;
        if (rule(pred_void_leaves) && in_.pred.is_void(pair.pred)) room_.truth_void[pair.truth] += pair.pixels;
      }
      if (pair.pred >= 0) {
        room_.pred_pixels[pair.pred] += pair.pixels;
        if (unscored(pair.truth)) room_.pred_void[pair.pred] += pair.pixels;
      }
    }
  }

  // Where nothing matches: who is missed, and who is false.
  SEG_FN void begin() {
    *out_.matches = 0;
    for (int32_t t = 0; t < in_.truth.n; ++t) {
      bool by_overlap = loose(in_.truth, t);
      auto half = 0.5 * static_cast<double>(room_.truth_scored[t]);
      out_.tp[t] = counted(t) && by_overlap;
      out_.fn[t] = counted(t) && !by_overlap && static_cast<double>(room_.truth_void[t]) <= half;
    }
    for (int32_t p = 0; p < in_.pred.n; ++p) out_.fp[p] = room_.pred_as[p] == p && !loose(in_.pred, p);
  }

  SEG_FN void match_pair(int64_t i) {
    SharedPixels pair = room_.pairs[i];
    int32_t t = pair.truth, p = pair.pred;
    if (t < 0 || p < 0 || !counted(t)) return;
    int32_t category = in_.truth.category[t], other = in_.pred.category[p];
    bool by_overlap = loose(in_.truth, t) && category == other;
    double iou = ratio(pair);
    if (in_.edge_iou && in_.edge_iou[i] < iou) iou = in_.edge_iou[i];
    if (!(iou > 0.5) && !by_overlap) return;
    out_.category[*out_.matches] = category;
    out_.pred_category[*out_.matches] = other;
    out_.iou[(*out_.matches)++] = iou;
    if (category != other) return;
    if (!by_overlap) ++out_.tp[t];
    out_.fn[t] = 0;
    out_.fp[p] = 0;
  }

  // IoU less what was predicted on void; infinite where there is no union.
  SEG_FN double ratio(SharedPixels pair) const {
    double area = in_.stated[pair.truth];
    if (!rule(areas_stated) || !in_.truth.has(pair.truth, stated_kind)) {
      area = static_cast<double>(room_.truth_scored[pair.truth] - room_.truth_void[pair.truth]);
    }
    auto common = static_cast<double>(pair.pixels);
    double both = static_cast<double>(room_.pred_pixels[pair.pred]) + area;
    double whole = both - common - static_cast<double>(room_.pred_void[pair.pred]);
    if (whole == 0) return infinity();
    if (rule(ratios_float32)) return static_cast<double>(static_cast<float>(common) / static_cast<float>(whole));
    return common / whole;
  }

  // No false positive is a prediction of which more than half lies on void and on the last crowd of its category.
  SEG_FN void excuse() {
    for (int32_t p = 0; p < in_.pred.n; ++p) room_.excuse[p] = out_.fp[p] ? last_crowd(in_.pred.category[p]) : -1;
    for (int64_t i = 0; i < n_; ++i) {
      SharedPixels pair = room_.pairs[i];
      if (pair.truth >= 0 && pair.pred >= 0 && room_.excuse[pair.pred] == pair.truth) {
        room_.pred_void[pair.pred] += pair.pixels;
      }
    }
    for (int32_t p = 0; p < in_.pred.n; ++p) {
      auto unscored = static_cast<double>(room_.pred_void[p]);
      if (unscored / static_cast<double>(room_.pred_pixels[p]) > 0.5) out_.fp[p] = 0;
    }
  }

  SEG_FN int32_t last_crowd(int32_t category) const {
    int32_t last = -1;
    for (int32_t t = 0; t < in_.truth.n; ++t) {
      bool excuses = in_.truth.category[t] == category && stands(t) && crowd(t) && !ignored(t);
      if (excuses && (last < 0 || in_.truth.place[t] > in_.truth.place[last])) last = t;
    }
    return last;
  }

  SEG_FN bool all_ignored() const {
    for (int32_t t = 0; t < in_.truth.n; ++t) {
      if (stands(t) && !ignored(t)) return false;
    }
    return true;
  }

  SEG_FN void forget() {
    *out_.matches = 0;
    for (int32_t t = 0; t < in_.truth.n; ++t) out_.tp[t] = out_.fn[t] = 0;
    for (int32_t p = 0; p < in_.pred.n; ++p) out_.fp[p] = 0;
  }

  PanopticImage in_;
  PanopticRoom room_;
  PanopticMatches out_;
  int64_t n_;  // pairs
};

}  // namespace seg
