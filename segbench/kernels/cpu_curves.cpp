// CPU door that draws the curves of average precision.
#include <algorithm>

#include "curves.h"
#include "door.h"
#include "share_out.h"

namespace seg {
namespace {

// Predictions of some images, as InstanceStats has them.
struct Part {
  Vector<int32_t> category_ids, ranks;
  Vector<double> scores;
  Matrix<uint64_t> matched, ignored;
};

struct Place {
  double score;
  uint32_t part, row;
};

// The places of the predictions of each category, in the order of the parts.
std::vector<std::vector<Place>> by_category(const std::vector<Part>& parts, std::size_t categories) {
  std::vector<std::vector<Place>> places(categories);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const Part& part = parts[p];
    for (std::size_t i = 0; i < part.scores.size(); ++i) {
      int32_t k = part.category_ids.data()[i];
      if (k < 0 || static_cast<std::size_t>(k) >= categories) throw std::invalid_argument("unknown category");
      places[static_cast<std::size_t>(k)].push_back(
          {part.scores.data()[i], static_cast<uint32_t>(p), static_cast<uint32_t>(i)});
    }
  }
  return places;
}

void sort_by_score(std::vector<Place>& places) {
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.score > b.score; });
}

struct Ranked {
  Outcome outcome;
  int32_t rank;
};

// The outcomes of a category in one area range that count at some threshold, of which there are `every`.
void list_outcomes(const std::vector<Part>& parts, const std::vector<Place>& places, std::size_t area,
                   uint64_t every, std::vector<Ranked>& out) {
  out.clear();
  for (const Place& place : places) {
    const Part& part = parts[place.part];
    std::size_t at = area * part.scores.size() + place.row;
    uint64_t counted = every & ~part.ignored.data()[at];
    if (counted) out.push_back({{place.score, part.matched.data()[at] & counted, counted}, part.ranks.data()[place.row]});
  }
}

// Those that are among the best `limit` of their image.
void choose(const std::vector<Ranked>& ranked, int64_t limit, std::vector<Outcome>& out) {
  out.clear();
  for (const Ranked& one : ranked) {
    if (one.rank < limit) out.push_back(one.outcome);
  }
}

// The best score within the limit; where it is one of each image, that is the first.
double best_score(const std::vector<Part>& parts, const std::vector<Place>& places, int64_t limit) {
  for (const Place& place : places) {
    if (parts[place.part].ranks.data()[place.row] < limit) return place.score;
  }
  return 0;
}

std::vector<Part> read_parts(const nb::list& parts, std::size_t areas) {
  std::vector<Part> out;
  for (nb::handle handle : parts) {
    auto columns = nb::cast<nb::tuple>(handle);
    Part part{nb::cast<Vector<int32_t>>(columns[0]), nb::cast<Vector<int32_t>>(columns[1]),
              nb::cast<Vector<double>>(columns[2]), nb::cast<Matrix<uint64_t>>(columns[3]),
              nb::cast<Matrix<uint64_t>>(columns[4])};
    std::size_t n = part.scores.size();
    if (part.category_ids.size() != n || part.ranks.size() != n || part.matched.shape(0) != areas ||
        part.matched.shape(1) != n || part.ignored.shape(0) != areas || part.ignored.shape(1) != n) {
      throw std::invalid_argument("the columns of predictions differ in length");
    }
    out.push_back(part);
  }
  return out;
}

// Curves of the categories in `order`; -1 where one has no truth. Arrays are [T, R, K, A, M], [T, K, A, M].
nb::tuple draw_curves(const nb::list& given, Matrix<int64_t> truths, Vector<int64_t> order,
                      Vector<double> grid, Vector<int64_t> limits, int64_t levels, int64_t threads) {
  std::size_t areas = truths.shape(0), categories = truths.shape(1), k_n = order.size(), m_n = limits.size(),
              r_n = grid.size(), t_n = static_cast<std::size_t>(levels);
  if (levels < 1 || levels > 64) throw std::invalid_argument("there must be 1 to 64 thresholds");
  std::vector<bool> wanted(categories);
  for (std::size_t k = 0; k < k_n; ++k) {
    auto id = static_cast<uint64_t>(order.data()[k]);
    if (id >= categories) throw std::invalid_argument("unknown category");
    if (wanted[id]) throw std::invalid_argument("a category stands twice");
    wanted[id] = true;
  }
  std::vector<Part> parts = read_parts(given, areas);
  std::vector<double> precision(t_n * r_n * k_n * areas * m_n, -1), recall(t_n * k_n * areas * m_n, -1);
  std::vector<double> scores(precision.size(), -1);
  {
    nb::gil_scoped_release release;
    std::vector<std::vector<Place>> places = by_category(parts, categories);
    auto cells = static_cast<int64_t>(k_n * areas * m_n);
    share_out(k_n, threads, [&](auto next) {
      CurveDrawer drawer(grid.data(), static_cast<int64_t>(r_n), levels);
      std::vector<Ranked> ranked;
      std::vector<Outcome> outcomes;
      for (std::size_t k = next(); k < k_n; k = next()) {
        auto id = static_cast<std::size_t>(order.data()[k]);
        std::vector<Place>& found = places[id];
        sort_by_score(found);
        for (std::size_t a = 0; a < areas; ++a) {
          int64_t count = truths.data()[a * categories + id];
          if (count == 0) continue;
          list_outcomes(parts, found, a, ~uint64_t{0} >> (64 - levels), ranked);
          for (std::size_t m = 0; m < m_n; ++m) {
            choose(ranked, limits.data()[m], outcomes);
            std::size_t cell = (k * areas + a) * m_n + m;
            drawer.draw(outcomes, count, best_score(parts, found, limits.data()[m]),
                        {precision.data() + cell, recall.data() + cell, scores.data() + cell, cells,
                         cells * static_cast<int64_t>(r_n), cells});
          }
        }
      }
    });
  }
  return nb::make_tuple(to_numpy(std::move(precision), {t_n, r_n, k_n, areas, m_n}),
                        to_numpy(std::move(recall), {t_n, k_n, areas, m_n}),
                        to_numpy(std::move(scores), {t_n, r_n, k_n, areas, m_n}));
}

}  // namespace

void add_curve_doors(nb::module_& m) { m.def("draw_curves", &draw_curves); }

}  // namespace seg
