// Reads what a 64-bit little-endian ELF shared library says of itself: what it exports, what it wants, and from whom.
// The layout is that of the ELF specification and of GNU symbol versioning.

const SHT = { SYMTAB: 2, RELA: 4, DYNAMIC: 6, DYNSYM: 11, GNU_VERNEED: 0x6ffffffe, GNU_VERSYM: 0x6fffffff };
const STB = { LOCAL: 0, WEAK: 2 };
/** Version 0 is a local symbol's, 1 that of one without a version; the highest bit hides a version from the linker. */
const UNVERSIONED = 1;
const DT = { NEEDED: 1, FLAGS: 30, FLAGS_1: 0x6ffffffb };
const PT_GNU_RELRO = 0x6474e552;
const MACHINES = { 62: 'x64', 183: 'arm64' };
/** Relocations of variables of a thread that have no fixed place: the module's number, or a descriptor. */
const DYNAMIC_TLS = { x64: [16, 36], arm64: [1028, 1031] };
const DF_BIND_NOW = 0x8n;
const DF_1 = { NOW: 0x1n, NODELETE: 0x8n };

class ElfError extends Error {}

function textAt(bytes, offset) {
  const end = bytes.indexOf(0, offset);
  return bytes.toString('latin1', offset, end === -1 ? bytes.length : end);
}

function sectionsOf(bytes) {
  const [at, size, count] = [Number(bytes.readBigUInt64LE(40)), bytes.readUInt16LE(58), bytes.readUInt16LE(60)];
  return Array.from({ length: count }, (_, i) => {
    const header = bytes.subarray(at + i * size);
    const [offset, length] = [Number(header.readBigUInt64LE(24)), Number(header.readBigUInt64LE(32))];
    return { type: header.readUInt32LE(4), link: header.readUInt32LE(40), entries: header.readUInt32LE(44), data: bytes.subarray(offset, offset + length) };
  });
}

function hasProgramHeader(bytes, type) {
  const [at, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  return Array.from({ length: count }, (_, i) => bytes.readUInt32LE(at + i * size)).includes(type);
}

function dynamicOf(section, strings) {
  const needed = [];
  let [flags, flags1] = [0n, 0n];
  for (let at = 0; at + 16 <= section.data.length; at += 16) {
    const [tag, value] = [Number(section.data.readBigUInt64LE(at)), section.data.readBigUInt64LE(at + 8)];
    if (tag === DT.NEEDED) needed.push(textAt(strings, Number(value)));
    if (tag === DT.FLAGS) flags = value;
    if (tag === DT.FLAGS_1) flags1 = value;
  }
  const bindsNow = (flags & DF_BIND_NOW) !== 0n || (flags1 & DF_1.NOW) !== 0n;
  return { needed, bindsNow, staysLoaded: (flags1 & DF_1.NODELETE) !== 0n };
}

/**
 * Global and weak symbols: defined ones are exported, the others are wanted from elsewhere. `unversioned` are those of
 * the latter that any library of the process may give, and that have to be found for the addon to load.
 */
function symbolsOf(section, strings, versions) {
  const [exported, unversioned] = [[], []];
  for (let at = 24; at + 24 <= section.data.length; at += 24) {
    const name = textAt(strings, section.data.readUInt32LE(at));
    const binding = section.data[at + 4] >> 4;
    if (binding === STB.LOCAL) continue;
    const version = versions === undefined ? UNVERSIONED : versions.data.readUInt16LE(at / 12) & 0x7fff;
    if (section.data.readUInt16LE(at + 6) !== 0) exported.push(name);
    else if (version <= UNVERSIONED && binding !== STB.WEAK) unversioned.push(name);
  }
  return { exported: exported.sort(), unversioned: unversioned.sort() };
}

/** `GLIBC_2.17` and the like. */
function versionsOf(section, strings) {
  const names = [];
  let need = 0;
  for (let i = 0; i < section.entries; i += 1) {
    let entry = need + section.data.readUInt32LE(need + 8);
    for (let j = 0; j < section.data.readUInt16LE(need + 2); j += 1) {
      names.push(textAt(strings, section.data.readUInt32LE(entry + 8)));
      entry += section.data.readUInt32LE(entry + 12);
    }
    need += section.data.readUInt32LE(need + 12);
  }
  return [...new Set(names)].sort();
}

/** True if a thread's first use of a thread-local variable may call malloc: nothing for a signal handler (glibc). */
function usesDynamicTls(sections, machine) {
  const types = DYNAMIC_TLS[machine] ?? [];
  return sections.some(({ type, data }) => {
    if (type !== SHT.RELA) return false;
    for (let at = 8; at + 8 <= data.length; at += 24) if (types.includes(data.readUInt32LE(at))) return true;
    return false;
  });
}

/** Throws ElfError if `bytes` are no such library. */
export function readElf(bytes) {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) {
    throw new ElfError('not a 64-bit little-endian ELF file');
  }
  const sections = sectionsOf(bytes);
  const find = (type) => sections.find((section) => section.type === type);
  const [dynamic, symbols, versions] = [find(SHT.DYNAMIC), find(SHT.DYNSYM), find(SHT.GNU_VERNEED)];
  if (dynamic === undefined || symbols === undefined) throw new ElfError('not a shared library');
  const stringsOf = (section) => sections[section.link].data;
  const machine = MACHINES[bytes.readUInt16LE(18)] ?? 'unknown';
  return {
    machine,
    dynamicTls: usesDynamicTls(sections, machine),
    ...dynamicOf(dynamic, stringsOf(dynamic)),
    ...symbolsOf(symbols, stringsOf(symbols), find(SHT.GNU_VERSYM)),
    versions: versions === undefined ? [] : versionsOf(versions, stringsOf(versions)),
    relocationsReadOnly: hasProgramHeader(bytes, PT_GNU_RELRO),
    stripped: find(SHT.SYMTAB) === undefined,
  };
}
