// COCO's truth and results read into columns, from text that comes in pieces (format: cocodataset.org).
//
// What is read is what ordinary files hold; at anything else the reader gives up, and a general one takes over.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json_cursor.h"
#include "mask_store.h"

namespace seg {

// Where values stand in the file: begin and end of each.
using Spans = std::vector<int64_t>;

// The annotations or results, one entry a column each; NaN where a number is missing or null. A column of
// numbers that no entry has is empty.
struct CocoColumns {
  std::vector<int64_t> image_ids, category_ids;
  std::vector<int64_t> ids;                  // of truth
  std::vector<double> areas, scores, boxes;  // boxes: four each
  std::vector<uint8_t> iscrowd;
  Spans spans;
  std::vector<int64_t> others;  // those that have keys without a column
  MaskStore masks;
};

class CocoReader {
 public:
  // Of a file of about so many bytes. Without `masks` these are read over, and none is kept.
  explicit CocoReader(int64_t bytes, bool masks = true) : bytes_(bytes), keeps_masks_(masks) {}

  // Reads on in the file and returns how many of these bytes were taken: the next call begins with the rest
  // and what follows it. -1 when the file is out of the ordinary.
  int64_t feed(std::string_view bytes);

  // Whether the file is whole so far: after it nothing but white space was fed.
  bool complete() const { return state_ == State::done; }

  // Whether it was a list of results, not an object of truth.
  bool is_results() const { return results_; }

  CocoColumns& columns() { return columns_; }
  const Spans& images() const { return images_; }
  const Spans& categories() const { return categories_; }
  bool has(std::string_view list) const;

  // Names of the other keys of the top level, and where their values stand.
  const std::vector<std::string>& other_keys() const { return other_keys_; }
  const Spans& other_values() const { return other_values_; }

 private:
  enum class State { start, key, annotations, images, categories, done, odd };

  struct Item;
  void step(JsonCursor& text, const char* base);
  void read_start(JsonCursor& text);
  void read_key(JsonCursor& text, const char* base);
  void read_annotation(JsonCursor& text, const char* base);
  void read_entry(JsonCursor& text, const char* base, Spans& spans);
  void end_item(JsonCursor& text);
  void commit(const Item& item);
  void make_room(std::size_t entries);
  void add_span(Spans& spans, const char* base, const char* begin, const char* end) const;

  State state_ = State::start;
  bool results_ = false;
  int64_t bytes_;         // of the file
  bool keeps_masks_;
  int64_t consumed_ = 0;  // of them, in calls before this
  std::string buffer_, scratch_;
  std::vector<std::string> lists_;
  CocoColumns columns_;
  Spans images_, categories_;
  std::vector<std::string> other_keys_;
  Spans other_values_;
};

}  // namespace seg
