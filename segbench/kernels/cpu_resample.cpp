// CPU doors that score weighted images.
#include <algorithm>
#include <limits>

#include "door.h"
#include "resample.h"
#include "share_out.h"

namespace seg {
namespace {

void check_ids(const Vector<int32_t>& ids, std::size_t n, const char* message) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids.data()[i] < 0 || static_cast<std::size_t>(ids.data()[i]) >= n) throw std::invalid_argument(message);
  }
}

void check_starts(const Vector<int64_t>& starts, std::size_t n) {
  bool right = starts.size() > 0 && starts.data()[0] == 0 &&
               starts.data()[starts.size() - 1] == static_cast<int64_t>(n) &&
               std::is_sorted(starts.data(), starts.data() + starts.size());
  if (!right) throw std::invalid_argument("starts must rise from 0 to the number of detections");
}

// Average precision [resamples, categories, thresholds]; NaN where a resample has no truth of the category.
nb::object weighted_precision(Vector<int64_t> starts, Vector<int32_t> images, Vector<uint64_t> hit,
                              Vector<uint64_t> counted, Matrix<uint16_t> weights, Matrix<int64_t> truths,
                              Vector<double> grid, int64_t levels, int64_t threads) {
  std::size_t n = images.size(), resamples = weights.shape(0), categories = truths.shape(1);
  auto depth = static_cast<std::size_t>(levels);
  if (levels < 1 || levels > 64) throw std::invalid_argument("there must be 1 to 64 thresholds");
  if (hit.size() != n || counted.size() != n) throw std::invalid_argument("the columns of detections differ in length");
  if (truths.shape(0) != resamples || starts.size() != categories + 1) {
    throw std::invalid_argument("truths must be [resamples, categories]");
  }
  check_starts(starts, n);
  check_ids(images, weights.shape(1), "a detection belongs to no image");
  std::vector<double> out(resamples * categories * depth, std::numeric_limits<double>::quiet_NaN());
  {
    nb::gil_scoped_release release;
    constexpr std::size_t together = 16;  // so that the detections of a category stay in the cache
    share_out((resamples + together - 1) / together, threads, [&](auto next) {
      WeightedPrecision scorer(grid.data(), static_cast<int64_t>(grid.size()), levels);
      for (std::size_t first = next() * together; first < resamples; first = next() * together) {
        for (std::size_t k = 0; k < categories; ++k) {
          int64_t start = starts.data()[k];
          SortedDetections found{images.data() + start, hit.data() + start, counted.data() + start,
                                 starts.data()[k + 1] - start};
          for (std::size_t r = first; r < least(first + together, resamples); ++r) {
            int64_t count = truths.data()[r * categories + k];
            if (count > 0) {
              scorer.average(found, weights.data() + r * weights.shape(1), count,
                             out.data() + (r * categories + k) * depth);
            }
          }
        }
      }
    });
  }
  return to_numpy(std::move(out), {resamples, categories, depth});
}

// Weighted sums [resamples, columns, depth].
nb::object weighted_sums(Vector<int32_t> images, Vector<int32_t> columns, Matrix<double> values,
                         Matrix<uint16_t> weights, int64_t n_columns, int64_t threads) {
  std::size_t n = images.size(), resamples = weights.shape(0), n_images = weights.shape(1);
  if (columns.size() != n || values.shape(0) != n) throw std::invalid_argument("the columns differ in length");
  auto width = static_cast<std::size_t>(most<int64_t>(n_columns, 0)), depth = values.shape(1);
  check_ids(images, n_images, "a row belongs to no image");
  check_ids(columns, width, "a row belongs to no column");
  ImageRows rows{images.data(), columns.data(), values.data(), static_cast<int64_t>(n), static_cast<int64_t>(depth)};
  std::vector<double> out(resamples * width * depth);
  {
    nb::gil_scoped_release release;
    constexpr auto together = static_cast<std::size_t>(lanes);
    share_out((resamples + together - 1) / together, threads, [&](auto next) {
      std::vector<double> weight(n_images * together), sums(width * depth * together);
      for (std::size_t first = next() * together; first < resamples; first = next() * together) {
        std::size_t some = least(together, resamples - first);
        std::fill(sums.begin(), sums.end(), 0.0);
        for (std::size_t i = 0; i < n_images; ++i) {
          for (std::size_t r = 0; r < some; ++r) {
            weight[i * together + r] = weights.data()[(first + r) * n_images + i];
          }
        }
        add_weighted(rows, weight.data(), sums.data());
        for (std::size_t r = 0; r < some; ++r) {
          for (std::size_t j = 0; j < width * depth; ++j) {
            out[(first + r) * width * depth + j] = sums[j * together + r];
          }
        }
      }
    });
  }
  return to_numpy(std::move(out), {resamples, width, depth});
}

}  // namespace

void add_resample_doors(nb::module_& m) {
  m.def("weighted_precision", &weighted_precision);
  m.def("weighted_sums", &weighted_sums);
}

}  // namespace seg
