#include "coco_reader.h"

#include <algorithm>
#include <cmath>

#include "rle.h"

namespace seg {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double farthest = 1e8;  // no polygon reaches so far; see polygon.h

enum Field : uint32_t {
  image_id = 1, category_id = 2, id = 4, area = 8, score = 16, bbox = 32, iscrowd = 64, segmentation = 128
};

uint32_t field_of(std::string_view key) {
  static constexpr std::pair<std::string_view, Field> fields[] = {
      {"segmentation", segmentation}, {"image_id", image_id}, {"category_id", category_id}, {"score", score},
      {"bbox", bbox}, {"area", area}, {"iscrowd", iscrowd}, {"id", id},
  };
  for (const auto& [name, field] : fields) {
    if (key == name) return field;
  }
  return 0;
}

double optional_number(JsonCursor& text) { return text.null() ? none : text.number(); }

// Takes '[' and calls read() for each value of the list.
template <class Read>
void for_each_value(JsonCursor& text, Read read) {
  text.expect('[');
  if (text.take(']')) return;
  do {
    read();
  } while (text.next(']'));
}

void append_double(std::string& out, double value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Adds the n numbers of one more entry to a column, which is begun with the first that are stated.
void append_numbers(std::vector<double>& column, std::size_t entries, const double* numbers, std::size_t n) {
  if (column.empty() && std::isnan(numbers[0])) return;
  column.resize(entries * n, none);
  column.insert(column.end(), numbers, numbers + n);
}

uint32_t side(JsonCursor& text) {
  int64_t value = text.integer();
  if (value < 0 || value > 0xFFFFFFFF) throw JsonOdd{};
  return static_cast<uint32_t>(value);
}

// A list of runs becomes the string that says the same.
void read_run_list(JsonCursor& text, std::string& out) {
  uint32_t before = 0, before2 = 0;
  int64_t index = 0;
  for_each_value(text, [&] {
    uint32_t run = side(text);
    write_run(index++, run, before2, [&](char c) { out.push_back(c); });
    before2 = before;
    before = run;
  });
}

}  // namespace

struct CocoReader::Item {
  uint32_t seen = 0;
  bool others = false, crowd = false;
  int64_t image_id = 0, category_id = 0, id = 0;
  double area = none, score = none, box[4] = {none, none, none, none};
  MaskKind kind = MaskKind::none;
  uint32_t height = 0, width = 0;
  std::string_view mask;
  std::string& buffer;  // what `mask` views, where it is not the file itself
  std::string& scratch;

  Item(std::string& mask_buffer, std::string& key_buffer) : buffer(mask_buffer), scratch(key_buffer) {}

  void read(JsonCursor& text, bool results);
  void read_field(JsonCursor& text, uint32_t field, bool results);
  void read_box(JsonCursor& text);
  void read_mask(JsonCursor& text);
  void read_polygons(JsonCursor& text);
  void read_rle(JsonCursor& text);
  void read_counts(JsonCursor& text);
};

void CocoReader::Item::read(JsonCursor& text, bool results) {
  text.expect('{');
  if (text.take('}')) throw JsonOdd{};
  do {
    uint32_t field = field_of(text.string(scratch));
    text.expect(':');
    if (field & seen) throw JsonOdd{};
    seen |= field;
    others |= field == 0;
    read_field(text, field, results);
  } while (text.next('}'));
  uint32_t needed = Field::image_id | Field::category_id | (results ? Field::score : Field::id);
  if ((seen & needed) != needed) throw JsonOdd{};
  if (results && (std::isnan(score) || (kind == MaskKind::none && std::isnan(box[0])))) throw JsonOdd{};
}

void CocoReader::Item::read_field(JsonCursor& text, uint32_t field, bool results) {
  switch (field) {
    case Field::image_id: image_id = text.integer(); break;
    case Field::category_id: category_id = text.integer(); break;
    case Field::id: results ? text.skip() : void(id = text.integer()); break;
    case Field::area: area = optional_number(text); break;
    case Field::score: score = optional_number(text); break;
    case Field::bbox: read_box(text); break;
    case Field::iscrowd: crowd = text.flag(); break;
    case Field::segmentation: read_mask(text); break;
    default: text.skip();
  }
}

void CocoReader::Item::read_box(JsonCursor& text) {
  if (text.null()) return;
  int n = 0;
  for_each_value(text, [&] {
    if (n == 4) throw JsonOdd{};
    box[n++] = text.number();
  });
  if (n != 0 && n != 4) throw JsonOdd{};
}

void CocoReader::Item::read_mask(JsonCursor& text) {
  if (text.null()) return;
  buffer.clear();
  text.peek() == '[' ? read_polygons(text) : read_rle(text);
}

void CocoReader::Item::read_polygons(JsonCursor& text) {
  for_each_value(text, [&] {
    std::size_t head = buffer.size();
    append_double(buffer, 0);
    for_each_value(text, [&] {
      double value = text.number();
      if (std::fabs(value) > farthest) throw JsonOdd{};
      append_double(buffer, value);
    });
    std::size_t n = (buffer.size() - head) / sizeof(double) - 1;
    if (n < 4 || n % 2) throw JsonOdd{};
    auto length = static_cast<double>(n);
    buffer.replace(head, sizeof length, reinterpret_cast<const char*>(&length), sizeof length);
  });
  if (!buffer.empty()) kind = MaskKind::polygons;
  mask = buffer;
}

void CocoReader::Item::read_rle(JsonCursor& text) {
  text.expect('{');
  bool sized = false;
  do {
    std::string_view key = text.string(scratch);
    text.expect(':');
    if (key == "counts" && kind == MaskKind::none) {
      read_counts(text);
    } else if (key == "size" && !sized) {
      sized = true;
      text.expect('[');
      height = side(text);
      text.expect(',');
      width = side(text);
      text.expect(']');
    } else {
      throw JsonOdd{};
    }
  } while (text.next('}'));
  if (!sized || kind == MaskKind::none) throw JsonOdd{};
}

void CocoReader::Item::read_counts(JsonCursor& text) {
  if (text.peek() == '[') {
    kind = MaskKind::runs;
    read_run_list(text, buffer);
    mask = buffer;
  } else {
    kind = MaskKind::rle;
    mask = text.string(buffer);
  }
}

bool CocoReader::has(std::string_view list) const {
  return std::find(lists_.begin(), lists_.end(), list) != lists_.end();
}

int64_t CocoReader::feed(std::string_view bytes) {
  const char *base = bytes.data(), *end = base + bytes.size(), *done = base;
  try {
    for (;;) {
      JsonCursor text(done, end);
      step(text, base);
      done = text.at();
    }
  } catch (const JsonMore&) {
    consumed_ += done - base;
  } catch (const JsonOdd&) {
    state_ = State::odd;
  }
  return state_ == State::odd ? -1 : done - base;
}

// Reads one part of the file; changes nothing where the text ends within it.
void CocoReader::step(JsonCursor& text, const char* base) {
  switch (state_) {
    case State::start:
      read_start(text);
      break;
    case State::key: read_key(text, base); break;
    case State::annotations: read_annotation(text, base); break;
    case State::images: read_entry(text, base, images_); break;
    case State::categories: read_entry(text, base, categories_); break;
    case State::done: text.peek(); throw JsonOdd{};
    case State::odd: throw JsonOdd{};
  }
}

void CocoReader::read_start(JsonCursor& text) {
  bool results = text.take('[');
  if (!results) text.expect('{');
  bool empty = text.take(results ? ']' : '}');
  results_ = results;
  state_ = empty ? State::done : results ? State::annotations : State::key;
}

void CocoReader::read_key(JsonCursor& text, const char* base) {
  static constexpr std::pair<std::string_view, State> long_lists[] = {
      {"annotations", State::annotations}, {"images", State::images}, {"categories", State::categories}};
  std::string name(text.string(scratch_));
  text.expect(':');
  if (has(name)) throw JsonOdd{};
  const auto* list = std::find_if(std::begin(long_lists), std::end(long_lists),
                                  [&](const auto& one) { return one.first == name; });
  if (list == std::end(long_lists)) {
    text.peek();
    const char* begin = text.at();
    text.skip();
    const char* end = text.at();
    if (!text.next('}')) state_ = State::done;
    other_keys_.push_back(name);
    add_span(other_values_, base, begin, end);
  } else {
    text.expect('[');
    if (text.take(']')) {
      if (!text.next('}')) state_ = State::done;
    } else {
      state_ = list->second;
    }
  }
  lists_.push_back(name);
}

void CocoReader::read_annotation(JsonCursor& text, const char* base) {
  text.peek();
  const char* begin = text.at();
  Item item(buffer_, scratch_);
  item.read(text, results_);
  const char* end = text.at();
  end_item(text);
  commit(item);
  add_span(columns_.spans, base, begin, end);
}

void CocoReader::read_entry(JsonCursor& text, const char* base, Spans& spans) {
  if (text.peek() != '{') throw JsonOdd{};
  const char* begin = text.at();
  text.skip();
  const char* end = text.at();
  end_item(text);
  add_span(spans, base, begin, end);
}

void CocoReader::add_span(Spans& spans, const char* base, const char* begin, const char* end) const {
  spans.push_back(consumed_ + (begin - base));
  spans.push_back(consumed_ + (end - base));
}

// What follows an item: another one, or the end of the list and what follows that.
void CocoReader::end_item(JsonCursor& text) {
  if (text.next(']')) return;
  if (results_) {
    state_ = State::done;
  } else {
    State next = text.next('}') ? State::key : State::done;
    state_ = next;
  }
}

// Room in every column for as many entries as the file will have if it goes on so, or for 16 times as many as there
// are. What is not used of it costs no memory.
void CocoReader::make_room(std::size_t entries) {
  double share = static_cast<double>(consumed_) / static_cast<double>(bytes_);
  if (!(share > 0 && share < 1)) return;
  auto expected = static_cast<std::size_t>(static_cast<double>(entries) * least(1.1 / share, 16.0));
  CocoColumns& to = columns_;
  for (auto* column : {&to.image_ids, &to.category_ids}) column->reserve(expected);
  if (!results_) to.ids.reserve(expected);
  for (auto* column : {&to.areas, &to.scores}) {
    if (!column->empty()) column->reserve(expected);
  }
  if (!to.boxes.empty()) to.boxes.reserve(4 * expected);
  to.iscrowd.reserve(expected);
  to.spans.reserve(2 * expected);
  if (keeps_masks_) to.masks.make_room(expected);
}

void CocoReader::commit(const Item& item) {
  CocoColumns& to = columns_;
  std::size_t number = to.image_ids.size();
  if (number > 0 && number == to.image_ids.capacity()) make_room(number);
  to.image_ids.push_back(item.image_id);
  to.category_ids.push_back(item.category_id);
  if (!results_) to.ids.push_back(item.id);
  append_numbers(to.areas, number, &item.area, 1);
  append_numbers(to.scores, number, &item.score, 1);
  append_numbers(to.boxes, number, item.box, 4);
  to.iscrowd.push_back(item.crowd);
  if (keeps_masks_ && !to.masks.add({item.kind, item.height, item.width, item.mask})) throw JsonOdd{};
  if (item.others) to.others.push_back(static_cast<int64_t>(number));
}

}  // namespace seg
