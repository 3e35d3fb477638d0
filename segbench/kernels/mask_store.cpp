#include "mask_store.h"

#include <algorithm>
#include <cstring>

namespace seg {

bool MaskStore::add(const Mask& mask) {
  std::size_t place = place_of({mask.height, mask.width});
  if (place > 0xFFFF || mask.text.size() > 0xFFFFFFFF) return false;
  masks_.push_back({keep(mask.text), static_cast<uint32_t>(mask.text.size()), static_cast<uint16_t>(place),
                    mask.kind});
  return true;
}

std::size_t MaskStore::place_of(Size size) {
  if (!masks_.empty() && sizes_[masks_.back().size] == size) return masks_.back().size;
  uint64_t key = uint64_t{size.first} << 32 | size.second;
  auto [found, fresh] = places_.try_emplace(key, sizes_.size());
  if (fresh) sizes_.push_back(size);
  return found->second;
}

const char* MaskStore::keep(std::string_view text) {
  const std::size_t unit = alignof(double);
  std::size_t needed = (text.size() + unit - 1) / unit * unit;
  if (used_ + needed > block_size || blocks_.empty()) {
    blocks_.emplace_back(new char[std::max(block_size, needed)]);
    used_ = 0;
  }
  char* place = blocks_.back().get() + used_;
  used_ += needed;
  if (!text.empty()) std::memcpy(place, text.data(), text.size());
  return place;
}

}  // namespace seg
