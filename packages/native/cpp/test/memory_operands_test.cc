// The decoders, against instructions assembled by hand and, on the architecture that runs the tests, against real
// faults.
#include "../pmem/memory_operands.h"

#include <initializer_list>
#include <vector>

#include "check.h"

using pmem::MemoryOperands;

namespace {

// rax is 0x1000, rcx 0x2000 … r15 0x10000.
MemoryOperands x86(std::initializer_list<int> code) {
  uint64_t registers[16];
  for (uint64_t i = 0; i < 16; i++) registers[i] = (i + 1) * 0x1000;
  std::vector<unsigned char> bytes(code.begin(), code.end());
  return pmem::x86_64_operands(bytes.data(), bytes.size(), registers);
}

// x0 is 0x1000 … x30 0x1f000, sp 0x20000.
MemoryOperands arm(uint32_t word) {
  uint64_t registers[32];
  for (uint64_t i = 0; i < 32; i++) registers[i] = (i + 1) * 0x1000;
  return pmem::arm64_operands(word, registers);
}

bool is(const MemoryOperands& operands, std::initializer_list<uint64_t> addresses) {
  if (!operands.known || operands.count != static_cast<int>(addresses.size())) return false;
  int i = 0;
  for (const uint64_t address : addresses) {
    if (operands.address[i++] != address) return false;
  }
  return true;
}

}  // namespace

TEST(x86_plain, "x86-64: loads and stores by every form of address") {
  CHECK(is(x86({0x8b, 0x06}), {0x7000}));                                    // mov (%rsi),%eax
  CHECK(is(x86({0x48, 0x89, 0x47, 0xf8}), {0x8000 - 8}));                    // mov %rax,-8(%rdi)
  CHECK(is(x86({0x0f, 0xb6, 0x04, 0x08}), {0x1000 + 0x2000}));               // movzbl (%rax,%rcx),%eax
  CHECK(is(x86({0x41, 0x8b, 0x84, 0x8d, 0x00, 0x01, 0, 0}), {0xe000 + 4 * 0x2000 + 0x100}));  // mov 0x100(%r13,%rcx,4),%eax
  CHECK(is(x86({0x43, 0x8a, 0x04, 0x27}), {0x10000 + 0xd000}));              // mov (%r15,%r12),%al
  CHECK(is(x86({0x8b, 0x04, 0x24}), {0x5000}));                              // mov (%rsp),%eax
  CHECK(is(x86({0x8b, 0x04, 0xcd, 0x10, 0, 0, 0}), {8 * 0x2000 + 0x10}));    // mov 0x10(,%rcx,8),%eax
  CHECK(is(x86({0x80, 0x3e, 0x05}), {0x7000}));                              // cmpb $5,(%rsi)
  CHECK(is(x86({0xf6, 0x46, 0x01, 0x02}), {0x7001}));                        // testb $2,1(%rsi)
  CHECK(is(x86({0xf0, 0x48, 0x0f, 0xb1, 0x0e}), {0x7000}));                  // lock cmpxchg %rcx,(%rsi)
  CHECK(is(x86({0x66, 0x0f, 0xae, 0x37}), {0x8000}));                        // clwb (%rdi)
  CHECK(is(x86({0xa0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11}), {0x1122334455667788}));  // movabs
}

TEST(x86_strings, "x86-64: string instructions name what is next") {
  CHECK(x86({0xf3, 0xa4}).moves && x86({0xf3, 0x48, 0xa5}).moves);
  CHECK(!x86({0xf3, 0xa6}).moves && !x86({0x8b, 0x06}).moves);
  CHECK(is(x86({0xf3, 0xa4}), {0x7000, 0x8000}));
  CHECK(is(x86({0xf3, 0x48, 0xa5}), {0x7000, 0x8000}));
  CHECK(is(x86({0xf3, 0xaa}), {0x8000}));
  CHECK(is(x86({0xac}), {0x7000}));
  CHECK(is(x86({0xd7}), {0x4000}));
}

TEST(x86_vectors, "x86-64: SSE, AVX and AVX-512 moves") {
  CHECK(is(x86({0xf3, 0x0f, 0x6f, 0x46, 0x10}), {0x7010}));                              // movdqu 16(%rsi),%xmm0
  CHECK(is(x86({0x66, 0x0f, 0xe7, 0x07}), {0x8000}));                                    // movntdq %xmm0,(%rdi)
  CHECK(is(x86({0x66, 0x0f, 0x38, 0x00, 0x06}), {0x7000}));                              // pshufb (%rsi),%xmm0
  CHECK(is(x86({0xc5, 0xfe, 0x6f, 0x46, 0x20}), {0x7020}));                              // vmovdqu 32(%rsi),%ymm0
  CHECK(is(x86({0xc4, 0xa1, 0x7e, 0x6f, 0x04, 0x0e}), {0x7000 + 0xa000}));               // vmovdqu (%rsi,%r9),%ymm0
  CHECK(is(x86({0xc4, 0xc1, 0x7e, 0x6f, 0x00}), {0x9000}));                              // vmovdqu (%r8),%ymm0
  CHECK(is(x86({0x62, 0xe1, 0xfe, 0x48, 0x6f, 0x46, 0x01}), {0x7040}));                  // vmovdqu64 64(%rsi),%zmm16
  CHECK(is(x86({0x62, 0xe1, 0xfe, 0x28, 0x7f, 0x47, 0xff}), {0x8000 - 32}));             // vmovdqu64 %ymm16,-32(%rdi)
  CHECK(is(x86({0x62, 0xe1, 0xfe, 0x48, 0x6f, 0x86, 0x01, 0, 0, 0}), {0x7001}));         // vmovdqu64 1(%rsi),%zmm16
}

TEST(x86_none, "x86-64: what touches no memory of ours") {
  CHECK(is(x86({0x48, 0x01, 0xc8}), {}));                          // add %rcx,%rax
  CHECK(is(x86({0x48, 0x8d, 0x04, 0x0e}), {}));                    // lea (%rsi,%rcx),%rax
  CHECK(is(x86({0x55}), {}));                                      // push
  CHECK(is(x86({0xc3}), {}));                                      // ret
  CHECK(is(x86({0x0f, 0x05}), {}));                                // syscall
  CHECK(is(x86({0xc5, 0xf8, 0x77}), {}));                          // vzeroupper
  CHECK(is(x86({0x8b, 0x05, 1, 2, 3, 4}), {}));                    // mov 0x4030201(%rip),%eax
  CHECK(is(x86({0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff}), {}));        // cmp $-4095,%rax
}

TEST(x86_unknown, "x86-64: what the decoder does not know it does not guess") {
  CHECK(!x86({}).known);
  CHECK(!x86({0x48}).known);
  CHECK(!x86({0x8b, 0x46}).known);                                 // cut short before its displacement
  CHECK(!x86({0x64, 0x8b, 0x06}).known);                           // mov %fs:(%rsi),%eax
  CHECK(!x86({0xc4, 0xe2, 0x69, 0x90, 0x04, 0x0e}).known);         // vpgatherdd
  CHECK(!x86({0x62, 0xf1, 0x7d, 0x48, 0x5b, 0x46, 0x01}).known);   // a displacement whose factor is not looked up
  CHECK(!x86({0xd5, 0x00, 0x8b, 0x06}).known);                     // APX
}

TEST(arm_plain, "arm64: loads and stores by every form of address") {
  CHECK(is(arm(0xf9400020), {0x2000}));                     // ldr x0,[x1]
  CHECK(is(arm(0xf9400420), {0x2008}));                     // ldr x0,[x1,#8]
  CHECK(is(arm(0x39401c20), {0x2007}));                     // ldrb w0,[x1,#7]
  CHECK(is(arm(0xf81f8020), {0x2000 - 8}));                 // stur x0,[x1,#-8]
  CHECK(is(arm(0xf8408420), {0x2000}));                     // ldr x0,[x1],#8
  CHECK(is(arm(0xf8408c20), {0x2008}));                     // ldr x0,[x1,#8]!
  CHECK(is(arm(0xf8626820), {0x2000 + 0x3000}));            // ldr x0,[x1,x2]
  CHECK(is(arm(0xf8627820), {0x2000 + 8 * 0x3000}));        // ldr x0,[x1,x2,lsl #3]
  CHECK(is(arm(0x38624820), {0x2000 + 0x3000}));            // ldrb w0,[x1,w2,uxtw]
  CHECK(is(arm(0xf94003e0), {0x20000}));                    // ldr x0,[sp]
}

TEST(arm_wide, "arm64: pairs, vectors, exclusives, cache maintenance") {
  CHECK(is(arm(0xa9400c22), {0x2000}));                     // ldp x2,x3,[x1]
  CHECK(is(arm(0xa9010c22), {0x2010}));                     // stp x2,x3,[x1,#16]
  CHECK(is(arm(0xa8c10c22), {0x2000}));                     // ldp x2,x3,[x1],#16
  CHECK(is(arm(0xad410420), {0x2020}));                     // ldp q0,q1,[x1,#32]
  CHECK(is(arm(0xad3f0420), {0x2000 - 32}));                // stp q0,q1,[x1,#-32]
  CHECK(is(arm(0x3dc00420), {0x2010}));                     // ldr q0,[x1,#16]
  CHECK(is(arm(0x3c9f0020), {0x2000 - 16}));                // stur q0,[x1,#-16]
  CHECK(is(arm(0x4c40a020), {0x2000}));                     // ld1 {v0.16b,v1.16b},[x1]
  CHECK(is(arm(0xc85ffc20), {0x2000}));                     // ldaxr x0,[x1]
  CHECK(is(arm(0xf8200020), {0x2000}));                     // ldadd x0,x0,[x1]
  CHECK(is(arm(0xd50b7c21), {0x2000}));                     // dc cvap,x1
}

TEST(arm_none, "arm64: what touches no memory of ours, and what is not known") {
  CHECK(is(arm(0x8b020020), {}));                           // add x0,x1,x2
  CHECK(is(arm(0xd4000001), {}));                           // svc #0
  CHECK(is(arm(0xd65f03c0), {}));                           // ret
  CHECK(is(arm(0x58000040), {}));                           // ldr x0,literal
  CHECK(!arm(0xa400a020).known);                            // ld1b (SVE)
  CHECK(!arm(0xe1006020).known);                            // ldr za[w15],[x1] (SME)
  CHECK(!arm(0x19010441).known);                            // cpyfp: copies memory
  CHECK(!arm(0x19410441).known);                            // cpyfm
  CHECK(!arm(0x19810441).known);                            // cpyfe
  CHECK(!arm(0x1d010441).known);                            // cpyp
}
