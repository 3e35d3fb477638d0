// The chunks of a PNG file: where its pixels are, if it is whole and of a kind that is read here.
//
// Portable Network Graphics (PNG) Specification (Third Edition, W3C Recommendation, 2025), sections 5 and 11;
// the CRC is that of its annex D.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "portable.h"

namespace seg {

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? 0xEDB88320u ^ crc >> 1 : crc >> 1;
    table[i] = crc;
  }
  return table;
}

inline uint32_t png_crc(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> table = make_crc_table();
  uint32_t crc = ~0u;
  for (char c : bytes) crc = table[(crc ^ static_cast<uint8_t>(c)) & 255] ^ crc >> 8;
  return ~crc;
}

inline uint32_t big_endian(std::string_view four) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(four[static_cast<std::size_t>(i)]);
  return value;
}

struct PngFile {
  uint32_t height = 0, width = 0;
  int depth = 0, color_type = 0;
  std::vector<std::pair<std::size_t, std::size_t>> parts;  // first byte of each IDAT's data, and one past the last

  static constexpr int grey = 0, rgb = 2, palette = 3, rgba = 6;

  int bits_per_pixel() const { return color_type == rgb ? 24 : color_type == rgba ? 32 : depth; }

  // Reads the chunks; false when one is damaged, out of order, or one that changes what the pixels are.
  bool read(std::string_view file) {
    using namespace std::string_view_literals;
    if (file.substr(0, 8) != "\x89PNG\r\n\x1a\n"sv) return false;
    bool has_palette = false;
    std::string_view before;
    for (std::size_t at = 8; at + 12 <= file.size();) {
      std::size_t length = big_endian(file.substr(at, 4)), data = at + 8, end = data + length;
      if (length > file.size() || end + 4 > file.size()) return false;
      std::string_view kind = file.substr(at + 4, 4);
      bool checked = kind == "IDAT" || png_crc(file.substr(at + 4, length + 4)) == big_endian(file.substr(end, 4));
      if (!checked || (kind == "IHDR") != (at == 8)) return false;
      if (kind == "IEND") return !parts.empty();
      if (kind == "IHDR") {
        if (!read_header(file.substr(data, length))) return false;
      } else if (kind == "IDAT") {
        bool apart = !parts.empty() && before != "IDAT";
        if (apart || (color_type == palette && !has_palette)) return false;
        parts.emplace_back(data, end);
      } else if (kind == "PLTE") {
        has_palette = has_palette || parts.empty();
      } else if (!says_nothing(kind)) {
        return false;
      }
      before = kind;
      at = end + 4;
    }
    return false;
  }

 private:
  bool read_header(std::string_view header) {
    if (header.size() != 13) return false;
    width = big_endian(header.substr(0, 4));
    height = big_endian(header.substr(4, 4));
    depth = static_cast<uint8_t>(header[8]);
    color_type = static_cast<uint8_t>(header[9]);
    bool plain = header[10] == 0 && header[11] == 0 && header[12] == 0;  // compression, filters, interlacing
    return plain && width && height && is_read();
  }

  bool is_read() const {
    bool small = depth == 1 || depth == 2 || depth == 4;
    switch (color_type) {
      case grey: return small || depth == 8 || depth == 16;
      case palette: return small || depth == 8;
      case rgb:
      case rgba: return depth == 8;
      default: return false;
    }
  }

  // Of the values stored. Other chunks, such as an animation's or tRNS, are left to a library.
  static bool says_nothing(std::string_view kind) {
    for (const char* known : {"bKGD", "cHRM", "eXIf", "gAMA", "hIST", "iCCP", "iTXt", "pHYs", "sBIT", "sRGB", "tEXt",
                              "tIME", "zTXt"}) {
      if (kind == known) return true;
    }
    return false;
  }
};

}  // namespace seg
