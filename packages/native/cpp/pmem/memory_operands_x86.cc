#include "memory_operands.h"

namespace pmem {
namespace {

// How an instruction addresses memory, with all prefixes taken apart.
struct Encoding {
  int map = 0;
  int opcode = 0;
  bool vex = false;
  bool evex = false;
  // Of EVEX: what an 8-bit displacement is multiplied by; 0 if that depends on more than is looked at here.
  int disp8_scale = 1;
  int base_high = 0;
  int index_high = 0;
};

class Decoder {
 public:
  Decoder(const unsigned char* code, size_t length, const uint64_t* registers)
      : next_(code), end_(code + length), registers_(registers) {}

  MemoryOperands operands() {
    Encoding encoding;
    if (!prefixes_and_opcode(&encoding) || ended_) return {};
    if (encoding.map == 0) {
      MemoryOperands implicit;
      if (implicit_operands(encoding.opcode, &implicit)) return ended_ ? MemoryOperands{} : implicit;
    }
    if (!has_modrm(encoding)) return none();
    const MemoryOperands explicit_operand = from_modrm(encoding);
    return ended_ ? MemoryOperands{} : explicit_operand;
  }

 private:
  static MemoryOperands none() { return {true, 0, {0, 0}, false}; }
  static MemoryOperands one(uintptr_t address) { return {true, 1, {address, 0}, false}; }

  int byte() {
    if (next_ == end_) {
      ended_ = true;
      return 0;
    }
    return *next_++;
  }

  uint64_t little_endian(int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= static_cast<uint64_t>(byte()) << (8 * i);
    return value;
  }

  bool prefixes_and_opcode(Encoding* encoding) {
    for (;;) {
      const int value = byte();
      if (ended_) return false;
      switch (value) {
        case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x66: case 0xf0: case 0xf2: case 0xf3:
          continue;
        // FS and GS have bases of their own, 0x67 cuts addresses to 32 bits, 0xd5 is APX: none is met in copies of
        // ours.
        case 0x64: case 0x65: case 0x67: case 0xd5:
          return false;
        case 0xc5: return vex2(encoding);
        case 0xc4: return vex3(encoding);
        case 0x62: return evex(encoding);
        default: break;
      }
      if ((value & 0xf0) == 0x40) {
        encoding->base_high = (value & 1) << 3;
        encoding->index_high = (value & 2) << 2;
        return opcode(byte(), encoding);
      }
      return opcode(value, encoding);
    }
  }

  bool opcode(int first, Encoding* encoding) {
    encoding->opcode = first;
    if (first != 0x0f) return true;
    encoding->map = 1;
    encoding->opcode = byte();
    if (encoding->opcode == 0x38 || encoding->opcode == 0x3a) {
      encoding->map = encoding->opcode == 0x38 ? 2 : 3;
      encoding->opcode = byte();
    }
    return true;
  }

  bool vex2(Encoding* encoding) {
    encoding->vex = true;
    byte();
    encoding->map = 1;
    encoding->opcode = byte();
    return true;
  }

  bool vex3(Encoding* encoding) {
    encoding->vex = true;
    const int first = byte();
    byte();
    encoding->map = first & 0x1f;
    encoding->index_high = (first & 0x40) != 0 ? 0 : 8;
    encoding->base_high = (first & 0x20) != 0 ? 0 : 8;
    encoding->opcode = byte();
    return encoding->map >= 1 && encoding->map <= 3;
  }

  bool evex(Encoding* encoding) {
    const int p0 = byte();
    const int p1 = byte();
    const int p2 = byte();
    encoding->vex = true;
    encoding->evex = true;
    encoding->map = p0 & 7;
    encoding->index_high = (p0 & 0x40) != 0 ? 0 : 8;
    encoding->base_high = (p0 & 0x20) != 0 ? 0 : 8;
    encoding->opcode = byte();
    encoding->disp8_scale = evex_scale(*encoding, p1 & 3, (p2 & 0x10) != 0, (p2 >> 5) & 3);
    // APX: registers from r16 on.
    const bool extended = (p0 & 8) != 0 || (p1 & 4) == 0;
    return !extended && encoding->map >= 1 && encoding->map <= 3;
  }

  // Whole-vector loads, stores and compares, which is what copies and searches are made of.
  static int evex_scale(const Encoding& encoding, int prefix, bool broadcast, int vector) {
    const int whole = vector > 2 || broadcast ? 0 : 16 << vector;
    const int opcode = encoding.opcode;
    if (encoding.map == 1) {
      if ((opcode == 0x10 || opcode == 0x11) && prefix >= 2) return prefix == 2 ? 4 : 8;
      const bool move = opcode == 0x6f || opcode == 0x7f || opcode == 0xe7;
      const bool packed_move = opcode == 0x10 || opcode == 0x11 || opcode == 0x28 || opcode == 0x29;
      const bool compare = opcode == 0xda || opcode == 0xde || (opcode >= 0x74 && opcode <= 0x76);
      const bool logical = opcode == 0xdb || opcode == 0xeb || opcode == 0xef;
      return move || (prefix < 2 && (packed_move || compare || logical)) ? whole : 0;
    }
    const bool compare = encoding.map == 3 && (opcode == 0x3e || opcode == 0x3f || opcode == 0x1e || opcode == 0x1f);
    return compare || (encoding.map == 2 && opcode == 0x26) ? whole : 0;
  }

  // The opcodes of the first map that name memory without a ModRM byte.
  bool implicit_operands(int opcode, MemoryOperands* operands) {
    const uint64_t rsi = registers_[6];
    const uint64_t rdi = registers_[7];
    switch (opcode) {
      case 0xa4: case 0xa5:
        *operands = {true, 2, {rsi, rdi}, true};
        return true;
      case 0xa6: case 0xa7:
        *operands = {true, 2, {rsi, rdi}, false};
        return true;
      case 0xaa: case 0xab: case 0xae: case 0xaf:
        *operands = one(rdi);
        return true;
      case 0xac: case 0xad:
        *operands = one(rsi);
        return true;
      case 0xd7:
        *operands = one(registers_[3] + (registers_[0] & 0xff));
        return true;
      case 0xa0: case 0xa1: case 0xa2: case 0xa3:
        *operands = one(little_endian(8));
        return true;
      default:
        return false;
    }
  }

  static bool has_modrm(const Encoding& encoding) {
    const int opcode = encoding.opcode;
    if (encoding.vex || encoding.map >= 2) return !(encoding.map == 1 && opcode == 0x77 && !encoding.evex);
    if (encoding.map == 1) {
      const bool without = (opcode >= 0x05 && opcode <= 0x09) || opcode == 0x0b || opcode == 0x0e ||
                           (opcode >= 0x30 && opcode <= 0x37) || opcode == 0x77 || (opcode >= 0x80 && opcode <= 0x8f) ||
                           (opcode >= 0xa0 && opcode <= 0xa2) || (opcode >= 0xa8 && opcode <= 0xaa) ||
                           (opcode >= 0xc8 && opcode <= 0xcf);
      return !without;
    }
    if (opcode < 0x40) return (opcode & 7) < 4;
    return opcode == 0x63 || opcode == 0x69 || opcode == 0x6b || (opcode >= 0x80 && opcode <= 0x8f) || opcode == 0xc0 ||
           opcode == 0xc1 || opcode == 0xc6 || opcode == 0xc7 || (opcode >= 0xd0 && opcode <= 0xd3) ||
           (opcode >= 0xd8 && opcode <= 0xdf) || opcode == 0xf6 || opcode == 0xf7 || opcode == 0xfe || opcode == 0xff;
  }

  MemoryOperands from_modrm(const Encoding& encoding) {
    const int modrm = byte();
    const int mode = modrm >> 6;
    const int rm = modrm & 7;
    // maskmovdqu names its memory by rdi alone.
    if (mode == 3) return encoding.map == 1 && encoding.opcode == 0xf7 ? one(registers_[7]) : none();
    if (encoding.map == 0 && encoding.opcode == 0x8d) return none();
    if (mode == 0 && rm == 5) return none();
    uint64_t address = 0;
    if (rm == 4) {
      // Gathers and scatters: the index is a vector.
      if (encoding.vex && encoding.map == 2 && is_vector_indexed(encoding.opcode)) return {};
      const int sib = byte();
      const int index = ((sib >> 3) & 7) | encoding.index_high;
      if (index != 4) address += registers_[index] << (sib >> 6);
      if (mode == 0 && (sib & 7) == 5) return one(address + sign_extended(little_endian(4), 32));
      address += registers_[(sib & 7) | encoding.base_high];
    } else {
      address += registers_[rm | encoding.base_high];
    }
    if (mode == 2) return one(address + sign_extended(little_endian(4), 32));
    if (mode == 0) return one(address);
    const uint64_t displacement = sign_extended(little_endian(1), 8);
    if (encoding.disp8_scale == 0 && displacement != 0) return {};
    return one(address + displacement * static_cast<uint64_t>(encoding.disp8_scale));
  }

  static bool is_vector_indexed(int opcode) {
    return (opcode >= 0x90 && opcode <= 0x93) || (opcode >= 0xa0 && opcode <= 0xa3) || opcode == 0xc6 || opcode == 0xc7;
  }

  static uint64_t sign_extended(uint64_t value, int bits) {
    const uint64_t sign = uint64_t{1} << (bits - 1);
    return (value ^ sign) - sign;
  }

  const unsigned char* next_;
  const unsigned char* end_;
  const uint64_t* registers_;
  bool ended_ = false;
};

}  // namespace

MemoryOperands x86_64_operands(const unsigned char* code, size_t length, const uint64_t registers[16]) {
  return Decoder(code, length, registers).operands();
}

}  // namespace pmem
