// The chunks of a PNG: taken as they come, or put together with checksums that are right, which chance never is.
#include <string>

#include "input.h"
#include "png_file.h"

namespace {

using std::string_view_literals::operator""sv;

struct Chunk {
  std::string_view kind, data;
  bool intact;
};

uint32_t number(std::string_view four) {
  uint32_t value = 0;
  for (char c : four) value = value * 256 + static_cast<unsigned char>(c);
  return value;
}

// Bit by bit, as annex D of the specification defines it.
uint32_t checksum(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc % 2 ? crc / 2 ^ 0xEDB88320u : crc / 2;
  }
  return crc ^ 0xFFFFFFFF;
}

// All chunks up to IEND; nothing where the file ends before.
std::vector<Chunk> chunks_of(std::string_view file) {
  std::vector<Chunk> chunks;
  for (std::string_view rest = file.substr(8); rest.size() >= 12;) {
    uint64_t length = number(rest.substr(0, 4));
    if (length + 12 > rest.size()) break;
    bool intact = checksum(rest.substr(4, length + 4)) == number(rest.substr(length + 8, 4));
    chunks.push_back({rest.substr(4, 4), rest.substr(8, length), intact});
    if (chunks.back().kind == "IEND") return chunks;
    rest = rest.substr(length + 12);
  }
  return {};
}

bool is_ours(std::string_view header) {
  if (header.size() != 13 || !number(header.substr(0, 4)) || !number(header.substr(4, 4))) return false;
  if (header.substr(10) != "\0\0\0"sv) return false;
  static constexpr std::string_view kinds[] = {"\1\0"sv, "\2\0"sv, "\4\0"sv, "\10\0"sv, "\20\0"sv, "\10\2"sv,
                                               "\1\3"sv, "\2\3"sv, "\4\3"sv, "\10\3"sv, "\10\6"sv};
  for (std::string_view kind : kinds) {
    if (header.substr(8, 2) == kind) return true;
  }
  return false;
}

bool is_passed_over(std::string_view kind) {
  static constexpr std::string_view kinds = "bKGD cHRM eXIf gAMA hIST iCCP iTXt pHYs sBIT sRGB tEXt tIME zTXt";
  for (std::size_t at = 0; at < kinds.size(); at += 5) {
    if (kinds.substr(at, 4) == kind) return true;
  }
  return false;
}

// Whether a file is whole and read here, rule by rule.
bool is_read(std::string_view file, const std::vector<Chunk>& chunks) {
  if (file.substr(0, 8) != "\x89PNG\r\n\x1a\n"sv || chunks.empty()) return false;
  std::string order;  // H, P, D and E of IHDR, PLTE, IDAT and IEND; a dot between parts of the pixels
  for (const Chunk& chunk : chunks) {
    if (chunk.kind != "IDAT" && !chunk.intact) return false;
    bool passed = is_passed_over(chunk.kind);
    if (passed && (order.empty() || order.back() != 'D')) continue;
    if (passed) {
      order.push_back('.');
    } else if (chunk.kind == "IHDR" || chunk.kind == "PLTE" || chunk.kind == "IDAT" || chunk.kind == "IEND") {
      order.push_back(chunk.kind == "IDAT" ? 'D' : chunk.kind == "IEND" ? 'E' : chunk.kind[0] == 'P' ? 'P' : 'H');
    } else {
      return false;
    }
  }
  if (chunks[0].kind != "IHDR" || order.find('H', 1) != std::string::npos || !is_ours(chunks[0].data)) return false;
  std::size_t first = order.find('D'), last = order.rfind('D');
  if (first == std::string::npos || order.substr(first, last - first).find_first_not_of('D') != std::string::npos) {
    return false;
  }
  return chunks[0].data[9] != 3 || order.find('P') < first;
}

std::string put_together(Input& input) {
  static constexpr std::string_view kinds[] = {"IHDR", "IDAT", "IDAT", "IDAT", "IEND", "PLTE", "tEXt", "tRNS",
                                               "gAMA", "acTL", "iTXt"};
  std::string file = "\x89PNG\r\n\x1a\n";
  auto four = [&](uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<char>(value >> shift));
  };
  while (!input.empty()) {
    std::string chunk(kinds[input.byte() % std::size(kinds)]);
    bool damaged = input.byte() % 32 == 0;
    chunk += input.piece();
    four(static_cast<uint32_t>(chunk.size() - 4));
    file += chunk;
    four(checksum(chunk) + damaged);
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  Input input(data, size);
  bool made = input.byte() % 4 != 0;
  std::string text = made ? put_together(input) : std::string(input.rest());
  std::vector<char> tight(text.begin(), text.end());
  std::string_view file(tight.data(), tight.size());
  seg::PngFile png;
  bool read = png.read(file);
  std::vector<Chunk> chunks = file.size() < 8 ? std::vector<Chunk>() : chunks_of(file);
  HOLD(read == is_read(file, chunks));
  if (!read) return 0;
  std::string_view header = chunks[0].data;
  HOLD(png.width == number(header.substr(0, 4)) && png.height == number(header.substr(4, 4)));
  HOLD(png.depth == header[8] && png.color_type == header[9]);
  std::size_t part = 0;
  for (const Chunk& chunk : chunks) {
    if (chunk.kind != "IDAT") continue;
    HOLD(part < png.parts.size());
    auto [begin, end] = png.parts[part++];
    HOLD(file.data() + begin == chunk.data.data() && end - begin == chunk.data.size());
  }
  HOLD(part == png.parts.size());
  return 0;
}
