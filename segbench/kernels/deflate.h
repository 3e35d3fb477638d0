// A zlib stream of bytes that come as long runs: one block of dynamic Huffman codes, whose matches reach back one,
// two or three bytes. RFC 1950 and 1951; code lengths by Huffman's algorithm, cut to a limit by Kraft's sum.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace seg {

// Lengths of Huffman codes, at most `limit` bits, for symbols that occur so often; 0 for one that does not.
inline std::vector<uint8_t> code_lengths(const std::vector<uint32_t>& counts, int limit) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) order.push_back(i);
  }
  std::vector<uint8_t> lengths(counts.size(), 0);
  std::size_t n = order.size();
  if (n <= 1) {
    if (n == 1) lengths[order[0]] = 1;
    return lengths;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] < counts[b]; });
  // Leaves 0 .. n - 1 by rising weight, then the nodes above them, which rise too: the two least are at the fronts.
  std::vector<uint64_t> weight(2 * n - 1);
  std::vector<std::size_t> parent(2 * n - 1, 0);
  for (std::size_t i = 0; i < n; ++i) weight[i] = counts[order[i]];
  std::size_t leaf = 0, inner = n;
  for (std::size_t node = n; node < 2 * n - 1; ++node) {
    weight[node] = 0;
    for (int child = 0; child < 2; ++child) {
      bool from_leaves = leaf < n && (inner == node || weight[leaf] <= weight[inner]);
      std::size_t least = from_leaves ? leaf++ : inner++;
      weight[node] += weight[least];
      parent[least] = node;
    }
  }
  std::vector<int> depth(2 * n - 1, 0);
  std::vector<std::size_t> of_length(static_cast<std::size_t>(limit) + 1, 0);
  for (std::size_t node = 2 * n - 1; node-- > 0;) {
    if (node != 2 * n - 2) depth[node] = depth[parent[node]] + 1;
    if (node < n) ++of_length[static_cast<std::size_t>(std::min(depth[node], limit))];
  }
  uint64_t whole = uint64_t{1} << limit, sum = 0;
  for (int bits = 1; bits <= limit; ++bits) sum += of_length[static_cast<std::size_t>(bits)] << (limit - bits);
  for (; sum > whole; --sum) {  // a longest code goes, and one of the longest below makes room for it
    std::size_t bits = static_cast<std::size_t>(limit) - 1;
    while (of_length[bits] == 0) --bits;
    --of_length[bits];
    of_length[bits + 1] += 2;
    --of_length[static_cast<std::size_t>(limit)];
  }
  std::size_t at = n;
  for (std::size_t bits = 1; bits <= static_cast<std::size_t>(limit); ++bits) {
    for (std::size_t i = 0; i < of_length[bits]; ++i) lengths[order[--at]] = static_cast<uint8_t>(bits);
  }
  return lengths;
}

// Writes bits from the low end of each byte.
class BitWriter {
 public:
  void put(uint64_t bits, int n) {
    held_ |= bits << count_;
    for (count_ += n; count_ >= 8; count_ -= 8, held_ >>= 8) out.push_back(static_cast<uint8_t>(held_ & 255));
  }
  void flush() {
    if (count_ > 0) put(0, 8 - count_);
  }

  std::vector<uint8_t> out;

 private:
  uint64_t held_ = 0;
  int count_ = 0;
};

// Codes of symbols, ready to be put.
struct CodeTable {
  std::vector<uint8_t> lengths;
  std::vector<uint16_t> codes;

  explicit CodeTable(std::vector<uint8_t> given) : lengths(std::move(given)), codes(lengths.size(), 0) {
    std::array<uint32_t, 17> next{};
    for (uint8_t bits : lengths) ++next[bits + std::size_t{1}];
    next[1] = 0;  // of symbols that do not occur
    for (std::size_t bits = 1; bits < next.size(); ++bits) next[bits] = (next[bits] + next[bits - 1]) << 1;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      if (lengths[i] == 0) continue;
      uint32_t code = next[lengths[i]]++, turned = 0;
      for (int bit = 0; bit < lengths[i]; ++bit) turned |= (code >> bit & 1) << (lengths[i] - 1 - bit);
      codes[i] = static_cast<uint16_t>(turned);
    }
  }
  void put(BitWriter& to, std::size_t symbol) const { to.put(codes[symbol], lengths[symbol]); }
};

// Where the symbols 257 .. 284 of lengths begin, and their extra bits; 285 is 258.
constexpr std::array<uint16_t, 29> length_from = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                  31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr std::array<uint8_t, 29> length_extra = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                  2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr int longest_match = 258, end_of_block = 256;

inline std::size_t length_symbol(int length) {
  return static_cast<std::size_t>(std::upper_bound(length_from.begin(), length_from.end(), length) -
                                  length_from.begin() - 1);
}

// Collects bytes and repeats, and packs them.
class RunDeflater {
 public:
  // n > 0 times the same byte.
  void add(uint8_t byte, uint64_t n) {
    sum_bytes(byte, n);
    if (byte != held_) {
      flush();
      held_ = byte;
    }
    held_n_ += n;
  }

  // n > 0 times two or three bytes.
  template <std::size_t size>
  void add(const std::array<uint8_t, size>& bytes, uint64_t n) {
    static_assert(size == 2 || size == 3, "a match is of 3 bytes at least, and 258 are whole patterns at most");
    if (std::all_of(bytes.begin(), bytes.end(), [&](uint8_t byte) { return byte == bytes[0]; })) {
      return add(bytes[0], size * n);
    }
    for (uint64_t i = 0; i < n; ++i) {
      for (uint8_t byte : bytes) sum_bytes(byte, 1);
    }
    flush();
    for (uint8_t byte : bytes) literal(byte);
    uint64_t left = size * (n - 1);
    for (; left >= 3; left -= std::min<uint64_t>(left, longest_match)) {
      repeat(static_cast<int>(std::min<uint64_t>(left, longest_match)), static_cast<uint32_t>(size));
    }
    if (left > 0) {  // one pattern of two bytes
      for (uint8_t byte : bytes) literal(byte);
    }
  }

  std::vector<uint8_t> finish() {
    flush();
    tokens_.push_back(end_of_block);
    ++counts_[end_of_block];
    BitWriter to;
    to.out.reserve(tokens_.size() + 512);
    to.put(0x9C78, 16);  // deflate with a window of 32 KiB
    to.put(0b101, 3);    // the last block, of dynamic codes
    if (distances_[0] + distances_[1] + distances_[2] == 0) distances_[0] = 1;
    const CodeTable symbols(code_lengths(counts_, 15)), distances(code_lengths(distances_, 15));
    put_lengths(to, symbols.lengths, distances.lengths);
    for (uint32_t token : tokens_) {
      symbols.put(to, token & 0x1FF);
      if ((token & 0x1FF) <= end_of_block) continue;
      std::size_t symbol = (token & 0x1FF) - 257;
      int length = static_cast<int>(token >> 9 & 0x1FF);
      to.put(static_cast<uint64_t>(length - length_from[symbol]), length_extra[symbol]);
      distances.put(to, token >> 18);
    }
    to.flush();
    for (uint32_t half : {high_, low_}) {
      to.out.push_back(static_cast<uint8_t>(half >> 8));
      to.out.push_back(static_cast<uint8_t>(half & 255));
    }
    return std::move(to.out);
  }

 private:
  // Adler-32 of n times the same byte: the second sum grows by the first after each.
  void sum_bytes(uint64_t byte, uint64_t n) {
    constexpr uint64_t prime = 65521;
    uint64_t m = n % prime, pairs = n % 2 ? (n % prime) * ((n + 1) / 2 % prime) : (n / 2 % prime) * ((n + 1) % prime);
    high_ = static_cast<uint32_t>((high_ + m * low_ + pairs % prime * byte) % prime);
    low_ = static_cast<uint32_t>((low_ + m * byte) % prime);
  }

  void literal(uint8_t byte) {
    tokens_.push_back(byte);
    ++counts_[byte];
  }

  void repeat(int length, uint32_t distance) {
    std::size_t symbol = length_symbol(length);
    tokens_.push_back(static_cast<uint32_t>(257 + symbol) | static_cast<uint32_t>(length) << 9 | (distance - 1) << 18);
    ++counts_[257 + symbol];
    ++distances_[distance - 1];
  }

  void flush() {
    if (held_n_ == 0) return;
    literal(held_);
    uint64_t left = held_n_ - 1;
    for (; left >= 3; left -= std::min<uint64_t>(left, longest_match)) {
      repeat(static_cast<int>(std::min<uint64_t>(left, longest_match)), 1);
    }
    for (; left > 0; --left) literal(held_);
    held_n_ = 0;
  }

  // The lengths of both tables, in the code of lengths that RFC 1951 describes in section 3.2.7.
  static void put_lengths(BitWriter& to, const std::vector<uint8_t>& symbols, const std::vector<uint8_t>& distances) {
    static constexpr std::array<uint8_t, 19> places = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                       11, 4,  12, 3, 13, 2, 14, 1, 15};
    std::size_t n = symbols.size(), m = distances.size();
    while (n > 257 && symbols[n - 1] == 0) --n;
    while (m > 1 && distances[m - 1] == 0) --m;
    std::vector<uint8_t> all(symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(n));
    all.insert(all.end(), distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(m));
    struct Step {
      uint8_t symbol, extra, bits;
    };
    std::vector<Step> steps;
    for (std::size_t i = 0; i < all.size();) {
      std::size_t same = 1;
      while (i + same < all.size() && all[i + same] == all[i]) ++same;
      i += same;
      uint8_t length = all[i - 1];
      if (length == 0) {
        for (; same >= 11; same -= std::min<std::size_t>(same, 138)) {
          steps.push_back({18, static_cast<uint8_t>(std::min<std::size_t>(same, 138) - 11), 7});
        }
        if (same >= 3) {
          steps.push_back({17, static_cast<uint8_t>(same - 3), 3});
          same = 0;
        }
      } else {
        steps.push_back({length, 0, 0});
        for (--same; same >= 3; same -= std::min<std::size_t>(same, 6)) {
          steps.push_back({16, static_cast<uint8_t>(std::min<std::size_t>(same, 6) - 3), 2});
        }
      }
      for (; same > 0; --same) steps.push_back({length, 0, 0});
    }
    std::vector<uint32_t> counts(places.size(), 0);
    for (Step step : steps) ++counts[step.symbol];
    const CodeTable table(code_lengths(counts, 7));
    std::size_t used = places.size();
    while (used > 4 && table.lengths[places[used - 1]] == 0) --used;
    to.put(n - 257, 5);
    to.put(m - 1, 5);
    to.put(used - 4, 4);
    for (std::size_t i = 0; i < used; ++i) to.put(table.lengths[places[i]], 3);
    for (Step step : steps) {
      table.put(to, step.symbol);
      to.put(step.extra, step.bits);
    }
  }

  uint8_t held_ = 0;
  uint64_t held_n_ = 0;
  uint32_t low_ = 1, high_ = 0;
  std::vector<uint32_t> tokens_;  // a symbol, and of matches the length and the distance less 1
  std::vector<uint32_t> counts_ = std::vector<uint32_t>(286, 0), distances_ = std::vector<uint32_t>(3, 0);
};

}  // namespace seg
