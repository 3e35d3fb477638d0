// Masks as a file draws them, kept back to back in memory: polygons, or a run-length string.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#ifndef SEG_MASK_BLOCK
#define SEG_MASK_BLOCK (1 << 22)  // bytes of a block; few where many blocks are to be tested
#endif

namespace seg {

enum class MaskKind : uint8_t { none, polygons, rle, runs };  // runs: written as a list, kept as a string

// One mask. `height` and `width` are the size that an RLE states, 0 for others. The text of an RLE is its
// string; that of polygons is, as doubles, the number of values of each polygon and then these values.
struct Mask {
  MaskKind kind = MaskKind::none;
  uint32_t height = 0, width = 0;
  std::string_view text;
};

class MaskStore {
 public:
  MaskStore() = default;
  MaskStore(MaskStore&&) = default;
  MaskStore& operator=(MaskStore&&) = default;

  // Adds a mask; false where it is too long, or of yet another size, to be kept here.
  bool add(const Mask& mask);

  Mask operator[](std::size_t i) const {
    const Kept& kept = masks_[i];
    auto [height, width] = sizes_[kept.size];
    return {kept.kind, height, width, {kept.text, kept.length}};
  }

  std::size_t size() const { return masks_.size(); }

  // Room for so many masks, but for their texts.
  void make_room(std::size_t masks) { masks_.reserve(masks); }

 private:
  static constexpr std::size_t block_size = SEG_MASK_BLOCK;

  using Size = std::pair<uint32_t, uint32_t>;

  struct Kept {
    const char* text;
    uint32_t length;
    uint16_t size;  // place in sizes_
    MaskKind kind;
  };

  std::size_t place_of(Size size);

  // Copies a text to where it stays, ready to be read as doubles; blocks are not moved as they grow in number.
  const char* keep(std::string_view text);

  std::vector<Kept> masks_;
  std::vector<Size> sizes_;  // images come in few of them
  std::unordered_map<uint64_t, std::size_t> places_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = block_size;
};

}  // namespace seg
