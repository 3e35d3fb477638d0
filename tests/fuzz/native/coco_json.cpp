// The column reader of COCO's JSON: what it reads is what a plain parser reads, in whatever pieces it comes.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "coco_reader.h"
#include "input.h"
#include "naive_json.h"

namespace {

using naive::Json;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// Feeds a copy that ends where the text does: reading further is found.
int64_t feed(seg::CocoReader& reader, std::string_view text) {
  std::vector<char> tight(text.begin(), text.end());
  return reader.feed({tight.data(), tight.size()});
}

// Feeds the text with so many bytes more each time; false where it is out of the ordinary.
bool read(seg::CocoReader& reader, std::string_view text, std::size_t more) {
  std::size_t taken = 0;
  for (std::size_t end = 0; end < text.size();) {
    end = std::min(end + more, text.size());
    int64_t n = feed(reader, text.substr(taken, end - taken));
    if (n < 0) return false;
    HOLD(static_cast<std::size_t>(n) <= end - taken);
    taken += static_cast<std::size_t>(n);
  }
  return true;
}

template <class T>
bool equal(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void check_same(seg::CocoReader& a, seg::CocoReader& b) {
  HOLD(a.complete() == b.complete() && a.is_results() == b.is_results());
  if (!a.complete()) return;
  const seg::CocoColumns &one = a.columns(), &other = b.columns();
  HOLD(one.image_ids == other.image_ids && one.category_ids == other.category_ids && one.ids == other.ids);
  HOLD(equal(one.areas, other.areas) && equal(one.scores, other.scores) && equal(one.boxes, other.boxes));
  HOLD(one.iscrowd == other.iscrowd && one.spans == other.spans && one.others == other.others);
  HOLD(one.masks.size() == other.masks.size());
  for (std::size_t i = 0; i < one.masks.size(); ++i) {
    const seg::Mask mask = one.masks[i], same = other.masks[i];
    HOLD(mask.kind == same.kind && mask.height == same.height && mask.width == same.width);
    HOLD(mask.text == same.text);
  }
  HOLD(a.images() == b.images() && a.categories() == b.categories());
  HOLD(a.other_keys() == b.other_keys() && a.other_values() == b.other_values());
}

bool is_null(const Json* value) { return !value || value->kind == 'n'; }

double number(const Json* value) {
  if (is_null(value)) return none;
  HOLD(value->kind == '0');
  if (value->text == "-0") return 0;  // an integer, which has no sign there
  return std::strtod(value->text.c_str(), nullptr);
}

int64_t integer(const Json* value) {
  HOLD(value && value->kind == '0' && value->text.find_first_of(".eE") == std::string::npos);
  return std::strtoll(value->text.c_str(), nullptr, 10);
}

bool same_number(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b); }

void append(std::string& out, double value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); }

// The base-32 string of runs, by its definition.
std::string rle_of(const Json& counts) {
  std::string out;
  std::vector<int64_t> runs;
  for (const Json& item : counts.items) {
    int64_t value = integer(&item);
    runs.push_back(value);
    if (runs.size() > 3) value -= runs[runs.size() - 3];
    for (bool last = false; !last;) {
      int64_t digit = ((value % 32) + 32) % 32;
      value = (value - digit) / 32;
      last = value == (digit >= 16 ? -1 : 0);
      out.push_back(static_cast<char>(48 + digit + (last ? 0 : 32)));
    }
  }
  return out;
}

void check_mask(const Json* value, const seg::Mask& mask) {
  if (is_null(value) || (value->kind == '[' && value->items.empty())) {
    HOLD(mask.kind == seg::MaskKind::none && mask.text.empty());
    return;
  }
  std::string expected;
  if (value->kind == '[') {
    for (const Json& polygon : value->items) {
      HOLD(polygon.kind == '[' && polygon.items.size() >= 4 && polygon.items.size() % 2 == 0);
      append(expected, static_cast<double>(polygon.items.size()));
      for (const Json& point : polygon.items) append(expected, number(&point));
    }
    HOLD(mask.kind == seg::MaskKind::polygons && mask.text == expected);
    return;
  }
  const Json *size = value->find("size"), *counts = value->find("counts");
  HOLD(value->keys.size() == 2 && size && counts && size->items.size() == 2);
  HOLD(mask.height == integer(&size->items[0]) && mask.width == integer(&size->items[1]));
  bool listed = counts->kind == '[';
  HOLD(mask.kind == (listed ? seg::MaskKind::runs : seg::MaskKind::rle));
  HOLD(mask.text == (listed ? rle_of(*counts) : counts->text));
}

void check_spans(const std::vector<Json>& items, const seg::Spans& spans) {
  HOLD(spans.size() == 2 * items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    HOLD(spans[2 * i] == static_cast<int64_t>(items[i].begin));
    HOLD(spans[2 * i + 1] == static_cast<int64_t>(items[i].end));
  }
}

// Of a column of numbers, which is empty where no item has one.
double entry(const std::vector<double>& column, std::size_t i) { return column.empty() ? none : column[i]; }

void check_item(const Json& item, std::size_t i, const seg::CocoColumns& columns, bool results) {
  HOLD(item.kind == '{');
  HOLD(columns.image_ids[i] == integer(item.find("image_id")));
  HOLD(columns.category_ids[i] == integer(item.find("category_id")));
  if (!results) HOLD(columns.ids[i] == integer(item.find("id")));
  HOLD(same_number(entry(columns.areas, i), number(item.find("area"))));
  HOLD(same_number(entry(columns.scores, i), number(item.find("score"))));
  const Json* box = item.find("bbox");
  bool boxed = !is_null(box) && !box->items.empty();
  HOLD(!boxed || box->items.size() == 4);
  for (std::size_t k = 0; k < 4; ++k) {
    HOLD(same_number(entry(columns.boxes, 4 * i + k), boxed ? number(&box->items[k]) : none));
  }
  const Json* crowd = item.find("iscrowd");
  bool is_crowd = !is_null(crowd) && (crowd->kind == 't' || (crowd->kind == '0' && integer(crowd) == 1));
  HOLD((columns.iscrowd[i] != 0) == is_crowd);
  check_mask(item.find("segmentation"), columns.masks[i]);
}

void check_items(const std::vector<Json>& items, const seg::CocoColumns& columns, bool results) {
  std::size_t n = items.size();
  HOLD(columns.image_ids.size() == n && columns.category_ids.size() == n && columns.masks.size() == n);
  HOLD(columns.iscrowd.size() == n && columns.ids.size() == (results ? 0 : n));
  HOLD(columns.areas.empty() || columns.areas.size() == n);
  HOLD(columns.scores.empty() || columns.scores.size() == n);
  HOLD(columns.boxes.empty() || columns.boxes.size() == 4 * n);
  check_spans(items, columns.spans);
  static constexpr std::string_view known[] = {"segmentation", "image_id", "category_id", "score",
                                               "bbox", "area", "iscrowd", "id"};
  std::vector<int64_t> others;
  for (std::size_t i = 0; i < items.size(); ++i) {
    check_item(items[i], i, columns, results);
    bool other = false;
    for (const std::string& key : items[i].keys) {
      other |= std::find(std::begin(known), std::end(known), key) == std::end(known);
    }
    if (other) others.push_back(static_cast<int64_t>(i));
  }
  HOLD(columns.others == others);
}

void check_against(const Json& whole, seg::CocoReader& reader) {
  if (reader.is_results()) {
    HOLD(whole.kind == '[');
    check_items(whole.items, reader.columns(), true);
    return;
  }
  HOLD(whole.kind == '{');
  std::size_t others = 0;
  for (std::size_t i = 0; i < whole.keys.size(); ++i) {
    const std::string& key = whole.keys[i];
    HOLD(reader.has(key));
    if (key == "annotations") {
      check_items(whole.items[i].items, reader.columns(), false);
    } else if (key == "images" || key == "categories") {
      check_spans(whole.items[i].items, key == "images" ? reader.images() : reader.categories());
    } else {
      HOLD(reader.other_keys()[others] == key);
      const seg::Spans& values = reader.other_values();
      check_spans({whole.items[i]}, {values[2 * others], values[2 * others + 1]});
      ++others;
    }
  }
  HOLD(reader.other_keys().size() == others);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  std::size_t piece = input.byte();
  std::string_view text = input.rest();
  seg::CocoReader whole(static_cast<int64_t>(text.size())), pieces(static_cast<int64_t>(piece));
  bool ordinary = read(whole, text, text.size());
  HOLD(read(pieces, text, 1 + piece % 64) == ordinary);
  check_same(whole, pieces);
  if (!whole.complete()) return 0;
  auto value = naive::JsonParser(text).whole();
  HOLD(value);
  check_against(*value, whole);
  return 0;
}
